// Layer norm, GELU, dropout and patches of a transformer encoder. Attention is in attention.cu.

// What dropout multiplies by is a function of a value's place (philox.rs), so no mask is kept. The values of a part of
// a record are taken by 256: counter i gives the numbers of the values i % 64, and 64, 128 and 192 behind it, of the
// 256 with number i / 64. A thread has one counter; neighbours have neighbouring values, four times.
struct Dropping {
    int on;
    unsigned key, key_high, threshold;
    float scale;
};

// Four numbers from a counter and a key: Philox 4x32 with 10 rounds.
__device__ __forceinline__ void philox(unsigned (&counter)[4], unsigned key, unsigned key_high) {
#pragma unroll
    for (int round = 0; round < 10; round++) {
        unsigned a = counter[0], b = counter[2];
        counter[0] = __umulhi(0xCD9E8D57u, b) ^ counter[1] ^ key;
        counter[1] = 0xCD9E8D57u * b;
        counter[2] = __umulhi(0xD2511F53u, a) ^ counter[3] ^ key_high;
        counter[3] = 0xD2511F53u * a;
        key += 0x9E3779B9u;
        key_high += 0xBB67AE85u;
    }
}

// The factors of the four values of counter `i`.
__device__ __forceinline__ void dropout_factors(const Dropping &d, int i, int record, int part, float (&to)[4]) {
    unsigned drawn[4] = {static_cast<unsigned>(i), static_cast<unsigned>(record), static_cast<unsigned>(part), 0u};
    if (d.on) philox(drawn, d.key, d.key_high);
#pragma unroll
    for (int q = 0; q < 4; q++) to[q] = !d.on ? 1.f : drawn[q] >= d.threshold ? d.scale : 0.f;
}

// Calls f(value of the record, value of all, factor) for the four values of this thread's counter that are below
// `size`, the values of a record. blockIdx.y is the record.
template <class F>
__device__ __forceinline__ void each_dropped(const Dropping &d, int part, int size, F f) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, record = blockIdx.y, first = i / 64 * 256 + i % 64;
    if (first >= size) return;
    float factors[4];
    dropout_factors(d, i, record, part, factors);
#pragma unroll
    for (int q = 0; q < 4; q++) {
        int at = first + 64 * q;
        if (at < size) f(at, static_cast<size_t>(record) * size + at, factors[q]);
    }
}

// to = factor from.
KERNEL branch_dropped(
    const float *__restrict__ from, float *__restrict__ to, int size, int part, int on, unsigned key, unsigned key_high,
    unsigned threshold, float scale) {
    Dropping d = {on, key, key_high, threshold, scale};
    each_dropped(d, part, size, [&](int, size_t i, float factor) { to[i] = factor * from[i]; });
}

// y = x + factor y, with `dim` channels.
KERNEL branch_finish(
    const float *__restrict__ x, Reading reading, float *__restrict__ y, int dim, int size, int part, int on,
    unsigned key, unsigned key_high, unsigned threshold, float scale) {
    Dropping d = {on, key, key_high, threshold, scale};
    each_dropped(d, part, size, [&](int at, size_t i, float factor) { y[i] = reading(x[i], at % dim) + factor * y[i]; });
}

// Phi(x), the standard normal distribution, and e^(-x^2 / 2): the form and the numbers of gelu.rs.
__device__ __forceinline__ float normal_distribution(float x, float &bell) {
    float a = fabsf(x) * 0.707106781f, t = 1.f / (1.f + 0.39f * a);
    bell = expf(-a * a);
    float sum = -0.22647703f;
    sum = sum * t + 0.8823852f;
    sum = sum * t - 0.6285384f;
    sum = sum * t + 0.6440968f;
    sum = sum * t + 0.0935468f;
    sum = sum * t + 0.23498667f;
    float tail = 0.5f * sum * t * bell;
    return x > 0.f ? 1.f - tail : tail;
}

// z = factor gelu(h).
KERNEL gelu_forward(
    const float *__restrict__ h, float *__restrict__ z, int size, int part, int on, unsigned key, unsigned key_high,
    unsigned threshold, float scale) {
    Dropping d = {on, key, key_high, threshold, scale};
    each_dropped(d, part, size, [&](int, size_t i, float factor) {
        float bell;
        z[i] = h[i] * normal_distribution(h[i], bell) * factor;
    });
}

// In place of h its gradient, and in place of the gradient of z (see gelu_forward) z.
KERNEL gelu_backward(
    float *__restrict__ h, float *__restrict__ z, int size, int part, int on, unsigned key, unsigned key_high,
    unsigned threshold, float scale) {
    Dropping d = {on, key, key_high, threshold, scale};
    each_dropped(d, part, size, [&](int, size_t i, float factor) {
        float x = h[i], bell, phi = normal_distribution(x, bell);
        h[i] = z[i] * factor * (phi + x * 0.3989423f * bell);
        z[i] = x * phi * factor;
    });
}

