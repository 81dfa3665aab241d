//! The amount that a connection is given at once: [`take_piece`].

use bytes::Bytes;

/// hyper asks for more when it has written some of these, so a client of 13 kB/s is not stalled for
/// 10 seconds.
const MAX_PIECE_LEN: usize = 8 * 1024;

/// Takes the next piece off what a connection is to be given, all of it if it is short. That a
/// connection asks for the next one is how its progress is seen: of a large event given at once, a
/// client that reads slowly but steadily would look the same as one that is stuck.
///
/// ```
/// use bytes::Bytes;
/// use tidings_endpoint::event_sink::take_piece;
///
/// let mut rest = Bytes::from(vec![b'x'; 100_000]);
/// let piece = take_piece(&mut rest);
/// assert!(piece.len() <= 16 * 1024);
/// assert_eq!(piece.len() + rest.len(), 100_000);
/// ```
pub fn take_piece(rest: &mut Bytes) -> Bytes {
    rest.split_to(rest.len().min(MAX_PIECE_LEN))
}
