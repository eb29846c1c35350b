// Rows of a table that stays on the device.

// Puts what readers see of x to `table`.
KERNEL gather_keep(const float *__restrict__ x, Reading reading, float *__restrict__ table, int count, int channels) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) table[i] = reading(x[i], i % channels);
}

// y = the rows `indices`.
KERNEL gather_rows(const float *__restrict__ table, const int *__restrict__ indices, float *__restrict__ y, int count, int width) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) y[i] = table[(long long)indices[i / width] * width + i % width];
}

enum Kind { NOISE, WANDER, DROPPED, CROP, SHIFT, SCALE };

// sin(2 pi x / 2^32) of a number of turns; x as a signed number is half a turn at most.
__device__ __forceinline__ float sine_of_turns(unsigned x) {
    return sinf(3.14159265f * ((float)(int)x * (1.f / 2147483648.f)));
}

// A number from the normal distribution, that of a place (Box and Muller 1958).
__device__ __forceinline__ float normal(unsigned place, unsigned change, unsigned key0, unsigned key1) {
    uint4 drawn = philox({place, change, 0u, 0u}, key0, key1);
    float radius = sqrtf(-2.f * logf(((float)drawn.x + 1.f) * (1.f / 4294967296.f)));
    return radius * sine_of_turns(drawn.y);
}

// y = the rows, each (length, leads), changed. `plan` has their indices, then the kind of each of the `changes` and
// where its numbers are in a record's, then each record's numbers, `stride` of them.
KERNEL gather_changed(const float *__restrict__ table, const unsigned *__restrict__ plan, float *__restrict__ y, int records, int length, int leads, int changes, int stride) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, width = length * leads;
    if (i >= records * width) return;
    int record = i / width, sample = i % width / leads, lead = i % leads, change = changes;
    const unsigned *kinds = plan + records, *numbers = kinds + 2 * changes + record * stride;
    // Back to where the value comes from: the record, or a shift that brought it in.
    float value = 0.f;
    bool inside = true;
    while (inside && change > 0) {
        change--;
        if (kinds[2 * change] != SHIFT) continue;
        int from = sample - (int)numbers[kinds[2 * change + 1]];
        inside = from >= 0 && from < length;
        if (inside) sample = from;
        else change++;
    }
    if (inside) value = table[(long long)(int)plan[record] * width + sample * leads + lead];
    // And forth, through the changes from there on.
    for (; change < changes; change++) {
        const unsigned *own = numbers + kinds[2 * change + 1];
        switch (kinds[2 * change]) {
        case NOISE:
            value += __uint_as_float(own[2]) * normal(sample * leads + lead, change, own[0], own[1]);
            break;
        case WANDER: {
            unsigned long long turns = (unsigned long long)own[1] << 32 | own[0], phase = (unsigned long long)own[3] << 32 | own[2];
            value += __uint_as_float(own[4 + lead]) * sine_of_turns((unsigned)((turns * (unsigned)sample + phase) >> 32));
            break;
        }
        case DROPPED:
            if (own[lead] != 0) value = 0.f;
            break;
        case CROP:
            if (sample < (int)own[0] || sample >= (int)own[1]) value = 0.f;
            break;
        case SHIFT:
            sample += (int)own[0];
            break;
        case SCALE:
            value *= __uint_as_float(own[0]);
            break;
        }
    }
    y[i] = value;
}
