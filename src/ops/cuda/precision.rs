//! The precision of matrix products, thread by thread.

use std::cell::Cell;

use crate::precision::Precision;

thread_local! {
    static PRECISION: Cell<Precision> = const { Cell::new(Precision::Tf32) };
}

/// Runs `act` with products of this precision on this thread.
pub fn with_precision<T>(precision: Precision, act: impl FnOnce() -> T) -> T {
    struct Restore(Precision);
    impl Drop for Restore {
        fn drop(&mut self) {
            PRECISION.set(self.0);
        }
    }
    let _restore = Restore(PRECISION.replace(precision));
    act()
}

/// That of this thread.
pub(in crate::ops) fn precision() -> Precision {
    PRECISION.get()
}
