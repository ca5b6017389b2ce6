//! A single-threaded executor with virtual time: tasks, sleeping, cells to wait on. Knows nothing of what the tasks are about.

use crate::world::{Event, World};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

pub type TaskId = u64;
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Who a task dies with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Merchants' servers: they outlive everything.
    Client,
    /// One start of one gateway process.
    Gateway { index: usize, start: u32 },
}

/// A handle to the one world of a seed.
#[derive(Clone)]
pub struct Sim(Arc<Mutex<World>>);

impl Sim {
    pub fn new(world: World) -> Sim {
        Sim(Arc::new(Mutex::new(world)))
    }

    /// Only ever taken for a moment by the one thread of the seed; never held while a task is polled.
    pub fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn now(&self) -> i64 {
        self.lock().now
    }

    pub async fn sleep(&self, ms: i64) {
        if ms > 0 {
            let until = self.now().saturating_add(ms);
            let _: Option<()> = self.wait(&Cell::new(), Some(until)).await;
        }
    }

    /// The value of a cell, or nothing when `until` comes first.
    pub fn wait<T>(&self, cell: &Cell<T>, until: Option<i64>) -> Waiting<T> {
        Waiting { sim: self.clone(), cell: cell.clone(), until, armed: false }
    }

    /// Runs until the world has ended.
    pub fn run(&self) {
        let mut tasks: BTreeMap<TaskId, (Group, Task)> = BTreeMap::new();
        while let Some(step) = self.next_step(&mut tasks) {
            match step {
                Step::Poll(id) => self.poll(id, &mut tasks),
                Step::Event(event) => self.lock().handle(self, event),
            }
        }
        // Futures hold the world and the world may hold futures: let go of both.
        let (spawned, gateways) = {
            let mut world = self.lock();
            (std::mem::take(&mut world.spawned), std::mem::take(&mut world.gateways))
        };
        drop((tasks, spawned, gateways));
    }

    fn next_step(&self, tasks: &mut BTreeMap<TaskId, (Group, Task)>) -> Option<Step> {
        let (spawned, killed) = {
            let mut world = self.lock();
            (std::mem::take(&mut world.spawned), std::mem::take(&mut world.killed))
        };
        tasks.extend(spawned.into_iter().map(|(id, group, task)| (id, (group, task))));
        if !killed.is_empty() {
            // Dropped here, where nothing is locked: a dying future may look at the world.
            tasks.retain(|_, (group, _)| !killed.contains(group));
        }
        let mut world = self.lock();
        if world.ended() {
            return None;
        }
        match world.ready.pop_front() {
            Some(id) => Some(Step::Poll(id)),
            None => world.next_event().map(Step::Event),
        }
    }

    fn poll(&self, id: TaskId, tasks: &mut BTreeMap<TaskId, (Group, Task)>) {
        let Some((_, task)) = tasks.get_mut(&id) else { return };
        self.lock().current = id;
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&woken));
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            tasks.remove(&id);
        } else if woken.0.load(Ordering::Relaxed) {
            // It gave way to others and wants to go on: all else is woken by the world's own events.
            self.lock().ready.push_back(id);
        }
    }
}

/// Whether a task asked to be polled again while it was polled.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

enum Step {
    Poll(TaskId),
    Event(Event),
}

struct Inner<T> {
    value: Option<T>,
    waiter: Option<TaskId>,
}

/// A place for one value that somebody waits for.
pub struct Cell<T>(Arc<Mutex<Inner<T>>>);

impl<T> Clone for Cell<T> {
    fn clone(&self) -> Cell<T> {
        Cell(self.0.clone())
    }
}

impl<T> Cell<T> {
    pub fn new() -> Cell<T> {
        Cell(Arc::new(Mutex::new(Inner { value: None, waiter: None })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the value; a second one is dropped.
    pub fn put(&self, world: &mut World, value: T) {
        let mut inner = self.inner();
        if inner.value.is_none() {
            inner.value = Some(value);
            world.ready.extend(inner.waiter.take());
        }
    }
}

pub struct Waiting<T> {
    sim: Sim,
    cell: Cell<T>,
    until: Option<i64>,
    armed: bool,
}

impl<T> Future for Waiting<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
        let mut world = self.sim.lock();
        let mut inner = self.cell.inner();
        if let Some(value) = inner.value.take() {
            return Poll::Ready(Some(value));
        }
        if self.until.is_some_and(|until| until <= world.now) {
            return Poll::Ready(None);
        }
        inner.waiter = Some(world.current);
        if let (Some(until), false) = (self.until, self.armed) {
            let task = world.current;
            world.at(until, Event::Wake(task));
        }
        drop(inner);
        drop(world);
        self.armed = true;
        Poll::Pending
    }
}

/// Never comes back: for a task whose process has just died.
pub async fn die() {
    std::future::pending::<()>().await;
}
