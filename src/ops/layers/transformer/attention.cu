// Scaled dot-product attention, softmax(Q K^T / sqrt(d)) V in each head, and its gradients, in f32.
//
// A thread has one query (or, for the gradients of keys and values, one key) with WIDTH of its channels in registers
// and goes over all others, which all threads of a block read at once from shared memory. So each sum is made by one
// thread in a fixed order, scores are never written, and any number of tokens will do: of the probabilities only the
// largest score and the sum of each query are kept. Heads of more than WIDTH channels have several `lanes` side by
// side, which add up their scores.
//
// Compiled for WIDTH 8, 16 and 32. A block works on one head of one record, blockIdx.x. `qkv` is (records, length, 3,
// heads, width), `out` and its gradient (records, length, heads, width).

// Between the channels of neighbouring lanes in shared memory, so that they come from different banks.
#define SLOT (WIDTH + 4)
// Scores that are made before their largest is asked for.
#define SCORES 8
// Keys or queries that are gone over together on the way back.
#define FOUR 4
// Below all scores.
#define LOWEST -3e38f

// The head of a block, and the thread's token in it.
struct Head {
    int record, head, length, width, dim, lanes, part, token;
    // False for threads beyond the last token: they do as the last, and write nothing.
    bool own;
    size_t number;

    __device__ Head(int heads, int length, int width, int lanes)
        : record(blockIdx.x / heads), head(blockIdx.x % heads), length(length), width(width), dim(heads * width),
          lanes(lanes), part(threadIdx.x % lanes), number(blockIdx.x) {
        int token_here = blockIdx.y * (blockDim.x / lanes) + threadIdx.x / lanes;
        own = token_here < length;
        token = min(token_here, length - 1);
    }

    // The first channel of a token among `kinds` of this record (queries, keys and values, or one), of kind `kind`.
    __device__ size_t at(int token, int kinds, int kind) const {
        return ((static_cast<size_t>(record) * length + token) * kinds + kind) * dim + head * width;
    }

    // The thread's channels of its token, times `factor`; 0 beyond the last channel.
    __device__ void load(const float *from, int kinds, int kind, float factor, float (&to)[WIDTH]) const {
        from += at(token, kinds, kind) + part * WIDTH;
#pragma unroll
        for (int c = 0; c < WIDTH; c++) to[c] = part * WIDTH + c < width ? factor * from[c] : 0.f;
    }

    __device__ void store(const float (&from)[WIDTH], float factor, float *to, int kinds, int kind) const {
        if (!own) return;
        to += at(token, kinds, kind) + part * WIDTH;
#pragma unroll
        for (int c = 0; c < WIDTH; c++)
            if (part * WIDTH + c < width) to[c] = factor * from[c];
    }

    // `tile` tokens from `first` on into shared memory, times `factor`, by the whole block; 0 beyond the last token
    // and channel.
    __device__ void stage(const float *from, int kinds, int kind, int first, int tile, float factor, float *to) const {
        for (int i = threadIdx.x; i < tile * lanes * WIDTH; i += blockDim.x) {
            int row = i / (lanes * WIDTH), c = i % (lanes * WIDTH);
            bool inside = first + row < length && c < width;
            to[row * lanes * SLOT + c / WIDTH * SLOT + c % WIDTH] =
                inside ? factor * from[at(first + row, kinds, kind) + c] : 0.f;
        }
    }

    // The thread's channels of a staged token.
    __device__ const float4 *staged(const float *tile, int row) const {
        return reinterpret_cast<const float4 *>(tile + (row * lanes + part) * SLOT);
    }

    // Each sum over all lanes of a token, in each of them.
    template <int COUNT>
    __device__ void sum(float (&x)[COUNT]) const {
        for (int step = 1; step < lanes; step *= 2) {
#pragma unroll
            for (int n = 0; n < COUNT; n++) x[n] += __shfl_xor_sync(0xffffffffu, x[n], step);
        }
    }
};

__device__ __forceinline__ float dot(const float (&a)[WIDTH], const float4 *b) {
    float sum = 0.f;
#pragma unroll
    for (int c = 0; c < WIDTH / 4; c++) {
        float4 four = b[c];
        sum += a[4 * c] * four.x;
        sum += a[4 * c + 1] * four.y;
        sum += a[4 * c + 2] * four.z;
        sum += a[4 * c + 3] * four.w;
    }
    return sum;
}

__device__ __forceinline__ void add_times(float factor, const float4 *b, float (&to)[WIDTH]) {
#pragma unroll
    for (int c = 0; c < WIDTH / 4; c++) {
        float4 four = b[c];
        to[4 * c] += factor * four.x;
        to[4 * c + 1] += factor * four.y;
        to[4 * c + 2] += factor * four.z;
        to[4 * c + 3] += factor * four.w;
    }
}

