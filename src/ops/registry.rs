//! Every operation, once. From this list come what a device must have, the kernels that are compiled when a GPU is
//! opened, and the tests that hold for all of them.

#[cfg(feature = "cuda")]
use std::path::Path;

#[cfg(feature = "cuda")]
use super::cuda::{self, Source};
use super::{layers, step};
#[cfg(feature = "cuda")]
use crate::Result;
#[cfg(feature = "cuda")]
use crate::tensor::Cuda;
use crate::tensor::upstream::Device;
use crate::tensor::{Cpu, DeviceStorage};

/// `ROOM::NAME` of each: the trait `Kernel` is its kernels on a device, `cuda::SOURCES` are its `.cu` files.
macro_rules! operations {
    ($($room:ident::$name:ident),* $(,)?) => {
        /// A device that has all our kernels.
        pub trait Backend: Device<f32> + DeviceStorage $(+ $room::$name::Kernel)* {}
        impl Backend for Cpu {}
        #[cfg(feature = "cuda")]
        impl Backend for Cuda {}

        /// The sources of all kernels, those that all operations share first.
        #[cfg(feature = "cuda")]
        pub(super) fn sources() -> Vec<&'static Source> {
            let all: &[&'static [Source]] = &[cuda::SOURCES $(, $room::$name::cuda::SOURCES)*];
            all.iter().copied().flatten().collect()
        }

        /// The folder of each in `src/ops`.
        #[cfg(test)]
        const FOLDERS: &[&str] = &[$(concat!(stringify!($room), "/", stringify!($name))),*];
    };
}

operations! {
    layers::average_pool,
    layers::combine,
    layers::conv1d,
    layers::dropout,
    layers::excite,
    layers::fuse,
    layers::gated,
    layers::grouped,
    layers::inception,
    layers::linear,
    layers::norm,
    layers::pool,
    layers::recurrent,
    layers::state_space,
    layers::swish,
    layers::transformer,
    step::gather,
    step::loss,
    step::micro_batches,
    step::sum,
    step::update,
}

/// Opens GPU `number` for this process, once, with the kernels of all operations: compiles them for it, or takes them
/// from `cache`, a folder.
///
/// # Errors
/// Where the GPU, the driver or NVRTC is not fit; the message says what was found and what is needed. Where the
/// process has opened another GPU already.
#[cfg(feature = "cuda")]
pub fn open_cuda(number: usize, cache: &Path) -> Result<Cuda> {
    cuda::open(number, cache, &sources())
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::FOLDERS;

    fn ops() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ops")
    }

    /// All Rust files of a folder, as one text.
    fn text(folder: &Path) -> String {
        let files = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap);
        let rust = files.filter(|file| file.path().extension().is_some_and(|end| end == "rs"));
        rust.map(|file| std::fs::read_to_string(file.path()).unwrap()).collect()
    }

    #[test]
    fn every_folder_is_registered() {
        let mut found = Vec::new();
        for room in ["layers", "step"] {
            for entry in std::fs::read_dir(ops().join(room)).unwrap().map(Result::unwrap) {
                if entry.path().is_dir() {
                    found.push(format!("{room}/{}", entry.file_name().to_string_lossy()));
                }
            }
        }
        found.sort();
        assert_eq!(found, FOLDERS);
    }

    #[test]
    fn every_operation_has_kernels_for_both_devices() {
        for folder in FOLDERS {
            let at = |file: &str| ops().join(folder).join(file);
            assert!(at("cpu.rs").is_file() || at("cpu/mod.rs").is_file(), "{folder} has no kernels for the CPU");
            assert!(at("cuda.rs").is_file() || at("cuda/mod.rs").is_file(), "{folder} has no kernels for a GPU");
        }
    }

    #[test]
    fn every_layer_has_a_gradient_check_and_a_twin() {
        for folder in FOLDERS.iter().filter(|folder| folder.starts_with("layers/")) {
            let all = text(&ops().join(folder));
            assert!(all.contains("check(&"), "{folder}: no gradient is compared with finite differences");
            assert!(
                all.contains("twin!(") || all.contains("compare_within("),
                "{folder}: nothing compares the devices"
            );
        }
    }

    /// A `.cu` file that nobody names is never compiled.
    #[test]
    fn every_cuda_source_is_named_beside_it() {
        for folder in FOLDERS {
            let rust = text(&ops().join(folder));
            for entry in std::fs::read_dir(ops().join(folder)).unwrap().map(Result::unwrap) {
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.ends_with(".cu") {
                    assert!(rust.contains(&format!("{name}\")")), "{folder}/{name} is in no SOURCES");
                }
            }
        }
    }

    #[cfg(feature = "cuda")]
    mod cuda {
        use super::super::super::cuda::{compile, signatures};
        use super::super::sources;

        #[test]
        fn every_kernel_of_every_source_is_found() {
            for source in sources() {
                let names = signatures(source.text);
                assert_eq!(names.len(), source.text.matches("KERNEL ").count(), "{}", source.name);
            }
        }

        /// A second kernel of a name would hide the first.
        #[test]
        fn names_of_kernels_are_theirs_alone() {
            let mut seen = std::collections::BTreeSet::new();
            for source in sources() {
                for (name, _) in signatures(source.text) {
                    assert!(seen.insert(format!("{name}{}", source.form)), "two kernels are called {name}");
                }
            }
        }

        /// With NVIDIA's own compiler, which needs no GPU: `make test-cuda-compile`.
        #[test]
        #[ignore = "needs NVRTC: make test-cuda-compile"]
        fn nvrtc_takes_every_source_for_every_architecture() {
            for architecture in ["80", "89", "90", "100"] {
                for source in sources() {
                    let binary = compile(&source.whole_text(), &format!("--gpu-architecture=sm_{architecture}"));
                    let binary =
                        binary.unwrap_or_else(|log| panic!("{}{} for {architecture}: {log}", source.name, source.form));
                    // NVIDIA's machine: EM_CUDA.
                    assert_eq!(
                        (&binary[..4], binary[18]),
                        (&b"\x7fELF"[..], 190),
                        "{} is no code for a GPU",
                        source.name
                    );
                }
            }
        }
    }
}
