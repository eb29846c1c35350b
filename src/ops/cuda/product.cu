// Matrix products whose left side is read where it lies: rows that overlap in an activation, through a batch norm if
// one is there. On tensor cores in TF32, or in f32 with the same tiles.
//
// A block of 256 threads makes a tile of TILE_M by TILE_N outputs, 16 inner values at a time: while one pair of tiles in
// shared memory is multiplied, the next is on its way from global memory in registers. Eight warps share a tile as 4
// by 2, a narrow one as 8 by 1. The row lengths of the tiles in shared memory keep the lanes of a warp on different banks.
//
// Compiled for each precision and tile width: TENSOR is 1 for TF32 or 0 for f32, TILE_N is 32, 64 or 128.

#if TILE_N == 32
#define TILE_M 256
#define WARPS_N 1
#else
#define TILE_M 128
#define WARPS_N 2
#endif
#define TILE_K 16
// Four values that each thread fetches of a left-hand tile: so many times.
#define FETCHES (TILE_M / 64)
#define ROW_A (TILE_K + 4)
#define COLUMN_A (TILE_M + 8)

// The part of a tile that one thread makes, and how it is made from the tiles in shared memory. `a` is found at
// a[m * step_m + k * step_k].
#if TENSOR
struct Part {
    // Of 16 by 8 each: two below each other, COLUMNS side by side.
    static const int COLUMNS = TILE_N / WARPS_N / 8;
    float sums[2][COLUMNS][4];

    __device__ __forceinline__ void clear() {
        for (int i = 0; i < 2; i++)
            for (int j = 0; j < COLUMNS; j++)
                for (int c = 0; c < 4; c++) sums[i][j][c] = 0.f;
    }

    __device__ __forceinline__ void add(const float *a, int step_m, int step_k, const float *b) {
        int lane = threadIdx.x % 32, warp = threadIdx.x / 32, group = lane / 4, member = lane % 4;
        int row = warp / WARPS_N * 32 + group, column = warp % WARPS_N * (TILE_N / WARPS_N) + group;
#pragma unroll
        for (int k = member; k < TILE_K; k += 8) {
            unsigned left[2][4], right[COLUMNS][2];
#pragma unroll
            for (int i = 0; i < 2; i++)
#pragma unroll
                for (int c = 0; c < 4; c++)
                    left[i][c] = __float_as_uint(a[(row + 16 * i + 8 * (c % 2)) * step_m + (k + 4 * (c / 2)) * step_k]);
#pragma unroll
            for (int j = 0; j < COLUMNS; j++)
#pragma unroll
                for (int c = 0; c < 2; c++)
                    right[j][c] = __float_as_uint(b[(k + 4 * c) * (TILE_N + 8) + column + 8 * j]);
#pragma unroll
            for (int i = 0; i < 2; i++)
#pragma unroll
                for (int j = 0; j < COLUMNS; j++) mma_tf32(sums[i][j], left[i], right[j]);
        }
    }

    // Calls f(row, column, value) for each value, in the tile's coordinates.
    template <class F>
    __device__ __forceinline__ void each(F f) const {
        int lane = threadIdx.x % 32, warp = threadIdx.x / 32, group = lane / 4, member = lane % 4;
#pragma unroll
        for (int i = 0; i < 2; i++)
#pragma unroll
            for (int j = 0; j < COLUMNS; j++)
#pragma unroll
                for (int c = 0; c < 4; c++)
                    f(warp / WARPS_N * 32 + 16 * i + group + 8 * (c / 2),
                      warp % WARPS_N * (TILE_N / WARPS_N) + 8 * j + 2 * member + c % 2, sums[i][j][c]);
    }
};

#else
struct Part {
    // ROWS rows one after another, COLUMNS columns 16 apart.
    static const int ROWS = TILE_M / 16, COLUMNS = TILE_N / 16;
    float sums[ROWS][COLUMNS];

    __device__ __forceinline__ void clear() {
        for (int i = 0; i < ROWS; i++)
            for (int j = 0; j < COLUMNS; j++) sums[i][j] = 0.f;
    }

