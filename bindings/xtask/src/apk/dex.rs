//! A file of Dalvik executables, as far as to say which classes it defines (the Dalvik executable format, "File layout").

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};

/// The names of the classes that `dex` defines, as Java has them: `com.example.Main`.
///
/// # Errors
/// When it is no such file.
pub(crate) fn classes(dex: &[u8]) -> Result<BTreeSet<String>> {
    ensure!(dex.starts_with(b"dex\n"), "it is no Dalvik executable");
    let (strings, types) = (number(dex, 60)?, number(dex, 68)?);
    let (count, definitions) = (number(dex, 96)?, number(dex, 100)?);
    let mut names = BTreeSet::new();
    for index in 0..count {
        // 32 bytes a definition, which begins with the number of its type; 4 bytes for the name of each.
        let of_type = number(dex, definitions + index * 32)?;
        let of_string = number(dex, types + of_type * 4)?;
        let descriptor = text(dex, number(dex, strings + of_string * 4)?)?;
        let name = descriptor.strip_prefix('L').and_then(|name| name.strip_suffix(';'));
        names.insert(name.context("a class has no name")?.replace('/', "."));
    }
    Ok(names)
}

/// A string ends with a zero, and its length in UTF-16 comes before it: up to five bytes, all but the last with the high bit.
fn text(dex: &[u8], at: usize) -> Result<&str> {
    let rest = dex.get(at..).context("a name is outside of it")?;
    let length = rest.iter().position(|byte| byte & 0x80 == 0).context("a name does not end")? + 1;
    let text = &rest[length..];
    let end = text.iter().position(|&byte| byte == 0).context("a name does not end")?;
    std::str::from_utf8(&text[..end]).context("a name is no text")
}

fn number(dex: &[u8], at: usize) -> Result<usize> {
    let bytes = dex.get(at..).and_then(|rest| rest.first_chunk::<4>()).context("it ends too early")?;
    usize::try_from(u32::from_le_bytes(*bytes)).context("it is too large")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One string, one type, one class of that name.
    fn dex_with(descriptor: &str) -> Vec<u8> {
        let mut dex = b"dex\n038\0".to_vec();
        dex.resize(0x70, 0);
        let mut set = |at: usize, value: u8| dex[at] = value;
        for (at, value) in [(60, 0x70), (68, 0x74), (96, 1), (100, 0x78)] {
            set(at, value);
        }
        dex.extend([0x98, 0, 0, 0]);
        dex.extend([0; 4]);
        dex.extend([0; 32]);
        dex.push(u8::try_from(descriptor.len()).unwrap());
        dex.extend(descriptor.as_bytes());
        dex.push(0);
        dex
    }

    #[test]
    fn class_that_is_defined_is_named_as_java_does() {
        assert_eq!(classes(&dex_with("Lcom/example/Main;")).unwrap(), BTreeSet::from(["com.example.Main".to_owned()]));
    }

    #[test]
    fn what_is_no_dex_is_refused() {
        let dex = dex_with("Lcom/example/Main;");
        assert!(classes(b"PK").is_err() && classes(&dex[..0x60]).is_err() && classes(&dex[..0x9c]).is_err());
        assert!(classes(&dex_with("I")).is_err());
    }
}
