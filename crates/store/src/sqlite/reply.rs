//! One answer from the writer thread to one waiting future. Knows no runtime: a waker is all it needs.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

enum State<T> {
    Waiting(Option<Waker>),
    Ready(T),
    /// Dropped without an answer, or the answer was taken.
    Gone,
}

struct Cell<T>(Mutex<State<T>>);

impl<T> Cell<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, next: State<T>) {
        let before = std::mem::replace(&mut *self.lock(), next);
        if let State::Waiting(Some(waker)) = before {
            waker.wake();
        }
    }
}

/// The writer's end. Dropped unsent, it tells the other end so.
pub struct Reply<T>(Option<Arc<Cell<T>>>);

/// The waiting end: None if no answer will come.
pub struct Answer<T>(Arc<Cell<T>>);

pub fn reply<T>() -> (Reply<T>, Answer<T>) {
    let cell = Arc::new(Cell(Mutex::new(State::Waiting(None))));
    (Reply(Some(Arc::clone(&cell))), Answer(cell))
}

impl<T> Reply<T> {
    pub fn send(mut self, value: T) {
        if let Some(cell) = self.0.take() {
            cell.set(State::Ready(value));
        }
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        if let Some(cell) = self.0.take() {
            cell.set(State::Gone);
        }
    }
}

impl<T> Future for Answer<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.0.lock();
        match std::mem::replace(&mut *state, State::Gone) {
            State::Ready(value) => Poll::Ready(Some(value)),
            State::Gone => Poll::Ready(None),
            State::Waiting(_) => {
                *state = State::Waiting(Some(context.waker().clone()));
                Poll::Pending
            }
        }
    }
}
