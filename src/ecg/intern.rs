//! Names that are read from data, each kept once for as long as the program runs.

use std::collections::HashSet;
use std::sync::{Mutex, OnceLock, PoisonError};

/// The name `text`, kept for as long as the program runs; equal names are one.
///
/// For names of labels and measurements, of which there are few, not for names of records.
pub fn intern(text: &str) -> &'static str {
    static KNOWN: OnceLock<Mutex<HashSet<&'static str>>> = OnceLock::new();
    let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = known.get(text) {
        return known;
    }
    let kept: &'static str = Box::leak(text.into());
    known.insert(kept);
    kept
}

/// The list `items`, kept for as long as the program runs; equal lists are one. For lists of names of which there are few.
pub fn intern_all<T: PartialEq>(known: &Mutex<Vec<&'static [T]>>, items: Vec<T>) -> &'static [T] {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = known.iter().copied().find(|known| **known == *items) {
        return known;
    }
    let kept: &'static [T] = items.leak();
    known.push(kept);
    kept
}

#[cfg(test)]
mod tests {
    use super::intern;

    #[test]
    fn equal_names_are_one() {
        let (one, other) = (intern("an interned name"), intern(&String::from("an interned name")));
        assert!(std::ptr::eq(one, other) && one == "an interned name");
    }
}
