// Diagonal state spaces: kernels by lag, direct sums with them, and the way back to the parameters. Kernels have the lags
// -length + 1 to length - 1, (2 length - 1, channels), so that those of lag l begin at (l + length - 1) channels. Phases are
// in double: l dt A is thousands of radians, of which float keeps three digits.

#define TOGETHER 8

// A pole of a channel and what follows from it.
struct Pole {
    double dt, real, imag, w_real, w_imag, held_real, held_imag;
};

__device__ __forceinline__ Pole pole_of(float log_dt, float log_a_real, float a_imag) {
    Pole p;
    p.dt = exp((double)log_dt);
    p.real = -exp((double)log_a_real);
    p.imag = a_imag;
    double size = exp(p.dt * p.real);
    p.w_real = size * cos(p.dt * p.imag);
    p.w_imag = size * sin(p.dt * p.imag);
    // (w - 1) / A.
    double square = p.real * p.real + p.imag * p.imag, re = p.w_real - 1., im = p.w_imag;
    p.held_real = (re * p.real + im * p.imag) / square;
    p.held_imag = (im * p.real - re * p.imag) / square;
    return p;
}

// The l-th power of w.
__device__ __forceinline__ void power_of(const Pole &p, int l, double &re, double &im) {
    double size = exp(l * p.dt * p.real), phase = l * p.dt * p.imag;
    re = size * cos(phase);
    im = size * sin(phase);
}

// One thread a lag and channel; d is added to the lag 0.
KERNEL state_space_kernels(
    const float *__restrict__ log_dt, const float *__restrict__ log_a_real, const float *__restrict__ a_imag,
    const float *__restrict__ c, const float *__restrict__ d, float *__restrict__ kernels, int length, int channels,
    int states, int directions) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= (2 * length - 1) * channels) return;
    int channel = i % channels, lag = i / channels - length + 1;
    int direction = lag < 0, l = lag < 0 ? -lag - 1 : lag;
    double sum = lag == 0 ? d[channel] : 0.;
    if (direction < directions)
        for (int n = 0; n < states; n++) {
            int at = channel * states + n;
            size_t of_c = 2 * (((size_t)direction * channels + channel) * states + n);
            Pole p = pole_of(log_dt[channel], log_a_real[at], a_imag[at]);
            double re = c[of_c] * p.held_real - c[of_c + 1] * p.held_imag;
            double im = c[of_c] * p.held_imag + c[of_c + 1] * p.held_real;
            double w_real, w_imag;
            power_of(p, l, w_real, w_imag);
            sum += 2. * (re * w_real - im * w_imag);
        }
    kernels[i] = sum;
}

// One thread TOGETHER samples of a channel: sums over all samples s of k[sign (t - s)] from[s], into a window of lags that
// moves by one from s to s. `sign` is 1 forward and -1 backward.
template <int SIGN, class F>
__device__ __forceinline__ void convolve(const float *kernels, int length, int channels, int channel, int first, F from,
                                         float (&sums)[TOGETHER]) {
    float window[TOGETHER];
    // The kernel of each of the thread's samples and s; 0 for samples behind the last.
    auto kernel = [&](int t, int s) {
        return t < length ? kernels[(size_t)(SIGN * (t - s) + length - 1) * channels + channel] : 0.f;
    };
#pragma unroll
    for (int j = 0; j < TOGETHER; j++) {
        sums[j] = 0.f;
        window[j] = kernel(first + j, 0);
    }
    for (int s = 0; s < length; s++) {
        float x = from(s);
#pragma unroll
        for (int j = 0; j < TOGETHER; j++) sums[j] += window[j] * x;
        if (s + 1 == length) break;
#pragma unroll
        for (int j = TOGETHER - 1; j > 0; j--) window[j] = window[j - 1];
        window[0] = kernel(first, s + 1);
    }
}

KERNEL state_space_forward(
    const float *__restrict__ x, Reading reading, const float *__restrict__ kernels, float *__restrict__ y, int batch,
    int length, int channels) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, pieces = ceil_div(length, TOGETHER);
    if (i >= batch * pieces * channels) return;
    int channel = i % channels, first = i / channels % pieces * TOGETHER, record = i / channels / pieces;
    size_t start = (size_t)record * length * channels + channel;
    float sums[TOGETHER];
    convolve<1>(
        kernels, length, channels, channel, first,
        [&](int s) { return reading(x[start + (size_t)s * channels], channel); }, sums);
    for (int j = 0; j < TOGETHER && first + j < length; j++) y[start + (size_t)(first + j) * channels] = sums[j];
}

KERNEL state_space_backward(
    const float *__restrict__ gy, const float *__restrict__ kernels, float *__restrict__ gx, int batch, int length,
    int channels, int add) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, pieces = ceil_div(length, TOGETHER);
    if (i >= batch * pieces * channels) return;
    int channel = i % channels, first = i / channels % pieces * TOGETHER, record = i / channels / pieces;
    size_t start = (size_t)record * length * channels + channel;
    float sums[TOGETHER];
    convolve<-1>(
        kernels, length, channels, channel, first, [&](int s) { return gy[start + (size_t)s * channels]; }, sums);
    for (int j = 0; j < TOGETHER && first + j < length; j++) {
        float *to = gx + start + (size_t)(first + j) * channels;
        *to = add ? *to + sums[j] : sums[j];
    }
}

