// Channels weighted by gates, plus a shortcut of maxima between channels of zeros. One thread a value.

__device__ __forceinline__ float excite_share(float gate) { return 1.f / (1.f + expf(-gate)); }

// What is beside: (records, length, channels), and its windows of `stride` samples, the first `before` samples before the
// record, whose samples beyond the record are 0.
struct Beside {
    const float *values;
    Reading reading;
    int length, channels, stride, before;

    // The maximum of window m, and the first sample where it is; -1 where that is beyond the record.
    __device__ __forceinline__ float top(int record, int m, int channel, int &place) const {
        int start = m * stride - before, first = max(start, 0), last = min(start + stride, length);
        float top = last - first == stride ? -INFINITY : 0.f;
        place = -1;
        for (int t = first; t < last; t++) {
            float x = reading(values[((size_t)record * length + t) * channels + channel], channel);
            if (x > top) {
                top = x;
                place = t;
            }
        }
        return top;
    }
};

KERNEL excite(const float *__restrict__ x, Reading of_x, const float *__restrict__ gates, const float *__restrict__ beside,
              Reading of_beside, float *__restrict__ y, int count, int length, int channels, int narrow_length, int narrow,
              int stride, int before, int margin) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    int channel = i % channels, m = i / channels % length, record = i / channels / length, place;
    Beside all = {beside, of_beside, narrow_length, narrow, stride, before};
    float sum = of_x(x[i], channel) * excite_share(gates[record * channels + channel]);
    if (channel >= margin && channel < margin + narrow) sum += all.top(record, m, channel - margin, place);
    y[i] = sum;
}

KERNEL excite_gradient_x(const float *__restrict__ gates, const float *__restrict__ gy, float *__restrict__ gx, int count,
                         int length, int channels, int add) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    float g = gy[i] * excite_share(gates[i / channels / length * channels + i % channels]);
    gx[i] = add ? gx[i] + g : g;
}

// One thread a gate.
KERNEL excite_gradient_gates(const float *__restrict__ x, Reading of_x, const float *__restrict__ gates,
                             const float *__restrict__ gy, float *__restrict__ to, int count, int length, int channels, int add) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    int channel = i % channels, record = i / channels;
    float sum = 0.f, share = excite_share(gates[i]);
    for (int m = 0; m < length; m++) {
        size_t at = ((size_t)record * length + m) * channels + channel;
        sum += of_x(x[at], channel) * gy[at];
    }
    float g = sum * share * (1.f - share);
    to[i] = add ? to[i] + g : g;
}

// One thread a value of what is beside.
KERNEL excite_gradient_beside(const float *__restrict__ beside, Reading of_beside, const float *__restrict__ gy,
                              float *__restrict__ to, int count, int length, int channels, int narrow_length, int narrow,
                              int stride, int before, int margin, int add) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    int channel = i % narrow, t = i / narrow % narrow_length, record = i / narrow / narrow_length, place;
    int m = (t + before) / stride;
    Beside all = {beside, of_beside, narrow_length, narrow, stride, before};
    float g = 0.f;
    if (m < length) {
        all.top(record, m, channel, place);
        if (place == t) g = gy[((size_t)record * length + m) * channels + margin + channel];
    }
    to[i] = add ? to[i] + g : g;
}
