// Pooling of activations (batch, length, channels). One thread a value, channels side by side, unless said otherwise.

// Maxima of windows.
KERNEL max_pool(const float *__restrict__ x, Reading reading, float *__restrict__ y, int count, int length, int out_length,
                int channels, int kernel, int stride, int padding) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    int channel = i % channels, m = i / channels % out_length, record = i / channels / out_length;
    const float *from = x + (size_t)record * length * channels + channel;
    int start = m * stride - padding, last = min(start + kernel, length);
    float top = -INFINITY;
    for (int t = max(start, 0); t < last; t++) {
        float seen = reading(from[(size_t)t * channels], channel);
        if (seen > top) top = seen;
    }
    y[i] = top;
}

// Adds to the gradient of a sample those of the windows whose first maximum it is.
KERNEL max_pool_gradient(const float *__restrict__ x, Reading reading, const float *__restrict__ gy, float *__restrict__ gx,
                         int count, int length, int out_length, int channels, int kernel, int stride, int padding, int add) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    int channel = i % channels, t = i / channels % length, record = i / channels / length;
    const float *from = x + (size_t)record * length * channels + channel;
    float here = reading(from[(size_t)t * channels], channel), sum = 0.f;
    // Windows m with m stride - padding <= t < m stride - padding + kernel.
    int behind = t + padding - kernel + 1, first = behind > 0 ? ceil_div(behind, stride) : 0;
    int last = min((t + padding) / stride, out_length - 1);
    for (int m = first; m <= last; m++) {
        int start = max(m * stride - padding, 0), end = min(m * stride - padding + kernel, length);
        bool mine = true;
        for (int other = start; other < end && mine; other++) {
            if (other == t) continue;
            float seen = reading(from[(size_t)other * channels], channel);
            mine = other < t ? here > seen : here >= seen;
        }
        if (mine) sum += gy[((size_t)record * out_length + m) * channels + channel];
    }
    gx[i] = add ? gx[i] + sum : sum;
}

// Maxima over the length, then means: y (batch, 2 channels), and where each maximum is first. A block of 32 by 8
// threads has 32 channels (blockIdx.y counts) of one record (blockIdx.x), of which each line takes every eighth sample.
KERNEL concat_pool(const float *__restrict__ x, Reading reading, float *__restrict__ y, int *__restrict__ places, int length,
                   int channels) {
    __shared__ float tops[8][33], sums[8][33];
    __shared__ int firsts[8][33];
    int channel = blockIdx.y * 32 + threadIdx.x, record = blockIdx.x, place = 0;
    float top = -INFINITY, sum = 0.f;
    if (channel < channels) {
        const float *from = x + (size_t)record * length * channels + channel;
        for (int t = threadIdx.y; t < length; t += 8) {
            float seen = reading(from[(size_t)t * channels], channel);
            sum += seen;
            if (seen > top) {
                top = seen;
                place = t;
            }
        }
    }
    tops[threadIdx.y][threadIdx.x] = top;
    sums[threadIdx.y][threadIdx.x] = sum;
    firsts[threadIdx.y][threadIdx.x] = place;
    __syncthreads();
    if (threadIdx.y > 0 || channel >= channels) return;
    for (int line = 1; line < 8; line++) {
        float other = tops[line][threadIdx.x];
        int first = firsts[line][threadIdx.x];
        if (other > top || (other == top && first < place)) {
            top = other;
            place = first;
        }
        sum += sums[line][threadIdx.x];
    }
    y[(size_t)record * 2 * channels + channel] = top;
    y[((size_t)record * 2 + 1) * channels + channel] = sum / length;
    places[(size_t)record * channels + channel] = place;
}

// Its gradient.
KERNEL concat_pool_gradient(const int *__restrict__ places, const float *__restrict__ gy, float *__restrict__ gx, int count,
                            int length, int channels, int add) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    int channel = i % channels, t = i / channels % length, record = i / channels / length;
    const float *g = gy + (size_t)record * 2 * channels + channel;
    float sum = g[channels] / length;
    if (places[(size_t)record * channels + channel] == t) sum += g[0];
    gx[i] = add ? gx[i] + sum : sum;
}
