//! Kernels from their sources, for the GPU that is there: by NVRTC, once; then from a folder.
#![allow(unsafe_code)]

use std::path::{Path, PathBuf};

use cudarc::nvrtc::{result as nvrtc, sys};
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::ops::cuda::source::Source;
use crate::{Result, durable};

/// The compiled file of each of `sources`, in order, for compute capability `major`.`minor`, and the compiler's version.
pub(super) fn compiled([major, minor]: [i32; 2], cache: &Path, sources: &[&Source]) -> Result<(Vec<PathBuf>, String)> {
    let (mut newest, mut oldest) = (0, 0);
    // SAFETY: it writes two numbers.
    let asked = unsafe { sys::nvrtcVersion(&mut newest, &mut oldest).result() };
    asked.map_err(|error| Error::user(format!("NVRTC, of the CUDA toolkit, does not answer: {error}")))?;
    let version = format!("{newest}.{oldest}");
    std::fs::create_dir_all(cache).map_err(|error| Error::user(format!("{}: {error}", cache.display())))?;
    let one = |source: &Source| {
        let whole = source.whole_text();
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
        let running: Vec<_> = sources.iter().map(|source| scope.spawn(|| one(source))).collect();
        let fault = || Error::internal("a compiler thread stopped");
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(fault())))
            .collect::<Result<Vec<PathBuf>>>()
    })?;
    Ok((files, version.clone()))
}

/// Machine code, or what the compiler says.
pub(in crate::ops) fn compile(source: &str, architecture: &str) -> std::result::Result<Vec<u8>, String> {
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
