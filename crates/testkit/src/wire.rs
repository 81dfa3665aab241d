//! An independent reader of the bytes that a connection writes: [`Wire`]. It shares no code with
//! the library, and checks the rules for a *sender* (RFC 6455, 5 and 7.4).

use std::fmt;

use crate::raw_frame::raw_len;

/// A unit that one side sends, as its peer should see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A whole text message.
    Text(String),
    /// A whole binary message.
    Binary(Vec<u8>),
    /// A Ping.
    Ping(Vec<u8>),
    /// A Pong.
    Pong(Vec<u8>),
    /// A Close frame, with its code and reason if it had them.
    Close(Option<(u16, String)>),
}

impl Unit {
    /// Returns whether this is a message.
    #[must_use]
    pub const fn is_message(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Binary(_))
    }
}

/// One frame as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireFrame {
    /// The four bits of the opcode.
    pub opcode: u8,
    /// FIN.
    pub fin: bool,
    /// The masking key.
    pub key: Option<[u8; 4]>,
    /// The payload, unmasked.
    pub payload: Vec<u8>,
    /// The end of the frame, in bytes from the start of the stream.
    pub end: usize,
}

/// Reads the bytes of one direction, and refuses the first one that its sender must not write.
#[derive(Clone, Debug)]
pub struct Wire {
    from_client: bool,
    /// The bytes of a frame that is not complete.
    pending: Vec<u8>,
    frames: Vec<WireFrame>,
    units: Vec<Unit>,
    message: Option<(u8, Vec<u8>)>,
    is_closed: bool,
}

/// The rule that a sender broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Illegal(String);

impl Wire {
    /// The direction from a client, or from a server.
    #[must_use]
    pub const fn new(from_client: bool) -> Self {
        Self {
            from_client,
            pending: Vec::new(),
            frames: Vec::new(),
            units: Vec::new(),
            message: None,
            is_closed: false,
        }
    }

    /// Reads all of a stream that may end anywhere.
    ///
    /// # Errors
    /// [`Illegal`], as [`push`](Self::push).
    pub fn read(from_client: bool, stream: &[u8]) -> Result<Self, Illegal> {
        let mut wire = Self::new(from_client);
        wire.push(stream)?;
        Ok(wire)
    }

    /// Reads the next bytes.
    ///
    /// # Errors
    /// [`Illegal`] names the rule that the sender broke.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Illegal> {
        self.pending.extend_from_slice(bytes);
        let pending = std::mem::take(&mut self.pending);
        let mut rest = &pending[..];
        while let Some((frame, len)) = self.parse(rest)? {
            rest = &rest[len..];
            self.take(frame)?;
        }
        self.pending = rest.to_vec();
        Ok(())
    }

    /// The complete frames so far.
    #[must_use]
    pub fn frames(&self) -> &[WireFrame] {
        &self.frames
    }

    /// The whole messages and control frames so far.
    #[must_use]
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// Returns whether the last frame is incomplete.
    #[must_use]
    pub fn is_inside_frame(&self) -> bool {
        !self.pending.is_empty()
    }

    fn parse(&self, bytes: &[u8]) -> Result<Option<(WireFrame, usize)>, Illegal> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        illegal_if(self.is_closed, "5.5.1: bytes after the Close frame")?;
        illegal_if(first & 0x70 != 0, "5.2: a reserved bit is set")?;
        let (fin, opcode) = (first & 0x80 != 0, first & 0x0F);
        illegal_if(!matches!(opcode, 0..=2 | 8..=10), "5.2: a reserved opcode")?;
        let Some(&second) = bytes.get(1) else { return Ok(None) };
        let masked = second & 0x80 != 0;
        illegal_if(self.from_client && !masked, "5.1: a client must mask")?;
        illegal_if(!self.from_client && masked, "5.1: a server must not mask")?;
        let Some((len, mut at)) = raw_len(bytes) else { return Ok(None) };
        let shortest = if len < 126 {
            2
        } else if len < 65536 {
            4
        } else {
            10
        };
        illegal_if(at != shortest, "5.2: the length is not in its shortest form")?;
        illegal_if(len >> 63 != 0, "5.2: the top bit of the length is set")?;
        illegal_if(opcode >= 8 && !fin, "5.5: a fragmented control frame")?;
        illegal_if(opcode >= 8 && len > 125, "5.5: a long control frame")?;
        let mut key = None;
        if masked {
            let Some(bytes) = bytes.get(at..at + 4) else { return Ok(None) };
            key = bytes.first_chunk().copied();
            at += 4;
        }
        let len = usize::try_from(len).unwrap();
        let Some(payload) = bytes.get(at..at + len) else { return Ok(None) };
        let key_bytes = key.unwrap_or_default();
        let payload = payload.iter().enumerate().map(|(i, byte)| byte ^ key_bytes[i % 4]).collect();
        let begin = self.frames.last().map_or(0, |frame| frame.end);
        let frame = WireFrame { opcode, fin, key, payload, end: begin + at + len };
        Ok(Some((frame, at + len)))
    }

    fn take(&mut self, frame: WireFrame) -> Result<(), Illegal> {
        let same_key =
            frame.key.is_some() && self.frames.last().map(|last| last.key) == Some(frame.key);
        illegal_if(same_key, "5.3: a masking key was used twice")?;
        let payload = frame.payload.clone();
        match (frame.opcode, &mut self.message) {
            (9, _) => self.units.push(Unit::Ping(payload)),
            (10, _) => self.units.push(Unit::Pong(payload)),
            (8, _) => {
                self.units.push(Unit::Close(close(&payload)?));
                self.is_closed = true;
            }
            (0, None) => illegal_if(true, "5.4: nothing to continue")?,
            (0, Some((_, message))) => message.extend(payload),
            (_, Some(_)) => illegal_if(true, "5.4: a message inside a message")?,
            (opcode, message @ None) => *message = Some((opcode, payload)),
        }
        if frame.fin && frame.opcode < 8 {
            self.units.push(match self.message.take() {
                Some((1, text)) => {
                    let text = String::from_utf8(text);
                    Unit::Text(text.map_err(|_| Illegal("8.1: text is not UTF-8".into()))?)
                }
                message => Unit::Binary(message.unwrap_or_default().1),
            });
        }
        self.frames.push(frame);
        Ok(())
    }
}

