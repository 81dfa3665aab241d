use std::io::{Read, Write};

use super::*;
use crate::random::for_seeds;

#[test]
fn bytes_arrive_in_order_and_a_full_pipe_blocks() {
    let (mut a, mut b) = FaultTransport::pair(4);
    let mut buffer = [0; 8];
    assert_eq!(b.read(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(a.write(b"abcdef").unwrap(), 4);
    assert_eq!(a.write(b"ef").unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(b.read(&mut buffer[..3]).unwrap(), 3);
    assert_eq!(a.write_vectored(&[IoSlice::new(b"e"), IoSlice::new(b"fgh")]).unwrap(), 3);
    assert_eq!(b.read(&mut buffer[3..]).unwrap(), 4);
    assert_eq!(&buffer[..7], b"abcdefg");
    a.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(b.read(&mut buffer).unwrap(), 0);
    assert_eq!(a.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    b.write_all(b"!").unwrap();
    drop(b);
    assert_eq!(a.read(&mut buffer).unwrap(), 1, "what was written before the end arrives");
    assert_eq!(a.read(&mut buffer).unwrap(), 0);
    let counted = Counters { reads: 2, writes: 4, shutdowns: 1, ..a.counters() };
    assert_eq!(a.counters(), counted);
    assert_eq!((counted.bytes_read, counted.bytes_written, counted.blocked), (1, 7, 1));
}

#[test]
fn each_call_has_its_fault() {
    let (mut a, mut b) = FaultTransport::pair(64);
    b.write_all(b"0123456789").unwrap();
    let faults = Faults::none().reads_of(3).at(1, Fault::Block).at(2, Fault::Interrupt);
    let faults = faults.at(4, Fault::Lie(Lie::TooMany)).at(5, Fault::Lie(Lie::Nothing));
    let mut a = {
        assert_eq!(a.read(&mut [0; 2]).unwrap(), 2);
        a.with(faults)
    };
    let mut buffer = [0; 8];
    assert_eq!(a.read(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(a.read(&mut buffer).unwrap_err().kind(), ErrorKind::Interrupted);
    assert_eq!(a.read(&mut buffer).unwrap(), 3);
    assert_eq!(a.write(&buffer).unwrap(), 9);
    assert_eq!(a.write(&buffer).unwrap(), 0);
    assert_eq!(a.write(&buffer).unwrap(), 8);
    assert_eq!(a.counters().bytes_written, 8, "lies are not counted");
}

#[test]
fn a_reset_or_an_end_comes_at_its_byte() {
    for at in 0..=5 {
        let (a, mut b) = FaultTransport::pair(64);
        b.write_all(b"01234").unwrap();
        let mut a = a.with(Faults::none().reset_after_reading(at));
        let mut read = Vec::new();
        let error = a.read_to_end(&mut read).unwrap_err();
        assert_eq!(
            (error.kind(), &read[..]),
            (ErrorKind::ConnectionReset, &b"01234"[..read.len()])
        );
        assert_eq!(u64::try_from(read.len()).unwrap(), at);
        assert_eq!(b.write(b"x").unwrap_err().kind(), ErrorKind::ConnectionReset);

        let (a, mut b) = FaultTransport::pair(64);
        let mut a = a.with(Faults::none().reset_after_writing(at));
        let error = a.write_all(b"012345").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(a.counters().bytes_written, at);
        assert_eq!(b.read(&mut [0; 9]).unwrap_err().kind(), ErrorKind::ConnectionReset);

        let (a, mut b) = FaultTransport::pair(64);
        b.write_all(b"01234").unwrap();
        let mut a = a.with(Faults::none().eof_after_reading(at));
        let mut read = Vec::new();
        a.read_to_end(&mut read).unwrap();
        assert_eq!(u64::try_from(read.len()).unwrap(), at);
    }
}

#[test]
fn a_blocking_end_waits_for_its_peer() {
    let (a, b) = FaultTransport::pair(3);
    let (mut a, mut b) = (a.blocking(), b.blocking());
    let bytes: Vec<u8> = (0..=255).collect();
    let sent = bytes.clone();
    let writer = std::thread::spawn(move || a.write_all(&sent));
    let mut read = Vec::new();
    b.read_to_end(&mut read).unwrap();
    assert_eq!(read, bytes);
    writer.join().unwrap().unwrap();
}

#[test]
fn random_faults_change_no_byte() {
    for_seeds(0..50, |random| {
        let (a, b) = FaultTransport::pair(16);
        let mut a = a.with(Faults::none().random(random.clone()));
        let mut b = b.with(Faults::none().random(Random::new(random.number())));
        let bytes: Vec<u8> = (0..200).collect();
        let (mut written, mut read) = (0, Vec::new());
        while read.len() < bytes.len() {
            written += a.write(&bytes[written..]).unwrap_or_default();
            let mut buffer = [0; 50];
            let len = b.read(&mut buffer).unwrap_or_default();
            read.extend_from_slice(&buffer[..len]);
        }
        assert_eq!(read, bytes);
        assert!(a.counters().writes > 200 / 20);
    });
}
