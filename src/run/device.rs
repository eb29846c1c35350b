//! Where training runs.

use crate::Result;
use crate::error::Error;
use crate::results::ResultsFolder;

/// A device, as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// The CPU of this machine.
    Cpu,
    /// A GPU, by its number.
    #[cfg(feature = "cuda")]
    Cuda(usize),
}

impl Device {
    /// Reads `auto`, `cpu`, `cuda` (the first GPU) or `cuda:N`. `auto` is the first GPU where this build can use one
    /// and one is there, else the CPU.
    ///
    /// # Errors
    /// A user error for anything else, and for a GPU that cannot be used; it says what was found.
    pub fn parse(text: &str) -> Result<Self> {
        let number = match text.strip_prefix("cuda") {
            Some("") => Some(0),
            Some(rest) => rest.strip_prefix(':').and_then(|number| number.parse().ok()),
            None => None,
        };
        match (text, number) {
            ("auto", _) => Ok(Self::best()),
            ("cpu", _) => Ok(Device::Cpu),
            (_, Some(number)) => Self::gpu(number).map_err(|error| error.at(format!("--device {text}"))),
            _ => Err(Error::user(format!("--device {text}: not a device; use auto, cpu, cuda or cuda:N"))),
        }
    }

    #[cfg(feature = "cuda")]
    fn best() -> Self {
        if crate::ops::cuda::count() > 0 { Device::Cuda(0) } else { Device::Cpu }
    }

    #[cfg(not(feature = "cuda"))]
    fn best() -> Self {
        Device::Cpu
    }

    #[cfg(feature = "cuda")]
    fn gpu(number: usize) -> Result<Self> {
        crate::ops::cuda::choose(number).map(Device::Cuda)
    }

    #[cfg(not(feature = "cuda"))]
    fn gpu(_: usize) -> Result<Self> {
        Err(Error::user(
            "this ecgraft was built for the CPU alone; build it with `cargo build --release --features cuda` on a \
             machine with the CUDA toolkit, or use --device cpu (or auto, which takes the best device there is)",
        ))
    }

    /// Makes the device ready for this process, once: a GPU's kernels are compiled or taken from `results`.
    ///
    /// # Errors
    /// Where the GPU, its driver or its compiler is not fit; the message says what was found and what is needed.
    #[cfg_attr(not(feature = "cuda"), allow(unused_variables))]
    pub fn open(self, results: &ResultsFolder) -> Result<()> {
        match self {
            Device::Cpu => Ok(()),
            #[cfg(feature = "cuda")]
            Device::Cuda(number) => crate::ops::open_cuda(number, &results.kernels()).map(drop),
        }
    }

    /// How many stages to train at once with `threads` where nobody says: on a GPU two, so that it has work while the
    /// host looks at what came of an epoch.
    pub fn jobs(self, threads: usize) -> usize {
        match self {
            Device::Cpu => threads.min(4),
            #[cfg(feature = "cuda")]
            Device::Cuda(_) => threads.min(2),
        }
    }

    /// As it is stored with what was trained on it: `cpu` with AVX-512, else `cpu (avx2)`, or `cuda:0 (NVIDIA H100 80GB
    /// HBM3)`: what decides last digits.
    pub fn name(self) -> String {
        match self {
            Device::Cpu => match crate::ops::instruction_set() {
                Ok("avx512") | Err(_) => "cpu".to_owned(),
                Ok(other) => format!("cpu ({other})"),
            },
            #[cfg(feature = "cuda")]
            Device::Cuda(number) => match crate::ops::cuda::name(number) {
                Some(name) => format!("cuda:{number} ({name})"),
                None => format!("cuda:{number}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Device;

    #[test]
    fn devices_are_read() {
        assert_eq!(Device::parse("cpu").unwrap(), Device::Cpu);
        for wrong in ["gpu", "cuda:", "cuda:x", "cuda1", "cuda:-1", ""] {
            let message = Device::parse(wrong).unwrap_err().message;
            assert!(message.contains("auto, cpu, cuda or cuda:N"), "{wrong}: {message}");
        }
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_build_without_cuda_says_so() {
        for text in ["cuda", "cuda:3"] {
            let message = Device::parse(text).unwrap_err().message;
            assert!(message.contains(&format!("--device {text}")) && message.contains("--features cuda"), "{message}");
        }
    }
}
