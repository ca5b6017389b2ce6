//! A disk under SQLite that fails when it is told to, and that remembers what a power cut would leave. Knows no tables.
#![allow(unsafe_code)]

use rusqlite::ffi;
use std::collections::BTreeMap;
use std::ffi::{CStr, c_int, c_void};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// How the n-th write or sync goes wrong. A sync only ever fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fails {
    /// EIO: nothing was written.
    Io,
    /// ENOSPC: nothing was written.
    Full,
    /// ENOSPC in the middle.
    Half,
}

enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

#[derive(Default)]
struct File {
    /// What survives a power cut.
    synced: Vec<u8>,
    /// What was written since, in order.
    pending: Vec<Change>,
}

/// What a power cut found: both files, and how many commits had been acknowledged.
pub struct Cut {
    db: Left,
    wal: Left,
    pub acknowledged: usize,
}

struct Left {
    synced: Vec<u8>,
    /// (offset, bytes) of sectors that may or may not have reached the disk, in order of writing.
    sectors: Vec<(usize, Vec<u8>)>,
}

/// The disk under one database: its file and its log.
#[derive(Default)]
pub struct Disk {
    db: File,
    wal: File,
    /// Writes, truncations and syncs so far.
    pub ops: u64,
    pub fault: Option<(u64, Fails)>,
    /// `ops` when the fault struck.
    pub struck: Option<u64>,
    /// Before this operation the power is cut, as far as `cut` is concerned.
    pub cut_at: Option<u64>,
    pub cut: Option<Cut>,
    pub acknowledged: Arc<AtomicUsize>,
}

impl Disk {
    fn file(&mut self, wal: bool) -> &mut File {
        if wal { &mut self.wal } else { &mut self.db }
    }

    /// Counts an operation; how it fails, if it does.
    fn next(&mut self) -> Option<Fails> {
        self.ops += 1;
        if self.cut_at == Some(self.ops) {
            let acknowledged = self.acknowledged.load(Ordering::SeqCst);
            self.cut = Some(Cut { db: self.db.left(), wal: self.wal.left(), acknowledged });
        }
        let (at, fails) = self.fault?;
        if at != self.ops {
            return None;
        }
        self.struck = Some(self.ops);
        Some(fails)
    }

    /// What a power cut now would find.
    pub fn power_cut(&self) -> Cut {
        let acknowledged = self.acknowledged.load(Ordering::SeqCst);
        Cut { db: self.db.left(), wal: self.wal.left(), acknowledged }
    }
}

impl File {
    fn sync(&mut self) {
        for change in self.pending.drain(..) {
            match change {
                Change::Write { at, bytes } => write_at(&mut self.synced, at, &bytes),
                Change::Truncate(length) => self.synced.resize(length, 0),
            }
        }
    }

    fn left(&self) -> Left {
        let mut sectors = Vec::new();
        for change in &self.pending {
            if let Change::Write { at, bytes } = change {
                let pieces = bytes.chunks(SECTOR_BYTES).enumerate();
                sectors.extend(pieces.map(|(n, piece)| (at + n * SECTOR_BYTES, piece.to_vec())));
            }
        }
        Left { synced: self.synced.clone(), sectors }
    }
}

fn write_at(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if file.len() < at + bytes.len() {
        file.resize(at + bytes.len(), 0);
    }
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

impl Cut {
    /// Writes what is left as a database: of what was not synced, the sectors for which `chance` says so.
    pub fn image(&self, path: &Path, chance: &mut dyn FnMut() -> bool) {
        for (left, suffix) in [(&self.db, ""), (&self.wal, "-wal")] {
            let mut bytes = left.synced.clone();
            for (at, sector) in &left.sectors {
                if chance() {
                    write_at(&mut bytes, *at, sector);
                }
            }
            std::fs::write(format!("{}{suffix}", path.display()), bytes).expect("an image is written");
        }
    }
}

pub type Shared = Arc<Mutex<Disk>>;

struct Open {
    disk: Shared,
    wal: bool,
    real: &'static ffi::sqlite3_io_methods,
}

#[derive(Default)]
struct World {
    /// By path of the database.
    disks: BTreeMap<String, Shared>,
    /// By address of SQLite's file object.
    open: BTreeMap<usize, Arc<Open>>,
    /// Ours, by address of the methods that they stand for.
    methods: BTreeMap<usize, &'static ffi::sqlite3_io_methods>,
    real_open: Option<RealOpen>,
}

type RealOpen =
    unsafe extern "C" fn(*mut ffi::sqlite3_vfs, *const i8, *mut ffi::sqlite3_file, c_int, *mut c_int) -> c_int;

static WORLD: Mutex<Option<World>> = Mutex::new(None);

fn world() -> MutexGuard<'static, Option<World>> {
    WORLD.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn lock(disk: &Shared) -> MutexGuard<'_, Disk> {
    disk.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts a disk of ours under the database at this path; every other file stays where it was.
pub fn put_under(path: &Path) -> Shared {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        // SAFETY: SQLite's default VFS lives as long as the process; only its way of opening is exchanged, once, before the tests of
        // this module open anything.
        unsafe {
            let vfs = ffi::sqlite3_vfs_find(std::ptr::null());
            let world = World { real_open: (*vfs).xOpen, ..World::default() };
            WORLD.lock().unwrap_or_else(PoisonError::into_inner).replace(world);
            (*vfs).xOpen = Some(open);
        }
    });
    let disk = Shared::default();
    if let Some(world) = world().as_mut() {
        world.disks.insert(path.display().to_string(), Arc::clone(&disk));
    }
    disk
}

