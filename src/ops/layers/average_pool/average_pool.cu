// Means of `size` samples at a time, the last of those that are left. One thread a value.

KERNEL average_pool(const float *__restrict__ x, Reading reading, float *__restrict__ y, int count, int length, int out_length,
                    int channels, int size) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    int channel = i % channels, m = i / channels % out_length, record = i / channels / out_length;
    const float *from = x + (size_t)record * length * channels + channel;
    int first = m * size, last = min(first + size, length);
    float sum = 0.f;
    for (int t = first; t < last; t++) sum += reading(from[(size_t)t * channels], channel);
    y[i] = sum / (last - first);
}

KERNEL average_pool_gradient(const float *__restrict__ gy, float *__restrict__ gx, int count, int length, int out_length,
                             int channels, int size, int add) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    int channel = i % channels, t = i / channels % length, record = i / channels / length, m = t / size;
    float g = gy[((size_t)record * out_length + m) * channels + channel] / min(size, length - m * size);
    gx[i] = add ? gx[i] + g : g;
}
