// Batch norms: statistics, what readers apply, and gradients.
//
// Sums over all rows (batch x length) of a channel are made in two steps: blocks of 32 by 8 threads, 32 channels side
// by side (blockIdx.y counts), each sum `each` rows (blockIdx.x); then one block per channel adds up theirs in a fixed
// order, in f64.

// The sum over the eight lines of a block, in its first.
__device__ __forceinline__ float lines_sum(float x, float (&lines)[8][33]) {
    __syncthreads();
    lines[threadIdx.y][threadIdx.x] = x;
    __syncthreads();
    for (int line = 1; line < 8; line++) x = threadIdx.y == 0 ? x + lines[line][threadIdx.x] : x;
    return x;
}

// The sum over a block of 128 threads, in all of them.
__device__ __forceinline__ double block_sum(double x, double (&room)[128]) {
    __syncthreads();
    room[threadIdx.x] = x;
    __syncthreads();
    for (int step = 64; step > 0; step /= 2) {
        if (threadIdx.x < step) room[threadIdx.x] += room[threadIdx.x + step];
        __syncthreads();
    }
    return room[0];
}

// Mean and sum of squared deviations from it, of `each` rows: moments (splits, 2, channels).
KERNEL norm_moments(const float *__restrict__ values, float *__restrict__ moments, int rows, int channels, int each) {
    __shared__ float lines[8][33];
    int channel = blockIdx.y * 32 + threadIdx.x, first = blockIdx.x * each, last = min(rows, first + each);
    // Deviations from the first row's value: sums of small numbers.
    float pivot = 0.f, sum = 0.f, squares = 0.f;
    if (channel < channels) {
        pivot = values[(size_t)first * channels + channel];
        for (int row = first + threadIdx.y; row < last; row += 8) {
            float d = values[(size_t)row * channels + channel] - pivot;
            sum += d;
            squares += d * d;
        }
    }
    sum = lines_sum(sum, lines);
    squares = lines_sum(squares, lines);
    if (threadIdx.y > 0 || channel >= channels) return;
    float count = last - first, mean = sum / count;
    moments[(size_t)blockIdx.x * 2 * channels + channel] = pivot + mean;
    moments[((size_t)blockIdx.x * 2 + 1) * channels + channel] = fmaxf(squares - sum * mean, 0.f);
}

// What readers apply (scale, shift, mean, 1 / sqrt(var + eps)) for one channel.
__device__ __forceinline__ void norm_write(float *norm, int channel, int channels, float gamma, float beta, double mean,
                                           double variance, float eps) {
    float inverse = (float)(1.0 / sqrt(variance + (double)eps));
    norm[channel] = gamma * inverse;
    norm[channels + channel] = (float)((double)beta - mean * (double)(gamma * inverse));
    norm[2 * channels + channel] = (float)mean;
    norm[3 * channels + channel] = inverse;
}

// From moments of the batch; moves the running statistics. One block per channel.
KERNEL norm_of_batch(const float *__restrict__ moments, const float *gamma, const float *beta, float *running_mean,
                     float *running_var, float *norm, int splits, int each, int rows, int channels, float momentum, float eps) {
    __shared__ double room[128];
    int channel = blockIdx.x;
    double sum = 0;
    for (int split = threadIdx.x; split < splits; split += 128)
        sum += (double)min(each, rows - split * each) * moments[(size_t)split * 2 * channels + channel];
    double mean = block_sum(sum, room) / rows, squares = 0;
    for (int split = threadIdx.x; split < splits; split += 128) {
        double d = moments[(size_t)split * 2 * channels + channel] - mean;
        squares += moments[((size_t)split * 2 + 1) * channels + channel] + (double)min(each, rows - split * each) * d * d;
    }
    squares = block_sum(squares, room);
    if (threadIdx.x > 0) return;
    norm_write(norm, channel, channels, gamma[channel], beta[channel], mean, squares / rows, eps);
    running_mean[channel] += momentum * ((float)mean - running_mean[channel]);
    running_var[channel] += momentum * ((float)(squares / max(rows - 1, 1)) - running_var[channel]);
}