/// Takes it away again.
pub fn take_away(path: &Path) {
    if let Some(world) = world().as_mut() {
        world.disks.remove(&path.display().to_string());
    }
}

/// Opens as ever; the database and the log of a disk of ours then get methods of ours for what changes them.
unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const i8,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    let Some(real) = world().as_ref().and_then(|world| world.real_open) else { return ffi::SQLITE_CANTOPEN };
    // SAFETY: the arguments are SQLite's, handed on as they came.
    let opened = unsafe { real(vfs, name, file, flags, out) };
    let wal = flags & ffi::SQLITE_OPEN_WAL != 0;
    if opened != ffi::SQLITE_OK || name.is_null() || (!wal && flags & ffi::SQLITE_OPEN_MAIN_DB == 0) {
        return opened;
    }
    // SAFETY: SQLite gives a text that ends with 0.
    let path = unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned();
    let path = path.strip_suffix("-wal").map(str::to_owned).unwrap_or(path);
    let mut world = world();
    let Some(world) = world.as_mut() else { return opened };
    let Some(disk) = world.disks.get(&path).cloned() else { return opened };
    // SAFETY: an opened file has methods, and those of the default VFS are static.
    let real: &'static ffi::sqlite3_io_methods = unsafe { &*(*file).pMethods };
    let ours = world.methods.entry(std::ptr::from_ref(real) as usize).or_insert_with(|| {
        let changed = ffi::sqlite3_io_methods {
            xClose: Some(close),
            xWrite: Some(write),
            xTruncate: Some(truncate),
            xSync: Some(sync),
            ..*real
        };
        Box::leak(Box::new(changed))
    });
    // SAFETY: the file is SQLite's and nobody uses it before this returns.
    unsafe { (*file).pMethods = *ours };
    world.open.insert(file as usize, Arc::new(Open { disk, wal, real }));
    opened
}

fn opened(file: *mut ffi::sqlite3_file) -> Option<Arc<Open>> {
    world().as_ref()?.open.get(&(file as usize)).cloned()
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let open = world().as_mut().and_then(|world| world.open.remove(&(file as usize)));
    match open.and_then(|open| open.real.xClose) {
        // SAFETY: the method that was there before ours, with the file that it opened.
        Some(real) => unsafe { real(file) },
        None => ffi::SQLITE_ERROR,
    }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, data: *const c_void, n: c_int, at: i64) -> c_int {
    let Some(open) = opened(file) else { return ffi::SQLITE_ERROR };
    let length = usize::try_from(n).expect("a length");
    let fails = lock(&open.disk).next();
    let (kept, code) = match fails {
        None => (length, ffi::SQLITE_OK),
        Some(Fails::Io) => (0, ffi::SQLITE_IOERR_WRITE),
        Some(Fails::Full) => (0, ffi::SQLITE_FULL),
        Some(Fails::Half) => (length / 2, ffi::SQLITE_FULL),
    };
    if kept > 0 {
        // SAFETY: SQLite gives so many bytes there.
        let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), kept) }.to_vec();
        let at = usize::try_from(at).expect("an offset");
        lock(&open.disk).file(open.wal).pending.push(Change::Write { at, bytes });
        // SAFETY: the method that was there before ours.
        let wrote = open.real.xWrite.map(|real| unsafe { real(file, data, kept as c_int, at as i64) });
        assert_eq!(wrote, Some(ffi::SQLITE_OK), "the real disk fails");
    }
    code
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, length: i64) -> c_int {
    let Some(open) = opened(file) else { return ffi::SQLITE_ERROR };
    if lock(&open.disk).next().is_some() {
        return ffi::SQLITE_IOERR_TRUNCATE;
    }
    let to = usize::try_from(length).expect("a length");
    lock(&open.disk).file(open.wal).pending.push(Change::Truncate(to));
    // SAFETY: the method that was there before ours.
    open.real.xTruncate.map_or(ffi::SQLITE_ERROR, |real| unsafe { real(file, length) })
}

/// A sync that fails has thrown away what it should have written: a later one says yes and has nothing left to write.
unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    let Some(open) = opened(file) else { return ffi::SQLITE_ERROR };
    let mut disk = lock(&open.disk);
    if disk.next().is_some() {
        disk.file(open.wal).pending.clear();
        return ffi::SQLITE_IOERR_FSYNC;
    }
    disk.file(open.wal).sync();
    ffi::SQLITE_OK
}