fn close(payload: &[u8]) -> Result<Option<(u16, String)>, Illegal> {
    let [high, low, reason @ ..] = payload else {
        illegal_if(!payload.is_empty(), "5.5.1: half a close code")?;
        return Ok(None);
    };
    let code = u16::from_be_bytes([*high, *low]);
    let legal = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    illegal_if(!legal, "7.4: a close code that must not be sent")?;
    match String::from_utf8(reason.to_vec()) {
        Ok(reason) => Ok(Some((code, reason))),
        Err(_) => Err(Illegal("5.5.1: the reason is not UTF-8".into())),
    }
}

fn illegal_if(broken: bool, rule: &str) -> Result<(), Illegal> {
    if broken { Err(Illegal(rule.into())) } else { Ok(()) }
}

impl fmt::Display for Illegal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "illegal to send by RFC 6455, {}", self.0)
    }
}

impl std::error::Error for Illegal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        let masked = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        for cut in 0..=masked.len() {
            let mut wire = Wire::new(true);
            wire.push(&masked[..cut]).unwrap();
            assert_eq!(wire.is_inside_frame(), cut > 0 && cut < masked.len());
            wire.push(&masked[cut..]).unwrap();
            assert_eq!(wire.units(), [Unit::Text("Hello".into())]);
        }
        let fragments = b"\x01\x03Hel\x89\x05Hello\x80\x02lo\x88\x02\x03\xe8";
        let wire = Wire::read(false, fragments).unwrap();
        let expected = [
            Unit::Ping(b"Hello".into()),
            Unit::Text("Hello".into()),
            Unit::Close(Some((1000, String::new()))),
        ];
        assert_eq!(wire.units(), expected);
        assert_eq!(wire.frames().last().unwrap().end, fragments.len());
    }

    /// Each rule that a sender can break is seen.
    #[test]
    fn illegal_bytes_are_refused_with_their_rule() {
        let cases: [(bool, &[u8], &str); 17] = [
            (true, b"\x81\x00", "a client must mask"),
            (false, b"\x81\x80", "a server must not mask"),
            (false, b"\xC1", "a reserved bit"),
            (false, b"\x83", "a reserved opcode"),
            (false, b"\x8B", "a reserved opcode"),
            (false, b"\x82\x7E\x00\x7D", "shortest form"),
            (false, b"\x82\x7F\0\0\0\0\0\0\xFF\xFF", "shortest form"),
            (false, b"\x82\x7F\x80\0\0\0\0\0\0\0", "top bit"),
            (false, b"\x09\x00", "a fragmented control frame"),
            (false, b"\x89\x7E\x00\x7E", "a long control frame"),
            (false, b"\x80\x00", "nothing to continue"),
            (false, b"\x01\x00\x82\x00", "a message inside a message"),
            (false, b"\x81\x01\xFF", "text is not UTF-8"),
            (false, b"\x88\x01\x03", "half a close code"),
            (false, b"\x88\x02\x03\xEE", "a close code that must not be sent"),
            (false, b"\x88\x00\x81", "bytes after the Close frame"),
            (true, b"\x81\x80abcd\x81\x80abcd", "a masking key was used twice"),
        ];
        for (from_client, stream, rule) in cases {
            let refused = Wire::read(from_client, stream).unwrap_err();
            assert!(refused.to_string().contains(rule), "{stream:x?}: {refused}");
        }
    }
}
