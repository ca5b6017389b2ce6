//! The gateway's door for the terminal: a Unix socket, one line of JSON a question, one a line's answer. For this user alone.

use super::ops::{Answer, Ask, Desk, answer};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

/// The longest question, in bytes.
const LONGEST_LINE: u64 = 64 * 1024;
/// Connections at a time.
const MOST_CONNECTIONS: usize = 256;

/// Binds the socket, replacing one that a dead process left.
pub fn bind(path: &Path) -> std::io::Result<UnixListener> {
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path)?;
    // In a folder that is shared with the vault's group, the socket is as well: whoever connects is asked who they are.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(florin_vault::door::socket_mode(path)))?;
    Ok(listener)
}

pub async fn serve(listener: UnixListener, desk: Arc<Desk>) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let ours = stream.peer_cred().is_ok_and(|c| c.uid() == rustix::process::geteuid().as_raw());
        if !ours {
            continue;
        }
        let desk = Arc::clone(&desk);
        tokio::spawn(async move {
            let _ = converse(stream, &desk).await;
            drop(permit);
        });
    }
}

async fn converse(stream: UnixStream, desk: &Desk) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let mut line = Vec::new();
    loop {
        line.clear();
        let n = (&mut read).take(LONGEST_LINE).read_until(b'\n', &mut line).await?;
        if n == 0 {
            return Ok(());
        }
        let answered = match serde_json::from_slice::<Ask>(&line) {
            Ok(ask) => answer(desk, ask).await,
            Err(_) => Answer::Error {
                code: "bad_question".to_owned(),
                message: "the question is not one that this gateway knows: use the same version of florin".to_owned(),
                param: None,
                status: 400,
            },
        };
        let mut bytes = serde_json::to_vec(&answered).map_err(std::io::Error::other)?;
        bytes.push(b'\n');
        write.write_all(&bytes).await?;
    }
}
