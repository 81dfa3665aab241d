//! A rare value of some size that a connection holds: [`Held`] is boxed where there is a heap, so
//! that the many connections without one stay small, and inline where there is none.

#[cfg(feature = "alloc")]
pub(crate) use alloc::boxed::Box as Held;

#[cfg(not(feature = "alloc"))]
pub(crate) use inline::Held;

#[cfg(not(feature = "alloc"))]
mod inline {
    use core::ops::{Deref, DerefMut};

    /// The value itself.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Held<T>(T);

    impl<T> Held<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(value)
        }
    }

    impl<T> Deref for Held<T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.0
        }
    }

    impl<T> DerefMut for Held<T> {
        fn deref_mut(&mut self) -> &mut T {
            &mut self.0
        }
    }
}
