//! stub
#![allow(missing_docs)]
#[derive(Debug)]
pub struct Progress {}
impl Progress {
    pub fn new(_total: usize, _costs: &[f64]) -> Self {
        Self {}
    }
    pub fn already_done(&self, _index: usize) {}
    pub fn stage_started(&self, _index: usize, label: &str) {
        eprintln!("start {label}");
    }
    pub fn epoch_done(&self, _index: usize, _epoch: usize, _of: usize, _text: &str) {}
    pub fn stage_finished(&self, _index: usize, note: &str) {
        eprintln!("done {note}");
    }
    pub fn stage_failed(&self, _index: usize, message: &str) {
        eprintln!("failed {message}");
    }
    pub fn message(&self, line: &str) {
        eprintln!("{line}");
    }
    pub fn finish(&self) {}
}