    __device__ __forceinline__ void add(const float *a, int step_m, int step_k, const float *b) {
        int row = threadIdx.x / 16 * ROWS, column = threadIdx.x % 16;
#pragma unroll
        for (int k = 0; k < TILE_K; k++) {
            float right[COLUMNS];
#pragma unroll
            for (int j = 0; j < COLUMNS; j++) right[j] = b[k * (TILE_N + 8) + column + 16 * j];
#pragma unroll
            for (int i = 0; i < ROWS; i++) {
                float left = a[(row + i) * step_m + k * step_k];
#pragma unroll
                for (int j = 0; j < COLUMNS; j++) sums[i][j] += left * right[j];
            }
        }
    }

    template <class F>
    __device__ __forceinline__ void each(F f) const {
#pragma unroll
        for (int i = 0; i < ROWS; i++)
#pragma unroll
            for (int j = 0; j < COLUMNS; j++) f(threadIdx.x / 16 * ROWS + i, threadIdx.x % 16 + 16 * j, sums[i][j]);
    }
};

#endif

// The tile of a right-hand matrix that is on its way: TILE_K rows of TILE_N columns.
struct Right {
    static const int QUARTERS = TILE_K * TILE_N / 4;
    static const int EACH = (QUARTERS + 255) / 256;
    float4 x[EACH];

    // Rows from `k` on, below `rows`, of a matrix at `from` with `pitch` values a row.
    __device__ __forceinline__ void fetch(const float *from, size_t pitch, int k, int rows, int column, int columns, bool vector) {
#pragma unroll
        for (int i = 0; i < EACH; i++) {
            int q = threadIdx.x + 256 * i, row = k + q / (TILE_N / 4);
            x[i] = q < QUARTERS && row < rows
                       ? column_four(from + row * pitch, column + q % (TILE_N / 4) * 4, columns, vector)
                       : make_float4(0.f, 0.f, 0.f, 0.f);
        }
    }

    __device__ __forceinline__ void store(float *b) const {
#pragma unroll
        for (int i = 0; i < EACH; i++) {
            int q = threadIdx.x + 256 * i;
            if (q < QUARTERS)
                *reinterpret_cast<float4 *>(b + q / (TILE_N / 4) * (TILE_N + 8) + q % (TILE_N / 4) * 4) = rounded(x[i]);
        }
    }
};

// Rows x matrix (inner, outputs). blockIdx.x counts tiles of rows, blockIdx.y tiles of outputs.
KERNEL __launch_bounds__(256) product(
    const float *values, Reading reading, int length, int pitch, int offset, int channels, int count, int stride, int first,
    int taps, int pooled, int vector_rows, int total, const float *matrix, int outputs, float *to, const float *bias, int to_length,
    int to_pitch, int to_offset, int to_first, int to_stride, int add, int relu) {
    Rows rows = {values, reading, length, pitch, offset, channels, count, stride, first, taps, pooled, vector_rows};
    __shared__ __align__(16) float a[2][TILE_M * ROW_A];
    __shared__ __align__(16) float b[2][TILE_K * (TILE_N + 8)];
    int first_row = blockIdx.x * TILE_M, first_column = blockIdx.y * TILE_N, inner = rows.taps * rows.channels;
    // The rows that this thread fetches, four inner values of each.
    const float *records[FETCHES];
    int samples[FETCHES], within = threadIdx.x % 4 * 4;
    bool there[FETCHES];
#pragma unroll
    for (int i = 0; i < FETCHES; i++) {
        int row = first_row + threadIdx.x / 4 + 64 * i, record = row / rows.count;
        there[i] = row < total;
        records[i] = rows.values + (size_t)record * rows.length * rows.pitch;
        samples[i] = rows.first + (row - record * rows.count) * rows.stride;
    }
    float4 left[FETCHES];
    Right right;
    Part part;
    part.clear();
    bool vector = outputs % 4 == 0 && reinterpret_cast<size_t>(matrix) % 16 == 0;
    auto fetch = [&](int k) {
#pragma unroll
        for (int i = 0; i < FETCHES; i++)
            left[i] = there[i] ? inner_four(rows, records[i], samples[i], k + within, inner)
                               : make_float4(0.f, 0.f, 0.f, 0.f);
        right.fetch(matrix, outputs, k, inner, first_column, outputs, vector);
    };
    auto store = [&](int which) {
#pragma unroll
        for (int i = 0; i < FETCHES; i++)
            *reinterpret_cast<float4 *>(a[which] + (threadIdx.x / 4 + 64 * i) * ROW_A + within) = rounded(left[i]);
        right.store(b[which]);
    };
    fetch(0);
    store(0);
    __syncthreads();
    int steps = ceil_div(inner, TILE_K);
    for (int step = 0; step < steps; step++) {
        if (step + 1 < steps) fetch((step + 1) * TILE_K);
        part.add(a[step % 2], ROW_A, 1, b[step % 2]);
        // The other pair was read before the last barrier.
        if (step + 1 < steps) store((step + 1) % 2);
        __syncthreads();
    }
    part.each([&](int m, int n, float sum) {
        int row = first_row + m, column = first_column + n;
        if (row >= total || column >= outputs) return;
        int record = row / rows.count, sample = to_first + (row - record * rows.count) * to_stride;
        float *place = to + ((size_t)record * to_length + sample) * to_pitch + to_offset + column;
        if (bias != nullptr) sum += bias[column];
        if (add) sum += *place;
        *place = relu && !(sum > 0.f) ? 0.f : sum;
    });
}

