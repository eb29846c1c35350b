//! What all operations share on the CPU: vectors in the widest form the machine has, matrix products, GELU, random
//! numbers by their place, and how activations are read.

pub(super) mod gelu;
mod isa;
pub(super) mod matmul;
pub(super) mod peak;
pub(super) mod philox;
pub(super) mod reading;
pub(super) mod simd;
mod storage;

pub(super) use isa::Isa;
