// What a fully connected layer needs beside products.

// The gradient before ReLU: that behind it where y is positive, else 0.
KERNEL linear_mask(const float *__restrict__ y, const float *__restrict__ gy, float *__restrict__ to, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) to[i] = y[i] > 0.f ? gy[i] : 0.f;
}
