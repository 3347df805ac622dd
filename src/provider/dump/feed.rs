//! From the file to the program that restores it: unpacked, looked through, counted.

use super::sql::{Refusal, Sieve};
use crate::{
    drill::{Fault, FaultClass},
    ids::Digest,
    process::{Feed, Input},
    provider::{copy::TICK, unpacked::Unpacked},
};
use async_trait::async_trait;
use std::{io, path::Path};
use tokio::time::Instant;

/// How much is unpacked at a time.
const CHUNK: usize = 256 * 1024;

/// What was fed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fed {
    /// Bytes of the file.
    pub(super) read: u64,
    /// Its SHA-256.
    pub(super) digest: Digest,
}

/// Feeds a dump to a program's standard input.
pub(super) struct DumpFeed<'a> {
    from: Option<Unpacked>,
    path: &'a Path,
    sieve: Option<&'a mut dyn Sieve>,
    /// Goes before the dump.
    before: Vec<u8>,
    progress: &'a (dyn Fn(u64, u64) + Send + Sync),
    fed: Option<Fed>,
}

impl<'a> DumpFeed<'a> {
    pub(super) fn new(
        from: Unpacked,
        path: &'a Path,
        sieve: Option<&'a mut dyn Sieve>,
        before: Vec<u8>,
        progress: &'a (dyn Fn(u64, u64) + Send + Sync),
    ) -> Self {
        Self { from: Some(from), path, sieve, before, progress, fed: None }
    }

    /// What was fed, if all of it was.
    pub(super) fn fed(&self) -> Option<Fed> {
        self.fed
    }

    /// Reads what the program did not want of the file, so that all of it is known to be sound.
    pub(super) async fn drain(&mut self) -> Result<(), Fault> {
        let Some(from) = &mut self.from else { return Ok(()) };
        let mut buffer = vec![0; CHUNK];
        while from.fill(&mut buffer).await? > 0 {}
        self.finish().await
    }

    async fn finish(&mut self) -> Result<(), Fault> {
        if let Some(from) = self.from.take() {
            let (read, digest) = from.finish().await?;
            (self.progress)(read, read);
            self.fed = Some(Fed { read, digest });
        }
        Ok(())
    }
}

/// The fault of a dump that a sieve refuses.
fn refused(path: &Path, refusal: &Refusal) -> Fault {
    let (path, line, what) = (path.display(), refusal.line, &refusal.what);
    let message = match refusal.hostile {
        true => format!(
            "the dump {path} is not restored: line {line} holds {what}. Dump programs don't write that: find out who changed the file"
        ),
        false => format!("the dump {path} can't be restored: at line {line}: {what}"),
    };
    Fault::new(FaultClass::Permanent, message)
}

#[async_trait]
impl Feed for DumpFeed<'_> {
    async fn feed(&mut self, to: &mut Input) -> Result<(), Fault> {
        let Some(from) = &mut self.from else { return Ok(()) };
        let unwritable = |error: io::Error| {
            Fault::new(FaultClass::Surroundings, format!("the dump can't be handed over: {error}"))
        };
        to.write(&self.before).await.map_err(unwritable)?;
        let (mut buffer, mut out) = (vec![0; CHUNK], Vec::new());
        let mut ticked = Instant::now();
        (self.progress)(0, from.size());
        loop {
            let length = from.fill(&mut buffer).await?;
            let piece = &buffer[..length];
            match &mut self.sieve {
                None => to.write(piece).await.map_err(unwritable)?,
                Some(sieve) => {
                    out.clear();
                    let passed =
                        if length == 0 { sieve.finish(&mut out) } else { sieve.push(piece, &mut out) };
                    passed.map_err(|refusal| refused(self.path, &refusal))?;
                    to.write(&out).await.map_err(unwritable)?;
                }
            }
            if length == 0 {
                break;
            }
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                (self.progress)(from.read(), from.size());
            }
        }
        self.finish().await
    }
}

/// Looks a whole dump through and feeds it to nobody.
pub(super) async fn look_through(
    mut from: Unpacked,
    path: &Path,
    sieve: &mut dyn Sieve,
) -> Result<(), Fault> {
    let (mut buffer, mut out) = (vec![0; CHUNK], Vec::new());
    loop {
        let length = from.fill(&mut buffer).await?;
        out.clear();
        let piece = &buffer[..length];
        let passed = if length == 0 { sieve.finish(&mut out) } else { sieve.push(piece, &mut out) };
        passed.map_err(|refusal| refused(path, &refusal))?;
        if length == 0 {
            return Ok(());
        }
        // Work of the processor alone: others get their turn.
        tokio::task::yield_now().await;
    }
}
