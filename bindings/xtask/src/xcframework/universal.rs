//! One file for several processors, as `lipo` makes it: a header in big-endian, and each processor's file on a page.

use anyhow::{Result, bail, ensure};
use object::{Architecture, macho};

/// The largest page of any processor, as a power of two: a file that starts on one can be mapped everywhere.
const ALIGNMENT: u32 = 14;

/// Puts the files into one. The order is kept.
///
/// # Errors
/// For a processor that Apple has none of, and for files of more than 4 GiB.
pub(super) fn joined(files: &[(Architecture, Vec<u8>)]) -> Result<Vec<u8>> {
    let page = 1usize << ALIGNMENT;
    let mut header = Vec::new();
    for word in [macho::FAT_MAGIC, u32::try_from(files.len())?] {
        header.extend(word.to_be_bytes());
    }
    let mut content = Vec::new();
    for (architecture, file) in files {
        let (processor, subtype) = processor(*architecture)?;
        let offset = page + content.len();
        for number in [offset, file.len()] {
            ensure!(u32::try_from(number).is_ok(), "a universal file of more than 4 GiB");
        }
        for word in [processor, subtype, u32::try_from(offset)?, u32::try_from(file.len())?, ALIGNMENT] {
            header.extend(word.to_be_bytes());
        }
        content.extend_from_slice(file);
        content.resize(content.len().next_multiple_of(page), 0);
    }
    header.resize(page, 0);
    header.extend(content);
    Ok(header)
}

fn processor(architecture: Architecture) -> Result<(u32, u32)> {
    if architecture == Architecture::Aarch64 {
        Ok((macho::CPU_TYPE_ARM64.0, macho::CPU_SUBTYPE_ARM64_ALL.0))
    } else if architecture == Architecture::X86_64 {
        Ok((macho::CPU_TYPE_X86_64.0, macho::CPU_SUBTYPE_X86_64_ALL.0))
    } else {
        bail!("Apple has no {architecture:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::read::macho::{FatArch, MachOFatFile32};

    #[test]
    fn files_are_read_back_as_they_were_put_in() {
        let files = [(Architecture::Aarch64, vec![1; 20_000]), (Architecture::X86_64, vec![2; 5])];
        let joined = joined(&files).unwrap();
        let read = MachOFatFile32::parse(joined.as_slice()).unwrap();
        assert_eq!(read.arches().len(), 2);
        for ((architecture, file), arch) in files.iter().zip(read.arches()) {
            assert_eq!(arch.architecture(), *architecture);
            assert_eq!(arch.data(joined.as_slice()).unwrap(), file.as_slice());
            assert_eq!(arch.file_range().0 % (1 << arch.align()), 0);
        }
    }

    #[test]
    fn processor_that_no_mac_has_is_refused() {
        assert!(joined(&[(Architecture::Riscv64, vec![1])]).is_err());
    }
}
