// Kernels of the operation.
