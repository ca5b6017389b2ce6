//! Where a release lies: a folder, or an https:// address. Knows no manifest; whatever comes is checked by who asks.

use crate::commands::http::{Http, Server};
use crate::config::Config;
use crate::fail::{Fail, io};
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use url::Url;

pub enum Place {
    Folder(PathBuf),
    Web { http: Box<Http>, authority: String, path: String },
}

impl Place {
    /// `DIR` or `https://host[:port][/path]`. Other addresses are refused: what is fetched is signed, but who asks for what is nobody's
    /// affair.
    pub fn parse(text: &str, config: &Config) -> Result<Place, Fail> {
        if text.is_empty() {
            let says = "there is no place of releases. Give --from DIR or https://…, or set upgrade.from.";
            return Err(Fail::usage("no_place", "--from", says));
        }
        if !text.contains("://") {
            return Ok(Place::Folder(PathBuf::from(text)));
        }
        let bad = || {
            Fail::usage(
                "bad_place",
                "--from",
                "a release is fetched from https://host[:port][/path], or lies in a folder.",
            )
        };
        let url = Url::parse(text).map_err(|_| bad())?;
        let named =
            url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
        let (Some(host), "https", true) = (url.host_str(), url.scheme(), named) else { return Err(bad()) };
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let server = Server::parse(&format!("https://{host}{port}")).ok_or_else(bad)?;
        let authority = server.authority();
        let ca = config.path("upgrade.ca");
        let http = Http::new(server, ca.as_deref()).map_err(|why| Fail::usage("invalid_setting", "upgrade.ca", why))?;
        Ok(Place::Web { http: Box::new(http), authority, path: url.path().trim_end_matches('/').to_owned() })
    }

    /// A file's bytes, as they come; none where there is no such file.
    pub fn open(&self, name: &str) -> Result<Option<Box<dyn Read + '_>>, Fail> {
        match self {
            Place::Folder(folder) => open(&folder.join(name)),
            Place::Web { http, authority, path } => {
                let address = format!("https://{authority}{path}/{name}");
                let lost = |why: &dyn std::fmt::Display| {
                    Fail::new(
                        "not_fetched",
                        format!("{address}: {why}. Try again, or fetch it in another way and give its folder."),
                    )
                };
                let request = Request::get(format!("{path}/{name}"))
                    .header("host", authority)
                    .header("user-agent", concat!("florin/", env!("CARGO_PKG_VERSION")))
                    .body(Full::new(Bytes::new()))
                    .map_err(|e| lost(&e))?;
                let answer = http.send(&request).map_err(|e| lost(&e))?;
                match answer.status {
                    200 => Ok(Some(Box::new(answer))),
                    404 => Ok(None),
                    status => Err(lost(&format!("the server answers {status}"))),
                }
            }
        }
    }

    /// A small file whole; none where there is no such file, or it is longer.
    pub fn read(&self, name: &str, limit_bytes: u64) -> Result<Option<Vec<u8>>, Fail> {
        let Some(file) = self.open(name)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(limit_bytes + 1).read_to_end(&mut bytes).map_err(|e| io("read", Path::new(name), &e))?;
        Ok((u64::try_from(bytes.len()).unwrap_or(u64::MAX) <= limit_bytes).then_some(bytes))
    }
}

fn open(path: &Path) -> Result<Option<Box<dyn Read>>, Fail> {
    match File::open(path) {
        Ok(file) => Ok(Some(Box::new(file))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io("read", path, &error)),
    }
}
