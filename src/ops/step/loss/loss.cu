// Losses, in double as on the CPU: `values` gets the parts of the sum, `gradient` is times `share`.

// -log sigmoid(-x), without overflow.
__device__ __forceinline__ double softplus(double x) { return fmax(x, 0.) + log1p(exp(-fabs(x))); }

struct Part {
    double value, slope;
};

// The focal loss -q^gamma log p of a probability p, with q = 1 - p, and p times its derivative in p.
__device__ __forceinline__ Part focal(double log_p, double q, double gamma) {
    // Near 1, q knows p better than log p does.
    if (q < 0.5) log_p = log1p(-q);
    double power = pow(q, gamma), ratio = q > 0. ? log_p / q : -1.;
    return {-power * log_p, power * (gamma * (1. - q) * ratio - 1.)};
}

// Softmax cross entropy, a warp for each record. `truth` has the class of each record, then the weight of each class.
// `form` is 0 for targets moved by `strength`, 1 for focal with gamma `strength`; weights sum up to `total`.
KERNEL loss_softmax(const float *__restrict__ outputs, const float *__restrict__ truth, float *__restrict__ gradient, double *__restrict__ values, int records, int classes, int form, double strength, double total, double share) {
    int record = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
    if (record >= records) return;
    const float *row = outputs + (long long)record * classes, *weights = truth + records;
    gradient += (long long)record * classes;
    int own = __float_as_int(truth[record]);
    float top_of_row = __int_as_float(0xff800000);
    for (int k = lane; k < classes; k += 32) top_of_row = fmaxf(top_of_row, row[k]);
    double top = warp_max(top_of_row), sum = 0.;
    for (int k = lane; k < classes; k += 32) sum += exp((double)row[k] - top);
    double log_sum = log(warp_sum(sum)) + top, weight = weights[own];
    if (form == 1) {
        double others = 0.;
        for (int k = lane; k < classes; k += 32)
            if (k != own) others += exp((double)row[k] - log_sum);
        others = warp_sum(others);
        Part part = focal((double)row[own] - log_sum, others, strength);
        for (int k = lane; k < classes; k += 32) {
            double move = k == own ? others : -exp((double)row[k] - log_sum);
            gradient[k] = (float)(share * (weight / total * part.slope * move));
        }
        if (lane == 0) values[record] = weight / total * part.value;
        return;
    }
    double mass = 0.;
    for (int k = lane; k < classes; k += 32)
        mass += (k == own ? (1. - strength) * weight : 0.) + strength / classes * weights[k];
    mass = warp_sum(mass);
    double part = mass / total, whole = mass > 0. ? mass : 1., mean = 0.;
    for (int k = lane; k < classes; k += 32) {
        double target = ((k == own ? (1. - strength) * weight : 0.) + strength / classes * weights[k]) / whole;
        gradient[k] = (float)(share * (part * (exp((double)row[k] - log_sum) - target)));
        mean += target * row[k];
    }
    mean = warp_sum(mean);
    if (lane == 0) values[record] = part * (log_sum - mean);
}

// Binary cross entropy of a sigmoid per class. `truth` has the label of each output, then the weight of the positives
// of each class; `form` and `strength` as above.
KERNEL loss_sigmoid(const float *__restrict__ outputs, const float *__restrict__ truth, float *__restrict__ gradient, double *__restrict__ values, int count, int classes, int form, double strength, double share) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    double z = outputs[i], negative = 1. / count, positive = negative * truth[count + i % classes];
    bool label = __float_as_int(truth[i]) != 0;
    if (form == 1) {
        double sign = label ? 1. : -1., weight = label ? positive : negative, others = 1. / (1. + exp(sign * z));
        Part part = focal(-softplus(-sign * z), others, strength);
        values[i] = weight * part.value;
        gradient[i] = (float)(share * (sign * weight * part.slope * others));
        return;
    }
    double target = (1. - strength) * (label ? 1. : 0.) + strength / 2., p = 1. / (1. + exp(-z));
    positive *= target;
    negative *= 1. - target;
    values[i] = positive * softplus(-z) + negative * softplus(z);
    gradient[i] = (float)(share * (positive * (p - 1.) + negative * p));
}

