// A CUDA driver for machines without a GPU: device memory is the host's, and kernels are libraries for the host that
// nvrtc.cpp made. Only what dfdx, cudarc and ecgraft call is here.
//
// ECGRAFT_EMULATED_MEMORY: bytes of device memory, for tests of what happens where there is too little.
// ECGRAFT_EMULATED_FAULT: what does not fit: no-device, old-gpu, or old-driver, which refuses what NVRTC compiled.
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#define API extern "C" __attribute__((visibility("default"))) int

namespace {

constexpr int OK = 0, INVALID = 1, OUT_OF_MEMORY = 2, NOT_FOUND = 500, NO_DEVICE = 101;
using Address = unsigned long long;

// Bytes around what is allocated, which nobody may write.
constexpr size_t MARGIN = 256;

std::mutex lock;
std::map<Address, size_t> allocated;
size_t in_use, most_in_use;
// How often this thread has waited for the device.
thread_local long waits;

size_t capacity() {
    const char *text = std::getenv("ECGRAFT_EMULATED_MEMORY");
    return text ? std::strtoull(text, nullptr, 10) : size_t(16) << 30;
}

bool fault(const char *name) {
    const char *text = std::getenv("ECGRAFT_EMULATED_FAULT");
    return text && std::strcmp(text, name) == 0;
}

int allocate(Address *to, size_t bytes) {
    std::lock_guard<std::mutex> guard(lock);
    if (in_use + bytes > capacity()) return OUT_OF_MEMORY;
    size_t whole = MARGIN + (bytes + MARGIN) / MARGIN * MARGIN + MARGIN;
    char *memory = static_cast<char *>(std::aligned_alloc(MARGIN, whole));
    // Not a number, so that nothing can rely on what was there, nor on what is beside it.
    std::memset(memory, 0xff, whole);
    *to = reinterpret_cast<Address>(memory + MARGIN);
    allocated[*to] = bytes;
    in_use += bytes;
    if (in_use > most_in_use) most_in_use = in_use;
    return OK;
}

int release(Address at) {
    std::lock_guard<std::mutex> guard(lock);
    auto found = allocated.find(at);
    if (found == allocated.end()) return at == 0 ? OK : INVALID;
    in_use -= found->second;
    unsigned char *memory = reinterpret_cast<unsigned char *>(at) - MARGIN;
    auto untouched = [&](size_t from, size_t until) {
        for (size_t i = from; i < until; i++)
            if (memory[i] != 0xff) return false;
        return true;
    };
    if (!untouched(0, MARGIN) || !untouched(MARGIN + found->second, MARGIN + (found->second + MARGIN) / MARGIN * MARGIN + MARGIN)) {
        std::fprintf(stderr, "emulated driver: something was written beside %zu bytes of device memory\n", found->second);
        std::abort();
    }
    std::free(memory);
    allocated.erase(found);
    return OK;
}

struct Function {
    void (*launch)(const unsigned *, const unsigned *, size_t, void **);
};

} // namespace

