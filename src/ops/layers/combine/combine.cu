// Combinations of activations. One thread a value.

// A part (rows, channels), as it is seen, into the columns of (rows, all) from `first` on.
KERNEL concat(const float *__restrict__ x, Reading reading, float *__restrict__ y, int count, int channels, int all, int first) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    int channel = i % channels, row = i / channels;
    y[(size_t)row * all + first + channel] = reading(x[i], channel);
}

KERNEL concat_gradient(const float *__restrict__ gy, float *__restrict__ gx, int count, int channels, int all, int first, int add) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    float g = gy[(size_t)(i / channels) * all + first + i % channels];
    gx[i] = add ? gx[i] + g : g;
}

// relu(a + b).
KERNEL add_relu(const float *__restrict__ a, Reading of_a, const float *__restrict__ b, Reading of_b, float *__restrict__ y,
                int count, int channels) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    int channel = i % channels;
    y[i] = fmaxf(of_a(a[i], channel) + of_b(b[i], channel), 0.f);
}

// Makes gy 0 where y is; adds it to, or writes, the gradients that are given.
KERNEL add_relu_gradient(const float *__restrict__ y, float *gy, float *ga, int add_a, float *gb, int add_b, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    float g = y[i] > 0.f ? gy[i] : 0.f;
    gy[i] = g;
    if (ga != nullptr) ga[i] = add_a ? ga[i] + g : g;
    if (gb != nullptr) gb[i] = add_b ? gb[i] + g : g;
}
