//! Runs a firmware in QEMU and sees how far down its stack went: the RAM is a file, full of a
//! pattern before and looked through afterwards, so the firmware needs no code for that.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::image::Image;
use crate::Error;

/// The board of `targets/cortex-m3/memory.x`, and its RAM.
const BOARD: &str = "mps2-an385";
const RAM_START: u64 = 0x2100_0000;
const RAM_LEN: u64 = 16 << 20;

/// The content of RAM before the start: a byte that a firmware hardly ever writes.
const PATTERN: u8 = 0xCD;
/// The least that must be left between the variables and the stack.
const FREE_BYTES_MIN: u64 = 1024;
/// The longest that a firmware may take. It takes a second.
const MAX_TIME: Duration = Duration::from_secs(300);

pub(super) struct Emulator {
    ram: PathBuf,
}

/// A firmware that ended well.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) printed: String,
    pub(super) code_bytes: u64,
    /// Variables, and the stack where it was longest.
    pub(super) ram_bytes: u64,
}

impl Emulator {
    /// An emulator that keeps its file in this directory.
    pub(super) fn new(directory: &Path) -> Result<Self, Error> {
        let ram = directory.join("ram");
        // Holes, but for the few KiB that a firmware has.
        File::create(&ram)?.set_len(RAM_LEN)?;
        Ok(Self { ram })
    }

    pub(super) fn run(&self, image_path: &Path) -> Result<Run, Error> {
        let image = Image::read(image_path, RAM_START)?;
        let mut ram = File::options().read(true).write(true).open(&self.ram)?;
        let mut stack = vec![PATTERN; usize::try_from(image.stack.end - image.stack.start)?];
        let offset = SeekFrom::Start(image.stack.start - RAM_START);
        ram.seek(offset)?;
        ram.write_all(&stack)?;

        let printed = self.emulate(image_path)?;

        ram.seek(offset)?;
        ram.read_exact(&mut stack)?;
        let free = stack.iter().take_while(|byte| **byte == PATTERN).count();
        let used = u64::try_from(stack.len() - free)?;
        if u64::try_from(free)? < FREE_BYTES_MIN {
            return Err(format!("its stack of {used} bytes leaves {free} free").into());
        }
        let ram_bytes = image.static_bytes + used;
        Ok(Run { printed, code_bytes: image.code_bytes, ram_bytes })
    }

    /// Returns the output of the firmware until it ends.
    fn emulate(&self, image_path: &Path) -> Result<String, Error> {
        let ram = self.ram.display();
        let mut qemu = Command::new(super::QEMU)
            .args(["-machine", &format!("{BOARD},memory-backend=ram"), "-object"])
            .arg(format!("memory-backend-file,id=ram,size={RAM_LEN},share=on,mem-path={ram}"))
            .args(["-nographic", "-monitor", "none", "-serial", "none"])
            .args(["-semihosting-config", "enable=on,target=native", "-kernel"])
            .arg(image_path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut stdout = qemu.stdout.take().ok_or("no output")?;
        let reader = std::thread::spawn(move || {
            let mut printed = String::new();
            stdout.read_to_string(&mut printed).map(|_| printed)
        });
        let started = Instant::now();
        let status = loop {
            if let Some(status) = qemu.try_wait()? {
                break Some(status);
            }
            if started.elapsed() > MAX_TIME {
                qemu.kill()?;
                qemu.wait()?;
                break None;
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let printed = reader.join().map_err(|_| "its output could not be read")??;
        match status {
            Some(status) if status.success() => Ok(printed),
            Some(status) => Err(format!("{status}; it printed:\n{printed}").into()),
            None => Err(format!("no end after {MAX_TIME:?}; it printed:\n{printed}").into()),
        }
    }
}
