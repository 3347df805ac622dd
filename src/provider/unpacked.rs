//! Reading a backup as it was chosen: unpacked on the way, every byte of it digested, none of it changed.

use super::{
    backup_file::{Identity, Packing},
    disk::cant,
};
use crate::{
    drill::{Fault, FaultClass},
    ids::Digest,
};
use async_compression::tokio::bufread::{GzipDecoder, ZstdDecoder};
use sha2::Digest as _;
use std::{
    io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tokio::{
    fs::File,
    io::{AsyncRead, AsyncReadExt, BufReader, ReadBuf},
};

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

/// A backup that is being read.
pub(super) struct Unpacked {
    path: PathBuf,
    packing: Packing,
    /// The first handle, kept to see whether the same file changed meanwhile.
    file: File,
    before: Identity,
    from: Pin<Box<dyn AsyncRead + Send>>,
    tally: Arc<Mutex<Tally>>,
}

impl Unpacked {
    /// Opens the file for reading alone. `listed` is what it was like when it was chosen.
    pub(super) async fn open(path: &Path, listed: Option<Identity>) -> Result<Self, Fault> {
        let unreadable = |error: io::Error| cant("read the backup", path, &error);
        let mut file = File::open(path).await.map_err(unreadable)?;
        let before = identity(&file, path).await?;
        if listed.is_some_and(|listed| listed != before) {
            return Err(changed(path, "since it was chosen"));
        }
        let mut first = Vec::new();
        (&mut file).take(4).read_to_end(&mut first).await.map_err(unreadable)?;
        let packing = Packing::of(&first);
        let again = File::open(path).await.map_err(unreadable)?;
        if identity(&again, path).await? != before {
            return Err(changed(path, "while it was opened"));
        }
        let tally = Arc::new(Mutex::new(Tally::default()));
        let from = decoded(packing, Counted { inner: again, tally: Arc::clone(&tally) });
        Ok(Self { path: path.to_owned(), packing, file, before, from, tally })
    }

    /// The size of the file.
    pub(super) fn size(&self) -> u64 {
        self.before.size
    }

    /// How much of the file was read.
    pub(super) fn read(&self) -> u64 {
        lock(&self.tally).bytes
    }

    /// Reads until the buffer is full or the data end, so that small reads don't become small writes.
    pub(super) async fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.from.read(&mut buffer[filled..]).await {
                Ok(0) => break,
                Ok(length) => filled += length,
                Err(error) => return Err(self.damaged(&error)),
            }
        }
        Ok(filled)
    }

    /// How many bytes were read, and their digest. The file must not have changed, nor anything of it be left.
    pub(super) async fn finish(self) -> Result<(u64, Digest), Fault> {
        let after = identity(&self.file, &self.path).await?;
        let (read, digest) = {
            let tally = lock(&self.tally);
            (tally.bytes, Digest::from_bytes(tally.hash.clone().finalize().into()))
        };
        if after != self.before || read != self.before.size {
            return Err(changed(&self.path, "while it was read"));
        }
        Ok((read, digest))
    }

    fn damaged(&self, error: &io::Error) -> Fault {
        let tally = lock(&self.tally);
        if tally.failed {
            return cant("read the backup", &self.path, error);
        }
        let why = match error.kind() {
            io::ErrorKind::UnexpectedEof => "its data end too early".to_owned(),
            _ => error.to_string(),
        };
        Fault::new(
            FaultClass::Permanent,
            format!(
                "the backup {} is damaged: unpacking its {} data failed near byte {} of {}: {why}",
                self.path.display(),
                self.packing.word(),
                tally.bytes,
                self.before.size
            ),
        )
    }
}

async fn identity(file: &File, source: &Path) -> Result<Identity, Fault> {
    let meta = file.metadata().await.map_err(|error| cant("look at the backup", source, &error))?;
    if !meta.is_file() {
        return Err(Fault::new(FaultClass::Permanent, format!("{} is not a file", source.display())));
    }
    Ok(Identity::of(&meta))
}

/// The fault of a backup that is not what it was.
pub(super) fn changed(source: &Path, when: &str) -> Fault {
    Fault::new(
        FaultClass::Transient,
        format!(
            "the backup {} was changed {when}: write backups under another name and rename them when they are whole",
            source.display()
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
