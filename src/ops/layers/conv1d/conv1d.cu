// What a strided convolution needs beside products.

// Zeros in every `stride`th sample of (batch, length, channels) from `first` on, `count` of them in a record.
KERNEL conv1d_clear(float *to, int batch, int length, int channels, int first, int stride, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= batch * count * channels) return;
    int channel = i % channels, sample = i / channels % count, record = i / channels / count;
    to[((size_t)record * length + first + sample * stride) * channels + channel] = 0.f;
}
