//! Copying a backup into scratch, unpacked on the way: every byte of the source digested, none of it changed.

use super::{
    backup_file::{Identity, Packing},
    disk::cant,
    sqlite_backup::MAGIC,
};
use crate::{
    drill::{Fault, FaultClass},
    ids::Digest,
};
use async_compression::tokio::bufread::{GzipDecoder, ZstdDecoder};
use sha2::Digest as _;
use std::{
    io,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    fs::{File, OpenOptions},
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader, ReadBuf},
    time::Instant,
};

/// How much is read and written at a time: a future that is dropped leaves at most this being written.
const CHUNK: usize = 1024 * 1024;

/// Between two ticks.
const TICK: Duration = Duration::from_millis(100);

/// A copy that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Copied {
    /// Bytes of the backup.
    pub(super) read: u64,
    /// Bytes of the database.
    pub(super) written: u64,
    /// SHA-256 of the backup as it lies there.
    pub(super) digest: Digest,
}

/// Unpacks; data after the end of the last member are an error, not ignored.
pub(super) fn decoded<R: AsyncRead + Send + Unpin + 'static>(
    packing: Packing,
    from: R,
) -> Pin<Box<dyn AsyncRead + Send>> {
    let from = BufReader::with_capacity(256 * 1024, from);
    match packing {
        Packing::Plain => Box::pin(from),
        Packing::Gzip => {
            let mut decoder = GzipDecoder::new(from);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
        Packing::Zstd => {
            let mut decoder = ZstdDecoder::new(from);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
    }
}

/// Copies `source` to the new file `into`. `listed` is what the source was like when it was chosen.
///
/// The source is opened for reading alone. All work happens while this future is polled: dropped, it stops.
pub(super) async fn unpack(
    source: &Path,
    listed: Option<Identity>,
    into: &Path,
    progress: impl Fn(u64, u64),
) -> Result<Copied, Fault> {
    let unreadable = |error: io::Error| cant("read the backup", source, &error);
    let mut file = File::open(source).await.map_err(unreadable)?;
    let before = identity(&file, source).await?;
    if listed.is_some_and(|listed| listed != before) {
        return Err(changed(source, "since it was chosen"));
    }
    let mut first = Vec::new();
    (&mut file).take(4).read_to_end(&mut first).await.map_err(unreadable)?;
    let packing = Packing::of(&first);
    // A second handle reads from the start; the first is kept to see whether the same file changed meanwhile.
    let again = File::open(source).await.map_err(unreadable)?;
    if identity(&again, source).await? != before {
        return Err(changed(source, "while it was opened"));
    }
    let tally = Arc::new(Mutex::new(Tally::default()));
    let mut from = decoded(packing, Counted { inner: again, tally: Arc::clone(&tally) });

    let unwritable = |error: io::Error| cant("write", into, &error);
    let mut to =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(into).await.map_err(unwritable)?;
    let mut buffer = vec![0; CHUNK];
    let mut written = 0u64;
    let mut head = Vec::new();
    let mut ticked = Instant::now();
    progress(0, before.size);
    loop {
        let length = match fill(&mut from, &mut buffer).await {
            Ok(length) => length,
            Err(error) => return Err(damaged(source, packing, before.size, &tally, &error)),
        };
        if length == 0 {
            break;
        }
        if head.len() < MAGIC.len() {
            head.extend_from_slice(&buffer[..length.min(MAGIC.len())]);
        }
        to.write_all(&buffer[..length]).await.map_err(unwritable)?;
        // Without this an error of the disk would be told by a later write, or by none.
        to.flush().await.map_err(unwritable)?;
        written += length as u64;
        if ticked.elapsed() >= TICK {
            ticked = Instant::now();
            progress(lock(&tally).bytes, before.size);
        }
    }
    if !head.starts_with(MAGIC) {
        return Err(Fault::new(
            FaultClass::Permanent,
            format!("what is in {} is not a SQLite database, or an encrypted one", source.display()),
        ));
    }
    to.sync_all().await.map_err(unwritable)?;
    let after = identity(&file, source).await?;
    let (read, digest) = {
        let tally = lock(&tally);
        (tally.bytes, Digest::from_bytes(tally.hash.clone().finalize().into()))
    };
    if after != before || read != before.size {
        return Err(changed(source, "while it was read"));
    }
    progress(read, before.size);
    Ok(Copied { read, written, digest })
}

/// Reads until the buffer is full or the data end, so that small reads don't become small writes.
async fn fill(from: &mut Pin<Box<dyn AsyncRead + Send>>, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]).await? {
            0 => break,
            length => filled += length,
        }
    }
    Ok(filled)
}

async fn identity(file: &File, source: &Path) -> Result<Identity, Fault> {
    let meta = file.metadata().await.map_err(|error| cant("look at the backup", source, &error))?;
    if !meta.is_file() {
        return Err(Fault::new(FaultClass::Permanent, format!("{} is not a file", source.display())));
    }
    Ok(Identity::of(&meta))
}

fn changed(source: &Path, when: &str) -> Fault {
    Fault::new(
        FaultClass::Transient,
        format!(
            "the backup {} was changed {when}: write backups under another name and rename them when they are whole",
            source.display()
        ),
    )
}

fn damaged(source: &Path, packing: Packing, size: u64, tally: &Mutex<Tally>, error: &io::Error) -> Fault {
    let tally = lock(tally);
    if tally.failed {
        return cant("read the backup", source, error);
    }
    let why = match error.kind() {
        io::ErrorKind::UnexpectedEof => "its data end too early".to_owned(),
        _ => error.to_string(),
    };
    Fault::new(
        FaultClass::Permanent,
        format!(
            "the backup {} is damaged: unpacking its {} data failed near byte {} of {size}: {why}",
            source.display(),
            packing.word(),
            tally.bytes
        ),
    )
}

/// What was read from the source so far.
#[derive(Default)]
struct Tally {
    bytes: u64,
    hash: sha2::Sha256,
    failed: bool,
}

fn lock(tally: &Mutex<Tally>) -> std::sync::MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts and digests what passes through.
struct Counted<R> {
    inner: R,
    tally: Arc<Mutex<Tally>>,
}

impl<R: AsyncRead + Unpin> AsyncRead for Counted<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let already = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        let mut tally = lock(&self.tally);
        match &polled {
            Poll::Ready(Ok(())) => {
                let new = &buffer.filled()[already..];
                tally.bytes += new.len() as u64;
                tally.hash.update(new);
            }
            Poll::Ready(Err(_)) => tally.failed = true,
            Poll::Pending => {}
        }
        drop(tally);
        polled
    }
}
