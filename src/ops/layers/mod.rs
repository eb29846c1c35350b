//! What networks are made of: each folder is one operation with its backward pass, generic over the device (`mod.rs`),
//! its kernels for the CPU (`cpu`), those for a GPU (`cuda` and the `.cu` files beside it), and its gradient check.

pub mod average_pool;
pub mod combine;
pub mod conv1d;
pub mod dropout;
pub mod excite;
pub mod fuse;
pub mod gated;
pub mod grouped;
pub mod inception;
pub mod linear;
pub mod norm;
pub mod pool;
pub mod recurrent;
pub mod state_space;
pub mod swish;
pub mod transformer;
