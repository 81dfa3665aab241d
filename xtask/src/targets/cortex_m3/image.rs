//! The ELF file of a firmware: how much flash it fills, and the address of its RAM.

use std::ops::Range;
use std::path::Path;

use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, elf};

use crate::Error;

/// The memory of a firmware.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Image {
    /// Code, constants, and the first values of variables. The vector table is not counted: it is
    /// the machine's, and as long as that has interrupts.
    pub(super) code_bytes: u64,
    /// The RAM that is not static, by address: the stack grows down from its end.
    pub(super) stack: Range<u64>,
    /// Variables.
    pub(super) static_bytes: u64,
}

impl Image {
    /// Reads the file of a firmware whose RAM begins at `ram_start`.
    pub(super) fn read(path: &Path, ram_start: u64) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let file = object::File::parse(&*bytes)?;
        // cortex-m-rt's linker script has the stack begin at the end of the RAM.
        let stack_start = file.symbols().find(|symbol| symbol.name() == Ok("_stack_start"));
        let ram_end = stack_start.ok_or("no symbol _stack_start")?.address();
        let (mut code_bytes, mut static_end) = (0, ram_start);
        for section in file.sections() {
            let SectionFlags::Elf { sh_flags, .. } = section.flags() else { continue };
            if !sh_flags.contains(elf::SHF_ALLOC) || section.size() == 0 {
                continue;
            }
            if (ram_start..ram_end).contains(&section.address()) {
                static_end = static_end.max(section.address().saturating_add(section.size()));
            }
            let is_in_flash = section.file_range().is_some_and(|(_, len)| len > 0);
            if is_in_flash && section.name()? != ".vector_table" {
                code_bytes += section.size();
            }
        }
        let static_bytes = static_end - ram_start;
        Ok(Self { code_bytes, stack: static_end..ram_end, static_bytes })
    }
}
