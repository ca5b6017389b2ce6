//! What the vault can still reach once it runs: its own files, the ports of its peers, the system calls that it makes.
//! A hole in it then opens no shell, no other file and no other address. Knows nothing of cards.

mod calls;
mod paths;

use std::net::SocketAddr;
use std::path::PathBuf;

/// Everything that is left open. What is not named here is refused by the kernel.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// Folders of its own: read, written, made, removed.
    pub own: Vec<PathBuf>,
    /// Folders where it makes and removes Unix sockets.
    pub sockets: Vec<PathBuf>,
    /// Files and folders that are read: keys, certificates (by folder, since they are replaced by renaming).
    pub read: Vec<PathBuf>,
    /// TCP ports of peers.
    pub connect: Vec<u16>,
    /// TCP ports that it opens itself; 0 for any free one.
    pub bind: Vec<u16>,
}

/// What holds for this thread and all that it starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confined {
    /// Landlock: paths and TCP ports.
    pub paths: bool,
    /// seccomp: system calls.
    pub calls: bool,
}

/// Applies both to the calling thread and to every thread that it starts from now on; never taken back.
pub fn confine(reach: &Reach) -> Confined {
    Confined { paths: paths::restrict(reach), calls: calls::restrict() }
}

impl Reach {
    /// The port of `host:port`, as somebody to connect to.
    pub fn peer(&mut self, address: &str) {
        self.connect.extend(address.rsplit(':').next().and_then(|port| port.parse::<u16>().ok()));
    }

    pub fn listen(&mut self, address: SocketAddr) {
        self.bind.push(address.port());
    }

    /// The folder of a file that is replaced while the vault runs.
    pub fn folder_of(&mut self, file: &std::path::Path) {
        self.read.extend(file.parent().map(|folder| match folder.as_os_str().is_empty() {
            true => PathBuf::from("."),
            false => folder.to_owned(),
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};
    use std::process::Command;

    /// The kernel of a machine that runs these tests has both (Linux 6.12): what is asserted is that they hold.
    #[test]
    fn what_is_not_named_is_out_of_reach() {
        let folder = Folder::new();
        std::fs::write(folder.path("secret"), "kept").unwrap();
        let own = folder.path("own");
        std::fs::create_dir(&own).unwrap();
        let [friend, stranger] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let (friend_at, stranger_at) = (friend.local_addr().unwrap(), stranger.local_addr().unwrap());
        let reach = Reach { own: vec![own.clone()], connect: vec![friend_at.port()], ..Reach::default() };
        let secret = folder.path("secret");
        let kind = |e: std::io::Error| e.kind();
        std::thread::spawn(move || {
            assert_eq!(confine(&reach), Confined { paths: true, calls: true });
            std::fs::write(own.join("file"), "mine").unwrap();
            std::fs::rename(own.join("file"), own.join("other")).unwrap();
            assert_eq!(std::fs::read_to_string(own.join("other")).unwrap(), "mine");
            assert_eq!(std::fs::read(&secret).map_err(kind), Err(ErrorKind::PermissionDenied));
            assert_eq!(std::fs::write(&secret, "gone").map_err(kind), Err(ErrorKind::PermissionDenied));
            assert_eq!(std::fs::read("/etc/passwd").map_err(kind), Err(ErrorKind::PermissionDenied));
            assert_eq!(std::fs::read_dir("/").map(|_| ()).map_err(kind), Err(ErrorKind::PermissionDenied));
            TcpStream::connect(friend_at).unwrap();
            assert_eq!(TcpStream::connect(stranger_at).map(|_| ()).map_err(kind), Err(ErrorKind::PermissionDenied));
            assert_eq!(TcpListener::bind("127.0.0.1:0").map(|_| ()).map_err(kind), Err(ErrorKind::PermissionDenied));
            assert_eq!(Command::new("/bin/true").spawn().map(|_| ()).map_err(kind), Err(ErrorKind::PermissionDenied));
            // Threads that it starts are held too, and SQLite works in its own folder.
            let inner = own.clone();
            let read = std::thread::spawn(move || std::fs::read(inner.join("../secret")).map_err(kind)).join().unwrap();
            assert_eq!(read, Err(ErrorKind::PermissionDenied));
            let database = rusqlite::Connection::open(own.join("a.db")).unwrap();
            database.pragma_update(None, "journal_mode", "WAL").unwrap();
            database
                .execute_batch("CREATE TABLE t(a); INSERT INTO t VALUES(1); PRAGMA wal_checkpoint(TRUNCATE)")
                .unwrap();
        })
        .join()
        .unwrap();
        assert_eq!(std::fs::read_to_string(folder.path("secret")).unwrap(), "kept");
    }

    #[test]
    fn peers_and_folders_are_read_from_addresses_and_files() {
        let mut reach = Reach::default();
        reach.peer("acquirer.example:8583");
        reach.peer("[::1]:8584");
        reach.peer("no port");
        reach.folder_of(std::path::Path::new("/a/tls/ca.pem"));
        reach.folder_of(std::path::Path::new("ca.pem"));
        assert_eq!(reach.connect, [8583, 8584]);
        assert_eq!(reach.read, [PathBuf::from("/a/tls"), PathBuf::from(".")]);
    }
}