// The gradient of the kernels: of each lag the sum over records and samples t of gy[t] x[t - lag]. One thread TOGETHER
// lags of a channel; each record's sum is added to that of those before it.
KERNEL state_space_lags(
    const float *__restrict__ x, Reading reading, const float *__restrict__ gy, float *__restrict__ to, int batch,
    int length, int channels) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, lags = 2 * length - 1;
    if (i >= ceil_div(lags, TOGETHER) * channels) return;
    int channel = i % channels, first = i / channels * TOGETHER;
    float sums[TOGETHER] = {};
    for (int record = 0; record < batch; record++) {
        size_t start = (size_t)record * length * channels + channel;
        auto sample = [&](int s) {
            return s >= 0 && s < length ? reading(x[start + (size_t)s * channels], channel) : 0.f;
        };
        // The sample before t by each of the thread's lags.
        float window[TOGETHER], own[TOGETHER] = {};
#pragma unroll
        for (int j = 0; j < TOGETHER; j++) window[j] = sample(length - 1 - first - j);
        for (int t = 0; t < length; t++) {
            float g = gy[start + (size_t)t * channels];
#pragma unroll
            for (int j = 0; j < TOGETHER; j++) own[j] += g * window[j];
#pragma unroll
            for (int j = TOGETHER - 1; j > 0; j--) window[j] = window[j - 1];
            window[0] = sample(t + length - first);
        }
#pragma unroll
        for (int j = 0; j < TOGETHER; j++) sums[j] += own[j];
    }
    for (int j = 0; j < TOGETHER && first + j < lags; j++) to[(size_t)(first + j) * channels + channel] = sums[j];
}

// Gradients of a channel's state from those of the kernels, by a warp (see cpu/poles.rs): added where the pointers are not
// null; `parts` gets what it adds to the gradient of log_dt.
KERNEL state_space_parameters(
    const float *__restrict__ log_dt, const float *__restrict__ log_a_real, const float *__restrict__ a_imag,
    const float *__restrict__ c, const float *__restrict__ of_kernels, float *__restrict__ parts, float *of_real,
    float *of_imag, float *of_c, int length, int channels, int states, int directions) {
    int at = blockIdx.x, channel = at / states, n = at % states, lane = threadIdx.x;
    Pole p = pole_of(log_dt[channel], log_a_real[at], a_imag[at]);
    // What (w - 1) / A changes by with A: (dt w - held) / A.
    double square = p.real * p.real + p.imag * p.imag;
    double re = p.dt * p.w_real - p.held_real, im = p.dt * p.w_imag - p.held_imag;
    double slope_real = (re * p.real + im * p.imag) / square, slope_imag = (im * p.real - re * p.imag) / square;
    double a_re = 0., a_im = 0., dt = 0.;
    for (int direction = 0; direction < directions; direction++) {
        double g_re = 0., g_im = 0., r_re = 0., r_im = 0.;
        // The second direction's last sample reaches no other.
        for (int l = lane; l < length - direction; l += 32) {
            int lag = direction ? -l - 1 : l;
            double g = of_kernels[(size_t)(lag + length - 1) * channels + channel], w_re, w_im;
            power_of(p, l, w_re, w_im);
            g_re += g * w_re;
            g_im += g * w_im;
            r_re += l * g * w_re;
            r_im += l * g * w_im;
        }
        g_re = warp_sum(g_re);
        g_im = warp_sum(g_im);
        r_re = warp_sum(r_re);
        r_im = warp_sum(r_im);
        size_t of = 2 * (((size_t)direction * channels + channel) * states + n);
        double c_re = c[of], c_im = c[of + 1];
        if (of_c != nullptr && lane == 0) {
            of_c[of] += 2. * (p.held_real * g_re - p.held_imag * g_im);
            of_c[of + 1] -= 2. * (p.held_real * g_im + p.held_imag * g_re);
        }
        // C G, and C (w - 1) / A R.
        double by_re = c_re * g_re - c_im * g_im, by_im = c_re * g_im + c_im * g_re;
        double held_re = c_re * p.held_real - c_im * p.held_imag, held_im = c_re * p.held_imag + c_im * p.held_real;
        double to_re = held_re * r_re - held_im * r_im, to_im = held_re * r_im + held_im * r_re;
        a_re += by_re * slope_real - by_im * slope_imag + p.dt * to_re;
        a_im += by_re * slope_imag + by_im * slope_real + p.dt * to_im;
        dt += by_re * p.w_real - by_im * p.w_imag + p.real * to_re - p.imag * to_im;
    }
    if (lane > 0) return;
    parts[at] = 2. * dt * p.dt;
    if (of_real != nullptr) of_real[at] += 2. * a_re * p.real;
    if (of_imag != nullptr) of_imag[at] -= 2. * a_im;
}

// The gradients of log_dt and d, where they are not null: one thread a channel.
KERNEL state_space_channels(
    const float *__restrict__ parts, const float *__restrict__ of_kernels, float *of_dt, float *of_d, int length,
    int channels, int states) {
    int channel = blockIdx.x * blockDim.x + threadIdx.x;
    if (channel >= channels) return;
    double sum = 0.;
    for (int n = 0; n < states; n++) sum += parts[channel * states + n];
    if (of_dt != nullptr) of_dt[channel] += sum;
    if (of_d != nullptr) of_d[channel] += of_kernels[(size_t)(length - 1) * channels + channel];
}