// Which of the values of attention's weights stay, a bit each: of each record and head (blockIdx.x) `words` words. The
// part of a head is its number and one. A warp makes the eight words of 256 values.
KERNEL attention_bits(unsigned *bits, int heads, int words, unsigned key, unsigned key_high, unsigned threshold) {
    int chunk = blockIdx.y * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (8 * chunk >= words) return;
    unsigned record = blockIdx.x / heads, part = blockIdx.x % heads + 1, mine = 0;
    for (int half = 0; half < 2; half++) {
        unsigned drawn[4] = {static_cast<unsigned>(64 * chunk + 32 * half + lane), record, part, 0u};
        philox(drawn, key, key_high);
#pragma unroll
        for (int q = 0; q < 4; q++) {
            unsigned word = __ballot_sync(0xffffffffu, drawn[q] >= threshold);
            if (lane == 2 * q + half) mine = word;
        }
    }
    if (lane < 8) bits[static_cast<size_t>(blockIdx.x) * words + 8 * chunk + lane] = mine;
}

// Mean and 1 / sqrt(var + eps) of a row of `dim` channels, by one warp.
__device__ __forceinline__ void row_moments(const float *x, const Reading &reading, int dim, float eps, float &mean,
                                            float &inverse) {
    int lane = threadIdx.x % 32;
    float sum = 0.f;
    for (int c = lane; c < dim; c += 32) sum += reading(x[c], c);
    mean = warp_sum(sum) / dim;
    sum = 0.f;
    for (int c = lane; c < dim; c += 32) {
        float apart = reading(x[c], c) - mean;
        sum += apart * apart;
    }
    inverse = 1.f / sqrtf(warp_sum(sum) / dim + eps);
}

// y = gamma (x - mean) / sqrt(var + eps) + beta, mean and variance of each row of `dim` channels. A warp has a row,
// which comes from memory once and then from the first-level cache.
KERNEL layer_norm_forward(
    const float *__restrict__ x, Reading reading, const float *__restrict__ gamma, const float *__restrict__ beta,
    float *__restrict__ y, int rows, int dim, float eps) {
    int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (row >= rows) return;
    x += static_cast<size_t>(row) * dim;
    y += static_cast<size_t>(row) * dim;
    float mean, inverse;
    row_moments(x, reading, dim, eps, mean, inverse);
    for (int c = threadIdx.x % 32; c < dim; c += 32) y[c] = (reading(x[c], c) - mean) * inverse * gamma[c] + beta[c];
}

// From g, the gradient of y: that of x, inverse (gamma g - mean(gamma g) - hat mean(gamma g hat)) where hat is x
// standardised, plus `residual` where that is not null, into gx where that is not null, or with `add` onto it; and
// g hat, whose column sums are the gradient of gamma, into `products` where that is not null. A warp has a row.
KERNEL layer_norm_backward(
    const float *__restrict__ x, Reading reading, const float *__restrict__ gamma, const float *__restrict__ g,
    const float *__restrict__ residual, float *__restrict__ gx, int add, float *__restrict__ products, int rows,
    int dim, float eps) {
    int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (row >= rows) return;
    size_t start = static_cast<size_t>(row) * dim;
    float mean, inverse, sum = 0.f, dot = 0.f;
    row_moments(x + start, reading, dim, eps, mean, inverse);
    for (int c = lane; c < dim; c += 32) {
        float hat = (reading(x[start + c], c) - mean) * inverse, through = gamma[c] * g[start + c];
        sum += through;
        dot += through * hat;
        if (products != nullptr) products[start + c] = g[start + c] * hat;
    }
    if (gx == nullptr) return;
    sum = warp_sum(sum) / dim;
    dot = warp_sum(dot) / dim;
    for (int c = lane; c < dim; c += 32) {
        float hat = (reading(x[start + c], c) - mean) * inverse;
        float of_x = inverse * (gamma[c] * g[start + c] - sum - hat * dot);
        if (residual != nullptr) of_x += residual[start + c];
        gx[start + c] = add ? gx[start + c] + of_x : of_x;
    }
}

// The positions (each) of every record.
KERNEL patches_positions(const float *__restrict__ positions, float *__restrict__ y, int each, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) y[i] = positions[i % each];
}

// The weight (outputs, leads, patch) as (outputs, patch, leads).
KERNEL patches_turned(const float *__restrict__ weight, float *__restrict__ to, int leads, int patch, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    int lead = i % leads, tap = i / leads % patch, output = i / leads / patch;
    to[i] = weight[(output * leads + lead) * patch + tap];
}

// Zeros behind the patches: the last `rest` of the `size` values of each record; `count` in all.
KERNEL patches_clear(float *gx, int size, int rest, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) gx[static_cast<size_t>(i / rest) * size + size - rest + i % rest] = 0.f;
}
