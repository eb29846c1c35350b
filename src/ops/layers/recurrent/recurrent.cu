// A recurrent layer through time, after the products of its input: one launch takes all records through all steps.
//
// A block takes a few records of one direction (blockIdx.y) from the first step to the last, so that steps are divided
// by barriers of the block alone. Each step multiplies the state of its records with a matrix that does not change:
// what fits of it stays in shared memory, the rest comes from the second-level cache, 16 bytes a thread and eight
// loads on their way at once. The more records a block has, the more is done with each number that comes.

// Whose equations a step has.
#define RNN 0
#define LSTM 1
#define GRU 2

// The most threads of a block: each may have 128 registers.
#define RNN_THREADS 512
// Loads of a thread that are on their way at once.
#define RNN_LOADS 8

// A weight (rows, columns) as `to`: (rows, pitch) or, turned, (columns, pitch), with zeros up to the pitch. One thread
// for each number of `to`.
KERNEL rnn_matrix(const float *__restrict__ weight, float *__restrict__ to, int rows, int columns, int pitch, int turned) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, row = i / pitch, column = i % pitch;
    if (row >= (turned ? columns : rows)) return;
    bool inside = column < (turned ? rows : columns);
    to[i] = !inside ? 0.f : turned ? weight[column * columns + row] : weight[row * columns + column];
}

// A matrix (depth, pitch): its rows are dealt to `runs` of `each`, and the first `held` rows of every run are in
// shared memory.
struct RnnMatrix {
    const float4 *rows;
    float4 *shared;
    int depth, quads, runs, each, held;

    __device__ RnnMatrix(const float *rows, float *shared, int depth, int pitch, int runs, int held)
        : rows(reinterpret_cast<const float4 *>(rows)), shared(reinterpret_cast<float4 *>(shared)), depth(depth),
          quads(pitch / 4), runs(runs), each(ceil_div(depth, runs)), held(held) {}

    // Brings to shared memory what is held there.
    __device__ void hold() const {
        for (int i = threadIdx.x; i < runs * held * quads; i += blockDim.x) {
            int row = i / quads, k = row / held * each + row % held;
            if (k < depth) shared[i] = rows[k * quads + i % quads];
        }
    }
};

// The values of R records, side by side and aligned.
template <int R>
__device__ __forceinline__ void rnn_values(const float *at, float (&to)[R]) {
    if constexpr (R % 4 == 0) {
#pragma unroll
        for (int i = 0; i < R / 4; i++) {
            float4 four = reinterpret_cast<const float4 *>(at)[i];
            to[4 * i] = four.x, to[4 * i + 1] = four.y, to[4 * i + 2] = four.z, to[4 * i + 3] = four.w;
        }
    } else if constexpr (R == 2) {
        float2 two = *reinterpret_cast<const float2 *>(at);
        to[0] = two.x, to[1] = two.y;
    } else {
        to[0] = at[0];
    }
}

template <int R>
__device__ __forceinline__ void rnn_add(float4 weight, const float *at, float4 (&sums)[R]) {
    float values[R];
    rnn_values<R>(at, values);
#pragma unroll
    for (int r = 0; r < R; r++) {
        sums[r].x += values[r] * weight.x;
        sums[r].y += values[r] * weight.y;
        sums[r].z += values[r] * weight.z;
        sums[r].w += values[r] * weight.w;
    }
}