// A mean over the `known` residuals: of |d| (`kind` 0), d^2 (1) or Huber's function (2). What is not known is NaN.
KERNEL loss_residuals(const float *__restrict__ outputs, const float *__restrict__ truth, float *__restrict__ gradient, double *__restrict__ values, int count, int kind, double delta, double known, double share) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    if (isnan(truth[i])) {
        values[i] = 0.;
        gradient[i] = 0.f;
        return;
    }
    double d = (double)outputs[i] - (double)truth[i], size = fabs(d), sign = d > 0. ? 1. : d < 0. ? -1. : d;
    double value = size, slope = sign;
    if (kind == 1 || (kind == 2 && size <= delta)) {
        double half = kind == 1 ? 1. : 0.5;
        value = half * d * d;
        slope = 2. * half * d;
    } else if (kind == 2) {
        value = delta * (size - 0.5 * delta);
        slope = delta * sign;
    }
    values[i] = value / known;
    gradient[i] = (float)(share * (slope / known));
}

// NT-Xent, a warp for each view: lengths of the outputs, as in PyTorch's `normalize` at least 1e-12.
KERNEL nt_xent_norms(const float *__restrict__ outputs, double *__restrict__ norms, int views, int width) {
    int view = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
    if (view >= views) return;
    const float *row = outputs + (long long)view * width;
    double sum = 0.;
    for (int k = lane; k < width; k += 32) sum += (double)row[k] * (double)row[k];
    sum = warp_sum(sum);
    if (lane == 0) norms[view] = fmax(sqrt(sum), 1e-12);
}

// The loss of each view, and by pair of views the softmax of similarities less 1 for the other view of its record. Each
// lane writes the pairs that it reads again.
KERNEL nt_xent_slopes(const float *__restrict__ outputs, const double *__restrict__ norms, double *__restrict__ slopes, double *__restrict__ values, int views, int width, double temperature) {
    int view = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
    if (view >= views) return;
    const float *row = outputs + (long long)view * width;
    double *own = slopes + (long long)view * views;
    int partner = (view + views / 2) % views;
    float nearest = __int_as_float(0xff800000);
    for (int other = lane; other < views; other += 32) {
        const float *column = outputs + (long long)other * width;
        double sum = 0.;
        for (int k = 0; k < width; k++) sum += ((double)row[k] / norms[view]) * ((double)column[k] / norms[other]);
        own[other] = sum / temperature;
        if (other != view) nearest = fmaxf(nearest, (float)own[other]);
    }
    double top = warp_max(nearest), sum = 0., of_partner = 0.;
    for (int other = lane; other < views; other += 32) {
        if (other != view) sum += exp(own[other] - top);
        if (other == partner) of_partner = own[other];
    }
    double log_sum = log(warp_sum(sum)) + top;
    of_partner = warp_sum(of_partner);
    for (int other = lane; other < views; other += 32)
        own[other] = (other == view ? 0. : exp(own[other] - log_sum)) - (other == partner ? 1. : 0.);
    if (lane == 0) values[view] = (log_sum - of_partner) / views;
}

KERNEL nt_xent_gradient(const float *__restrict__ outputs, const double *__restrict__ norms, const double *__restrict__ slopes, double *__restrict__ along, float *__restrict__ gradient, int views, int width, double temperature, double share) {
    int view = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
    if (view >= views) return;
    const float *row = outputs + (long long)view * width;
    along += (long long)view * width;
    gradient += (long long)view * width;
    double outwards = 0., norm = norms[view];
    for (int k = lane; k < width; k += 32) {
        double sum = 0.;
        for (int other = 0; other < views; other++) {
            double slope = slopes[(long long)view * views + other] + slopes[(long long)other * views + view];
            sum += slope * ((double)outputs[(long long)other * width + k] / norms[other]);
        }
        sum /= views * temperature;
        along[k] = sum;
        outwards += sum * ((double)row[k] / norm);
    }
    // What only makes the output longer changes nothing.
    outwards = warp_sum(outwards);
    for (int k = lane; k < width; k += 32)
        gradient[k] = (float)(share * ((along[k] - outwards * ((double)row[k] / norm)) / norm));
}

// sum += weight times the sum of the values, by one block.
KERNEL loss_sum(const double *__restrict__ values, int count, double weight, double *sum) {
    double part = 0.;
    for (int i = threadIdx.x; i < count; i += blockDim.x) part += values[i];
    part = block_sum(part);
    if (threadIdx.x == 0) *sum += weight * part;
}