API cuInit(unsigned) { return fault("no-device") ? 100 : OK; }
API cuDriverGetVersion(int *version) { *version = fault("old-driver") ? 12040 : 13000; return OK; }
API cuDeviceGet(int *device, int number) { *device = number; return number == 0 ? OK : NO_DEVICE; }
API cuDeviceGetCount(int *count) { *count = 1; return OK; }
API cuDeviceGetName(char *name, int size, int) { std::snprintf(name, size, "emulated"); return OK; }
API cuDeviceTotalMem_v2(size_t *bytes, int) { *bytes = capacity(); return OK; }
API cuDeviceGetAttribute(int *value, int which, int) {
    // Compute capability 9.0; two multiprocessors.
    *value = which == 75 ? (fault("old-gpu") ? 7 : 9) : which == 76 ? 0 : which == 16 ? 2 : which == 97 ? 227 << 10 : 1;
    return OK;
}
API cuDevicePrimaryCtxRetain(void **context, int) { *context = &lock; return OK; }
API cuDevicePrimaryCtxRelease_v2(int) { return OK; }
API cuCtxSetCurrent(void *) { return OK; }
API cuCtxGetCurrent(void **context) { *context = &lock; return OK; }
API cuCtxSynchronize() { return OK; }
API cuEventCreate(void **event, unsigned) { *event = std::malloc(1); return OK; }
API cuEventDestroy_v2(void *event) { std::free(event); return OK; }
API cuEventRecord(void *, void *) { return OK; }
API cuStreamCreate(void **stream, unsigned) { *stream = std::malloc(1); return OK; }
API cuStreamDestroy_v2(void *stream) { std::free(stream); return OK; }
API cuStreamSynchronize(void *) { waits++; return OK; }
API cuStreamWaitEvent(void *, void *, unsigned) { return OK; }
API cuMemAllocAsync(Address *to, size_t bytes, void *) { return allocate(to, bytes); }
API cuMemAlloc_v2(Address *to, size_t bytes) { return allocate(to, bytes); }
API cuMemFreeAsync(Address at, void *) { return release(at); }
API cuMemFree_v2(Address at) { return release(at); }
API cuMemGetInfo_v2(size_t *free, size_t *total) {
    std::lock_guard<std::mutex> guard(lock);
    *total = capacity();
    *free = *total - in_use;
    return OK;
}
static int copy(void *to, const void *from, size_t bytes) { std::memmove(to, from, bytes); return OK; }
static void *at(Address address) { return reinterpret_cast<void *>(address); }
API cuMemcpyDtoDAsync_v2(Address to, Address from, size_t bytes, void *) { return copy(at(to), at(from), bytes); }
API cuMemcpyDtoD_v2(Address to, Address from, size_t bytes) { return copy(at(to), at(from), bytes); }
API cuMemcpyDtoHAsync_v2(void *to, Address from, size_t bytes, void *) { return copy(to, at(from), bytes); }
API cuMemcpyDtoH_v2(void *to, Address from, size_t bytes) {
    waits++;
    return copy(to, at(from), bytes);
}
API cuMemcpyHtoDAsync_v2(Address to, const void *from, size_t bytes, void *) { return copy(at(to), from, bytes); }
API cuMemcpyHtoD_v2(Address to, const void *from, size_t bytes) { return copy(at(to), from, bytes); }
API cuMemsetD8Async(Address to, unsigned char value, size_t bytes, void *) { std::memset(at(to), value, bytes); return OK; }
API cuMemsetD8_v2(Address to, unsigned char value, size_t bytes) { std::memset(at(to), value, bytes); return OK; }
API cuDeviceGetDefaultMemPool(void **pool, int) { *pool = &lock; return OK; }
API cuMemPoolSetAttribute(void *, int, void *) { return OK; }
API cuMemPoolGetAttribute(void *, int, void *value) { *static_cast<uint64_t *>(value) = most_in_use; return OK; }
API cuModuleLoad(void **module, const char *file) {
    if (fault("old-driver")) return 209;
    *module = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!*module) std::fprintf(stderr, "emulated driver: %s\n", dlerror());
    return *module ? OK : 301;
}
API cuModuleLoadData(void **, const void *) { return 200; }
API cuModuleUnload(void *) { return OK; }
API cuModuleGetFunction(void **function, void *module, const char *name) {
    void *launch = dlsym(module, (std::string("launch_") + name).c_str());
    if (!launch) return NOT_FOUND;
    auto made = new Function;
    std::memcpy(&made->launch, &launch, sizeof launch);
    *function = made;
    return OK;
}
API cuFuncSetAttribute(void *, int, int) { return OK; }
API cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void *, void **arguments, void **) {
    if (gx == 0 || gy == 0 || gz == 0 || gy > 65535 || gz > 65535 || bx * by * bz > 1024 || shared > (227 << 10)) return INVALID;
    static std::mutex one_at_a_time;
    std::lock_guard<std::mutex> guard(one_at_a_time);
    unsigned grid[3] = {gx, gy, gz}, block[3] = {bx, by, bz};
    static_cast<Function *>(function)->launch(grid, block, shared, arguments);
    return OK;
}
API cuGetErrorString(int, const char **text) { *text = "an error of the emulated driver"; return OK; }
API cuGetErrorName(int, const char **text) { *text = "EMULATED"; return OK; }

// How often the calling thread has waited for the device since its last call.
extern "C" __attribute__((visibility("default"))) long ecgraft_emulated_waits() {
    return std::exchange(waits, 0);
}
