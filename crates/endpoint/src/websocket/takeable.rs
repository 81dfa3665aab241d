//! A transport that its owner can give away although it does something when it is dropped:
//! [`Takeable`].

use std::ops::{Deref, DerefMut};

/// A transport, until it is taken. The value that it was taken from is dropped next and does
/// nothing else.
#[derive(Debug)]
pub struct Takeable<S>(Option<S>);

impl<S> Takeable<S> {
    /// Holds a transport.
    pub const fn new(transport: S) -> Self {
        Self(Some(transport))
    }

    /// Returns whether it was taken.
    #[must_use]
    pub const fn is_taken(&self) -> bool {
        self.0.is_none()
    }

    /// Takes the transport.
    ///
    /// # Panics
    /// It was taken already.
    pub fn take(&mut self) -> S {
        match self.0.take() {
            Some(transport) => transport,
            None => unreachable!("a transport is taken once"),
        }
    }
}

impl<S> Deref for Takeable<S> {
    type Target = S;

    fn deref(&self) -> &S {
        match &self.0 {
            Some(transport) => transport,
            None => unreachable!("nothing is asked of a transport that was taken"),
        }
    }
}

impl<S> DerefMut for Takeable<S> {
    fn deref_mut(&mut self) -> &mut S {
        match &mut self.0 {
            Some(transport) => transport,
            None => unreachable!("nothing is asked of a transport that was taken"),
        }
    }
}
