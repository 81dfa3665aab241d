//! Turns the SSE vectors, which are JSON, into a table that lies in flash.

use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;

const VECTORS: &str = "../../../crates/sse/tests/data/event-stream-vectors.json";

#[derive(Deserialize)]
struct Vector {
    name: String,
    input_hex: String,
    expected: Vec<Event>,
    retry: Option<u64>,
    last_event_id: String,
}

#[derive(Deserialize)]
struct Event {
    event: String,
    data: String,
    id: String,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed={VECTORS}");
    println!("cargo::rerun-if-changed=build.rs");
    let vectors: Vec<Vector> = serde_json::from_str(&std::fs::read_to_string(VECTORS)?)?;
    let mut table = format!("const VECTORS: [Vector; {}] = [\n", vectors.len());
    for vector in &vectors {
        write_vector(&mut table, vector)?;
    }
    table.push_str("];\n");
    let out = std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    std::fs::write(Path::new(&out).join("sse_vectors.rs"), table)?;
    Ok(())
}

fn write_vector(table: &mut String, vector: &Vector) -> Result<(), Box<dyn std::error::Error>> {
    let Vector { name, input_hex, expected, retry, last_event_id } = vector;
    write!(table, "Vector {{ name: {name:?}, stream: b\"")?;
    for at in (0..input_hex.len()).step_by(2) {
        write!(table, "\\x{}", input_hex.get(at..at + 2).ok_or("an odd number of digits")?)?;
    }
    writeln!(table, "\", events: &[")?;
    for Event { event, data, id } in expected {
        writeln!(
            table,
            "MessageEvent {{ event_type: {event:?}, data: {data:?}, last_event_id: {id:?} }},"
        )?;
    }
    writeln!(table, "], retry_ms: {retry:?}, last_event_id: {last_event_id:?} }},")?;
    Ok(())
}
