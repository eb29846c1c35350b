// Products whose rows overlap almost wholly, as those of a convolution do: a block reads the samples of all its rows once,
// 32 channels at a time, and goes through the taps in shared memory, each a shift by one sample. Only the matrix comes
// anew for each tap, while the tap before is multiplied. On tensor cores, in TF32.
//
// A warp makes 64 rows by WIDTH outputs, so that it reads little from shared memory for each product: of the rows of one
// record, WARPS_N warps are side by side, and as many pairs of them below each other as the launch has threads for.
//
// Compiled for each tile width: TILE_N is 32, 64 or 128.

#if TILE_N == 128
#define WARPS_N 2
#else
#define WARPS_N 1
#endif
#define WIDTH (TILE_N / WARPS_N)
#define COLUMNS (WIDTH / 8)
// Channels at a time, and the row lengths that keep the lanes of a warp on different banks.
#define CHUNK 32
#define ROW_A (CHUNK + 4)
#define ROW_B (TILE_N + 8)
// Threads at least.
#define FEWEST (64 * WARPS_N)
#define FETCHES (CHUNK * TILE_N / 4 / FEWEST)

// CHUNK rows of the matrix, on their way.
struct Right {
    float4 x[FETCHES];

    __device__ __forceinline__ void fetch(const float *from, int column, int outputs, bool vector) {
#pragma unroll
        for (int i = 0; i < FETCHES; i++) {
            int q = threadIdx.x + blockDim.x * i;
            if (q < CHUNK * TILE_N / 4)
                x[i] = column_four(from + (size_t)(q / (TILE_N / 4)) * outputs, column + q % (TILE_N / 4) * 4, outputs, vector);
        }
    }

    __device__ __forceinline__ void store(float *b) const {
#pragma unroll
        for (int i = 0; i < FETCHES; i++) {
            int q = threadIdx.x + blockDim.x * i;
            if (q < CHUNK * TILE_N / 4)
                *reinterpret_cast<float4 *>(b + q / (TILE_N / 4) * ROW_B + q % (TILE_N / 4) * 4) = rounded(x[i]);
        }
    }
};

// Rows of a stride of 1 and of a multiple of 32 channels, x matrix (taps x channels, outputs). blockIdx.x counts tiles of
// rows, `tiles` in each record, blockIdx.y tiles of outputs. Shared memory: the samples of a tile, then two parts of the
// matrix.
KERNEL __launch_bounds__(256) window_product(
    const float *values, Reading reading, int length, int pitch, int offset, int channels, int count, int first, int taps,
    int tiles, const float *matrix, int outputs, float *to, const float *bias, int to_length, int to_pitch, int to_offset,
    int to_first, int to_stride, int add, int relu) {
    DYNAMIC_SHARED(float, shared);
    Rows rows = {values, reading, length, pitch, offset, channels, count, 1, first, taps, 0, 1};
    int of_tile = blockDim.x / (32 * WARPS_N) * 64, reach = of_tile + taps - 1;
    int record = blockIdx.x / tiles, first_row = blockIdx.x % tiles * of_tile, first_column = blockIdx.y * TILE_N;
    float *window = shared, *b = shared + reach * ROW_A;
    const float *from = values + (size_t)record * length * pitch;
    bool vector = outputs % 4 == 0 && reinterpret_cast<size_t>(matrix) % 16 == 0;
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, group = lane / 4, member = lane % 4;
    int row = warp / WARPS_N * 64 + group, column = warp % WARPS_N * WIDTH + group;
    float sums[4][COLUMNS][4];
#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < COLUMNS; j++)
#pragma unroll
            for (int c = 0; c < 4; c++) sums[i][j][c] = 0.f;
    Right right;
    for (int chunk = 0; chunk < channels; chunk += CHUNK) {
        // What is there was read before the last barrier.
        for (int q = threadIdx.x; q < reach * (CHUNK / 4); q += blockDim.x) {
            int sample = q / (CHUNK / 4), channel = q % (CHUNK / 4) * 4;
            float4 x = rows.four(from, first + first_row + sample, chunk + channel);
            *reinterpret_cast<float4 *>(window + sample * ROW_A + channel) = rounded(x);
        }
        right.fetch(matrix + (size_t)chunk * outputs, first_column, outputs, vector);
        right.store(b);
        __syncthreads();
        for (int tap = 0; tap < taps; tap++) {
            const float *of_a = window + (row + tap) * ROW_A, *of_b = b + tap % 2 * CHUNK * ROW_B + column;
            if (tap + 1 < taps)
                right.fetch(matrix + ((size_t)(tap + 1) * channels + chunk) * outputs, first_column, outputs, vector);
#pragma unroll
            for (int k = member; k < CHUNK; k += 8) {
                unsigned left[4][4], of_right[COLUMNS][2];
#pragma unroll
                for (int i = 0; i < 4; i++)
#pragma unroll
                    for (int c = 0; c < 4; c++)
                        left[i][c] = __float_as_uint(of_a[(16 * i + 8 * (c % 2)) * ROW_A + k + 4 * (c / 2)]);
#pragma unroll
                for (int j = 0; j < COLUMNS; j++)
#pragma unroll
                    for (int c = 0; c < 2; c++) of_right[j][c] = __float_as_uint(of_b[(k + 4 * c) * ROW_B + 8 * j]);
#pragma unroll
                for (int i = 0; i < 4; i++)
#pragma unroll
                    for (int j = 0; j < COLUMNS; j++) mma_tf32(sums[i][j], left[i], of_right[j]);
            }
            if (tap + 1 < taps) right.store(b + (tap + 1) % 2 * CHUNK * ROW_B);
            __syncthreads();
        }
    }
#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            int m = first_row + row + 16 * i + 8 * half;
            if (m >= count) continue;
            float *place = to + ((size_t)record * to_length + to_first + m * to_stride) * to_pitch + to_offset;
#pragma unroll
            for (int j = 0; j < COLUMNS; j++)
#pragma unroll
                for (int c = 0; c < 2; c++) {
                    int n = first_column + column - group + 8 * j + 2 * member + c;
                    if (n >= outputs) continue;
                    float sum = sums[i][j][2 * half + c];
                    if (bias != nullptr) sum += bias[n];
                    if (add) sum += place[n];
                    place[n] = relu && !(sum > 0.f) ? 0.f : sum;
                }
        }
}
