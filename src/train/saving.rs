//! The file in which a stage's progress is kept while it trains: its content and a SHA-256 of it, so that a file that
//! is not what was written is none.
//!
//! It is written by a thread of its own while training goes on.

use std::io::{self, Write};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::Watch;
use crate::durable;

/// Bytes of a SHA-256.
const HASH: usize = 32;

/// Where a stage's progress is saved, and how often.
#[derive(Clone, Debug)]
pub struct Saving {
    /// The file.
    pub path: PathBuf,
    /// The stage, by its id: progress of another is none of its.
    pub stage: String,
    /// How much time may pass between two savings, but for that of a step; 0 saves before every step, which waits for it.
    pub every: Duration,
}

/// Saves, if there is where to.
#[derive(Debug)]
pub(super) struct Saver {
    saving: Option<Saving>,
    last: Instant,
    writing: Option<JoinHandle<io::Result<()>>>,
    /// Whether the user knows that it does not work.
    told: bool,
}

impl Saver {
    pub(super) fn new(saving: Option<Saving>) -> Self {
        Self { saving, last: Instant::now(), writing: None, told: false }
    }

    /// The stage's id, where its progress is saved.
    pub(super) fn stage(&self) -> Option<&str> {
        self.saving.as_ref().map(|saving| saving.stage.as_str())
    }

    /// Whether to save now, because there will be no other chance for `ahead`.
    pub(super) fn is_due(&self, ahead: Duration) -> bool {
        let Some(Saving { every, .. }) = &self.saving else { return false };
        let idle = every.is_zero() || self.writing.as_ref().is_none_or(JoinHandle::is_finished);
        idle && self.last.elapsed() + ahead >= *every
    }

    /// Begins to write `content`.
    pub(super) fn begin(&mut self, content: Vec<u8>, watch: &mut dyn Watch) {
        self.wait(watch);
        let Some(Saving { path, .. }) = self.saving.clone() else { return };
        self.last = Instant::now();
        self.writing = Some(std::thread::spawn(move || {
            let hash = Sha256::digest(&content);
            durable::write_with(&path, |file| file.write_all(&hash).and_then(|()| file.write_all(&content)))
        }));
    }

    /// Waits until what was begun is written. Where it could not be, training goes on: only an end before its time
    /// would cost more.
    pub(super) fn wait(&mut self, watch: &mut dyn Watch) {
        let Some(writing) = self.writing.take() else { return };
        let written = writing.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes stopped")));
        if let (Err(error), Some(saving), false) = (written, &self.saving, self.told) {
            watch.tell(&format!(
                "cannot save the progress of this stage in {}: {error}; if it is stopped it begins anew",
                saving.path.display()
            ));
            self.told = true;
        }
    }

    /// What was saved by an earlier training; `None` where nothing was.
    ///
    /// # Errors
    /// Where what is there cannot be read, or is not what was written; the text says which.
    pub(super) fn found(&self) -> Result<Option<Vec<u8>>, String> {
        let Some(saving) = &self.saving else { return Ok(None) };
        match std::fs::read(&saving.path) {
            Ok(mut bytes) if bytes.len() >= HASH => {
                let content = bytes.split_off(HASH);
                let whole = Sha256::digest(&content)[..] == bytes[..];
                if whole { Ok(Some(content)) } else { Err("it is not what was written".to_owned()) }
            }
            Ok(_) => Err("it is not whole".to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Where the file is, for messages.
    pub(super) fn path(&self) -> String {
        self.saving.as_ref().map_or_else(String::new, |saving| saving.path.display().to_string())
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        // Whoever removes the file must not see it come back.
        let _ = self.writing.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Heard(Vec<String>);
    impl Watch for Heard {
        fn epoch(&mut self, _: usize, _: usize, _: &str) {}
        fn stopped(&self) -> bool {
            false
        }
        fn tell(&mut self, sentence: &str) {
            self.0.push(sentence.to_owned());
        }
    }

    fn saver(path: PathBuf, every: Duration) -> Saver {
        Saver::new(Some(Saving { path, stage: "a".into(), every }))
    }

    #[test]
    fn what_was_saved_is_found_whole_or_not_at_all() {
        let folder = std::env::temp_dir().join(format!("ecgraft-saving-{}", std::process::id()));
        let (path, mut heard) = (folder.join("a"), Heard(Vec::new()));
        let mut saver = saver(path.clone(), Duration::ZERO);
        assert_eq!(saver.found(), Ok(None));
        for content in [&b"first"[..], b"second"] {
            saver.begin(content.to_vec(), &mut heard);
            saver.wait(&mut heard);
            assert_eq!(saver.found(), Ok(Some(content.to_vec())));
        }
        let bytes = std::fs::read(&path).unwrap();
        for bit in 0..8 * bytes.len() {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, damaged).unwrap();
            assert!(saver.found().is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(saver.found().is_err(), "{length} bytes");
        }
        assert!(heard.0.is_empty());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn where_nothing_can_be_written_it_is_told_once() {
        let mut heard = Heard(Vec::new());
        let mut saver = saver("/dev/null/a".into(), Duration::ZERO);
        for _ in 0..3 {
            saver.begin(b"content".to_vec(), &mut heard);
        }
        saver.wait(&mut heard);
        assert!(heard.0.len() == 1 && heard.0[0].contains("/dev/null/a"), "{:?}", heard.0);
    }

    #[test]
    fn saving_is_due_when_its_time_has_come() {
        let path = std::env::temp_dir().join("never-written");
        assert!(saver(path.clone(), Duration::ZERO).is_due(Duration::ZERO));
        let hourly = saver(path, Duration::from_secs(3600));
        assert!(!hourly.is_due(Duration::ZERO) && hourly.is_due(Duration::from_secs(3601)));
        assert!(!Saver::new(None).is_due(Duration::from_secs(3600)));
    }
}
