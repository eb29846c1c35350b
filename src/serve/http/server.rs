//! Connections.

use std::io::Read;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::response::Status;
use super::{Request, Response};

/// Connections at once. Where there are more the oldest is ended.
pub(super) const CONNECTIONS: usize = 64;
/// How long a piece of an answer may take to be read.
pub(super) const TO_WRITE: Duration = Duration::from_secs(10);
/// How long answers that are begun are waited for at the end.
const AT_THE_END: Duration = Duration::from_secs(2);
/// What is read of a request after its head, before the connection ends, so that the answer arrives.
const REST: usize = 64 << 10;

/// Says what is answered.
type Answer = dyn Fn(&Request) -> Response + Send + Sync;

/// A server at work.
pub(crate) struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
}

struct Shared {
    answer: Box<Answer>,
    over: AtomicBool,
    /// By number, the oldest first.
    open: Mutex<Vec<(u64, TcpStream)>>,
}

impl Server {
    /// Answers whoever connects to `listener`, each in a thread of their own.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(
        listener: TcpListener,
        answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let shared =
            Arc::new(Shared { answer: Box::new(answer), over: AtomicBool::new(false), open: Mutex::default() });
        let own = shared.clone();
        std::thread::Builder::new().name("serve".into()).spawn(move || accept(&own, &listener))?;
        Ok(Self { shared, address })
    }

    /// Answers nobody new, and waits a little for answers that are begun.
    pub fn end(self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // Who waits for a connection gets one, and sees that it is over.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_millis(200));
        let until = Instant::now() + AT_THE_END;
        while Instant::now() < until && !lock(&self.shared.open).is_empty() {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    for number in 0.. {
        let accepted = listener.accept();
        if shared.over.load(Ordering::SeqCst) {
            return;
        }
        let Ok((stream, _)) = accepted else {
            // Too many open files, or a client that is gone again: a pause, so that this is no busy loop.
            std::thread::sleep(Duration::from_millis(50));
            continue;
        };
        let Ok(own) = stream.try_clone() else { continue };
        enter(shared, number, own);
        let here = shared.clone();
        let thread = std::thread::Builder::new().name(format!("serve-{number}"));
        let begun = thread.spawn(move || {
            converse(&here, stream);
            leave(&here, number);
        });
        if begun.is_err() {
            leave(shared, number);
        }
    }
}

/// Notes a connection, and ends the oldest where there are too many.
fn enter(shared: &Shared, number: u64, stream: TcpStream) {
    let mut open = lock(&shared.open);
    if open.len() >= CONNECTIONS {
        let (_, oldest) = open.remove(0);
        let _ = oldest.shutdown(Shutdown::Both);
    }
    open.push((number, stream));
}

fn leave(shared: &Shared, number: u64) {
    lock(&shared.open).retain(|(known, _)| *known != number);
}

/// One request and its answer.
fn converse(shared: &Shared, mut stream: TcpStream) {
    let request = Request::read(&mut stream);
    let response = match &request {
        Ok(request) => std::panic::catch_unwind(AssertUnwindSafe(|| (shared.answer)(request)))
            .unwrap_or_else(|_| Response::says(Status::Fault, "A fault of ecgraft, told in its terminal.")),
        Err(Some(answer)) => answer.clone(),
        Err(None) => return,
    };
    let head_only = request.is_ok_and(|request| request.head_only);
    let _ = stream.set_write_timeout(Some(TO_WRITE));
    if response.write(head_only, &mut stream).is_err() {
        return;
    }
    // Where something unread is left, ending the connection would take the answer back.
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.set_read_timeout(Some(Duration::from_millis(500)));
    let (mut rest, mut piece) = (0, [0; 4096]);
    while let Ok(count) = stream.read(&mut piece) {
        rest += count;
        if count == 0 || rest > REST {
            return;
        }
    }
}

/// A lock that outlives a panic of another thread: the list is whole at every moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
