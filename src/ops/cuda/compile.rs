//! Kernels from their sources, for the GPU that is there: by NVRTC, once; then from a folder.

use std::path::{Path, PathBuf};

use cudarc::nvrtc::result as nvrtc;
use cudarc::nvrtc::sys;
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::{Result, durable};

/// One file of kernels, or one of the forms that it is compiled in.
pub(super) struct Source {
    pub name: &'static str,
    pub text: &'static str,
    /// What is defined before it.
    pub defines: &'static str,
    /// What the names of its kernels end in, beyond those in the text.
    pub form: &'static str,
}

impl Source {
    const fn whole(name: &'static str, text: &'static str) -> Self {
        Self { name, text, defines: "", form: "" }
    }

    const fn product(defines: &'static str, form: &'static str) -> Self {
        Self { name: "product", text: concat!(include_str!("rows.cuh"), include_str!("product.cu")), defines, form }
    }

    const fn window(defines: &'static str, form: &'static str) -> Self {
        Self { name: "window", text: concat!(include_str!("rows.cuh"), include_str!("window.cu")), defines, form }
    }

    const fn attention(defines: &'static str, form: &'static str) -> Self {
        Self { name: "attention", text: include_str!("../transformer/attention.cu"), defines, form }
    }
}

const COMMON: &str = include_str!("common.cuh");

/// All of them.
pub(super) const SOURCES: &[Source] = &[
    Source::whole("memory", include_str!("memory.cu")),
    Source::product("#define TENSOR 1\n#define TILE_N 32\n", "_tf32_32"),
    Source::product("#define TENSOR 1\n#define TILE_N 64\n", "_tf32_64"),
    Source::product("#define TENSOR 1\n#define TILE_N 128\n", "_tf32_128"),
    Source::product("#define TENSOR 0\n#define TILE_N 32\n", "_f32_32"),
    Source::product("#define TENSOR 0\n#define TILE_N 64\n", "_f32_64"),
    Source::product("#define TENSOR 0\n#define TILE_N 128\n", "_f32_128"),
    Source::window("#define TENSOR 1\n#define TILE_N 32\n", "_32"),
    Source::window("#define TENSOR 1\n#define TILE_N 64\n", "_64"),
    Source::window("#define TENSOR 1\n#define TILE_N 128\n", "_128"),
    Source::whole("matrix", include_str!("matrix.cu")),
    Source::whole("conv1d", include_str!("../conv1d/conv1d.cu")),
    Source::whole("norm", include_str!("../norm/norm.cu")),
    Source::whole("pool", include_str!("../pool/pool.cu")),
    Source::whole("average_pool", include_str!("../average_pool/average_pool.cu")),
    Source::whole("combine", include_str!("../combine/combine.cu")),
    Source::whole("fuse", include_str!("../fuse/fuse.cu")),
    Source::whole("recurrent", include_str!("../recurrent/recurrent.cu")),
    Source::whole("dropout", include_str!("../dropout/dropout.cu")),
    Source::whole("gather", include_str!("../gather/gather.cu")),
    Source::whole("loss", include_str!("../loss/loss.cu")),
    Source::whole("update", include_str!("../update/update.cu")),
    Source::whole("transformer", include_str!("../transformer/transformer.cu")),
    Source::attention("#define WIDTH 8\n", "_8"),
    Source::attention("#define WIDTH 16\n", "_16"),
    Source::attention("#define WIDTH 32\n", "_32"),
    Source::whole("linear", include_str!("../linear/linear.cu")),
];

