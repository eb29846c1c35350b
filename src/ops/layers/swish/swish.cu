// x s(x), s the logistic function. One thread a value.

__device__ __forceinline__ float swish_share(float x) { return 1.f / (1.f + expf(-x)); }

KERNEL swish(const float *__restrict__ x, Reading reading, float *__restrict__ y, int count, int channels) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    float seen = reading(x[i], i % channels);
    y[i] = seen * swish_share(seen);
}

KERNEL swish_gradient(const float *__restrict__ x, Reading reading, const float *__restrict__ gy, float *__restrict__ gx,
                      int count, int channels, int add) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    float seen = reading(x[i], i % channels), share = swish_share(seen);
    float g = gy[i] * (share + seen * share * (1.f - share));
    gx[i] = add ? gx[i] + g : g;
}