// Dropout of a head's weights: a bit for each, (keys, queries), queries padded to a multiple of 16.
struct Bits {
    const unsigned char *of_head;
    int length, pitch;
    float scale;

    __device__ Bits(const unsigned char *bits, int bytes, float scale, const Head &h)
        : of_head(bits == nullptr ? nullptr : bits + h.number * bytes), length(h.length),
          pitch((h.length + 15) / 16 * 16), scale(scale) {}

    // The factors of a query and keys from `key` on.
    template <int COUNT>
    __device__ void of_keys(int key, int query, float (&to)[COUNT]) const {
#pragma unroll
        for (int n = 0; n < COUNT; n++) {
            if (of_head == nullptr) {
                to[n] = 1.f;
            } else {
                size_t i = static_cast<size_t>(min(key + n, length - 1)) * pitch + query;
                to[n] = of_head[i / 8] >> i % 8 & 1 ? scale : 0.f;
            }
        }
    }

    // The factors of a key and four queries from `query`, a multiple of four, on.
    __device__ void of_queries(int key, int query, float (&to)[FOUR]) const {
        size_t i = static_cast<size_t>(key) * pitch + query;
        unsigned four = of_head == nullptr ? 0 : of_head[i / 8] >> i % 8;
#pragma unroll
        for (int n = 0; n < FOUR; n++) to[n] = of_head == nullptr ? 1.f : four >> n & 1 ? scale : 0.f;
    }
};

// What queries attend to, and of each query its largest score and 1 / the sum of e^(score - largest), into
// `statistics` where that is not null. A thread has a query; `bits`, null where nothing is dropped, are `bytes` a head.
// The largest score so far may grow from keys to keys: what was summed is then scaled down (Milakov and Gimelshein
// 2018).
KERNEL __launch_bounds__(128) attention_forward(
    const float *__restrict__ qkv, float *__restrict__ out, float *__restrict__ statistics,
    const unsigned char *__restrict__ bits, int bytes, float drop_scale, int heads, int length, int width, int lanes,
    int tile, float scale) {
    DYNAMIC_SHARED(float, keys);
    float *values = keys + tile * lanes * SLOT;
    Head h(heads, length, width, lanes);
    Bits dropping(bits, bytes, drop_scale, h);
    float query[WIDTH], sums[WIDTH], top = LOWEST, total = 0.f;
    h.load(qkv, 3, 0, scale, query);
#pragma unroll
    for (int c = 0; c < WIDTH; c++) sums[c] = 0.f;
    for (int first = 0; first < length; first += tile) {
        __syncthreads();
        h.stage(qkv, 3, 1, first, tile, 1.f, keys);
        h.stage(qkv, 3, 2, first, tile, 1.f, values);
        __syncthreads();
        int count = min(tile, length - first);
        for (int j = 0; j < count; j += SCORES) {
            float scores[SCORES], factors[SCORES], before = top;
#pragma unroll
            for (int n = 0; n < SCORES; n++) scores[n] = dot(query, h.staged(keys, j + n));
            h.sum(scores);
            dropping.of_keys(first + j, h.token, factors);
#pragma unroll
            for (int n = 0; n < SCORES; n++) {
                if (j + n >= count) scores[n] = LOWEST;
                top = fmaxf(top, scores[n]);
            }
            float shrink = expf(before - top);
            total *= shrink;
#pragma unroll
            for (int c = 0; c < WIDTH; c++) sums[c] *= shrink;
            // Beyond the last key p and the value are 0.
#pragma unroll
            for (int n = 0; n < SCORES; n++) {
                float p = expf(scores[n] - top);
                total += p;
                add_times(p * factors[n], h.staged(values, j + n), sums);
            }
        }
    }
    h.store(sums, 1.f / total, out, 1, 0);
    if (statistics != nullptr && h.own && h.part == 0) {
        float *to = statistics + (h.number * length + h.token) * 2;
        to[0] = top;
        to[1] = 1.f / total;
    }
}

