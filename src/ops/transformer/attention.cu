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

    // The sum over all lanes of a token, in each of them.
    __device__ float sum(float x) const {
        for (int step = 1; step < lanes; step *= 2) x += __shfl_xor_sync(0xffffffffu, x, step);
        return x;
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
    int pitch;
    float scale;

    __device__ Bits(const unsigned char *bits, int bytes, float scale, const Head &h)
        : of_head(bits == nullptr ? nullptr : bits + h.number * bytes), pitch((h.length + 15) / 16 * 16), scale(scale) {}

    __device__ float factor(int key, int query) const {
        if (of_head == nullptr) return 1.f;
        size_t i = static_cast<size_t>(key) * pitch + query;
        return of_head[i / 8] >> i % 8 & 1 ? scale : 0.f;
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
            float scores[SCORES], before = top;
#pragma unroll
            for (int n = 0; n < SCORES; n++) {
                float score = h.sum(dot(query, h.staged(keys, j + n)));
                scores[n] = j + n < count ? score : LOWEST;
                top = fmaxf(top, scores[n]);
            }
            float shrink = expf(before - top);
            total *= shrink;
#pragma unroll
            for (int c = 0; c < WIDTH; c++) sums[c] *= shrink;
#pragma unroll
            for (int n = 0; n < SCORES; n++) {
                float p = expf(scores[n] - top);
                total += p;
                if (j + n < count) add_times(p * dropping.factor(first + j + n, h.token), h.staged(values, j + n), sums);
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
    float query[WIDTH], of_out[WIDTH], sums[WIDTH], mean = 0.f;
    // First what the query attended to.
    h.load(out, 1, 0, 1.f, query);
    h.load(g, 1, 0, 1.f, of_out);
#pragma unroll
    for (int c = 0; c < WIDTH; c++) mean += query[c] * of_out[c], sums[c] = 0.f;
    mean = h.sum(mean);
    h.load(qkv, 3, 0, scale, query);
    size_t number = h.number * length + h.token;
    float top = statistics[2 * number], inverse = statistics[2 * number + 1];
    if (h.own && h.part == 0) means[number] = mean;
    for (int first = 0; first < length; first += tile) {
        __syncthreads();
        h.stage(qkv, 3, 1, first, tile, 1.f, keys);
        h.stage(qkv, 3, 2, first, tile, 1.f, values);
        __syncthreads();
        int count = min(tile, length - first);
#pragma unroll 4
        for (int j = 0; j < count; j++) {
            float score = h.sum(dot(query, h.staged(keys, j))), of_p = h.sum(dot(of_out, h.staged(values, j)));
            float p = expf(score - top) * inverse;
            add_times(p * (of_p * dropping.factor(first + j, h.token) - mean), h.staged(keys, j), sums);
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
        for (int i = threadIdx.x; i < count; i += blockDim.x) {
            size_t number = h.number * length + first + i;
            numbers[i] = make_float4(statistics[2 * number], statistics[2 * number + 1], means[number], 0.f);
        }
        __syncthreads();
#pragma unroll 4
        for (int i = 0; i < count; i++) {
            float score = h.sum(dot(key, h.staged(queries, i))), of_p = h.sum(dot(value, h.staged(of_outs, i)));
            float4 of_query = numbers[i];
            float p = expf(score - of_query.x) * of_query.y, factor = dropping.factor(h.token, first + i);
            add_times(p * factor, h.staged(of_outs, i), of_value);
            add_times(p * (of_p * factor - of_query.z), h.staged(queries, i), of_key);
        }
    }
    h.store(of_key, 1.f, gqkv, 3, 1);
    h.store(of_value, 1.f, gqkv, 3, 2);
}
