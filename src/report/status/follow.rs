//! The same again and again, until all is done.

use std::io::{ErrorKind, Write};
use std::time::Duration;

use super::{Status, Watch};
use crate::terminal::Size;
use crate::{Error, Result};

/// How often it is looked again.
const AGAIN: Duration = Duration::from_secs(1);

/// What was written last.
#[derive(Default)]
struct Written {
    /// Lengths of the lines on the screen.
    lines: Vec<usize>,
    /// What was known, without a screen.
    known: String,
}

impl Watch {
    /// Writes to `out` how far all is until all is done or nobody reads any more: redrawn in place on a screen, as large as
    /// `screen` says; a line when something changed where there is none.
    ///
    /// # Errors
    /// As [`Watch::look`], and where it cannot be written.
    pub fn follow(&mut self, out: &mut dyn Write, screen: &dyn Fn() -> Option<Size>) -> Result<()> {
        self.follow_while(out, screen, &mut |status| !status.is_over())
    }

    /// The same as long as `goes_on` says so of what it saw last.
    ///
    /// # Errors
    /// As [`Watch::follow`].
    pub fn follow_while(
        &mut self,
        out: &mut dyn Write,
        screen: &dyn Fn() -> Option<Size>,
        goes_on: &mut dyn FnMut(&Status) -> bool,
    ) -> Result<()> {
        let mut written = Written::default();
        loop {
            let status = self.look()?;
            let text = match screen() {
                Some(size) => written.redrawn(&status, size),
                None => written.line(&status),
            };
            match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => return Err(Error::internal(format!("standard output cannot be written: {error}"))),
                Ok(()) => {}
            }
            if !goes_on(&status) {
                return Ok(());
            }
            std::thread::sleep(AGAIN);
        }
    }
}

impl Written {
    /// All of it, in place of what is on the screen.
    fn redrawn(&mut self, status: &Status, screen: Size) -> String {
        let block = status.text(Some(screen));
        // On a screen that was made narrower a line takes several rows.
        let rows: usize = self.lines.iter().map(|length| length.div_ceil(screen.columns).max(1)).sum();
        let clear = if rows > 0 { format!("\x1b[{rows}A\r\x1b[J") } else { String::new() };
        self.lines = block.lines().map(|line| line.chars().count()).collect();
        clear + &block
    }

    /// A line with the time of day, if something changed. The time left, which is a guess, is no change.
    fn line(&mut self, status: &Status) -> String {
        let known = format!("{:?} {:?}", status.experiments, status.stages);
        if known == self.known {
            return String::new();
        }
        self.known = known;
        let time = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        format!("{time}  {}\n", status.line())
    }
}
