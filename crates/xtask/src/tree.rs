//! The repository's files in memory, so that every check is a pure function. Knows no check.

use std::fs;
use std::path::Path;

/// Larger files and files that are not UTF-8 are data, not text: they are there, and say nothing.
const MAX_TEXT_BYTES: u64 = 4 << 20;
/// Never part of a commit, whatever .gitignore says.
const NEVER: [&str; 2] = [".git", "target"];

/// One file.
pub struct File {
    /// From the repository's root, with `/` between the parts.
    pub path: String,
    /// Empty for data.
    pub text: String,
}

impl File {
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
    pub fn is_markdown(&self) -> bool {
        self.path.ends_with(".md")
    }
    /// The folder under `crates/` that holds the file.
    pub fn package(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split_once('/').map(|(folder, _)| folder)
    }
    /// Lines with their numbers, from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(i, line)| (i + 1, line))
    }
}

/// All files, ordered by path.
pub struct Tree {
    pub files: Vec<File>,
}

impl Tree {
    /// Reads what could be committed: everything that the root's .gitignore does not name.
    pub fn read(root: &Path) -> Result<Tree, String> {
        let ignored = fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
        let mut skip: Vec<String> = NEVER.map(str::to_string).to_vec();
        skip.extend(ignored.lines().map(|line| line.trim().trim_matches('/').to_string()).filter(|s| !s.is_empty()));
        let mut files = Vec::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(root.join(&folder)).map_err(|e| format!("{folder}: {e}"))?;
            for entry in entries {
                let entry = entry.map_err(|e| format!("{folder}: {e}"))?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
                if skip.contains(&name) || skip.contains(&path) {
                    continue;
                }
                let kind = entry.file_type().map_err(|e| format!("{path}: {e}"))?;
                if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_file() {
                    let small = entry.metadata().is_ok_and(|m| m.len() <= MAX_TEXT_BYTES);
                    let text = small.then(|| fs::read_to_string(entry.path()).ok()).flatten();
                    files.push(File { path, text: text.unwrap_or_default() });
                }
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Tree { files })
    }

    pub fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }
    /// The folders under `crates/` that hold a manifest.
    pub fn packages(&self) -> Vec<&str> {
        let manifests = self.files.iter().filter(|file| file.path.ends_with("/Cargo.toml"));
        manifests.filter(|file| file.path.matches('/').count() == 2).filter_map(File::package).collect()
    }
}

/// A fault that a check found. Line 0 is the file as a whole.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub path: String,
    pub line: usize,
    pub what: String,
}

impl Finding {
    pub fn new(path: &str, line: usize, what: impl Into<String>) -> Finding {
        Finding { path: path.to_string(), line, what: what.into() }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.what),
            line => write!(f, "{}:{line}: {}", self.path, self.what),
        }
    }
}

#[cfg(test)]
pub mod testing {
    //! How the checks' own tests look: a few files, and what must be said about them.

    use super::{File, Finding, Tree};

    /// Runs one check over these files; `expected` are `path:line` and a part of what is said, in order.
    pub fn check(run: fn(&Tree) -> Vec<Finding>, files: &[(&str, &str)], expected: &[(&str, &str)]) {
        let own = |(path, text): &(&str, &str)| File { path: (*path).to_string(), text: (*text).to_string() };
        let tree = Tree { files: files.iter().map(own).collect() };
        let said: Vec<String> = run(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), expected.len(), "said {said:#?}, expected {expected:#?}");
        for (said, (place, part)) in said.iter().zip(expected) {
            assert!(
                said.starts_with(&format!("{place}: ")) && said.contains(part),
                "said {said}, expected {place} {part}"
            );
        }
    }
}
