//! An event on its way out, in the caller's buffer: [`EventOutbox`].

use tidings_sse::Event;

use crate::event_error::EventWriterError;

/// The caller's buffer, with bytes to write at `start..end`.
pub(crate) struct EventOutbox<'b> {
    buffer: &'b mut [u8],
    start: usize,
    end: usize,
    needs_flush: bool,
}

impl<'b> EventOutbox<'b> {
    pub(crate) const fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, start: 0, end: 0, needs_flush: false }
    }

    /// Takes an event, once the last one was written.
    pub(crate) fn push<E>(&mut self, event: &Event<'_>) -> Result<(), EventWriterError<E>> {
        if self.rest().is_some() {
            return Err(EventWriterError::Unfinished);
        }
        (self.start, self.end) = (0, 0);
        self.end = event.encode_into(self.buffer).map_err(EventWriterError::Event)?;
        Ok(())
    }

    /// The bytes to write, if there are any.
    pub(crate) fn rest(&self) -> Option<&[u8]> {
        self.buffer.get(self.start..self.end).filter(|rest| !rest.is_empty())
    }

    /// What writing them came to.
    pub(crate) fn wrote<E>(
        &mut self,
        written: Result<usize, E>,
    ) -> Result<(), EventWriterError<E>> {
        let len = written.map_err(EventWriterError::Io)?;
        if len == 0 || len > self.end.saturating_sub(self.start) {
            return Err(EventWriterError::BrokenStream);
        }
        self.start = self.start.saturating_add(len);
        self.needs_flush = true;
        Ok(())
    }

    /// Whether something was written and not flushed.
    pub(crate) const fn needs_flush(&self) -> bool {
        self.needs_flush
    }

    /// What flushing came to.
    pub(crate) fn flushed<E>(&mut self, flushed: Result<(), E>) -> Result<(), EventWriterError<E>> {
        flushed.map_err(EventWriterError::Io)?;
        self.needs_flush = false;
        Ok(())
    }
}
