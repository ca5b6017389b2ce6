//! The bytes within a backup, before they are compressed and encrypted: records that each say what they are.
//! Whole backups and additions to one look the same: they hold some pages of some databases.

use std::io::{self, Read, Write};

const MAGIC: &[u8; 16] = b"florin backup 1\n";
const DATABASE: u8 = b'D';
const PAGE: u8 = b'P';
const SMALL: u8 = b'F';
const END: u8 = b'E';

/// Longest path within a data folder.
const FILE_LIMIT_BYTES: usize = 200;
/// Longest small file.
const SMALL_LIMIT_BYTES: u32 = 256 << 20;
/// SQLite's own limit.
const PAGE_LIMIT_BYTES: u32 = 65_536;

pub fn begin(out: &mut dyn Write) -> io::Result<()> {
    out.write_all(MAGIC)
}

/// The pages that follow belong to this database, which has `pages` in all.
pub fn database(out: &mut dyn Write, file: &str, page_bytes: u32, pages: u64) -> io::Result<()> {
    let length = u8::try_from(file.len()).map_err(io::Error::other)?;
    out.write_all(&[DATABASE, length])?;
    out.write_all(file.as_bytes())?;
    out.write_all(&page_bytes.to_be_bytes())?;
    out.write_all(&pages.to_be_bytes())
}

pub fn page(out: &mut dyn Write, n: u64, bytes: &[u8]) -> io::Result<()> {
    out.write_all(&[PAGE])?;
    out.write_all(&n.to_be_bytes())?;
    out.write_all(bytes)
}

/// A small file, whole.
pub fn small(out: &mut dyn Write, file: &str, bytes: &[u8]) -> io::Result<()> {
    let length = u8::try_from(file.len()).map_err(io::Error::other)?;
    out.write_all(&[SMALL, length])?;
    out.write_all(file.as_bytes())?;
    let size = u32::try_from(bytes.len()).ok().filter(|size| *size <= SMALL_LIMIT_BYTES);
    out.write_all(&size.ok_or(io::ErrorKind::FileTooLarge)?.to_be_bytes())?;
    out.write_all(bytes)
}

pub fn end(out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&[END])
}

pub enum Record<'a> {
    Database { file: String, page_bytes: u32, pages: u64 },
    Page { n: u64, bytes: &'a [u8] },
    Small { file: String, bytes: &'a [u8] },
}

fn array<const N: usize>(from: &mut dyn Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Hands over record after record. Ends well only behind the last one, with nothing after it.
pub fn read(from: &mut dyn Read, take: &mut dyn FnMut(Record<'_>) -> io::Result<()>) -> io::Result<()> {
    if &array::<16>(from)? != MAGIC {
        return Err(bad("it does not begin as a backup does"));
    }
    let mut page: Vec<u8> = Vec::new();
    loop {
        match array::<1>(from)?[0] {
            DATABASE => {
                let file = name(from)?;
                let page_bytes = u32::from_be_bytes(array(from)?);
                if !(512..=PAGE_LIMIT_BYTES).contains(&page_bytes) {
                    return Err(bad("pages have an impossible size"));
                }
                page.resize(page_bytes as usize, 0);
                take(Record::Database { file, page_bytes, pages: u64::from_be_bytes(array(from)?) })?;
            }
            PAGE if !page.is_empty() => {
                let n = u64::from_be_bytes(array(from)?);
                from.read_exact(&mut page)?;
                take(Record::Page { n, bytes: &page })?;
            }
            SMALL => {
                let file = name(from)?;
                let size = u32::from_be_bytes(array(from)?);
                if size > SMALL_LIMIT_BYTES {
                    return Err(bad("a small file is too big"));
                }
                let mut bytes = vec![0; size as usize];
                from.read_exact(&mut bytes)?;
                take(Record::Small { file, bytes: &bytes })?;
            }
            END if from.read(&mut [0; 1])? == 0 => return Ok(()),
            _ => return Err(bad("an unknown record")),
        }
    }
}

fn name(from: &mut dyn Read) -> io::Result<String> {
    let length = usize::from(array::<1>(from)?[0]);
    if length == 0 || length > FILE_LIMIT_BYTES {
        return Err(bad("a name has an impossible length"));
    }
    let mut file = vec![0; length];
    from.read_exact(&mut file)?;
    String::from_utf8(file).map_err(|_| bad("a name is not text"))
}
