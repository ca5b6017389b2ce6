//! What a person's desktop is asked for: to open an address, and to believe the demo's certificate authority. Knows no system.

use crate::fail::Fail;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How the authority is called where it is installed.
const NAME: &str = "Florin demo CA";
const SYSTEM_FOLDER: &str = "/usr/local/share/ca-certificates";

/// Hands the address to whatever opens addresses here.
pub fn browse(url: &str) -> Result<(), Fail> {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    match quietly(opener, &[url.as_ref()]) {
        true => Ok(()),
        false => Err(Fail::new("no_browser", format!("{opener} opened no browser. Open this yourself: {url}"))),
    }
}

/// Whether it ran and ended well.
fn quietly(program: &str, args: &[&std::ffi::OsStr]) -> bool {
    let (input, output, errors) = (Stdio::null(), Stdio::null(), Stdio::null());
    let ended = Command::new(program).args(args).stdin(input).stdout(output).stderr(errors).status();
    ended.is_ok_and(|status| status.success())
}

/// Makes browsers of this user (Chromium's store) and, where the user may, programs of this machine believe the authority in
/// `ca`. Gives what was done and how it is undone, a line each. The authority's key was thrown away when its certificates were made, so
/// nobody can make more of them.
pub fn trust(ca: &Path) -> Result<Vec<String>, Fail> {
    let mut done = Vec::new();
    if let Some(store) = browsers(ca) {
        let store = store.display();
        done.push(format!("browsers of this user believe it; undo: certutil -D -d sql:{store} -n '{NAME}'"));
    }
    let file = Path::new(SYSTEM_FOLDER).join("florin-demo.crt");
    if Path::new(SYSTEM_FOLDER).is_dir()
        && std::fs::copy(ca, &file).is_ok()
        && readable(&file)
        && quietly("update-ca-certificates", &[])
    {
        let file = file.display();
        done.push(format!("programs of this machine believe it; undo: rm {file} && update-ca-certificates --fresh"));
    }
    match done.is_empty() {
        false => Ok(done),
        true => Err(Fail::new(
            "not_trusted",
            format!(
                "nothing could be told to believe {}. Install certutil (on Debian: apt-get install libnss3-tools) for browsers, or run as root for programs. The http:// addresses need none of this.",
                ca.display()
            ),
        )),
    }
}

/// It is copied from a folder for its owner alone.
fn readable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).is_ok()
}

/// The store that Chromium reads, with the authority in it.
fn browsers(ca: &Path) -> Option<PathBuf> {
    let store = PathBuf::from(std::env::var_os("HOME")?).join(".pki/nssdb");
    std::fs::create_dir_all(&store).ok()?;
    let database = std::ffi::OsString::from(format!("sql:{}", store.display()));
    let with = |args: &[&str]| {
        let args: Vec<&std::ffi::OsStr> = args.iter().map(AsRef::as_ref).collect();
        quietly("certutil", &[&["-d".as_ref(), database.as_os_str()], args.as_slice()].concat())
    };
    if !store.join("cert9.db").exists() && !with(&["-N", "--empty-password"]) {
        return None;
    }
    // One of an earlier demo would be in the way of the new one.
    with(&["-D", "-n", NAME]);
    with(&["-A", "-t", "C,,", "-n", NAME, "-i", ca.to_str()?]).then_some(store)
}
