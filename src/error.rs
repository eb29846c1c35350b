//! One error type, in plain English: what is wrong, where, and what to do.

use std::fmt;

/// `Result` with ecgraft's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Whose fault an error is; it decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Something the user gave us: a manifest, a data file, an option, a folder. Exit code 2.
    User,
    /// A fault of ours, or of the machine in a way that no input explains. Exit code 1.
    Internal,
    /// A device has too little memory. Exit code 2.
    Memory,
    /// A file of prepared records is not what was written. It is made again when it is next needed. Exit code 2.
    Damaged,
    /// The user asked to stop. Exit code 130 after Ctrl-C, else 128 and the number of the signal.
    Interrupted,
}

/// What went wrong, as one message made for the reader.
#[derive(Clone, Debug)]
pub struct Error {
    /// Whose fault it is.
    pub blame: Blame,
    /// The full message. It names the file, record or key, and what to do.
    pub message: String,
}

impl Error {
    /// An error in what the user gave us (exit code 2).
    pub fn user(message: impl Into<String>) -> Self {
        Self { blame: Blame::User, message: message.into() }
    }

    /// An error of ours (exit code 1).
    pub fn internal(message: impl Into<String>) -> Self {
        Self { blame: Blame::Internal, message: message.into() }
    }

    /// Too little memory on a device (exit code 2).
    pub fn memory(message: impl Into<String>) -> Self {
        Self { blame: Blame::Memory, message: message.into() }
    }

    /// A file of prepared records that is not what was written (exit code 2).
    pub fn damaged(message: impl Into<String>) -> Self {
        Self { blame: Blame::Damaged, message: message.into() }
    }

    /// The user asked to stop (exit code 130 after Ctrl-C).
    pub fn interrupted() -> Self {
        Self { blame: Blame::Interrupted, message: "what is finished is kept".into() }
    }

    /// Puts the place before the message: `context: message`.
    pub fn at(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// The exit code of the process for this error; of a signal other than Ctrl-C it is that of `stop::exit_code`.
    pub fn exit_code(&self) -> u8 {
        match self.blame {
            Blame::User | Blame::Memory | Blame::Damaged => 2,
            Blame::Internal => 1,
            Blame::Interrupted => 130,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
