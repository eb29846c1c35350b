// Optimisers, and what happens to gradients before them: all parameters in one launch. Block b works on CHUNK values of
// the last entry of the table whose first chunk is not behind b.

#define CHUNK 2048

// A parameter, its gradient and what moves it.
struct Moved {
    float *value, *gradient, *first, *second;
    int count;
    int chunk;            // the first of its chunks
    float rate, decay;    // decay: of gradients, or for AdamW rate x decay
    float unbias1, unbias2; // 1 / (1 - beta^updates)
};

// A gradient that is clipped with others.
struct Clipped {
    float *gradient;
    int count;
    int chunk;
};

template <class Entry>
__device__ __forceinline__ const Entry &entry_of_block(const Entry *table, int entries) {
    int low = 0, high = entries;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (table[middle].chunk <= (int)blockIdx.x) low = middle;
        else high = middle;
    }
    return table[low];
}

// Goes through the values of the entry that are the block's.
#define EACH_VALUE(i, entry) \
    for (int i = ((int)blockIdx.x - (entry).chunk) * CHUNK + threadIdx.x, end_ = min(i - (int)threadIdx.x + CHUNK, (entry).count); i < end_; i += blockDim.x)

KERNEL update_adam(const Moved *__restrict__ table, int entries, float beta1, float beta2, float eps, int decoupled) {
    const Moved entry = entry_of_block(table, entries);
    EACH_VALUE(i, entry) {
        float w = entry.value[i], g = entry.gradient[i], m = entry.first[i], v = entry.second[i];
        if (!decoupled && entry.decay > 0.f) g += entry.decay * w;
        m = m * beta1 + g * (1.f - beta1);
        v = v * beta2 + g * g * (1.f - beta2);
        entry.first[i] = m;
        entry.second[i] = v;
        g = entry.rate * (m * entry.unbias1) / (sqrtf(v * entry.unbias2) + eps);
        if (decoupled) g += entry.decay * w;
        entry.value[i] = w - g;
    }
}

// What momentum makes of a gradient; `velocity` is not touched where there is none.
__device__ __forceinline__ float with_momentum(float g, float *velocity, float momentum, int nesterov) {
    if (!(momentum > 0.f)) return g;
    float v = g + momentum * *velocity;
    *velocity = v;
    return nesterov ? g + momentum * v : v;
}

KERNEL update_sgd(const Moved *__restrict__ table, int entries, float momentum, int nesterov) {
    const Moved entry = entry_of_block(table, entries);
    EACH_VALUE(i, entry) {
        float w = entry.value[i], g = entry.gradient[i];
        if (entry.decay > 0.f) g += entry.decay * w;
        entry.value[i] = w - with_momentum(g, entry.first + i, momentum, nesterov) * entry.rate;
    }
}

KERNEL update_rmsprop(const Moved *__restrict__ table, int entries, float kept, float fresh, float eps, float momentum) {
    const Moved entry = entry_of_block(table, entries);
    EACH_VALUE(i, entry) {
        float w = entry.value[i], g = entry.gradient[i];
        if (entry.decay > 0.f) g += entry.decay * w;
        float square = kept * entry.second[i] + fresh * g * g;
        entry.second[i] = square;
        g /= sqrtf(square) + eps;
        entry.value[i] = w - with_momentum(g, entry.first + i, momentum, 0) * entry.rate;
    }
}

// The sum of squares of each chunk, by blocks of 256.
KERNEL clip_squares(const Clipped *__restrict__ table, int entries, double *__restrict__ squares) {
    const Clipped entry = entry_of_block(table, entries);
    double sum = 0.;
    EACH_VALUE(i, entry) sum += (double)entry.gradient[i] * (double)entry.gradient[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) squares[blockIdx.x] = sum;
}

// What gradients are multiplied by, from the sums of all chunks; their norm is added to `norms`. One block of 256.
KERNEL clip_factor(const double *__restrict__ squares, int chunks, double most, double eps, float *__restrict__ factor, double *__restrict__ norms) {
    double sum = 0.;
    for (int i = threadIdx.x; i < chunks; i += blockDim.x) sum += squares[i];
    sum = block_sum(sum);
    if (threadIdx.x > 0) return;
    double norm = sqrt(sum), wanted = most / (norm + eps);
    *factor = wanted < 1. ? (float)wanted : 1.f;
    *norms += norm;
}

KERNEL clip_shrink(const Clipped *__restrict__ table, int entries, const float *__restrict__ factor) {
    const Clipped entry = entry_of_block(table, entries);
    float by = *factor;
    if (by == 1.f) return;
    EACH_VALUE(i, entry) entry.gradient[i] *= by;
}

// gradient += strength (weights - origin); no origin is 0.
KERNEL update_pull(float *__restrict__ gradient, float strength, const float *__restrict__ weights, const float *__restrict__ origin, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) gradient[i] += strength * (weights[i] - (origin != nullptr ? origin[i] : 0.f));
}
