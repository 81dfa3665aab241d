//! The ends of a line, of an event, and of an event that is over a limit.

use super::{Borrowed, DEFAULT_EVENT_TYPE, Decoder, Line, Step};
use crate::{
    Limit, LimitExceeded, Storage,
    storage::Area,
    utf8::{self, Carry},
};

impl<S: Storage> Decoder<S> {
    /// WHATWG HTML 9.2.6, "dispatch the event".
    #[inline]
    pub(super) fn dispatch<'i>(&mut self, borrowed: &mut Borrowed<'i>) -> Option<Step<'i>> {
        // Step 1: "Set the last event ID string of the event source to the value of the last event
        // ID buffer." Before step 2, so it happens even if nothing is dispatched.
        if self.has_id {
            core::mem::swap(&mut self.areas.id_buffer, &mut self.areas.id_string);
            self.has_id = false;
        }
        let event_type = self.event_type(borrowed.event_type.take());
        if let Some(data) = borrowed.data.take() {
            // Steps 3 to 8, for an event with one line of data.
            if let Ok(text) = utf8::validate(data) {
                self.returned |= event_type.is_none();
                return Some(Step::Event { event_type, data: Some(text) });
            }
            self.areas.data.push(data);
            self.has_data = true;
        }
        self.dispatch_kept(event_type)
    }

    /// "If the event type buffer has a value other than the empty string, change the type of the
    /// newly created event to equal the value of the event type buffer." Otherwise it is `message`.
    #[inline]
    fn event_type<'i>(&mut self, borrowed: Option<&'i str>) -> Option<&'i str> {
        let kept = core::mem::take(&mut self.has_event_type);
        match borrowed {
            Some("") => Some(DEFAULT_EVENT_TYPE),
            None if !kept => Some(DEFAULT_EVENT_TYPE),
            event_type => event_type,
        }
    }

    /// Dispatches an event whose data is in the area, or was yielded in parts, or that has none.
    #[inline(never)]
    fn dispatch_kept<'i>(&mut self, event_type: Option<&'i str>) -> Option<Step<'i>> {
        self.chunks_len = 0;
        self.skipping = false;
        // Step 2: "If the data buffer is an empty string, set the data buffer and the event type
        // buffer to the empty string and return." Any `data` field leaves at least its LF.
        if !core::mem::take(&mut self.has_data) {
            self.areas.event_type.clear();
            return None;
        }
        // Step 7 empties the buffers. That is left to the next call, as they are borrowed until then.
        self.returned = true;
        if self.report_data_chunks {
            return Some(Step::EventEnd { event_type });
        }
        let max_len = self.limits.max_data_len;
        if self.areas.data.make_text(max_len).is_err() {
            return Some(Step::Overflow(LimitExceeded { limit: Limit::Data, max_len }));
        }
        Some(Step::Event { event_type, data: None })
    }

    /// Consumes the line end that `rest` begins with.
    ///
    /// A CR is a line end at once, also as the last byte there is. If an LF follows in the
    /// next slice, it belongs to that line end.
    #[inline]
    pub(super) fn end_line(&mut self, rest: &mut &[u8]) {
        self.line = Line::Start;
        *rest = match *rest {
            [b'\r', b'\n', after @ ..] => after,
            [b'\r'] => {
                self.line = Line::AfterCr;
                &[]
            }
            [_, after @ ..] => after,
            [] => &[],
        };
    }

    /// The other half of a line end that the input cut between CR and LF.
    pub(super) fn swallow_lf(&mut self, rest: &mut &[u8]) {
        let Some((&first, after)) = rest.split_first() else { return };
        self.line = Line::Start;
        if first == b'\n' {
            *rest = after;
            // The LF after a blank line's CR belongs to no event.
            if self.open_len > 0 {
                self.open_len = self.open_len.saturating_add(1);
            }
        }
    }

    /// Clears the rest of the open event.
    pub(super) fn discard_event(&mut self) {
        self.areas.data.clear();
        self.areas.event_type.clear();
        self.has_data = false;
        self.has_event_type = false;
        self.chunks_len = 0;
        self.carry = Carry::default();
    }

    /// Reports a limit, and skips the event, for the first time that it goes over one.
    #[cold]
    pub(super) fn overflow<'i>(&mut self, limit: Limit) -> Option<Step<'i>> {
        let max_len = match limit {
            Limit::Line => self.limits.max_line_len,
            Limit::Data if self.report_data_chunks => self.max_chunks_len,
            Limit::Data => self.limits.max_data_len,
            Limit::EventType => self.limits.max_event_type_len,
            Limit::LastEventId => self.limits.max_last_event_id_len,
            Limit::Comment => self.limits.max_comment_len,
        };
        if limit != Limit::Comment {
            if self.skipping {
                return None;
            }
            self.discard_event();
            self.skipping = true;
        }
        Some(Step::Overflow(LimitExceeded { limit, max_len }))
    }
}
