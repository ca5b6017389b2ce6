//! Open listeners handed from the starter to a process, over the socket that is the process's standard input (SCM_RIGHTS, unix(7)): the
//! starter keeps them, so that while a process is started anew connections wait instead of being refused. Knows no protocol.

use crate::fail::{Fail, io};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Listeners of one process: of each site for TLS and without.
const MOST: usize = 8;
/// Connections that wait in a listener while nobody serves it.
const BACKLOG: i32 = 1_024;

/// Opens a listener that is kept for as long as the starter lives.
pub fn open(address: SocketAddr) -> Result<TcpListener, Fail> {
    let failed = |e: std::io::Error| io("listen at", Path::new(&address.to_string()), &e);
    let listener = TcpListener::bind(address).map_err(failed)?;
    rustix::net::listen(&listener, BACKLOG).map_err(|e| failed(e.into()))?;
    Ok(listener)
}

/// Hands them over. The process reads them before anything else.
pub fn give(to: &UnixStream, listeners: &[TcpListener]) -> std::io::Result<()> {
    if listeners.is_empty() {
        return Ok(());
    }
    let borrowed: Vec<BorrowedFd<'_>> = listeners.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&borrowed)) {
        return Err(std::io::Error::other("too many listeners"));
    }
    // Something must go with them.
    sendmsg(to, &[IoSlice::new(b"L")], &mut control, SendFlags::empty())?;
    Ok(())
}

/// Takes what the starter handed over.
pub fn take(from: impl AsFd) -> std::io::Result<Vec<TcpListener>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0u8; 1];
    recvmsg(from, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut taken = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            taken.extend(descriptors.map(TcpListener::from));
        }
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_go_over_in_their_order() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let opened = [open(any).unwrap(), open(any).unwrap()];
        let addresses = |listeners: &[TcpListener]| -> Vec<SocketAddr> {
            listeners.iter().map(|listener| listener.local_addr().unwrap()).collect()
        };
        give(&ours, &opened).unwrap();
        let taken = take(&theirs).unwrap();
        assert_eq!(addresses(&taken), addresses(&opened));
        drop(taken);
        give(&ours, &opened).unwrap();
        assert_eq!(addresses(&take(&theirs).unwrap()), addresses(&opened), "as often as it takes");
        drop(ours);
        assert!(take(&theirs).unwrap().is_empty());
    }
}
