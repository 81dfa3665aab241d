//! The bytes of a chat connection as they arrive, for the frame inspector: [`Tap`].

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tidings_tokio::websocket::frame::{
    DataOpcode, FrameBoundaries, FrameBoundary, Header, Opcode, Rsv,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::inspector::MAX_BYTES as MAX_FRAME_LEN;

/// The number of frames that are kept: a read may bring many at once.
const FRAMES_KEPT: usize = 32;

/// A frame that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// With its header, as it came.
    Whole(Vec<u8>),
    /// The inspector does not take as many bytes.
    TooLong,
}

/// A stream that keeps the last text frames it has read.
pub(super) struct Tap<S> {
    stream: S,
    recorder: Recorder,
}

impl<S> Tap<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, recorder: Recorder::new() }
    }

    /// The frame that was the text message with this number, counted from 0. `None` if it came in
    /// several frames, or if too many came after it.
    pub(super) fn frame(&self, number: u64) -> Option<&Frame> {
        let kept = self.recorder.kept.iter().find(|(kept, _)| *kept == number);
        kept.map(|(_, frame)| frame)
    }
}

/// Cuts what was read into frames.
struct Recorder {
    boundaries: FrameBoundaries,
    /// The frame that has begun, as far as it is short enough.
    current: Vec<u8>,
    /// The number of messages that have ended.
    messages: u64,
    kept: VecDeque<(u64, Frame)>,
}

impl Recorder {
    const fn new() -> Self {
        Self {
            boundaries: FrameBoundaries::new(Rsv::NONE),
            current: Vec::new(),
            messages: 0,
            kept: VecDeque::new(),
        }
    }

    fn record(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        loop {
            let before = rest;
            // After an illegal header nothing is read: the connection fails, too.
            let Ok(boundary) = self.boundaries.feed(&mut rest) else { return };
            let taken = before.len().saturating_sub(rest.len()); // `rest` only shrinks
            let room = MAX_FRAME_LEN.saturating_sub(self.current.len());
            self.current.extend(before.iter().take(taken.min(room)));
            match boundary {
                None => return,
                Some(FrameBoundary::Start(_)) => {}
                Some(FrameBoundary::End(header)) => self.end_frame(&header),
            }
        }
    }

    fn end_frame(&mut self, header: &Header) {
        let frame = std::mem::take(&mut self.current);
        let Opcode::Data(opcode) = header.opcode() else { return };
        if !header.fin() {
            return;
        }
        let frame_len = usize::try_from(header.payload_len())
            .map_or(usize::MAX, |len| len.saturating_add(header.encoded_len()));
        if opcode == DataOpcode::Text {
            let is_whole = frame_len == frame.len();
            let frame = if is_whole { Frame::Whole(frame) } else { Frame::TooLong };
            self.kept.push_back((self.messages, frame));
            if self.kept.len() > FRAMES_KEPT {
                self.kept.pop_front();
            }
        }
        self.messages = self.messages.saturating_add(1);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.recorder.record(buf.filled().get(before..).unwrap_or_default());
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";

    fn hello() -> Frame {
        Frame::Whole(HELLO.to_vec())
    }

    fn kept(reads: &[&[u8]]) -> VecDeque<(u64, Frame)> {
        let mut recorder = Recorder::new();
        for read in reads {
            recorder.record(read);
        }
        recorder.kept
    }

    #[test]
    fn each_text_frame_is_kept_as_it_came_wherever_reads_cut_it() {
        let stream = [HELLO, b"\x89\x80\0\0\0\0", HELLO].concat();
        for cut in 0..=stream.len() {
            let (first, second) = stream.split_at(cut);
            assert_eq!(kept(&[first, second]), [(0, hello()), (1, hello())]);
        }
    }

    #[test]
    fn fragments_and_long_frames_are_counted_and_not_kept() {
        // A header of eight bytes before 1016 and 1017 bytes of payload.
        let longest = [&b"\x81\xfe\x03\xf8\0\0\0\0"[..], &[b'x'; 1016]].concat();
        let long = [&b"\x81\xfe\x03\xf9\0\0\0\0"[..], &[b'x'; 1017]].concat();
        let fragments = b"\x01\x81\0\0\0\0a\x80\x81\0\0\0\0b";
        assert_eq!(
            kept(&[&long, fragments, &longest, HELLO]),
            [(0, Frame::TooLong), (2, Frame::Whole(longest)), (3, hello())]
        );
    }

    #[test]
    fn the_oldest_of_many_frames_is_dropped() {
        let all = HELLO.repeat(FRAMES_KEPT + 2);
        let numbers: Vec<u64> = kept(&[&all]).into_iter().map(|(number, _)| number).collect();
        assert_eq!(numbers, (2..FRAMES_KEPT as u64 + 2).collect::<Vec<_>>());
    }
}
