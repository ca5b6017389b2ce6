//! Uploads in parts that were begun and never ended: found below our prefix and given up. Knows no backup but by its name.

use super::{Call, PAGES_LIMIT, S3, elements};
use florin_backup::error::BackupError;
use florin_backup::place::was_begun_by;
use florin_core::time::Time;
use jiff::Timestamp;
use rusty_s3::Method;

/// One that is under way, or was.
#[derive(Debug, PartialEq, Eq)]
struct Begun {
    key: String,
    id: String,
    at: Time,
}

/// A page of a list (`ListMultipartUploads`), and where the next one begins.
fn read(page: &str) -> (Vec<Begun>, Option<(String, String)>) {
    let first = |xml: &str, tag| elements(xml, tag).into_iter().next();
    let one = |xml: &String| {
        let at = first(xml, "Initiated")?.parse::<Timestamp>().ok()?;
        Some(Begun { key: first(xml, "Key")?, id: first(xml, "UploadId")?, at: Time(at.as_millisecond()) })
    };
    let more = first(page, "IsTruncated").is_some_and(|text| text == "true");
    let next = first(page, "NextKeyMarker").zip(first(page, "NextUploadIdMarker")).filter(|_| more);
    (elements(page, "Upload").iter().filter_map(one).collect(), next)
}

/// Gives up those of our objects that were begun by then. What somebody else uploads below the prefix is not ours to end.
pub fn abort(s3: &S3, before: Time) -> Result<(), BackupError> {
    let mut after: Option<(String, String)> = None;
    for _ in 0..PAGES_LIMIT {
        let (mut key_marker, mut id_marker) = (None, None);
        if let Some((key, id)) = &after {
            (key_marker, id_marker) = (Some(("key-marker", key.as_str())), Some(("upload-id-marker", id.as_str())));
        }
        let prefix = Some(("prefix", s3.prefix.as_str()));
        let query: Vec<_> = [key_marker, prefix, id_marker, Some(("uploads", ""))].into_iter().flatten().collect();
        let (page, next) = read(&s3.text(&Call { query: &query, ..Call::new(Method::Get, "") })?);
        let ours = |one: &&Begun| one.key.strip_prefix(&s3.prefix).is_some_and(|name| was_begun_by(name, before));
        for one in page.iter().filter(|one| one.at <= before).filter(ours) {
            let query = [("uploadId", one.id.as_str())];
            match s3.text(&Call { query: &query, ..Call::new(Method::Delete, &one.key) }) {
                // Somebody ended it meanwhile.
                Ok(_) | Err(BackupError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Credentials, Http, Server};
    use super::*;
    use florin_backup::place::Place;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use zeroize::Zeroizing;

    /// 2026-11-22T06:45:12.123Z
    const BEFORE: Time = Time(1_795_329_912_123);

    fn upload(name: &str, id: &str, initiated: &str) -> String {
        format!(
            "<Upload><Key>backups/{name}</Key><UploadId>{id}</UploadId><Initiator><ID>me</ID></Initiator><Initiated>{initiated}</Initiated></Upload>"
        )
    }

    /// A storage that gives these answers one after the other, and tells what it was asked: method, path, query without its signature.
    fn storage(answers: Vec<(u16, String)>) -> (S3, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server::parse(&format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port())).unwrap();
        let host = server.authority();
        let work = std::thread::spawn(move || {
            let mut asked = vec![];
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut head = vec![];
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    head.push(byte[0]);
                }
                let head = String::from_utf8(head).unwrap();
                let line = head.split(" HTTP/").next().unwrap();
                let (path, query) = line.split_once('?').unwrap();
                let told: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("X-Amz-")).collect();
                asked.push(format!("{path} {}", told.join(" ")));
                let length = body.len();
                let text =
                    format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
                stream.write_all(text.as_bytes()).unwrap();
            }
            asked
        });
        let who = Credentials { id: "id".to_owned(), secret: Zeroizing::new("secret".to_owned()), token: None };
        let s3 = S3 {
            http: Http::new(server, None).unwrap(),
            scheme: "http",
            host,
            region: "eu".to_owned(),
            bucket: "bucket".to_owned(),
            prefix: "backups/".to_owned(),
            in_path: true,
            who,
        };
        (s3, work)
    }

    #[test]
    fn uploads_that_were_killed_are_given_up() {
        let (old, late) = ("20261122T054512123Z-0000000a-whole.age", "20261122T064512124Z-0000000b-added.age");
        let at = "2026-11-22T05:45:13.000Z";
        let page = [
            upload(old, "killed", at),
            upload(late, "new", at),
            upload(old, "again", "2026-11-22T06:45:13.000Z"),
            upload("somebody.age", "theirs", at),
            upload(old, "undated", "yesterday"),
        ];
        let first = format!(
            "<R><KeyMarker/><NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>i</NextUploadIdMarker><IsTruncated>true</IsTruncated>{}</R>",
            page.concat()
        );
        let second = format!("<R><IsTruncated>false</IsTruncated>{}</R>", upload(old, "gone", at));
        let missing = "<Error><Code>NoSuchUpload</Code></Error>".to_owned();
        let (s3, asked) = storage(vec![(200, first), (204, String::new()), (200, second), (404, missing)]);
        s3.sweep(BEFORE).unwrap();
        let expected = [
            "GET /bucket/ prefix=backups%2F uploads=".to_owned(),
            format!("DELETE /bucket/backups/{old} uploadId=killed"),
            "GET /bucket/ key-marker=k prefix=backups%2F upload-id-marker=i uploads=".to_owned(),
            format!("DELETE /bucket/backups/{old} uploadId=gone"),
        ];
        assert_eq!(asked.join().unwrap(), expected);
    }

    #[test]
    fn storage_that_does_not_list_uploads_takes_backups_all_the_same() {
        for (status, code) in [(403, "AccessDenied"), (400, "NotSupported"), (405, "MethodNotAllowed")] {
            let (s3, asked) = storage(vec![(status, format!("<Error><Code>{code}</Code></Error>"))]);
            assert_eq!(s3.sweep(BEFORE).map_err(|e| e.code()), Ok(()), "{code}");
            assert_eq!(asked.join().unwrap().len(), 1);
        }
    }
}
