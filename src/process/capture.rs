//! One output of a command: digested whole, its end kept, cut into lines for whoever follows.

use super::{OnLine, Secrets};
use crate::ids::Digest;
use sha2::Digest as _;
use tokio::io::{AsyncRead, AsyncReadExt};

/// A line longer than this is no message for a person and no progress report.
const LONGEST_LINE: usize = 16 * 1024;

/// What a command wrote to one of its outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// The end of it as text, secrets taken out; what is not UTF-8 is replaced.
    pub tail: String,
    /// How many bytes in all.
    pub bytes: u64,
    /// SHA-256 of all of them.
    pub digest: Digest,
    /// Whether `tail` is less than all.
    pub truncated: bool,
}

impl Captured {
    /// The last `count` lines that are not blank, each at most 300 characters long.
    pub fn last_lines(&self, count: usize) -> Vec<String> {
        let lines: Vec<&str> = self.tail.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        lines[lines.len().saturating_sub(count)..].iter().map(|line| shorten(line, 300)).collect()
    }

    /// `sha256:` and the digest.
    pub fn digest_text(&self) -> String {
        format!("sha256:{}", self.digest)
    }
}

/// At most `most` characters, with a mark where there were more.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Takes an output in.
pub(super) struct Capture {
    kept: Vec<u8>,
    limit: usize,
    bytes: u64,
    hash: sha2::Sha256,
    line: Vec<u8>,
}

impl Capture {
    pub(super) fn new(limit: usize) -> Self {
        Self { kept: Vec::new(), limit, bytes: 0, hash: sha2::Sha256::new(), line: Vec::new() }
    }

    /// Reads to the end. An output that can't be read further counts as ended.
    pub(super) async fn pump(
        &mut self,
        from: Option<impl AsyncRead + Unpin>,
        secrets: &Secrets,
        on_line: Option<OnLine<'_>>,
    ) {
        let Some(mut from) = from else { return };
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read) = from.read(&mut buffer).await {
            if read == 0 {
                break;
            }
            self.take(&buffer[..read], secrets, on_line);
        }
        if let Some(on_line) = on_line.filter(|_| !self.line.is_empty()) {
            let line = std::mem::take(&mut self.line);
            tell(&line, secrets, on_line);
        }
    }

    fn take(&mut self, bytes: &[u8], secrets: &Secrets, on_line: Option<OnLine<'_>>) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.kept.extend_from_slice(bytes);
        if self.kept.len() > 2 * self.limit.max(16 * 1024) {
            let surplus = self.kept.len() - self.limit;
            self.kept.drain(..surplus);
        }
        let Some(on_line) = on_line else { return };
        // A carriage return ends a line too: progress meters use it.
        for stretch in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            self.line.extend_from_slice(stretch);
            if stretch.ends_with(b"\n") || stretch.ends_with(b"\r") {
                let line = std::mem::take(&mut self.line);
                tell(&line, secrets, on_line);
            }
            // Kept one byte beyond the limit, so that the rest of the line is known to be too long.
            self.line.truncate(LONGEST_LINE + 1);
        }
    }

    pub(super) fn finish(self, secrets: &Secrets) -> Captured {
        let cut = self.kept.len().saturating_sub(self.limit);
        let mut kept = &self.kept[cut..];
        let truncated = self.bytes > kept.len() as u64;
        if truncated {
            kept = &kept[secrets.after_cut(kept)..];
        }
        let mut clean = secrets.redact_bytes(kept);
        clean.truncate(secrets.before_end(&clean));
        Captured {
            tail: String::from_utf8_lossy(&clean).into_owned(),
            bytes: self.bytes,
            digest: Digest::from_bytes(self.hash.finalize().into()),
            truncated,
        }
    }
}

fn tell(line: &[u8], secrets: &Secrets, on_line: OnLine<'_>) {
    if line.len() <= LONGEST_LINE {
        let text = String::from_utf8_lossy(&secrets.redact_bytes(line)).into_owned();
        let text = text.trim();
        if !text.is_empty() {
            on_line(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    fn captured(chunks: &[&[u8]], limit: usize, secrets: &Secrets) -> Captured {
        let mut capture = Capture::new(limit);
        chunks.iter().for_each(|chunk| capture.take(chunk, secrets, None));
        capture.finish(secrets)
    }

    #[test]
    fn everything_is_digested_and_the_end_is_kept() {
        let all: Vec<u8> = (0..200_000u32).map(|n| b'a' + (n % 26) as u8).collect();
        let chunks: Vec<&[u8]> = all.chunks(999).collect();
        let captured = captured(&chunks, 1000, &Secrets::default());
        assert_eq!((captured.bytes, captured.truncated), (200_000, true));
        assert_eq!(captured.tail.as_bytes(), &all[199_000..]);
        assert_eq!(captured.digest, Digest::of(&all));
    }

    #[test]
    fn a_secret_split_over_reads_or_by_the_cut_is_not_kept() {
        let mut secrets = Secrets::default();
        secrets.add("hunter2000");
        let split = captured(&[b"pw hunt", b"er2000 done"], 1000, &secrets);
        assert_eq!(split.tail, "pw [redacted] done");
        let cut = captured(&[b"xxxx hunter2000 done"], 9, &secrets);
        assert_eq!(cut.tail, " done");
        let unfinished = captured(&[b"pw hunter2"], 1000, &secrets);
        assert_eq!(unfinished.tail, "pw ");
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(captured(&[b"a\xffb"], 10, &Secrets::default()).tail, "a\u{fffd}b");
    }

    #[test]
    fn lines_come_whole_and_endless_ones_not_at_all() {
        let seen = Mutex::new(Vec::new());
        let on_line = |line: &str| seen.lock().expect("not poisoned").push(line.to_owned());
        let mut capture = Capture::new(100);
        let endless = vec![b'x'; 3 * LONGEST_LINE];
        for chunk in [b"one\ntw".as_slice(), b"o\r", &endless, b"\nthree\n"] {
            capture.take(chunk, &Secrets::default(), Some(&on_line));
        }
        assert_eq!(*seen.lock().expect("not poisoned"), ["one", "two", "three"]);
    }

    #[test]
    fn the_last_lines_are_short_and_not_blank() {
        let long = "y".repeat(400);
        let captured = captured(&[b"a\n\nb\n", long.as_bytes()], 1000, &Secrets::default());
        let lines = captured.last_lines(2);
        assert_eq!(lines[0], "b");
        assert_eq!(lines[1].chars().count(), 301);
    }
}