// Rows' x g, for some of the rows: sums (split, inner, outputs). blockIdx.x counts tiles of inner values, blockIdx.y
// tiles of outputs, blockIdx.z the `each` rows that one sum is over.
KERNEL __launch_bounds__(256) accumulate(
    const float *values, Reading reading, int length, int pitch, int offset, int channels, int count, int stride, int first,
    int taps, int pooled, int vector_rows, int total, const float *g, int g_pitch, int outputs, int vector_g, int each, float *sums) {
    Rows rows = {values, reading, length, pitch, offset, channels, count, stride, first, taps, pooled, vector_rows};
    __shared__ __align__(16) float a[2][TILE_K * COLUMN_A];
    __shared__ __align__(16) float b[2][TILE_K * (TILE_N + 8)];
    int first_inner = blockIdx.x * TILE_M, first_column = blockIdx.y * TILE_N, all = rows.taps * rows.channels;
    int from = blockIdx.z * each, until = min(total, from + each);
    // This thread fetches the same four inner values of some rows.
    int within = threadIdx.x % (TILE_M / 4) * 4, inner = first_inner + within;
    float4 left[FETCHES];
    Right right;
    Part part;
    part.clear();
    auto fetch = [&](int r) {
#pragma unroll
        for (int i = 0; i < FETCHES; i++) {
            int row = r + threadIdx.x / (TILE_M / 4) + 1024 / TILE_M * i, record = row / rows.count;
            int sample = rows.first + (row - record * rows.count) * rows.stride;
            left[i] = row < until ? inner_four(rows, rows.values + (size_t)record * rows.length * rows.pitch, sample, inner, all)
                                  : make_float4(0.f, 0.f, 0.f, 0.f);
        }
        right.fetch(g, g_pitch, r, until, first_column, outputs, vector_g);
    };
    auto store = [&](int which) {
#pragma unroll
        for (int i = 0; i < FETCHES; i++)
            *reinterpret_cast<float4 *>(a[which] + (threadIdx.x / (TILE_M / 4) + 1024 / TILE_M * i) * COLUMN_A + within) = rounded(left[i]);
        right.store(b[which]);
    };
    fetch(from);
    store(0);
    __syncthreads();
    int steps = ceil_div(until - from, TILE_K);
    for (int step = 0; step < steps; step++) {
        if (step + 1 < steps) fetch(from + (step + 1) * TILE_K);
        part.add(a[step % 2], 1, COLUMN_A, b[step % 2]);
        if (step + 1 < steps) store((step + 1) % 2);
        __syncthreads();
    }
    float *to = sums + (size_t)blockIdx.z * all * outputs;
    part.each([&](int m, int n, float sum) {
        int k = first_inner + m, column = first_column + n;
        if (k < all && column < outputs) to[(size_t)k * outputs + column] = sum;
    });
}