// From the running statistics. One thread per channel.
KERNEL norm_of_running(const float *gamma, const float *beta, const float *mean, const float *variance, float *norm,
                       int channels, float eps) {
    int channel = blockIdx.x * blockDim.x + threadIdx.x;
    if (channel < channels) norm_write(norm, channel, channels, gamma[channel], beta[channel], mean[channel], variance[channel], eps);
}

// Over `each` rows, sums of the gradient of what the norm gives (before ReLU) and of that times the normalised value:
// sums (splits, 2, channels).
KERNEL norm_sums(const float *__restrict__ values, const float *__restrict__ gradient, Reading reading,
                 float *__restrict__ sums, int rows, int each) {
    __shared__ float lines[8][33];
    int channels = reading.channels, channel = blockIdx.y * 32 + threadIdx.x;
    int first = blockIdx.x * each, last = min(rows, first + each);
    float sum = 0.f, product = 0.f;
    if (channel < channels) {
        float scale = reading.norm[channel], shift = reading.norm[channels + channel];
        float mean = reading.norm[2 * channels + channel], inverse = reading.norm[3 * channels + channel];
        for (int row = first + threadIdx.y; row < last; row += 8) {
            float x = values[(size_t)row * channels + channel], g = gradient[(size_t)row * channels + channel];
            if (reading.relu && !(scale * x + shift > 0.f)) g = 0.f;
            sum += g;
            product += g * ((x - mean) * inverse);
        }
    }
    sum = lines_sum(sum, lines);
    product = lines_sum(product, lines);
    if (threadIdx.y > 0 || channel >= channels) return;
    sums[(size_t)blockIdx.x * 2 * channels + channel] = sum;
    sums[((size_t)blockIdx.x * 2 + 1) * channels + channel] = product;
}

// How the gradient g of what the norm gives becomes that of what is in memory, x: p g + q x + r by channel, back
// (3, channels). Adds to the gradients of gamma and beta where they are wanted. One block per channel.
KERNEL norm_back(const float *__restrict__ sums, Reading reading, float *back, float *of_gamma,
                 float *of_beta, int splits, int rows, int of_batch) {
    __shared__ double room[128];
    int channels = reading.channels, channel = blockIdx.x;
    double sum = 0, product = 0;
    for (int split = threadIdx.x; split < splits; split += 128) {
        sum += sums[(size_t)split * 2 * channels + channel];
        product += sums[((size_t)split * 2 + 1) * channels + channel];
    }
    sum = block_sum(sum, room);
    product = block_sum(product, room);
    if (threadIdx.x > 0) return;
    if (of_gamma != nullptr) of_gamma[channel] += (float)product;
    if (of_beta != nullptr) of_beta[channel] += (float)sum;
    double scale = reading.norm[channel], mean = reading.norm[2 * channels + channel];
    double inverse = reading.norm[3 * channels + channel];
    double q = of_batch ? -scale * inverse * product / rows : 0;
    back[channel] = (float)scale;
    back[channels + channel] = (float)q;
    back[2 * channels + channel] = of_batch ? (float)(-scale * sum / rows - q * mean) : 0.f;
}

// The gradient of what is in memory, from that of what readers see: written, or added to what is there.
KERNEL norm_apply(const float *__restrict__ values, const float *gradient, Reading reading, const float *__restrict__ back,
                  float *to, int count, int add) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    int channels = reading.channels, channel = i % channels;
    float x = values[i], g = gradient[i];
    if (reading.relu && !(reading.norm[channel] * x + reading.norm[channels + channel] > 0.f)) g = 0.f;
    g = back[channel] * g + back[channels + channel] * x + back[2 * channels + channel];
    to[i] = add ? to[i] + g : g;
}
