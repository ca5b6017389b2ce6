//! One object on its way there or back. Up: at once if it is small, else in parts of which none is seen before the last. Down: a broken
//! line is taken up where it broke.

use super::{Call, S3, TRIES, elements};
use crate::commands::http::Answer;
use florin_backup::error::BackupError;
use hyper::body::Bytes;
use rusty_s3::Method;
use std::io::{self, Read, Write};

/// A part in memory. S3 takes 10,000 of them and wants 5 MiB at least.
const PART_BYTES: usize = 16 << 20;

pub struct Upload<'a> {
    s3: &'a S3,
    key: &'a str,
    held: Vec<u8>,
    sent_bytes: u64,
    /// Once there is more than a part: the upload's id.
    id: Option<String>,
    etags: Vec<String>,
    /// What went wrong within `Write`, which knows only I/O errors.
    failed: Option<BackupError>,
}

impl<'a> Upload<'a> {
    pub fn new(s3: &'a S3, key: &'a str) -> Upload<'a> {
        Upload { s3, key, held: vec![], sent_bytes: 0, id: None, etags: vec![], failed: None }
    }

    fn part(&mut self) -> Result<(), BackupError> {
        let id = match &self.id {
            Some(id) => id.clone(),
            None => {
                let begun = Call { query: &[("uploads", "")], ..Call::new(Method::Post, self.key) };
                let id = elements(&self.s3.text(&begun)?, "UploadId")
                    .into_iter()
                    .next()
                    .ok_or_else(|| odd("no upload id"))?;
                self.id.insert(id).clone()
            }
        };
        let (number, body) = ((self.etags.len() + 1).to_string(), Bytes::from(std::mem::take(&mut self.held)));
        self.sent_bytes += body.len() as u64;
        let query = [("partNumber", number.as_str()), ("uploadId", &id)];
        let mut answer = self.s3.call(&Call { query: &query, body, ..Call::new(Method::Put, self.key) })?;
        let etag = answer.etag.clone().ok_or_else(|| odd("no etag of a part"))?;
        let _ = io::copy(&mut answer, &mut io::sink());
        self.etags.push(etag);
        Ok(())
    }

    /// The object is there, with as many bytes as were sent.
    pub fn finish(&mut self) -> Result<(), BackupError> {
        if self.id.is_none() {
            let body = Bytes::from(std::mem::take(&mut self.held));
            self.sent_bytes = body.len() as u64;
            self.s3.text(&Call { body, ..Call::new(Method::Put, self.key) })?;
        } else {
            if !self.held.is_empty() {
                self.part()?;
            }
            match self.complete() {
                // An answer was lost and asked for again: whether it was done shows below.
                Err(BackupError::NotFound { .. }) | Ok(()) => self.id = None,
                Err(error) => return Err(error),
            }
        }
        let head = self.s3.call(&Call::new(Method::Head, self.key))?;
        match head.length == Some(self.sent_bytes) {
            true => Ok(()),
            false => Err(odd("another size than was sent")),
        }
    }

    fn complete(&mut self) -> Result<(), BackupError> {
        let Some(id) = self.id.clone() else { return Ok(()) };
        let part = |(n, etag): (usize, &String)| {
            let etag = etag.replace('&', "&amp;").replace('<', "&lt;");
            format!("<Part><PartNumber>{}</PartNumber><ETag>{etag}</ETag></Part>", n + 1)
        };
        let parts: String = self.etags.iter().enumerate().map(part).collect();
        let body = Bytes::from(format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"));
        let query = [("uploadId", id.as_str())];
        let told = self.s3.text(&Call { query: &query, body, ..Call::new(Method::Post, self.key) })?;
        // S3 may answer 200 and say in the body that it failed.
        match elements(&told, "Code").first() {
            Some(code) => Err(odd(code)),
            None => Ok(()),
        }
    }

    /// What went wrong while it was written to.
    pub fn refused(&mut self) -> Option<BackupError> {
        self.failed.take()
    }

    /// Takes back the parts that were sent. Without an answer they stay until a later run gives them up, or the bucket's own rule.
    pub fn give_up(&mut self) {
        if let Some(id) = self.id.take() {
            let query = [("uploadId", id.as_str())];
            let _ = self.s3.text(&Call { query: &query, ..Call::new(Method::Delete, self.key) });
        }
    }
}

fn odd(what: &str) -> BackupError {
    BackupError::Place {
        code: "s3_refused",
        detail: format!("the storage answered an upload with {what}; nothing counts of it"),
    }
}

impl Write for Upload<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.held.len() >= PART_BYTES
            && let Err(error) = self.part()
        {
            let told = io::Error::other(error.to_string());
            self.failed = Some(error);
            return Err(told);
        }
        let n = bytes.len().min(PART_BYTES - self.held.len());
        self.held.extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub struct Download<'a> {
    s3: &'a S3,
    key: String,
    answer: Answer<'a>,
    etag: Option<String>,
    given: u64,
    length: u64,
    broken: u32,
}

impl<'a> Download<'a> {
    pub fn open(s3: &'a S3, key: String) -> Result<Download<'a>, BackupError> {
        let answer = s3.call(&Call::new(Method::Get, &key))?;
        let length = answer.length.ok_or_else(|| odd("no length of an object"))?;
        let etag = answer.etag.clone();
        Ok(Download { s3, key, answer, etag, given: 0, length, broken: 0 })
    }

    /// The rest, of the same object.
    fn again(&mut self) -> io::Result<()> {
        let range = format!("bytes={}-", self.given);
        let same = self.etag.as_deref().map(|etag| ("if-match", etag));
        let headers: Vec<_> = same.into_iter().chain([("range", range.as_str())]).collect();
        let call = Call { headers: &headers, ..Call::new(Method::Get, &self.key) };
        let answer = self.s3.call(&call).map_err(|e| io::Error::other(e.to_string()))?;
        if answer.status != 206 {
            return Err(io::Error::other("the storage does not give a part of an object"));
        }
        self.answer = answer;
        Ok(())
    }
}

impl Read for Download<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.answer.read(into) {
                Ok(0) if self.given < self.length && !into.is_empty() => {}
                Ok(n) => {
                    self.given += n as u64;
                    return Ok(n);
                }
                Err(error) if self.broken >= TRIES => return Err(error),
                Err(_) => {}
            }
            self.broken += 1;
            if self.broken > TRIES {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.again()?;
        }
    }
}
