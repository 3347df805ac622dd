//! Copying a backup into scratch, unpacked on the way: every byte of the source digested, none of it changed.

use super::{backup_file::Identity, disk::cant, sqlite_backup::MAGIC, unpacked::Unpacked};
use crate::{
    drill::{Fault, FaultClass},
    ids::Digest,
};
use std::{io, path::Path, time::Duration};
use tokio::{fs::OpenOptions, io::AsyncWriteExt, time::Instant};

/// How much is read and written at a time: a future that is dropped leaves at most this being written.
const CHUNK: usize = 1024 * 1024;

/// Between two ticks.
pub(super) const TICK: Duration = Duration::from_millis(100);

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

/// Copies `source` to the new file `into`. `listed` is what the source was like when it was chosen.
///
/// The source is opened for reading alone. All work happens while this future is polled: dropped, it stops.
pub(super) async fn unpack(
    source: &Path,
    listed: Option<Identity>,
    into: &Path,
    progress: impl Fn(u64, u64),
) -> Result<Copied, Fault> {
    let mut from = Unpacked::open(source, listed).await?;
    let unwritable = |error: io::Error| cant("write", into, &error);
    let mut to =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(into).await.map_err(unwritable)?;
    let mut buffer = vec![0; CHUNK];
    let mut written = 0u64;
    let mut head = Vec::new();
    let mut ticked = Instant::now();
    progress(0, from.size());
    loop {
        let length = from.fill(&mut buffer).await?;
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
            progress(from.read(), from.size());
        }
    }
    if !head.starts_with(MAGIC) {
        return Err(Fault::new(
            FaultClass::Permanent,
            format!("what is in {} is not a SQLite database, or an encrypted one", source.display()),
        ));
    }
    to.sync_all().await.map_err(unwritable)?;
    let (read, digest) = from.finish().await?;
    progress(read, read);
    Ok(Copied { read, written, digest })
}
