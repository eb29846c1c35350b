// Weights as matrices, and sums of what blocks made side by side.

// A weight as a matrix (taps x channels, outputs): entry (tap, channel, output) is value first + tap x of_tap + channel x
// of_channel + output x of_output. One thread an entry.
KERNEL pack(const float *__restrict__ weight, float *__restrict__ matrix, int entries, int channels, int outputs, int first,
            int of_tap, int of_channel, int of_output) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= entries) return;
    int output = i % outputs, inner = i / outputs, channel = inner % channels, tap = inner / channels;
    matrix[i] = weight[first + tap * of_tap + channel * of_channel + output * of_output];
}

// The reverse for gradients: the sum over `splits` matrices, in their order, is added to the weight.
KERNEL unpack(const float *__restrict__ matrices, float *__restrict__ weight, int splits, int entries, int channels,
              int outputs, int first, int of_tap, int of_channel, int of_output) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= entries) return;
    float sum = 0.f;
    for (int split = 0; split < splits; split++) sum += matrices[(size_t)split * entries + i];
    int output = i % outputs, inner = i / outputs, channel = inner % channels, tap = inner / channels;
    weight[first + tap * of_tap + channel * of_channel + output * of_output] += sum;
}

// Sums of columns over `each` rows at a time: sums (splits, columns). A block of 32 by 8 threads has 32 columns
// (blockIdx.y counts) and `each` rows (blockIdx.x), of which each line of threads takes every eighth.
KERNEL column_sums(const float *__restrict__ values, float *__restrict__ sums, int rows, int pitch, int offset, int columns,
                   int each) {
    __shared__ float lines[8][33];
    int column = blockIdx.y * 32 + threadIdx.x, first = blockIdx.x * each, last = min(rows, first + each);
    float sum = 0.f;
    if (column < columns)
        for (int row = first + threadIdx.y; row < last; row += 8) sum += values[(size_t)row * pitch + offset + column];
    lines[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y > 0 || column >= columns) return;
    for (int line = 1; line < 8; line++) sum += lines[line][threadIdx.x];
    sums[(size_t)blockIdx.x * columns + column] = sum;
}
