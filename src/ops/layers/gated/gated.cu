// GELU, gate and dropout around a linear layer. One thread a value; channels of a record are dropped as a whole, by the
// factors of philox.rs: counter i gives the numbers of the values i % 64, and 64, 128 and 192 behind it, of the 256 with
// number i / 64.

struct GatedDropping {
    int part, on;
    unsigned key, key_high, threshold;
    float scale;

    __device__ __forceinline__ float operator()(int record, int channel) const {
        if (!on) return 1.f;
        unsigned i = channel / 256 * 64 + channel % 64, q = channel % 256 / 64;
        uint4 drawn = philox(uint4{i, (unsigned)record, (unsigned)part, 0u}, key, key_high);
        unsigned number = q == 0 ? drawn.x : q == 1 ? drawn.y : q == 2 ? drawn.z : drawn.w;
        return number >= threshold ? scale : 0.f;
    }
};

// Phi(x) of the standard normal distribution.
__device__ __forceinline__ float gated_phi(float x) { return 0.5f * erfcf(-0.70710678f * x); }

__device__ __forceinline__ float gated_logistic(float x) { return 1.f / (1.f + expf(-x)); }

// z = drop(gelu(x)).
KERNEL gated_activate(
    const float *__restrict__ x, Reading reading, float *__restrict__ z, int count, int length, int channels, int part,
    int on, unsigned key, unsigned key_high, unsigned threshold, float scale) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    GatedDropping drop = {part, on, key, key_high, threshold, scale};
    int channel = i % channels;
    float h = reading(x[i], channel);
    z[i] = h * gated_phi(h) * drop(i / channels / length, channel);
}

// y = beside + drop(a s(b)).
KERNEL gated_forward(
    const float *__restrict__ wide, const float *__restrict__ beside, Reading reading, float *__restrict__ y, int count,
    int length, int channels, int part, int on, unsigned key, unsigned key_high, unsigned threshold, float scale) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    GatedDropping drop = {part, on, key, key_high, threshold, scale};
    int channel = i % channels, row = i / channels;
    const float *of_row = wide + (size_t)row * 2 * channels + channel;
    y[i] = reading(beside[i], channel) + drop(row / length, channel) * of_row[0] * gated_logistic(of_row[channels]);
}

// In place of what the linear layer gave its gradient.
KERNEL gated_backward(
    float *__restrict__ wide, const float *__restrict__ gy, int count, int length, int channels, int part, int on,
    unsigned key, unsigned key_high, unsigned threshold, float scale) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    GatedDropping drop = {part, on, key, key_high, threshold, scale};
    int channel = i % channels, row = i / channels;
    float *of_row = wide + (size_t)row * 2 * channels + channel;
    float share = gated_logistic(of_row[channels]), through = drop(row / length, channel) * gy[i] * share;
    of_row[channels] = through * of_row[0] * (1.f - share);
    of_row[0] = through;
}

// From g, the gradient of z, that of x, into gx or with `add` onto it.
KERNEL gated_slope(
    const float *__restrict__ x, Reading reading, const float *__restrict__ g, float *__restrict__ gx, int add, int count,
    int length, int channels, int part, int on, unsigned key, unsigned key_high, unsigned threshold, float scale) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    GatedDropping drop = {part, on, key, key_high, threshold, scale};
    int channel = i % channels;
    float h = reading(x[i], channel);
    float slope = gated_phi(h) + h * 0.3989423f * expf(-0.5f * h * h);
    float of_x = g[i] * drop(i / channels / length, channel) * slope;
    gx[i] = add ? gx[i] + of_x : of_x;
}

KERNEL gated_add(const float *__restrict__ gy, float *__restrict__ gx, int count, int add) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) gx[i] = add ? gx[i] + gy[i] : gy[i];
}
