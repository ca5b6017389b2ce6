//! Why a release is not taken: each reason with its name, its exit code and what to do. Decides nothing.

use crate::fail::Fail;
use semver::Version;

/// In the order in which a release is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No signature, or one that cannot be read.
    Unsigned,
    /// By a key that is not trusted, or for something else.
    Foreign,
    /// The signature is not over this manifest.
    Altered,
    /// The manifest is signed and says what this program does not understand.
    Unreadable,
    Target {
        named: String,
    },
    Older {
        version: Version,
    },
    /// From here another release comes first.
    Skips {
        from: Version,
    },
    /// A file that is missing or has other bytes.
    Damaged {
        file: String,
    },
    /// Its program does not run here, or is not what the manifest says.
    Broken,
}

impl Refused {
    pub fn fail(&self) -> Fail {
        let (code, exit, message) = match self {
            Refused::Unsigned => {
                (
                    "release_unsigned",
                    11,
                    "there is no signature that can be read in manifest.json.sig. Do not install this: fetch the release again from where Florin is published."
                        .to_owned(),
                )
            }
            Refused::Foreign => (
                "release_foreign_key",
                12,
                "it is signed by a key that upgrade.keys does not name, or for another use. Do not install this unless you have learned of that key from us by another way.".to_owned(),
            ),
            Refused::Altered => (
                "release_altered",
                13,
                "the manifest is not the one that was signed. Do not install this: fetch the release again.".to_owned(),
            ),
            Refused::Unreadable => (
                "release_unreadable",
                18,
                "the manifest is signed and this version does not understand it. Install the release that its notes name first.".to_owned(),
            ),
            Refused::Target { named } => (
                "release_other_target",
                16,
                format!("it is for {named}; this program is for {}. Fetch that one.", crate::built::TARGET),
            ),
            Refused::Older { version } => (
                "release_older",
                15,
                format!(
                    "it is {version}, and {} is here. An older one could not read what this one has written: a way back is florin.previous, or a backup.",
                    crate::built::VERSION
                ),
            ),
            Refused::Skips { from } => (
                "release_skips",
                17,
                format!("it brings up databases of {from} and newer; {} is here. Install a release in between first.", crate::built::VERSION),
            ),
            Refused::Damaged { file } => (
                "release_damaged",
                14,
                format!("{file} is missing or not what was signed. Do not install this: fetch the release again."),
            ),
            Refused::Broken => (
                "release_does_not_run",
                19,
                "its program does not start here, or says it is another version. What is installed was not touched.".to_owned(),
            ),
        };
        Fail::new(code, message).exit(exit)
    }
}
