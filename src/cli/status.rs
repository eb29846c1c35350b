//! `ecgraft status`

use std::io::{ErrorKind, Write};
use std::time::Duration;

use clap::Args;

use super::Results;
use crate::report::status::Watch;
use crate::{Error, Result, terminal};

/// Show how far all is: trials done, running, waiting and failed, stages in work, and the time left
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft status
  ecgraft status --watch
  ecgraft status --watch --results /data/results >> progress.log

It reads the store, whoever is at work on it: other terminals, other machines. The time left is
reckoned from what finished stages took, for as many workers as there are now.")]
pub struct Options {
    /// Look again every second until all is done, or Ctrl-C; without a terminal a line when something changed
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    results: Results,
}

/// How often it is looked again.
const AGAIN: Duration = Duration::from_secs(1);

/// Runs the command.
///
/// # Errors
/// A user error where there are no results.
pub fn run(options: Options) -> Result<()> {
    let mut watch = Watch::open(&options.results.dir)?;
    if !options.watch {
        return super::print(&watch.look()?.text(None));
    }
    // Lengths of the lines on the screen, or the last line.
    let (mut drawn, mut told): (Vec<usize>, String) = Default::default();
    loop {
        let status = watch.look()?;
        let text = if let Some(screen) = terminal::stdout_size() {
            let block = status.text(Some(screen));
            // On a screen that was made narrower a line takes several rows.
            let rows: usize = drawn.iter().map(|length| length.div_ceil(screen.columns).max(1)).sum();
            let clear = if rows > 0 { format!("\x1b[{rows}A\r\x1b[J") } else { String::new() };
            drawn = block.lines().map(|line| line.chars().count()).collect();
            clear + &block
        } else {
            // The time left, which is a guess, is no change.
            let known = format!("{:?} {:?}", status.experiments, status.stages);
            if known == told {
                String::new()
            } else {
                told = known;
                let time = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
                format!("{time}  {}\n", status.line())
            }
        };
        let mut out = std::io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            // Nobody reads any more.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(Error::internal(format!("standard output cannot be written: {error}"))),
            Ok(()) => {}
        }
        drop(out);
        if status.is_over() {
            return Ok(());
        }
        std::thread::sleep(AGAIN);
    }
}
