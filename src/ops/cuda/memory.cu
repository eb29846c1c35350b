// Values as they are.

// to = from.
KERNEL copy(const float *__restrict__ from, float *__restrict__ to, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) to[i] = from[i];
}

// total += part.
KERNEL add(float *__restrict__ total, const float *__restrict__ part, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) total[i] += part[i];
}

// What readers see.
KERNEL read_through(const float *__restrict__ values, Reading reading, float *__restrict__ to, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) to[i] = reading(values[i], reading.norm == nullptr ? 0 : i % reading.channels);
}
