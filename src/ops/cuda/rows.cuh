// How products read: rows in an activation, and rows of a matrix. TENSOR is 1 for TF32 or 0 for f32.

// What is read: `Rows` in product.rs.
struct Rows {
    const float *values;
    Reading reading;
    int length, pitch, offset, channels, count, stride, first, taps;
    // Whether a sample is read as the maximum of it and its neighbours.
    int pooled;
    // Whether four values from a multiple of four on can be read at once.
    int vector;

    __device__ __forceinline__ float4 seen(const float *from, int place) const {
        float4 x = *reinterpret_cast<const float4 *>(from);
        return make_float4(reading(x.x, place), reading(x.y, place + 1), reading(x.z, place + 2), reading(x.w, place + 3));
    }

    __device__ __forceinline__ static float4 larger(float4 a, float4 b) {
        return make_float4(fmaxf(a.x, b.x), fmaxf(a.y, b.y), fmaxf(a.z, b.z), fmaxf(a.w, b.w));
    }

    // The value of one channel (counted from `offset`) of a sample of a record; 0 outside of the record.
    __device__ __forceinline__ float at(const float *record, int sample, int channel) const {
        if (sample < 0 || sample >= length) return 0.f;
        int place = offset + channel;
        const float *x = record + (size_t)sample * pitch + place;
        float top = reading(*x, place);
        if (pooled && sample > 0) top = fmaxf(top, reading(x[-pitch], place));
        if (pooled && sample + 1 < length) top = fmaxf(top, reading(x[pitch], place));
        return top;
    }

    // Four channels from `channel` on: one load, where all steps are multiples of four.
    __device__ __forceinline__ float4 four(const float *record, int sample, int channel) const {
        if (sample < 0 || sample >= length) return make_float4(0.f, 0.f, 0.f, 0.f);
        int place = offset + channel;
        const float *x = record + (size_t)sample * pitch + place;
        float4 top = seen(x, place);
        if (pooled && sample > 0) top = larger(top, seen(x - pitch, place));
        if (pooled && sample + 1 < length) top = larger(top, seen(x + pitch, place));
        return top;
    }
};

// Four inner values of a row, `inner` being the first of them and `all` the number of the row's.
__device__ __forceinline__ float4 inner_four(const Rows &rows, const float *record, int sample, int inner, int all) {
    if (rows.vector) {
        if (inner >= all) return make_float4(0.f, 0.f, 0.f, 0.f);
        int tap = inner / rows.channels;
        return rows.four(record, sample + tap, inner - tap * rows.channels);
    }
    float x[4];
    for (int i = 0; i < 4; i++) {
        int tap = (inner + i) / rows.channels;
        x[i] = inner + i < all ? rows.at(record, sample + tap, inner + i - tap * rows.channels) : 0.f;
    }
    return make_float4(x[0], x[1], x[2], x[3]);
}

// Four values of a row of a matrix with `columns` columns.
__device__ __forceinline__ float4 column_four(const float *row, int column, int columns, bool vector) {
    if (vector && column + 3 < columns) return *reinterpret_cast<const float4 *>(row + column);
    float x[4];
    for (int i = 0; i < 4; i++) x[i] = column + i < columns ? row[column + i] : 0.f;
    return make_float4(x[0], x[1], x[2], x[3]);
}

// As it is multiplied: rounded once, when it comes into shared memory.
__device__ __forceinline__ float4 rounded(float4 x) {
    if (!TENSOR) return x;
    return make_float4(__uint_as_float(to_tf32(x.x)), __uint_as_float(to_tf32(x.y)), __uint_as_float(to_tf32(x.z)),
                       __uint_as_float(to_tf32(x.w)));
}