// The vectors of R records, (depth, R), times the matrix: the sum of each run of rows goes to `sums` (runs, R, pitch).
// A thread makes four columns of one run.
template <int R>
__device__ __forceinline__ void rnn_product(const RnnMatrix &m, const float *vectors, float *sums) {
    for (int item = threadIdx.x; item < m.quads * m.runs; item += blockDim.x) {
        int quad = item % m.quads, run = item / m.quads;
        int k = run * m.each, end = min(k + m.each, m.depth), middle = min(k + m.held, end);
        float4 of_run[R];
#pragma unroll
        for (int r = 0; r < R; r++) of_run[r] = make_float4(0.f, 0.f, 0.f, 0.f);
        const float4 *near = m.shared + run * m.held * m.quads + quad;
#pragma unroll 4
        for (; k < middle; k++, near += m.quads) rnn_add<R>(*near, vectors + k * R, of_run);
        const float4 *far = m.rows + k * m.quads + quad;
        for (; k + RNN_LOADS <= end; k += RNN_LOADS, far += RNN_LOADS * m.quads) {
            float4 weights[RNN_LOADS];
#pragma unroll
            for (int n = 0; n < RNN_LOADS; n++) weights[n] = __ldg(far + n * m.quads);
#pragma unroll
            for (int n = 0; n < RNN_LOADS; n++) rnn_add<R>(weights[n], vectors + (k + n) * R, of_run);
        }
        for (; k < end; k++, far += m.quads) rnn_add<R>(__ldg(far), vectors + k * R, of_run);
        float4 *to = reinterpret_cast<float4 *>(sums) + run * R * m.quads + quad;
#pragma unroll
        for (int r = 0; r < R; r++) to[r * m.quads] = of_run[r];
    }
}

// A product's value: the sums of all runs, in their order. They are `apart`.
__device__ __forceinline__ float rnn_total(const float *sums, int runs, int apart) {
    float total = 0.f;
    for (int run = 0; run < runs; run++) total += sums[run * apart];
    return total;
}

__device__ __forceinline__ float rnn_sigmoid(float x) { return 1.f / (1.f + expf(-x)); }

// g through a logistic function that gave y.
__device__ __forceinline__ float rnn_through_sigmoid(float y, float g) { return (y - y * y) * g; }

// g through a hyperbolic tangent that gave y.
__device__ __forceinline__ float rnn_through_tanh(float y, float g) { return (1.f - y * y) * g; }

// The activations of a layer and where a block is in them.
struct RnnPlace {
    int cell, batch, length, hidden, gates, direction, first, count;

    __device__ RnnPlace(int cell, int batch, int length, int hidden, int together)
        : cell(cell), batch(batch), length(length), hidden(hidden), gates(cell == RNN ? 1 : cell == LSTM ? 4 : 3),
          direction(blockIdx.y), first(blockIdx.x * together), count(min(together, batch - first)) {}

    __device__ int sample(int step) const { return direction ? length - 1 - step : step; }

    // The row of the block's record number `record` in arrays of (directions, batch, length).
    __device__ size_t row(int record, int step) const {
        return (static_cast<size_t>(direction) * batch + first + record) * length + sample(step);
    }

    // Where its hidden state is in (batch, length, directions, hidden).
    __device__ size_t state(int record, int step, int unit) const {
        size_t row = static_cast<size_t>(first + record) * length + sample(step);
        return (row * gridDim.y + direction) * hidden + unit;
    }
};

// One number of each gate of a unit.
__device__ __forceinline__ void rnn_load(const float *gates, const RnnPlace &p, int item, int step, float (&to)[4]) {
    const float *from = gates + p.row(item / p.hidden, step) * p.gates * p.hidden + item % p.hidden;
#pragma unroll
    for (int gate = 0; gate < 4; gate++)
        if (gate < p.gates) to[gate] = from[gate * p.hidden];
}

