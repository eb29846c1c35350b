// What every kernel source begins with. NVRTC compiles it for the device; where ECGRAFT_EMULATED is defined, a C++
// compiler does, for tests without a GPU (tests/cuda/emulator.h has what CUDA brings).

#ifndef ECGRAFT_EMULATED
#define INFINITY __int_as_float(0x7f800000)
#define DYNAMIC_SHARED(type, name) extern __shared__ __align__(16) type name[]

// x rounded to the 10 bits of mantissa that tensor cores read, ties away from zero.
__device__ __forceinline__ unsigned to_tf32(float x) {
    unsigned bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    return bits;
}

// c += a b by one warp: (16, 8) by (8, 8), the fragments as PTX's mma.m16n8k8 spreads them over the lanes.
__device__ __forceinline__ void mma_tf32(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#endif

#define KERNEL extern "C" __global__ void

// What readers see of an activation: relu(scale x + shift) by channel, or x where `norm` is null. `norm` holds
// scale, shift, mean and 1 / sqrt(var + eps), each of all `channels`.
struct Reading {
    const float *norm;
    int channels;
    int relu;

    __device__ __forceinline__ float operator()(float x, int channel) const {
        if (norm == nullptr) return x;
        x = norm[channel] * x + norm[channels + channel];
        return relu && !(x > 0.f) ? 0.f : x;
    }
};

__device__ __forceinline__ int ceil_div(int a, int b) { return (a + b - 1) / b; }

// The sum over a warp, in every lane.
__device__ __forceinline__ float warp_sum(float x) {
    for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(0xffffffffu, x, step);
    return x;
}

// The same of doubles.
__device__ __forceinline__ double warp_sum(double x) {
    for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(0xffffffffu, x, step);
    return x;
}

// The largest value in a warp, in every lane.
__device__ __forceinline__ float warp_max(float x) {
    for (int step = 16; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, step));
    return x;
}

// Four numbers from a counter and a key: Philox 4x32 with 10 rounds, as ops/philox.rs has it.
__device__ __forceinline__ uint4 philox(uint4 counter, unsigned key0, unsigned key1) {
    for (int round = 0; round < 10; round++) {
        unsigned a = __umulhi(counter.x, 0xD2511F53u), b = __umulhi(counter.z, 0xCD9E8D57u);
        counter = {b ^ counter.y ^ key0, counter.z * 0xCD9E8D57u, a ^ counter.w ^ key1, counter.x * 0xD2511F53u};
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return counter;
}

// The sum over a block of 256 threads, in thread 0; the same order each time.
__device__ __forceinline__ double block_sum(double x) {
    __shared__ double sums[8];
    x = warp_sum(x);
    if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = x;
    __syncthreads();
    double sum = 0.;
    if (threadIdx.x == 0)
        for (int warp = 0; warp < 8; warp++) sum += sums[warp];
    return sum;
}
