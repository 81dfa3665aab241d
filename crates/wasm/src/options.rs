//! The options of constructors: plain objects, of which every member may be left out.

use wasm_bindgen::prelude::*;

use crate::number;
use crate::values;

/// An options object, or `undefined`.
#[derive(Debug)]
pub(crate) struct Options<'a>(pub(crate) &'a JsValue);

impl Options<'_> {
    /// A length or a count; Infinity means no limit.
    #[cfg(feature = "sse")]
    pub(crate) fn length(&self, name: &str) -> Result<Option<usize>, JsValue> {
        Ok(values::whole_number(self.0, name)?.map(number::to_usize))
    }

    /// Like [`length`](Self::length), for values that may be beyond a `usize`.
    pub(crate) fn count(&self, name: &str) -> Result<Option<u64>, JsValue> {
        Ok(values::whole_number(self.0, name)?.map(number::to_u64))
    }

    /// A time in milliseconds; Infinity means no limit.
    #[cfg(feature = "sse")]
    pub(crate) fn time(&self, name: &str) -> Result<Option<core::time::Duration>, JsValue> {
        Ok(values::whole_number(self.0, name)?.map(number::to_duration))
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, JsValue> {
        values::flag(self.0, name)
    }

    #[cfg(feature = "sse")]
    pub(crate) fn text(&self, name: &str) -> Result<Option<alloc::string::String>, JsValue> {
        values::text(self.0, name)
    }

    #[cfg(feature = "frame")]
    pub(crate) fn bytes(&self, name: &str) -> Result<Option<alloc::vec::Vec<u8>>, JsValue> {
        values::bytes_of(self.0, name)
    }
}
