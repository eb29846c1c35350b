// Dropout. Of a record, thread t has the four values 256 (t / 64) + t % 64 + 0, 64, 128 and 192, whose factors come
// from one counter, as in ops/philox.rs.

struct Four {
    long long record; // where it starts
    int first;        // value of the record
    float factors[4];
};

__device__ __forceinline__ Four four(int i, int width, unsigned key0, unsigned key1, unsigned threshold, float scale) {
    int counters = ceil_div(width, 256) * 64, record = i / counters, counter = i % counters;
    uint4 drawn = philox({(unsigned)counter, (unsigned)record, 0u, 0u}, key0, key1);
    return {(long long)record * width,
            counter / 64 * 256 + counter % 64,
            {drawn.x >= threshold ? scale : 0.f, drawn.y >= threshold ? scale : 0.f, drawn.z >= threshold ? scale : 0.f,
             drawn.w >= threshold ? scale : 0.f}};
}

// y = what readers see of x, (records, width), times the factors.
KERNEL dropout_scale(const float *__restrict__ x, Reading reading, float *__restrict__ y, int threads, int width, int channels, unsigned key0, unsigned key1, unsigned threshold, float scale) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= threads) return;
    Four at = four(i, width, key0, key1, threshold, scale);
    for (int part = 0; part < 4; part++) {
        int value = at.first + 64 * part;
        if (value >= width) return;
        y[at.record + value] = reading(x[at.record + value], value % channels) * at.factors[part];
    }
}

// gx = gy times the factors, or with them added.
KERNEL dropout_scale_gradient(const float *__restrict__ gy, float *__restrict__ gx, int fresh, int threads, int width, unsigned key0, unsigned key1, unsigned threshold, float scale) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= threads) return;
    Four at = four(i, width, key0, key1, threshold, scale);
    for (int part = 0; part < 4; part++) {
        int value = at.first + 64 * part;
        if (value >= width) return;
        float back = gy[at.record + value] * at.factors[part];
        gx[at.record + value] = fresh ? back : gx[at.record + value] + back;
    }
}
