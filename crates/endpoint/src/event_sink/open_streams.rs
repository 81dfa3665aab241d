//! The open streams of a [`Responder`](super::Responder), so that all can be ended:
//! [`OpenStreams`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;

use super::stream::Stream;

/// All streams that were opened and have not gone. A stream takes itself off when it is dropped.
#[derive(Debug, Default)]
pub(super) struct OpenStreams(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next_key: u64,
    streams: HashMap<u64, Weak<Stream>>,
    /// Once all are to end: the last output of each.
    farewell: Option<Farewell>,
}

/// The last bytes of a stream; none if it just ends.
pub(super) type Farewell = Option<Bytes>;

impl OpenStreams {
    /// A key for a stream that is about to be [added](Self::add).
    pub(super) fn next_key(&self) -> u64 {
        let mut state = self.state();
        let key = state.next_key;
        state.next_key = key.wrapping_add(1);
        key
    }

    /// Adds a stream. If all are to end, so does this one.
    pub(super) fn add(&self, key: u64, stream: &Arc<Stream>) {
        let mut state = self.state();
        let ends = state.farewell.is_some();
        state.streams.insert(key, Arc::downgrade(stream));
        drop(state);
        if ends {
            stream.leave();
        }
    }

    pub(super) fn remove(&self, key: u64) {
        self.state().streams.remove(&key);
    }

    /// Ends all streams, now and later, with these last bytes.
    pub(super) fn close(&self, farewell: Farewell) {
        let mut state = self.state();
        state.farewell = Some(farewell);
        // A stream that goes takes itself off: not under the lock.
        let streams: Vec<Arc<Stream>> = state.streams.values().filter_map(Weak::upgrade).collect();
        drop(state);
        for stream in streams {
            stream.leave();
        }
    }

    pub(super) fn farewell(&self) -> Farewell {
        self.state().farewell.clone().flatten()
    }

    pub(super) fn len(&self) -> usize {
        self.state().streams.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each step leaves the state whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
