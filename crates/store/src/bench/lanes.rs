//! Many futures on one thread: polls those that were woken. Enough to keep commits in flight without a runtime.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

#[derive(Default)]
struct Woken {
    lanes: Mutex<Vec<usize>>,
    some: Condvar,
}

struct Lane {
    number: usize,
    woken: Arc<Woken>,
}

impl Wake for Lane {
    fn wake(self: Arc<Self>) {
        let mut lanes = self.woken.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.push(self.number);
        if lanes.len() == 1 {
            self.woken.some.notify_one();
        }
    }
}

/// One lane, on this thread alone.
pub type Local<'a, E> = Pin<Box<dyn Future<Output = Result<(), E>> + 'a>>;

/// Runs all to their ends and gives the first error.
pub fn run<E>(lanes: Vec<Local<'_, E>>) -> Result<(), E> {
    let woken = Arc::new(Woken::default());
    let waker = |number| Waker::from(Arc::new(Lane { number, woken: Arc::clone(&woken) }));
    let mut running: Vec<_> = lanes.into_iter().enumerate().map(|(n, lane)| Some((lane, waker(n)))).collect();
    let mut left = running.len();
    let mut ready: Vec<usize> = (0..left).collect();
    while left > 0 {
        for number in ready.drain(..) {
            let Some(Some((lane, waker))) = running.get_mut(number) else { continue };
            if let Poll::Ready(result) = lane.as_mut().poll(&mut Context::from_waker(waker)) {
                result?;
                running[number] = None;
                left -= 1;
            }
        }
        let mut lanes = woken.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        while lanes.is_empty() && left > 0 {
            lanes = woken.some.wait(lanes).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut *lanes, &mut ready);
    }
    Ok(())
}
