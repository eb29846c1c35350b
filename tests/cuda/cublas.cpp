// cuBLAS for machines without a GPU: dfdx opens it, and nobody multiplies with it.
#include <cstdlib>

#define API extern "C" __attribute__((visibility("default"))) int

API cublasCreate_v2(void **handle) { *handle = std::malloc(1); return 0; }
API cublasDestroy_v2(void *handle) { std::free(handle); return 0; }
API cublasSetStream_v2(void *, void *) { return 0; }
