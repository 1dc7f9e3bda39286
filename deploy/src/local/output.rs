//! What pods write, line by line.

use std::sync::Arc;

use config::{PodId, bounds};
use parking_lot::Mutex;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{ChildStderr, ChildStdout};

use super::OnLine;

/// The last line that a pod wrote to its standard error: most likely why it ended.
pub(super) type LastLine = Arc<Mutex<String>>;

/// Tells of every line of a pod, until both its ends are closed.
pub(super) async fn relay(
    pod: PodId,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    on_line: Arc<OnLine>,
    last: LastLine,
) {
    let out = lines(stdout, |line| on_line(&pod, line));
    let err = lines(stderr, |line| {
        if !line.trim().is_empty() {
            line.trim().clone_into(&mut last.lock());
        }
        on_line(&pod, line);
    });
    tokio::join!(out, err);
}

async fn lines(from: Option<impl AsyncRead + Unpin>, mut tell: impl FnMut(&str)) {
    let Some(from) = from else { return };
    // Most pods are silent most of the time: a small buffer each.
    let mut from = BufReader::with_capacity(1 << 10, from);
    let mut line = Vec::new();
    while let Ok(true) = piece(&mut from, &mut line).await {
        tell(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']));
        line.clear();
        line.shrink_to(1 << 10);
    }
}

/// Reads up to the end of the line, but no more than [`bounds::OUTPUT_LINE`]. False at the end.
async fn piece(from: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> std::io::Result<bool> {
    loop {
        let some = from.fill_buf().await?;
        let room = &some[..some.len().min(bounds::OUTPUT_LINE - line.len())];
        let end = room.iter().position(|byte| *byte == b'\n');
        let len = end.map_or(room.len(), |at| at + 1);
        line.extend_from_slice(&room[..len]);
        from.consume(len);
        if len == 0 || end.is_some() || line.len() == bounds::OUTPUT_LINE {
            return Ok(!line.is_empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn told(written: &[u8]) -> Vec<String> {
        let mut told = Vec::new();
        lines(Some(written), |line| told.push(line.to_owned())).await;
        told
    }

    #[tokio::test]
    async fn lines_are_told_without_their_ends_and_the_last_needs_none() {
        assert_eq!(told(b"one\r\ntwo\n\nthree").await, ["one", "two", "", "three"]);
        assert!(told(b"").await.is_empty());
    }

    #[tokio::test]
    async fn a_line_without_end_is_told_in_pieces() {
        let told = told(&vec![b'x'; bounds::OUTPUT_LINE * 2 + 5]).await;
        assert_eq!(told.iter().map(String::len).collect::<Vec<_>>(), [bounds::OUTPUT_LINE, bounds::OUTPUT_LINE, 5]);
    }

    #[tokio::test]
    async fn what_is_not_text_is_told_all_the_same() {
        assert_eq!(told(b"a\xffb\n").await, ["a\u{fffd}b"]);
    }
}