template <int R>
__device__ __forceinline__ void rnn_forward_of(float *gates, float *kept, float *y, const RnnMatrix &m,
                                               const float *bias, const RnnPlace &p, float *shared) {
    float *sums = shared, *h = sums + m.runs * R * 4 * m.quads, *c = h + p.hidden * R;
    for (int i = threadIdx.x; i < p.hidden * R; i += blockDim.x) h[i] = c[i] = 0.f;
    m.hold();
    __syncthreads();
    int items = p.hidden * p.count, mine = threadIdx.x;
    for (int step = 0; step < p.length; step++) {
        // On its way while the product is made.
        float of_input[4];
        if (mine < items) rnn_load(gates, p, mine, step, of_input);
        rnn_product<R>(m, h, sums);
        __syncthreads();
        // A thread has a unit of a record, the same ones in every step: nobody else reads or writes their numbers.
        for (int item = mine; item < items; item += blockDim.x) {
            int unit = item % p.hidden, record = item / p.hidden;
            if (item != mine) rnn_load(gates, p, item, step, of_input);
            float a[4], of_hidden[4];
#pragma unroll
            for (int gate = 0; gate < 4; gate++) {
                if (gate >= p.gates) break;
                int column = gate * p.hidden + unit;
                of_hidden[gate] = rnn_total(sums + record * 4 * m.quads + column, m.runs, R * 4 * m.quads) + bias[column];
                a[gate] = of_input[gate] + of_hidden[gate];
            }
            float state, extra = 0.f, before = h[unit * R + record];
            if (p.cell == RNN) {
                state = tanhf(a[0]);
            } else if (p.cell == LSTM) {
                for (int gate = 0; gate < 4; gate++) a[gate] = gate == 2 ? tanhf(a[gate]) : rnn_sigmoid(a[gate]);
                extra = c[item] = a[1] * c[item] + a[0] * a[2];
                state = a[3] * tanhf(extra);
            } else {
                a[0] = rnn_sigmoid(a[0]);
                a[1] = rnn_sigmoid(a[1]);
                extra = of_hidden[2];
                a[2] = tanhf(of_input[2] + a[0] * extra);
                state = a[2] + a[1] * (before - a[2]);
            }
            h[unit * R + record] = state;
            y[p.state(record, step, unit)] = state;
            if (kept != nullptr) {
                size_t row = p.row(record, step);
                kept[row * p.hidden + unit] = extra;
                float *to = gates + row * p.gates * p.hidden + unit;
#pragma unroll
                for (int gate = 0; gate < 4; gate++)
                    if (gate < p.gates) to[gate * p.hidden] = a[gate];
            }
        }
        __syncthreads();
    }
}

// The hidden states y (batch, length, directions, hidden). `gates` (directions, batch, length, gates, hidden) has the
// products with the input, and their bias; where `kept` is not null, the gates take their place, and in `kept`
// (directions, batch, length, hidden) are an lstm's c or the part of a gru's n that r scales. `matrix` is U turned,
// (directions, hidden, pitch), and `bias` the hidden state's, of each direction. A block takes `together` records.
KERNEL __launch_bounds__(RNN_THREADS) rnn_forward(
    float *gates, float *kept, float *y, const float *matrix, const float *bias, const float *bias_reversed, int cell,
    int batch, int length, int hidden, int together, int pitch, int runs, int held) {
    DYNAMIC_SHARED(float, shared);
    RnnPlace p(cell, batch, length, hidden, together);
    RnnMatrix m(matrix + static_cast<size_t>(p.direction) * hidden * pitch, shared, hidden, pitch, runs, held);
    float *rest = shared + runs * held * pitch;
    const float *b = p.direction ? bias_reversed : bias;
    switch (together) {
    case 1: rnn_forward_of<1>(gates, kept, y, m, b, p, rest); break;
    case 2: rnn_forward_of<2>(gates, kept, y, m, b, p, rest); break;
    case 4: rnn_forward_of<4>(gates, kept, y, m, b, p, rest); break;
    default: rnn_forward_of<8>(gates, kept, y, m, b, p, rest);
    }
}

// What a step back reads of a unit.
struct RnnUnit {
    float gates[4];
    // The gradient of its hidden state, by those who read it.
    float flowing;
    // h of a plain layer, c of an lstm, what r scales of a gru.
    float own;
    // The step before: c of an lstm, h of a gru.
    float before;
};

__device__ __forceinline__ void rnn_load_unit(const float *gates, const float *kept, const float *y, const float *gy,
                                              const RnnPlace &p, int item, int step, RnnUnit &to) {
    int unit = item % p.hidden, record = item / p.hidden;
    size_t state = p.state(record, step, unit);
    to.flowing = gy[state];
    to.before = 0.f;
    if (p.cell == RNN) {
        to.own = y[state];
        return;
    }
    rnn_load(gates, p, item, step, to.gates);
    to.own = kept[p.row(record, step) * p.hidden + unit];
    if (step > 0)
        to.before = p.cell == LSTM ? kept[p.row(record, step - 1) * p.hidden + unit] : y[p.state(record, step - 1, unit)];
}

