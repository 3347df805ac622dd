//! What a command reads from its standard input, where it is given one: written by firedrill as the command takes it.
//!
//! The command's end of the pipe is handed to the guard through its socket (`SCM_RIGHTS`), since the guard's own
//! standard input is that socket.

use crate::drill::Fault;
use async_trait::async_trait;
use rustix::{
    cmsg_space,
    fd::OwnedFd,
    io::{FdFlags, fcntl_setfd},
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, recvmsg, sendmsg,
    },
};
use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::AsFd,
};
use tokio::{io::AsyncWriteExt, net::unix::pipe};

/// Goes with the handed pipe: a message has to hold at least one byte.
const HANDED: &[u8] = b"i";

/// Writes a command's standard input.
///
/// `Ok` ends the input. `Err` kills the command while its input is still open, so that it never takes half of its
/// input for the whole.
#[async_trait]
pub trait Feed: Send {
    /// Writes all of it.
    async fn feed(&mut self, to: &mut Input) -> Result<(), Fault>;
}

/// A command's standard input.
#[derive(Debug)]
pub struct Input(pipe::Sender);

impl Input {
    /// Writes the bytes. Where the command has stopped reading, this never returns: how the command ends tells more
    /// than the fact that it did not read on.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.0.write_all(bytes).await {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::future::pending().await,
            other => other,
        }
    }
}

/// A pipe: the end to write to, and the end for the command.
pub(super) fn pipe() -> io::Result<(Input, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    Ok((Input(pipe::Sender::from_owned_fd(writer.into())?), reader.into()))
}

/// Hands the command's end to a guard that is about to be started.
pub(super) fn hand_over(socket: impl AsFd, end: &OwnedFd) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut message = SendAncillaryBuffer::new(&mut space);
    let ends = [end.as_fd()];
    if !message.push(SendAncillaryMessage::ScmRights(&ends)) {
        return Err(io::Error::other("no room for a file descriptor in a message"));
    }
    sendmsg(socket, &[IoSlice::new(HANDED)], &mut message, SendFlags::empty())?;
    Ok(())
}

/// Takes it, in the guard.
pub(super) fn take_over(socket: impl AsFd) -> io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut message = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0; 1];
    recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut message, RecvFlags::empty())?;
    let handed = message.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut ends) => ends.next(),
        _ => None,
    });
    let end = handed.ok_or_else(|| io::Error::other("no input was handed over"))?;
    // A command that held its own input open once more would be none the worse, but it has no use for it.
    fcntl_setfd(&end, FdFlags::CLOEXEC)?;
    Ok(end)
}
