//! States that come and go.

use std::vec;

use super::*;

/// The bytes of one connection never reach another by way of the memory that they share.
#[test]
fn a_pooled_state_carries_nothing_over() {
    for &backend in BACKENDS {
        let secret = noise(5, 40_000);
        for context_takeover in [false, true] {
            let direction = Direction::new(WindowBits::MAX, context_takeover);
            let mut first = Inflater::new(backend, direction, LIMIT);
            assert!(first.needs_state() && first.release().is_none());
            let stored = Blocks::new().stored(&secret, false).stripped();
            inflate(&mut first, [&stored[..]]).unwrap();
            let state = first.release().unwrap();
            assert_eq!(first.history_capacity() > 0, context_takeover);
            let mut second = Inflater::new(backend, direction, LIMIT);
            second.supply(state);
            for distance in [1, 3, 100, 32_768] {
                let mut probe = Inflater::new(backend, direction, LIMIT);
                probe.supply(second.release().unwrap_or_else(|| InflateState::new(backend)));
                let reach = Blocks::new().fixed(b"", &[distance], false).stripped();
                assert!(inflate(&mut probe, [&reach[..]]).is_err(), "{distance}");
            }
            // Nor does a compressor refer back to the data of another connection.
            let mut one = deflater(backend, direction);
            let mut out = vec![];
            one.deflate(&secret, &mut out).unwrap();
            assert!(one.release().is_none(), "a message is open");
            one.finish(&mut out).unwrap();
            let mut other = deflater(backend, direction);
            other.supply(one.release().unwrap()).unwrap();
            out.clear();
            other.deflate(&secret[..1000], &mut out).unwrap();
            other.finish(&mut out).unwrap();
            assert_eq!(Strict::new(32_768).message(&out).as_deref(), Ok(&secret[..1000]));
        }
    }
}

#[test]
fn a_state_cannot_be_swapped_inside_a_message() {
    for &backend in BACKENDS {
        let mut inflater = inflater(backend);
        let mut half = &b"\xf2\x48\xcd"[..];
        while inflater.inflate(&mut half).unwrap().is_some() {}
        assert!(inflater.release().is_none());
        inflater.supply(InflateState::new(backend));
        let rest = inflate(&mut inflater, [&b"\xc9\xc9\x07\x00"[..]]).unwrap();
        assert!(b"Hello".ends_with(&rest));

        let mut deflater = deflater(backend, Direction::UNLIMITED);
        let mut out = vec![];
        deflater.deflate(b"He", &mut out).unwrap();
        let other = DeflateState::new(backend, WindowBits::MAX, Level::DEFAULT).unwrap();
        assert!(deflater.supply(other).is_err());
        assert!(!deflater.message(b"in between", &mut out));
        deflater.deflate(b"llo", &mut out).unwrap();
        deflater.finish(&mut out).unwrap();
        assert_eq!(Strict::new(32_768).message(&out).unwrap(), b"Hello");
    }
}

/// The memory of an idle connection.
#[test]
#[cfg(target_pointer_width = "64")]
fn they_are_small_without_a_state() {
    for &backend in BACKENDS {
        assert!(size_of::<Inflater>() <= 88, "{}", size_of::<Inflater>());
        assert!(size_of::<Deflater>() <= 40, "{}", size_of::<Deflater>());
        assert_eq!(inflater(backend).history_capacity(), 0);
    }
}

/// An adapter moves them between threads.
#[test]
fn all_are_send_and_sync() {
    fn check<T: Send + Sync>() {}
    check::<Inflater>();
    check::<Deflater>();
    check::<InflateState>();
    check::<DeflateState>();
    check::<SharedMessage>();
}
