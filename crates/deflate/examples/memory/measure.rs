//! See `main.rs`.

use std::hint::black_box;
use std::time::Instant;

use tidings_deflate::{
    Backend, DeflateConfig, DeflateState, Deflater, Direction, InflateState, Inflater, Level,
    WindowBits,
};

const COUNT: u64 = 500;

pub(crate) fn run(backend: Backend) {
    println!("{backend:?}");
    println!("size of Inflater {} B, Deflater {} B", size_of::<Inflater>(), size_of::<Deflater>());
    println!("InflateState {} KiB", resident(|| used_inflate_state(backend)));
    for bits in [9, 12, 15] {
        let Some(window_bits) = WindowBits::new(bits) else { return };
        if window_bits < backend.min_window_bits() {
            continue;
        }
        let level = Level::DEFAULT;
        let state = resident(|| {
            let direction = Direction::new(window_bits, true);
            let mut deflater =
                Deflater::new(direction, DeflateConfig { level, ..DeflateConfig::new(backend) })
                    .ok();
            deflater.as_mut().map(|deflater| deflater.message(&json(300_000), &mut Vec::new()));
            deflater.and_then(|mut deflater| deflater.release())
        });
        println!("{bits} bits: DeflateState {state} KiB");
        for takeover in [true, false] {
            let mut inflater =
                Inflater::new(backend, Direction::new(window_bits, takeover), 1 << 20);
            let payload = compressed(backend, window_bits);
            let mut payload = &payload[..];
            while let Ok(Some(_)) = inflater.inflate(&mut payload) {}
            inflater.finish().ok();
            inflater.release();
            let idle = inflater.history_capacity();
            println!("{bits} bits, takeover {takeover}: released Inflater {idle} B");
        }
    }
    println!(
        "us per message: level, takeover, length, compress, ratio, decompress, after a release"
    );
    for level in [1, 2, 3, 6, 9].into_iter().filter_map(Level::new) {
        for takeover in [true, false] {
            for len in [1024, 65_536] {
                time(backend, level, takeover, len, WindowBits::MAX);
            }
        }
    }
    time(backend, Level::DEFAULT, true, 1024, WindowBits::TWELVE.max(backend.min_window_bits()));
}

fn used_inflate_state(backend: Backend) -> Option<InflateState> {
    let mut inflater = Inflater::new(backend, Direction::UNLIMITED, 1 << 20);
    let payload = compressed(backend, WindowBits::MAX);
    let mut payload = &payload[..];
    while let Ok(Some(_)) = inflater.inflate(&mut payload) {}
    inflater.finish().ok()?;
    inflater.release()
}

fn compressed(backend: Backend, window_bits: WindowBits) -> Vec<u8> {
    let mut out = Vec::new();
    let deflater = Deflater::new(Direction::new(window_bits, true), DeflateConfig::new(backend));
    if let Ok(mut deflater) = deflater {
        let _ = deflater.message(&json(300_000), &mut out);
    }
    out
}

/// KiB of resident memory for each of `COUNT` things.
fn resident<T>(make: impl Fn() -> T) -> u64 {
    black_box(make());
    let before = resident_kib();
    let all: Vec<T> = (0..COUNT).map(|_| make()).collect();
    let after = resident_kib();
    // Freed memory would be reused by the next ones that are measured.
    std::mem::forget(black_box(all));
    after.saturating_sub(before) / COUNT
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn time(backend: Backend, level: Level, takeover: bool, len: usize, window_bits: WindowBits) {
    let direction = Direction::new(window_bits, takeover);
    let config = DeflateConfig { backend, level, threshold: 0 };
    let (Ok(mut deflater), Ok(state)) =
        (Deflater::new(direction, config), DeflateState::new(backend, window_bits, level))
    else {
        return;
    };
    let _ = deflater.supply(state);
    let all = json(1 << 20);
    let messages: Vec<&[u8]> = all.chunks_exact(len).collect();
    let mut payloads = vec![Vec::with_capacity(2 * len); messages.len()];
    let start = Instant::now();
    for (message, payload) in messages.iter().zip(&mut payloads) {
        let _ = deflater.message(message, payload);
    }
    let compress = start.elapsed();
    let ratio = payloads.iter().map(Vec::len).sum::<usize>() as f64 / all.len() as f64;
    let count = messages.len() as f64;
    let mut decompress = [0.0; 2];
    for (released, time) in [false, true].into_iter().zip(&mut decompress) {
        let mut inflater = Inflater::new(backend, direction, 1 << 20);
        let mut message = Vec::with_capacity(len);
        let start = Instant::now();
        for payload in &payloads {
            message.clear();
            let mut payload = &payload[..];
            while let Ok(Some(piece)) = inflater.inflate(&mut payload) {
                message.extend_from_slice(piece);
            }
            inflater.finish().ok();
            if released {
                if let Some(state) = inflater.release() {
                    inflater.supply(state);
                }
            }
        }
        *time = start.elapsed().as_secs_f64() * 1e6 / count;
    }
    println!(
        "{window_bits:>2} bits {} {takeover:5} {len:6} {:8.1} {ratio:.3} {:8.1} {:8.1}",
        level.get(),
        compress.as_secs_f64() * 1e6 / count,
        decompress[0],
        decompress[1],
    );
}

/// Records as an application sends them.
fn json(len: usize) -> Vec<u8> {
    let mut out = String::new();
    let mut state = 1_u32;
    while out.len() < len {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let user = if state >> 31 == 0 { "alice" } else { "bob" };
        out.push_str(&format!(
            "{{\"id\":{},\"user\":\"{user}\",\"price\":{}.{:02},\"open\":{}}},",
            state >> 12,
            state >> 22,
            (state >> 8) % 100,
            state & 256 == 0,
        ));
    }
    out.truncate(len);
    out.into_bytes()
}