// The gradient of queries, into theirs of `gqkv`, and of each query the product of `out` and its gradient g, which is
// the mean of the probabilities' gradients, into `means`. A thread has a query.
KERNEL __launch_bounds__(128) attention_of_queries(
    const float *__restrict__ qkv, const float *__restrict__ out, const float *__restrict__ g,
    const float *__restrict__ statistics, float *__restrict__ means, float *__restrict__ gqkv,
    const unsigned char *__restrict__ bits, int bytes, float drop_scale, int heads, int length, int width, int lanes,
    int tile, float scale) {
    DYNAMIC_SHARED(float, keys);
    float *values = keys + tile * lanes * SLOT;
    Head h(heads, length, width, lanes);
    Bits dropping(bits, bytes, drop_scale, h);
    float query[WIDTH], of_out[WIDTH], sums[WIDTH], mean[1] = {0.f};
    // First what the query attended to.
    h.load(out, 1, 0, 1.f, query);
    h.load(g, 1, 0, 1.f, of_out);
#pragma unroll
    for (int c = 0; c < WIDTH; c++) mean[0] += query[c] * of_out[c], sums[c] = 0.f;
    h.sum(mean);
    h.load(qkv, 3, 0, scale, query);
    size_t number = h.number * length + h.token;
    float top = statistics[2 * number], inverse = statistics[2 * number + 1];
    if (h.own && h.part == 0) means[number] = mean[0];
    for (int first = 0; first < length; first += tile) {
        __syncthreads();
        h.stage(qkv, 3, 1, first, tile, 1.f, keys);
        h.stage(qkv, 3, 2, first, tile, 1.f, values);
        __syncthreads();
        int count = min(tile, length - first);
        for (int j = 0; j < count; j += FOUR) {
            float scores[FOUR], of_p[FOUR], factors[FOUR];
#pragma unroll
            for (int n = 0; n < FOUR; n++) {
                scores[n] = dot(query, h.staged(keys, j + n));
                of_p[n] = dot(of_out, h.staged(values, j + n));
            }
            h.sum(scores);
            h.sum(of_p);
            dropping.of_keys(first + j, h.token, factors);
#pragma unroll
            for (int n = 0; n < FOUR; n++) {
                float p = j + n < count ? expf(scores[n] - top) * inverse : 0.f;
                add_times(p * (of_p[n] * factors[n] - mean[0]), h.staged(keys, j + n), sums);
            }
        }
    }
    h.store(sums, scale, gqkv, 3, 0);
}

// The gradients of keys and values, into theirs of `gqkv`. A thread has a key; `means` is of attention_of_queries.
KERNEL __launch_bounds__(128) attention_of_keys(
    const float *__restrict__ qkv, const float *__restrict__ g, const float *__restrict__ statistics,
    const float *__restrict__ means, float *__restrict__ gqkv, const unsigned char *__restrict__ bits, int bytes,
    float drop_scale, int heads, int length, int width, int lanes, int tile, float scale) {
    DYNAMIC_SHARED(float, queries);
    float *of_outs = queries + tile * lanes * SLOT;
    // Of each query the largest score, 1 / the sum, and the mean.
    float4 *numbers = reinterpret_cast<float4 *>(of_outs + tile * lanes * SLOT);
    Head h(heads, length, width, lanes);
    Bits dropping(bits, bytes, drop_scale, h);
    float key[WIDTH], value[WIDTH], of_key[WIDTH], of_value[WIDTH];
    h.load(qkv, 3, 1, 1.f, key);
    h.load(qkv, 3, 2, 1.f, value);
#pragma unroll
    for (int c = 0; c < WIDTH; c++) of_key[c] = of_value[c] = 0.f;
    for (int first = 0; first < length; first += tile) {
        __syncthreads();
        h.stage(qkv, 3, 0, first, tile, scale, queries);
        h.stage(g, 1, 0, first, tile, 1.f, of_outs);
        int count = min(tile, length - first);
        for (int i = threadIdx.x; i < tile; i += blockDim.x) {
            size_t number = h.number * length + first + i;
            // Beyond the last query p is 0.
            numbers[i] = i < count ? make_float4(statistics[2 * number], statistics[2 * number + 1], means[number], 0.f)
                                   : make_float4(0.f, 0.f, 0.f, 0.f);
        }
        __syncthreads();
        for (int i = 0; i < count; i += FOUR) {
            float scores[FOUR], of_p[FOUR], factors[FOUR];
#pragma unroll
            for (int n = 0; n < FOUR; n++) {
                scores[n] = dot(key, h.staged(queries, i + n));
                of_p[n] = dot(value, h.staged(of_outs, i + n));
            }
            h.sum(scores);
            h.sum(of_p);
            dropping.of_queries(h.token, first + i, factors);
#pragma unroll
            for (int n = 0; n < FOUR; n++) {
                float4 of_query = numbers[i + n];
                float p = expf(scores[n] - of_query.x) * of_query.y;
                add_times(p * factors[n], h.staged(of_outs, i + n), of_value);
                add_times(p * (of_p[n] * factors[n] - of_query.z), h.staged(queries, i + n), of_key);
            }
        }
    }
    h.store(of_key, 1.f, gqkv, 3, 1);
    h.store(of_value, 1.f, gqkv, 3, 2);
}
