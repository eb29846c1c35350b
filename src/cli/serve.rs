//! `ecgraft serve`

use clap::Args;

use super::Results;
use crate::results::ResultsFolder;
use crate::serve::{self, PORT};
use crate::{Result, stop};

/// Show a running study in the browser: stages, curves as epochs come, the table so far, each arm in detail
///
/// It only reads, whoever is at work on the study. Ctrl-C ends it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft serve
  ecgraft serve 'study-*' --results /data/results --port 9000
  ecgraft serve --host 0.0.0.0

On this machine alone it is shown to whoever is on it, unless there is a --token. Beyond, a token is
needed and is part of the address that is printed; what is sent is not encrypted, so that a tunnel is
better: ssh -L 8421:localhost:8421 MACHINE.")]
pub struct Options {
    /// Experiments, by name or glob [default: all]
    #[arg(value_name = "NAME_GLOB")]
    experiments: Vec<String>,
    /// The port; 0 for any that is free
    #[arg(long, default_value_t = PORT)]
    port: u16,
    /// The name or address of this machine that is listened on
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Show it to who has this, 12 letters or more; ECGRAFT_TOKEN is not seen by others in lists of processes
    #[arg(long)]
    token: Option<String>,
    #[command(flatten)]
    results: Results,
}

/// Runs the command.
///
/// # Errors
/// A user error where the port is taken, host or token are none, or no experiment has such a name.
pub fn run(options: Options) -> Result<()> {
    stop::listen()?;
    let token = options.token.or_else(|| std::env::var("ECGRAFT_TOKEN").ok().filter(|token| !token.is_empty()));
    let Options { experiments: names, port, host, results, .. } = options;
    let served = serve::Options { results: ResultsFolder::new(results.dir), names, host, port, token };
    serve::serve(&served, &mut |address| {
        // Whoever reads it may be gone; the address is shown all the same.
        let _ = super::print(&format!("{address}\n"));
        super::tell("Ctrl-C ends it.");
    })
}
