//! An archive of Android's (a ZIP file, APPNOTE 6.3), read and written as far as an APK needs it: no encryption, no ZIP64,
//! one disk. What is stored is aligned, because Android maps it from the archive instead of unpacking it.

use std::io::{Read, Write};

use anyhow::{Context, Result, bail, ensure};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

/// The alignment of native libraries, in bytes: pages of 16 KiB, which Android 15 and newer may have.
pub(crate) const PAGE: usize = 16 * 1024;

/// The alignment of anything else that is stored, such as the table of resources.
const WORD: usize = 4;

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// The extra field by which Android's signer knows which alignment to keep.
const ALIGNMENT: u16 = 0xd935;
/// 1980-01-01, the first day of the format, so that the same input makes the same archive.
const DAY: u16 = 0x21;

/// A file of an archive, as it stands there.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// With `/` between folders.
    pub(crate) name: String,
    is_stored: bool,
    checksum: u32,
    size: usize,
    /// Compressed, unless stored.
    data: Vec<u8>,
    /// Where its data begin in the archive that it was read from.
    offset: usize,
}

impl Entry {
    /// A file that is mapped from the archive.
    pub(crate) fn stored(name: String, content: Vec<u8>) -> Self {
        Self { name, is_stored: true, checksum: checksum(&content), size: content.len(), data: content, offset: 0 }
    }

    /// A file that is unpacked.
    ///
    /// # Errors
    /// None that a vector would have.
    pub(crate) fn deflated(name: String, content: &[u8]) -> Result<Self> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content)?;
        let data = encoder.finish()?;
        Ok(Self { name, is_stored: false, checksum: checksum(content), size: content.len(), data, offset: 0 })
    }

    /// What is in it.
    ///
    /// # Errors
    /// When it is not what its checksum says.
    pub(crate) fn content(&self) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        if self.is_stored {
            content.clone_from(&self.data);
        } else {
            // One byte more than it should have shows one that is longer.
            let limit = u64::try_from(self.size)? + 1;
            DeflateDecoder::new(&self.data[..]).take(limit).read_to_end(&mut content)?;
        }
        ensure!(content.len() == self.size && checksum(&content) == self.checksum, "{} is damaged", self.name);
        Ok(content)
    }

    /// What is wrong with how it stands in the archive, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        let alignment = alignment(&self.name);
        if alignment == PAGE && !self.is_stored {
            return Some(format!("{} is compressed, so that Android cannot map it", self.name));
        }
        let is_aligned = !self.is_stored || self.offset.is_multiple_of(alignment);
        (!is_aligned).then(|| format!("{} begins at byte {}, no multiple of {alignment}", self.name, self.offset))
    }
}

/// Every file of `archive`, in the order of its directory.
///
/// # Errors
/// When it is none, or one of a kind that no APK is.
pub(crate) fn read(archive: &[u8]) -> Result<Vec<Entry>> {
    let end = archive.windows(END.len()).rposition(|part| part == END).context("it is no ZIP archive")?;
    let count = number(archive, end + 10, 2)?;
    let mut at = number(archive, end + 16, 4)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        ensure!(slice(archive, at, 4)? == CENTRAL, "its directory is damaged");
        let method = u16::try_from(number(archive, at + 10, 2)?)?;
        let (compressed, size) = (number(archive, at + 20, 4)?, number(archive, at + 24, 4)?);
        let name = number(archive, at + 28, 2)?;
        let rest = number(archive, at + 30, 2)? + number(archive, at + 32, 2)?;
        let local = number(archive, at + 42, 4)?;
        ensure!(slice(archive, local, 4)? == LOCAL, "its directory leads nowhere");
        let offset = local + 30 + number(archive, local + 26, 2)? + number(archive, local + 28, 2)?;
        entries.push(Entry {
            name: std::str::from_utf8(slice(archive, at + 46, name)?)?.to_owned(),
            is_stored: match method {
                STORED => true,
                DEFLATED => false,
                other => bail!("it is compressed by method {other}"),
            },
            checksum: u32::try_from(number(archive, at + 16, 4)?)?,
            size,
            data: slice(archive, offset, compressed)?.to_vec(),
            offset,
        });
        at += 46 + name + rest;
    }
    Ok(entries)
}

