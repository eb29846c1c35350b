//! How far a run is: on a terminal a few lines redrawn in place, elsewhere a line for each stage that ends.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::terminal::{self, Size};

mod board;

pub use board::Board;

/// A live display is not redrawn sooner than this, and at least every [`TICK`].
const REDRAW: Duration = Duration::from_millis(100);
const TICK: Duration = Duration::from_millis(250);
/// Without a terminal, how often at most it is said how far all is.
const OVERALL: Duration = Duration::from_secs(30);

/// Where the screen is, asked before each drawing as its size may change.
type Screen = Box<dyn Fn() -> Size + Send>;

/// Shows how far the stages of a run are, on standard error. Every method may be called from any thread;
/// an index beyond the stages is passed over.
pub struct Progress {
    shared: Arc<Shared>,
    ticker: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    display: Mutex<Display>,
    over: Condvar,
}

struct Display {
    board: Board,
    sink: Box<dyn Write + Send>,
    /// `None` where there is no terminal.
    screen: Option<Screen>,
    start: Instant,
    /// Lengths of the lines of the live block on the screen.
    drawn: Vec<usize>,
    /// When the live block, or the overall line, was last written.
    written: Duration,
    over: bool,
}

impl Progress {
    /// For `stages` stages. `costs` says by stage index what each costs, in any unit; it is what the
    /// share of the work and the time left are reckoned with.
    pub fn new(stages: usize, costs: &[f64]) -> Self {
        let size = terminal::stderr_size();
        let screen = size.map(|size| Box::new(move || terminal::stderr_size().unwrap_or(size)) as Screen);
        let progress = Self::start(Box::new(std::io::stderr()), screen, stages, costs);
        let shared = progress.shared.clone();
        // Without the thread the display stands still between epochs, which is no reason to fail.
        let ticker = std::thread::Builder::new().name("progress".into()).spawn(move || shared.tick()).ok();
        *lock(&progress.ticker) = ticker;
        progress
    }

    /// Like [`Progress::new`], into `sink`: live lines for a screen of `size`, or plain ones without it.
    /// It is written when something happens, and at no other time.
    pub fn to(sink: Box<dyn Write + Send>, size: Option<Size>, stages: usize, costs: &[f64]) -> Self {
        Self::start(sink, size.map(|size| Box::new(move || size) as Screen), stages, costs)
    }

    fn start(sink: Box<dyn Write + Send>, screen: Option<Screen>, stages: usize, costs: &[f64]) -> Self {
        let display = Display {
            board: Board::new(stages, costs),
            sink,
            screen,
            start: Instant::now(),
            drawn: Vec::new(),
            written: Duration::ZERO,
            over: false,
        };
        let shared = Shared { display: Mutex::new(display), over: Condvar::new() };
        Self { shared: Arc::new(shared), ticker: Mutex::new(None) }
    }

    /// Stage `index` was done before: it is taken from the totals.
    pub fn already_done(&self, index: usize) {
        lock(&self.shared.display).board.found(index);
    }

    /// Work on stage `index` begins.
    pub fn stage_started(&self, index: usize, label: &str) {
        self.shared.update(|board, now| {
            board.started(index, label, now);
            None
        });
    }

    /// Stage `index` has trained `epoch` epochs of at most `of`; `text` says how well.
    pub fn epoch_done(&self, index: usize, epoch: usize, of: usize, text: &str) {
        self.shared.update(|board, now| {
            board.epoch(index, epoch, of, text, now);
            None
        });
    }

    /// Stage `index` is done; `note` says what came of it. Leaves a line.
    pub fn stage_finished(&self, index: usize, note: &str) {
        self.shared.update(|board, now| board.finished(index, note, now));
    }

    /// Stage `index` failed. Leaves a line with the whole message.
    pub fn stage_failed(&self, index: usize, message: &str) {
        self.shared.update(|board, now| board.failed(index, message, now));
    }

    /// Stage `index` is given up here; `why` says why. Leaves a line.
    pub fn stage_left(&self, index: usize, why: &str) {
        self.shared.update(|board, _| board.left(index, why));
    }

    /// Writes a line of its own, above the live display.
    pub fn message(&self, line: &str) {
        self.shared.update(|_, _| Some(line.to_owned()));
    }

    /// Takes the live display away and leaves a line on the whole, if there was any work. What is
    /// told afterwards is passed over.
    pub fn finish(&self) {
        self.end(true);
    }

    fn end(&self, summary: bool) {
        {
            let mut display = lock(&self.shared.display);
            if !display.over {
                display.over = true;
                let now = display.start.elapsed();
                let line = display.board.summary(now).filter(|_| summary);
                let text = display.cleared() + &line.map(|line| line + "\n").unwrap_or_default();
                display.write(&text);
            }
        }
        self.shared.over.notify_all();
        if let Some(ticker) = lock(&self.ticker).take() {
            // A display that broke has nothing to say to the run.
            let _ = ticker.join();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end(false);
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress").finish_non_exhaustive()
    }
}

impl Shared {
    /// Tells the board something, and shows it with the line that is to stay, if any.
    fn update(&self, tell: impl FnOnce(&mut Board, Duration) -> Option<String>) {
        let mut display = lock(&self.display);
        if display.over {
            return;
        }
        let now = display.start.elapsed();
        let line = tell(&mut display.board, now);
        display.show(line, now);
    }

    /// Keeps the clock on the screen going.
    fn tick(&self) {
        let mut display = lock(&self.display);
        while !display.over {
            display = self.over.wait_timeout(display, TICK).unwrap_or_else(PoisonError::into_inner).0;
            if !display.over {
                let now = display.start.elapsed();
                display.show(None, now);
            }
        }
    }
}

impl Display {
    /// Writes `line`, if any, and how far all is, if it is time to.
    fn show(&mut self, line: Option<String>, now: Duration) {
        let since = now.saturating_sub(self.written);
        let Some(screen) = &self.screen else {
            let mut text = line.map(|line| line + "\n").unwrap_or_default();
            if since >= OVERALL && self.board.is_working() {
                self.board.tick(now);
                text.push_str(&format!("{}\n", self.board.overall(now, usize::MAX)));
                self.written = now;
            }
            return self.write(&text);
        };
        if line.is_none() && since < REDRAW && !self.drawn.is_empty() {
            return;
        }
        let size = screen();
        self.board.tick(now);
        let block = self.board.lines(now, size);
        let mut text = self.cleared();
        text.extend(line.map(|line| line + "\n"));
        text.extend(block.iter().map(|line| format!("{line}\n")));
        self.drawn = block.iter().map(|line| line.chars().count()).collect();
        self.written = now;
        self.write(&text);
    }

    /// What takes the live block from the screen: up to its first line, and all below it is erased.
    fn cleared(&mut self) -> String {
        let drawn = std::mem::take(&mut self.drawn);
        let Some(screen) = self.screen.as_ref().filter(|_| !drawn.is_empty()) else { return String::new() };
        // On a screen that was made narrower a line takes several rows.
        let columns = screen().columns.max(1);
        let rows: usize = drawn.iter().map(|length| length.div_ceil(columns).max(1)).sum();
        format!("\x1b[{rows}A\r\x1b[J")
    }

    fn write(&mut self, text: &str) {
        if !text.is_empty() {
            // A run goes on though nobody can see how far it is.
            let _ = self.sink.write_all(text.as_bytes()).and_then(|()| self.sink.flush());
        }
    }
}

/// A lock that outlives a panic of another thread: the worst is a display that is off by a line.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
