//! All randomness comes from here: a stream for each (seed, purpose, index), so that adding a trial,
//! a record or an epoch never changes another's numbers.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// The random stream for `purpose` (such as `"init"` or `"shuffle"`) number `index` under `seed`.
///
/// ```
/// use rand::Rng;
/// let a = ecgraft::seed::stream(1, "shuffle", 0).next_u64();
/// assert_eq!(a, ecgraft::seed::stream(1, "shuffle", 0).next_u64());
/// assert_ne!(a, ecgraft::seed::stream(1, "shuffle", 1).next_u64());
/// ```
pub fn stream(seed: u64, purpose: &str, index: u64) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(index.to_le_bytes());
    hash.update(purpose.as_bytes());
    ChaCha8Rng::from_seed(hash.finalize().into())
}

/// The SHA-256 of `bytes` in lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hexadecimal of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from(DIGITS[usize::from(digit)]));
    let mut text = String::with_capacity(2 * bytes.len());
    text.extend(bytes.iter().flat_map(digits));
    text
}