template <int R>
__device__ __forceinline__ void rnn_backward_of(float *gates, float *kept, const float *y, const float *gy,
                                                const RnnMatrix &m, const RnnPlace &p, float *shared) {
    // Of the gates' gradients (gates, hidden, R), and of c or, of a gru, what flows around the products to h.
    float *sums = shared, *of_gates = sums + m.runs * R * 4 * m.quads, *rest = of_gates + m.depth * R;
    for (int i = threadIdx.x; i < m.depth * R; i += blockDim.x) of_gates[i] = 0.f;
    for (int i = threadIdx.x; i < p.hidden * R; i += blockDim.x) rest[i] = 0.f;
    m.hold();
    int items = p.hidden * p.count, mine = threadIdx.x;
    RnnUnit u;
    if (mine < items) rnn_load_unit(gates, kept, y, gy, p, mine, p.length - 1, u);
    __syncthreads();
    for (int step = p.length - 1; step >= 0; step--) {
        // As in the forward pass, a thread has the same units in every step.
        for (int item = mine; item < items; item += blockDim.x) {
            int unit = item % p.hidden, record = item / p.hidden;
            if (item != mine) rnn_load_unit(gates, kept, y, gy, p, item, step, u);
            float dh = u.flowing, d[4], hidden_d = 0.f;
            if (step < p.length - 1) dh += rnn_total(sums + record * 4 * m.quads + unit, m.runs, R * 4 * m.quads);
            if (p.cell == RNN) {
                d[0] = rnn_through_tanh(u.own, dh);
            } else if (p.cell == LSTM) {
                float i = u.gates[0], f = u.gates[1], g = u.gates[2], o = u.gates[3], t = tanhf(u.own);
                float dc = rest[item] + rnn_through_tanh(t, dh * o);
                d[0] = rnn_through_sigmoid(i, dc * g);
                d[1] = rnn_through_sigmoid(f, dc * u.before);
                d[2] = rnn_through_tanh(g, dc * i);
                d[3] = rnn_through_sigmoid(o, dh * t);
                rest[item] = dc * f;
            } else {
                float r = u.gates[0], z = u.gates[1], n = u.gates[2];
                dh += rest[item];
                d[2] = rnn_through_tanh(n, dh - dh * z);
                d[0] = rnn_through_sigmoid(r, d[2] * u.own);
                d[1] = rnn_through_sigmoid(z, dh * (u.before - n));
                hidden_d = d[2] * r;
                rest[item] = dh * z;
                kept[p.row(record, step) * p.hidden + unit] = hidden_d;
            }
            float *to = gates + p.row(record, step) * p.gates * p.hidden + unit;
#pragma unroll
            for (int gate = 0; gate < 4; gate++) {
                if (gate >= p.gates) break;
                to[gate * p.hidden] = d[gate];
                of_gates[(gate * p.hidden + unit) * R + record] = p.cell == GRU && gate == 2 ? hidden_d : d[gate];
            }
        }
        __syncthreads();
        if (step == 0) break;
        // On their way while the product is made; nobody else writes them.
        if (mine < items) rnn_load_unit(gates, kept, y, gy, p, mine, step - 1, u);
        rnn_product<R>(m, of_gates, sums);
        __syncthreads();
    }
}

// The gradients of all products, from `gy`, that of y: of those with the input, and but for a gru's n of those with
// the hidden state, in place of `gates`; of a gru's n those with the hidden state, in place of `kept`. Of a plain
// layer `gates` is only written. `matrix` is U, (directions, gates, hidden, pitch).
KERNEL __launch_bounds__(RNN_THREADS) rnn_backward(
    float *gates, float *kept, const float *y, const float *gy, const float *matrix, int cell, int batch, int length,
    int hidden, int together, int pitch, int runs, int held) {
    DYNAMIC_SHARED(float, shared);
    RnnPlace p(cell, batch, length, hidden, together);
    int depth = p.gates * hidden;
    RnnMatrix m(matrix + static_cast<size_t>(p.direction) * depth * pitch, shared, depth, pitch, runs, held);
    float *rest = shared + runs * held * pitch;
    switch (together) {
    case 1: rnn_backward_of<1>(gates, kept, y, gy, m, p, rest); break;
    case 2: rnn_backward_of<2>(gates, kept, y, gy, m, p, rest); break;
    case 4: rnn_backward_of<4>(gates, kept, y, gy, m, p, rest); break;
    default: rnn_backward_of<8>(gates, kept, y, gy, m, p, rest);
    }
}