/// The compiled file of every source, in order, for compute capability `major`.`minor`, and the compiler's version.
pub(super) fn compiled([major, minor]: [i32; 2], cache: &Path) -> Result<(Vec<PathBuf>, String)> {
    let (mut newest, mut oldest) = (0, 0);
    // SAFETY: it writes two numbers.
    #[allow(unsafe_code)]
    let asked = unsafe { sys::nvrtcVersion(&mut newest, &mut oldest).result() };
    asked.map_err(|error| Error::user(format!("NVRTC, of the CUDA toolkit, does not answer: {error}")))?;
    let version = format!("{newest}.{oldest}");
    std::fs::create_dir_all(cache).map_err(|error| Error::user(format!("{}: {error}", cache.display())))?;
    let one = |source: &Source| {
        let whole = format!("{}{COMMON}\n{}", source.defines, source.text);
        let mut hash = Sha256::new();
        for part in [&whole, &version] {
            hash.update(part);
            hash.update([0]);
        }
        let hash: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let file = cache.join(format!("{}{}-sm_{major}{minor}-{hash}.cubin", source.name, source.form));
        if !file.is_file() {
            let binary = compile(&whole, &format!("--gpu-architecture=sm_{major}{minor}")).map_err(|log| {
                Error::user(format!(
                    "NVRTC {version} cannot compile ecgraft's kernels ({}) for compute capability {major}.{minor}: {log}; \
                     a toolkit that knows this GPU is needed (nvidia-smi shows what the driver can take)",
                    source.name
                ))
            })?;
            // Another process may be at it too: whoever comes last wins, with the same bytes.
            durable::write(&file, &binary).map_err(|error| Error::user(format!("{}: {error}", file.display())))?;
        }
        Ok(file)
    };
    let files = std::thread::scope(|scope| {
        let running: Vec<_> = SOURCES.iter().map(|source| scope.spawn(|| one(source))).collect();
        let fault = || Error::internal("a compiler thread stopped");
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(fault())))
            .collect::<Result<Vec<PathBuf>>>()
    })?;
    Ok((files, version.clone()))
}

/// Machine code, or what the compiler says.
#[allow(unsafe_code)]
fn compile(source: &str, architecture: &str) -> std::result::Result<Vec<u8>, String> {
    let said = |error: nvrtc::NvrtcError| error.to_string();
    let program = nvrtc::create_program(source).map_err(said)?;
    let options = [architecture, "--std=c++17", "-default-device", "--extra-device-vectorization"];
    // SAFETY: the program was made above and is destroyed below, after its last use; the buffer has the size that
    // NVRTC asks for.
    unsafe {
        let outcome = match nvrtc::compile_program(program, &options) {
            Ok(()) => (|| {
                let mut size = 0;
                sys::nvrtcGetCUBINSize(program, &mut size).result()?;
                let mut binary = vec![0u8; size];
                sys::nvrtcGetCUBIN(program, binary.as_mut_ptr().cast()).result()?;
                Ok(binary)
            })()
            .map_err(said),
            Err(error) => {
                let log = nvrtc::get_program_log(program).unwrap_or_default();
                let log: Vec<u8> = log.into_iter().map(|c| c as u8).take_while(|c| *c != 0).collect();
                Err(format!("{error}\n{}", String::from_utf8_lossy(&log)))
            }
        };
        let _ = nvrtc::destroy_program(program);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::{COMMON, SOURCES, compile};

    /// With NVIDIA's own compiler, which needs no GPU: `make test-cuda-compile`.
    #[test]
    #[ignore = "needs NVRTC: make test-cuda-compile"]
    fn nvrtc_takes_every_source_for_every_architecture() {
        for architecture in ["80", "89", "90", "100"] {
            for source in SOURCES {
                let whole = format!("{}{COMMON}\n{}", source.defines, source.text);
                let binary = compile(&whole, &format!("--gpu-architecture=sm_{architecture}"));
                let binary =
                    binary.unwrap_or_else(|log| panic!("{}{} for {architecture}: {log}", source.name, source.form));
                // NVIDIA's machine: EM_CUDA.
                assert_eq!((&binary[..4], binary[18]), (&b"\x7fELF"[..], 190), "{} is no code for a GPU", source.name);
            }
        }
    }
}