/// An archive of `entries`, in this order, aligned.
///
/// # Errors
/// When it would be larger than the format can say.
pub(crate) fn write(entries: &[Entry]) -> Result<Vec<u8>> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let local = archive.len();
        let extra = if entry.is_stored { padding(entry, local)? } else { Vec::new() };
        let common = common(entry)?;
        archive.extend(LOCAL);
        archive.extend(&common);
        archive.extend(u16::try_from(extra.len())?.to_le_bytes());
        archive.extend(entry.name.as_bytes());
        archive.extend(extra);
        archive.extend(&entry.data);

        directory.extend(CENTRAL);
        directory.extend(20_u16.to_le_bytes());
        directory.extend(common);
        // No extra field, no comment, the first disk, no attributes.
        directory.extend([0; 12]);
        directory.extend(u32::try_from(local)?.to_le_bytes());
        directory.extend(entry.name.as_bytes());
    }
    let (at, count) = (u32::try_from(archive.len())?, u16::try_from(entries.len())?);
    archive.extend(&directory);
    archive.extend(END);
    archive.extend([0; 4]);
    archive.extend(count.to_le_bytes());
    archive.extend(count.to_le_bytes());
    archive.extend(u32::try_from(directory.len())?.to_le_bytes());
    archive.extend(at.to_le_bytes());
    archive.extend([0; 2]);
    Ok(archive)
}

/// What an entry and the directory say alike, from the version that is needed to the length of the name.
fn common(entry: &Entry) -> Result<Vec<u8>> {
    let mut fields = Vec::new();
    let method = if entry.is_stored { STORED } else { DEFLATED };
    for field in [20, 0, method, 0, DAY] {
        fields.extend(field.to_le_bytes());
    }
    fields.extend(entry.checksum.to_le_bytes());
    fields.extend(u32::try_from(entry.data.len())?.to_le_bytes());
    fields.extend(u32::try_from(entry.size)?.to_le_bytes());
    fields.extend(u16::try_from(entry.name.len())?.to_le_bytes());
    Ok(fields)
}

/// The extra field that aligns the data of `entry`, whose header begins at `local`.
fn padding(entry: &Entry, local: usize) -> Result<Vec<u8>> {
    let alignment = alignment(&entry.name);
    let least = local + 30 + entry.name.len() + 6;
    let zeros = least.next_multiple_of(alignment) - least;
    let mut extra = Vec::new();
    extra.extend(ALIGNMENT.to_le_bytes());
    extra.extend(u16::try_from(2 + zeros)?.to_le_bytes());
    extra.extend(u16::try_from(alignment)?.to_le_bytes());
    extra.resize(6 + zeros, 0);
    Ok(extra)
}

fn alignment(name: &str) -> usize {
    if name.starts_with("lib/") { PAGE } else { WORD }
}

fn checksum(content: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(content);
    sum.sum()
}

/// A number of `length` bytes, the lowest first.
fn number(archive: &[u8], at: usize, length: usize) -> Result<usize> {
    Ok(slice(archive, at, length)?.iter().rev().fold(0, |number, &byte| (number << 8) | usize::from(byte)))
}

fn slice(archive: &[u8], at: usize, length: usize) -> Result<&[u8]> {
    let end = at.checked_add(length).context("its directory leads nowhere")?;
    archive.get(at..end).context("it ends too early")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        vec![
            Entry::deflated("classes.dex".to_owned(), &[7; 5000]).unwrap(),
            Entry::stored("resources.arsc".to_owned(), b"table".to_vec()),
            Entry::stored("lib/arm64-v8a/libhallpass.so".to_owned(), b"code".to_vec()),
        ]
    }

    #[test]
    fn archive_that_was_written_is_read_back_and_aligned() {
        let read = read(&write(&entries()).unwrap()).unwrap();
        let content: Vec<_> = read.iter().map(|entry| (entry.name.as_str(), entry.content().unwrap())).collect();
        assert_eq!(content[0], ("classes.dex", vec![7; 5000]));
        assert_eq!(content[1], ("resources.arsc", b"table".to_vec()));
        assert_eq!(content[2], ("lib/arm64-v8a/libhallpass.so", b"code".to_vec()));
        assert_eq!(read.iter().find_map(Entry::problem), None);
        assert!(read[0].data.len() < 100 && read[2].offset == PAGE, "{read:?}");
    }

    #[test]
    fn library_that_is_compressed_or_not_aligned_is_caught() {
        let name = "lib/arm64-v8a/libhallpass.so".to_owned();
        let compressed = Entry::deflated(name.clone(), b"code").unwrap();
        assert!(compressed.problem().unwrap().contains("compressed"));
        let moved = Entry { offset: PAGE + 4096, ..Entry::stored(name, b"code".to_vec()) };
        assert!(moved.problem().unwrap().contains("20480"));
    }

    #[test]
    fn content_that_was_changed_is_told_by_its_checksum() {
        let mut archive = write(&entries()).unwrap();
        archive[PAGE] ^= 1;
        assert!(read(&archive).unwrap()[2].content().is_err());
    }

    #[test]
    fn what_is_no_archive_is_refused_however_it_ends() {
        let archive = write(&entries()).unwrap();
        assert!(read(b"").is_err());
        let end = archive.len() - 22;
        for cut in [&archive[..end], &archive[end..]] {
            assert!(read(cut).is_err());
        }
    }
}
