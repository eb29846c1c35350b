// Averages of the parts of features (batch, parts x width), part i weighted by softmax(scores)_i.

// Its weight.
__device__ __forceinline__ float fuse_weight(const float *scores, Reading reading, int parts, int part) {
    float top = -INFINITY, sum = 0.f;
    for (int i = 0; i < parts; i++) top = fmaxf(top, reading(scores[i], i));
    for (int i = 0; i < parts; i++) sum += expf(reading(scores[i], i) - top);
    return expf(reading(scores[part], part) - top) / sum;
}

// One thread a value of y (batch, width).
KERNEL gated(const float *__restrict__ x, Reading of_x, const float *__restrict__ scores, Reading of_scores,
             float *__restrict__ y, int count, int parts, int width) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    int record = i / width, column = i % width;
    float sum = 0.f;
    for (int part = 0; part < parts; part++) {
        int place = part * width + column;
        sum += fuse_weight(scores + record * parts, of_scores, parts, part) * of_x(x[(size_t)record * parts * width + place], place);
    }
    y[i] = sum;
}

// One thread a value of gx.
KERNEL gated_gradient(const float *__restrict__ scores, Reading of_scores, const float *__restrict__ gy, float *__restrict__ gx,
                      int count, int parts, int width, int add) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    int column = i % width, part = i / width % parts, record = i / width / parts;
    float g = fuse_weight(scores + record * parts, of_scores, parts, part) * gy[(size_t)record * width + column];
    gx[i] = add ? gx[i] + g : g;
}

// One warp a record: the slope of each part is its product with gy; a score's gradient is its weight times how far its
// slope is from the average. Parts are gone through twice, so that nothing is kept.
KERNEL score_gradient(const float *__restrict__ x, Reading of_x, const float *__restrict__ scores, Reading of_scores,
                      const float *__restrict__ gy, float *__restrict__ gscores, int parts, int width, int add) {
    int record = blockIdx.x, lane = threadIdx.x;
    float average = 0.f;
    for (int pass = 0; pass < 2; pass++) {
        for (int part = 0; part < parts; part++) {
            float slope = 0.f;
            for (int column = lane; column < width; column += 32) {
                int place = part * width + column;
                slope += of_x(x[(size_t)record * parts * width + place], place) * gy[(size_t)record * width + column];
            }
            slope = warp_sum(slope);
            float weight = fuse_weight(scores + record * parts, of_scores, parts, part);
            if (pass == 0) average += weight * slope;
            if (pass == 1 && lane == 0) {
                float *to = gscores + record * parts + part, g = weight * (slope - average);
                *to = add ? *to + g : g;
            }
        }
    }
}
