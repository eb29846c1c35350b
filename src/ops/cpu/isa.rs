//! The choice of the instruction set.

use std::sync::OnceLock;

use crate::Result;
use crate::error::Error;
use crate::ops::cpu::simd::{self, Simd};

/// Instruction sets that kernels are compiled for; the best one present is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ops) enum Isa {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

/// The environment variable that asks for an instruction set: `avx512`, `avx2` or `portable`. Unset or empty, the best one
/// that the machine has is used.
const CPU: &str = "ECGRAFT_CPU";

impl Isa {
    /// The best one this machine has, or that which the user asks for, looked up once.
    pub(in crate::ops) fn best() -> Isa {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Isa::asked().ok().flatten().unwrap_or_else(|| Isa::available()[0]))
    }

    /// What [`CPU`] says.
    ///
    /// # Errors
    /// A user error where it is no instruction set, or one that this machine does not have.
    pub(in crate::ops) fn asked() -> Result<Option<Isa>> {
        match std::env::var_os(CPU).filter(|text| !text.is_empty()) {
            Some(text) => Isa::named(&text.to_string_lossy()).map(Some),
            None => Ok(None),
        }
    }

    fn named(text: &str) -> Result<Isa> {
        let available = Isa::available();
        if let Some(isa) = available.iter().find(|isa| isa.name() == text) {
            return Ok(*isa);
        }
        let here: Vec<&str> = available.iter().map(|isa| isa.name()).collect();
        let what = match ["avx512", "avx2", "portable"].contains(&text) {
            true => format!("this machine does not have {text}"),
            false => format!("{text:?} is no instruction set that kernels are compiled for"),
        };
        Err(Error::user(format!(
            "{CPU}: {what}; there are {} here, and the first is used if nothing is asked for",
            here.join(", ")
        )))
    }

    /// As [`CPU`] has it.
    pub(in crate::ops) fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "avx2",
            Isa::Portable => "portable",
        }
    }

    /// Values in a vector.
    pub(in crate::ops) fn lanes(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => simd::Avx512::LANES,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => simd::Avx2::LANES,
            Isa::Portable => simd::Portable::LANES,
        }
    }

    /// The best one for vectors of `channels`: not wider than they are, where there is a choice.
    pub(in crate::ops) fn suiting(channels: usize) -> Isa {
        let best = Isa::best();
        #[cfg(target_arch = "x86_64")]
        if channels <= simd::Avx2::LANES && best == Isa::Avx512 && Isa::available().contains(&Isa::Avx2) {
            return Isa::Avx2;
        }
        let _ = channels;
        best
    }

    /// All that this machine has, best first.
    pub(in crate::ops) fn available() -> Vec<Isa> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("fma") {
                all.push(Isa::Avx512);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                all.push(Isa::Avx2);
            }
        }
        all.push(Isa::Portable);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instruction_sets_are_asked_for_by_name() {
        for isa in Isa::available() {
            assert_eq!(Isa::named(isa.name()).unwrap(), isa);
        }
        let message = Isa::named("avx").unwrap_err().message;
        assert!(
            message.contains("ECGRAFT_CPU") && message.contains("\"avx\"") && message.contains("portable"),
            "{message}"
        );
    }
}
