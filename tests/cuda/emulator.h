// Enough of CUDA C++ to run kernels on the host, for tests on machines without a GPU. The threads of a block are
// fibers that take turns; they change over where CUDA's threads would wait for each other. One block runs at a time,
// in order. It shows that kernels compute what they should and meet at their barriers, and nothing of speed.
//
// Of races it shows those that change a result when threads and blocks take their turns in the opposite order:
// ECGRAFT_EMULATED_ORDER=backwards.
#pragma once
#define ECGRAFT_EMULATED

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __forceinline__ inline
#define __restrict__
#define __launch_bounds__(...)
#undef INFINITY
#define INFINITY __builtin_inff()
#define __align__(n) __attribute__((aligned(n)))
#define __shared__ static
#define DYNAMIC_SHARED(type, name) type *name = reinterpret_cast<type *>(emulated::dynamic_shared)

struct uint3 { unsigned x, y, z; };
struct float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct int4 { int x, y, z, w; };
struct uint4 { unsigned x, y, z, w; };
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

static uint3 threadIdx, blockIdx, blockDim, gridDim;

namespace emulated {

enum State { Ready, AtBlock, AtWarp, Done };

constexpr size_t STACK = 256 << 10;
constexpr int MOST = 1024;

struct Fiber {
    char *stack = nullptr;
    void *place = nullptr;
    State state = Done;
    uint3 index;
};

static Fiber fibers[MOST];
static int count, current;
static void *scheduler;
static void (*body)(void **);
static void **arguments;
static char *dynamic_shared;
static bool backwards;
// What lanes show each other.
static unsigned long long shown[MOST][8];

#if defined(__x86_64__)
extern "C" void ecgraft_switch(void **from, void *to) __attribute__((visibility("hidden")));
asm(R"(
    .text
    .hidden ecgraft_switch
    .globl ecgraft_switch
ecgraft_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");
#elif defined(__aarch64__)
extern "C" void ecgraft_switch(void **from, void *to) __attribute__((visibility("hidden")));
asm(R"(
    .text
    .hidden ecgraft_switch
    .globl ecgraft_switch
ecgraft_switch:
    sub sp, sp, #160
    stp x19, x20, [sp]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
)");
#else
#error "the emulator knows x86-64 and AArch64"
#endif

static void wait(State state) {
    fibers[current].state = state;
    ecgraft_switch(&fibers[current].place, scheduler);
}

static void entry() {
    body(arguments);
    wait(Done);
    std::abort();
}

static void prepare(Fiber &fiber) {
    if (fiber.stack == nullptr) fiber.stack = static_cast<char *>(std::aligned_alloc(64, STACK));
    void **top = reinterpret_cast<void **>(fiber.stack + STACK - 64);
#if defined(__x86_64__)
    // The return address of entry, then entry's own, then six registers.
    *--top = nullptr;
    *--top = reinterpret_cast<void *>(&entry);
    for (int i = 0; i < 6; i++) *--top = nullptr;
#else
    top -= 20;
    std::memset(top, 0, 160);
    top[11] = reinterpret_cast<void *>(&entry);
#endif
    fiber.place = top;
    fiber.state = Ready;
}

static void run_block() {
    for (int i = 0; i < count; i++) {
        prepare(fibers[i]);
        unsigned x = i % blockDim.x, rest = i / blockDim.x;
        fibers[i].index = {x, rest % blockDim.y, rest / blockDim.y};
    }
    for (;;) {
        bool moved = false;
        for (int turn = 0; turn < count; turn++) {
            int i = backwards ? count - 1 - turn : turn;
            if (fibers[i].state != Ready) continue;
            current = i;
            threadIdx = fibers[i].index;
            ecgraft_switch(&scheduler, fibers[i].place);
            moved = true;
        }
        int done = 0, at_block = 0;
        for (int first = 0; first < count; first += 32) {
            int last = first + 32 < count ? first + 32 : count, here = 0, gone = 0;
            for (int i = first; i < last; i++) {
                here += fibers[i].state == AtWarp;
                at_block += fibers[i].state == AtBlock;
                gone += fibers[i].state == Done;
            }
            done += gone;
            if (here > 0 && here + gone == last - first) {
                for (int i = first; i < last; i++)
                    if (fibers[i].state == AtWarp) fibers[i].state = Ready;
                moved = true;
            }
        }
        if (done == count) return;
        if (at_block > 0 && at_block + done == count) {
            for (int i = 0; i < count; i++)
                if (fibers[i].state == AtBlock) fibers[i].state = Ready;
            moved = true;
        }
        if (!moved) {
            std::fprintf(stderr, "emulator: threads of a block wait at different barriers\n");
            std::abort();
        }
    }
}

static void launch(const unsigned *grid, const unsigned *block, size_t shared, void (*kernel)(void **), void **args) {
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    count = block[0] * block[1] * block[2];
    body = kernel;
    arguments = args;
    // Memory of no known value, as a device has it.
    dynamic_shared = static_cast<char *>(std::aligned_alloc(64, (shared + 64) / 64 * 64));
    std::memset(dynamic_shared, 0xff, shared);
    const char *order = std::getenv("ECGRAFT_EMULATED_ORDER");
    backwards = order && std::strcmp(order, "backwards") == 0;
    size_t blocks = static_cast<size_t>(grid[0]) * grid[1] * grid[2];
    for (size_t turn = 0; turn < blocks; turn++) {
        size_t i = backwards ? blocks - 1 - turn : turn;
        blockIdx = {static_cast<unsigned>(i % grid[0]), static_cast<unsigned>(i / grid[0] % grid[1]),
                    static_cast<unsigned>(i / grid[0] / grid[1])};
        run_block();
    }
    std::free(dynamic_shared);
}

template <class... A, size_t... I>
static void call(void (*f)(A...), void **args, std::index_sequence<I...>) {
    f(*static_cast<A *>(args[I])...);
}
template <class... A>
static void call(void (*f)(A...), void **args) {
    call(f, args, std::index_sequence_for<A...>());
}

static inline int lane() { return current % 32; }

template <class T>
static T shown_by(T value, int other) {
    static_assert(sizeof(T) <= 8, "a word at most");
    std::memcpy(shown[current], &value, sizeof value);
    wait(AtWarp);
    std::memcpy(&value, shown[current - lane() + other], sizeof value);
    wait(AtWarp);
    return value;
}

} // namespace emulated

static inline void __syncthreads() { emulated::wait(emulated::AtBlock); }
static inline void __syncwarp(unsigned = ~0u) { emulated::wait(emulated::AtWarp); }
static inline void __threadfence() {}

template <class T>
static T __shfl_xor_sync(unsigned, T value, int mask) { return emulated::shown_by(value, emulated::lane() ^ mask); }
template <class T>
static T __shfl_sync(unsigned, T value, int source) { return emulated::shown_by(value, source % 32); }
template <class T>
static T __shfl_down_sync(unsigned, T value, int step) {
    int other = emulated::lane() + step;
    return emulated::shown_by(value, other < 32 ? other : emulated::lane());
}
static inline unsigned __ballot_sync(unsigned, int holds) {
    using namespace emulated;
    shown[current][0] = holds != 0;
    wait(AtWarp);
    unsigned all = 0;
    for (int i = 0; i < 32; i++) all |= static_cast<unsigned>(shown[current - lane() + i][0]) << i;
    wait(AtWarp);
    return all;
}

template <class T>
static T __ldg(const T *from) { return *from; }
#define __expf std::exp
static inline float __fdividef(float a, float b) { return a / b; }
static inline unsigned __float_as_uint(float x) { unsigned bits; std::memcpy(&bits, &x, 4); return bits; }
static inline float __uint_as_float(unsigned bits) { float x; std::memcpy(&x, &bits, 4); return x; }
static inline int __float_as_int(float x) { return static_cast<int>(__float_as_uint(x)); }
static inline float __int_as_float(int bits) { return __uint_as_float(static_cast<unsigned>(bits)); }
static inline unsigned __umulhi(unsigned a, unsigned b) {
    return static_cast<unsigned>((static_cast<unsigned long long>(a) * b) >> 32);
}
static inline float rsqrtf(float x) { return 1.f / std::sqrt(x); }
template <class T>
static inline T min(T a, T b) { return b < a ? b : a; }
template <class T>
static inline T max(T a, T b) { return a < b ? b : a; }
using std::isnan;

static inline unsigned to_tf32(float x) { return (__float_as_uint(x) + 0x1000u) & ~0x1fffu; }

// Lane 4 g + t holds of a: (g, t), (g + 8, t), (g, t + 4), (g + 8, t + 4); of b: (t, g), (t + 4, g);
// of c: (g, 2 t), (g, 2 t + 1), (g + 8, 2 t), (g + 8, 2 t + 1).
static inline void mma_tf32(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    using namespace emulated;
    for (int i = 0; i < 4; i++) shown[current][i] = a[i];
    for (int i = 0; i < 2; i++) shown[current][4 + i] = b[i];
    wait(AtWarp);
    int warp = current - lane(), group = lane() / 4, member = lane() % 4;
    for (int i = 0; i < 4; i++) {
        int row = group + 8 * (i / 2), column = 2 * member + i % 2;
        for (int k = 0; k < 8; k++) {
            float left = __uint_as_float(shown[warp + row % 8 * 4 + k % 4][row / 8 + 2 * (k / 4)]);
            float right = __uint_as_float(shown[warp + column * 4 + k % 4][4 + k / 4]);
            c[i] += left * right;
        }
    }
    wait(AtWarp);
}
