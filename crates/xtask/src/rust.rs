//! As much of Rust's grammar as the checks need: what is code, what is comment, where functions and tests begin and end.

/// A source file twice: once with only its code, once with only its comments. Everything else is blanked, so lines and
/// columns stay where they were.
pub struct Views {
    pub code: String,
    pub comments: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Code,
    Comment,
    Literal,
}

/// Splits a source file. A string keeps its quotes in neither view.
pub fn views(text: &str) -> Views {
    let bytes = text.as_bytes();
    let (mut code, mut comments) = (Vec::with_capacity(bytes.len()), Vec::with_capacity(bytes.len()));
    let mut at = 0;
    while at < bytes.len() {
        let (end, part) = match (comment_end(bytes, at), literal_end(bytes, at)) {
            (Some(end), _) => (end, Part::Comment),
            (None, Some(end)) => (end, Part::Literal),
            (None, None) => (at + 1, Part::Code),
        };
        for &byte in bytes.get(at..end).unwrap_or_default() {
            let blank = if byte == b'\n' { b'\n' } else { b' ' };
            code.push(if part == Part::Code { byte } else { blank });
            comments.push(if part == Part::Comment { byte } else { blank });
        }
        at = end.max(at + 1);
    }
    let string = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Views { code: string(code), comments: string(comments) }
}

fn comment_end(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = bytes.get(start..)?;
    if rest.starts_with(b"//") {
        return Some(rest.iter().position(|&b| b == b'\n').map_or(bytes.len(), |n| start + n));
    }
    if !rest.starts_with(b"/*") {
        return None;
    }
    let (mut depth, mut at) = (0usize, start);
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return Some(at);
        }
    }
    Some(bytes.len())
}

/// The end of the string or character literal that begins here.
fn literal_end(bytes: &[u8], start: usize) -> Option<usize> {
    match bytes.get(start)? {
        b'"' => Some(quoted_end(bytes, start + 1, b'"')),
        b'r' => raw_end(bytes, start),
        b'\'' => {
            let rest = std::str::from_utf8(bytes.get(start + 1..)?).ok()?;
            let mut chars = rest.char_indices();
            match (chars.next()?.1, chars.next()) {
                ('\\', _) => Some(quoted_end(bytes, start + 1, b'\'')),
                (_, Some((at, '\''))) => Some(start + 1 + at + 1),
                _ => None,
            }
        }
        _ => None,
    }
}

fn quoted_end(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start;
    while let Some(&byte) = bytes.get(at) {
        at += match byte {
            b'\\' => 2,
            byte if byte == quote => return at + 1,
            _ => 1,
        };
    }
    bytes.len()
}

fn raw_end(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = bytes.get(start + 1..)?;
    let hashes = rest.iter().take_while(|&&b| b == b'#').count();
    if rest.get(hashes) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(hashes + 1, b'#');
    let body = start + 1 + hashes + 1;
    let length = bytes.get(body..)?.windows(close.len()).position(|w| w == close)?;
    Some(body + length + close.len())
}

/// Where a word stands: not as a part of a longer one.
pub fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let (before, after) = (text.get(..at).unwrap_or(""), text.get(at + word.len()..).unwrap_or(""));
        !before.ends_with(part) && !after.starts_with(part)
    })
}

/// The number of the line, from 1, that holds this byte.
pub fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|&b| b == b'\n').count() + 1
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub line: usize,
    pub lines: usize,
}

/// All functions of the code view, nested ones too.
pub fn functions(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for at in words(code, "fn") {
        let after = code.get(at + 2..).unwrap_or("").trim_start();
        let name: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let Some((_, end)) = body(code, at).filter(|_| !name.is_empty()) else { continue };
        let line = line_of(code, at);
        found.push(Function { name, line, lines: line_of(code, end) - line + 1 });
    }
    found
}

/// The braces of the item that begins here: the first `{` outside brackets and its `}`. Nothing when `;` comes first.
fn body(code: &str, start: usize) -> Option<(usize, usize)> {
    let (mut brackets, mut braces, mut open) = (0i32, 0i32, start);
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'(' | b'[' => brackets += 1,
            b')' | b']' => brackets -= 1,
            b';' if brackets == 0 && braces == 0 => return None,
            b'{' if braces > 0 || brackets == 0 => {
                open = if braces == 0 { at } else { open };
                braces += 1;
            }
            b'}' if braces > 0 => {
                braces -= 1;
                if braces == 0 {
                    return Some((open, at));
                }
            }
            _ => {}
        }
    }
    None
}

/// True for files that hold only tests or what tests need.
pub fn is_test_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.contains("/tests/") || path.contains("/conformance/") || name.ends_with("tests.rs") || name == "testing.rs"
}

/// First and last line of every item behind `#[cfg(test)]`, in the code view.
pub fn test_lines(code: &str) -> Vec<(usize, usize)> {
    let items = code.match_indices("#[cfg(test)]").map(|(at, mark)| (at, at + mark.len()));
    items.filter_map(|(at, item)| body(code, item).map(|(_, end)| (line_of(code, at), line_of(code, end)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_comments_part() {
        let check = |text: &str, code: &str, comments: &str| {
            let views = views(text);
            assert_eq!((views.code.trim_end(), views.comments.trim()), (code, comments), "{text}");
        };
        check("let a = 1; // one", "let a = 1;", "// one");
        check(r#"f("// no"); g()"#, r"f(       ); g()", "");
        check(r##"f(r#"a"b"#); g()"##, "f(        ); g()", "");
        check(r#"f("a\"b"); g()"#, "f(      ); g()", "");
        check("f('\"', '\\'', 'é'); g::<'a>()", "f(   ,     ,     ); g::<'a>()", "");
        check("a /* b /* c */ d */ e", "a                   e", "/* b /* c */ d */");
        check("let r#type = 1;", "let r#type = 1;", "");
        check("a // b\nc", "a     \nc", "// b");
    }

    #[test]
    fn functions_have_their_lines() {
        let check = |text: &str, expected: &[(&str, usize, usize)]| {
            let found: Vec<_> = functions(&views(text).code).into_iter().map(|f| (f.name, f.line, f.lines)).collect();
            let expected: Vec<_> = expected.iter().map(|(n, line, lines)| (n.to_string(), *line, *lines)).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("fn a() {}", &[("a", 1, 1)]);
        check("\nfn a(x: [u8; 4]) -> [u8; 2]\n{\n  \"}\";\n}\n", &[("a", 2, 4)]);
        check("trait T { fn a(); }", &[]);
        check("type F = fn(u8);\nfn b() {\n  fn c() {}\n}", &[("b", 2, 3), ("c", 3, 1)]);
    }

    #[test]
    fn tests_have_their_lines() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests {\n  x\n}\n#[cfg(test)]\nmod more;\nfn b() {}";
        assert_eq!(test_lines(code), [(2, 5)]);
        assert!(is_test_file("crates/a/tests/b.rs") && is_test_file("crates/a/src/b_tests.rs"));
        assert!(!is_test_file("crates/a/src/testcards.rs"));
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(words("unsafe_code unsafe (unsafe) ununsafe", "unsafe").collect::<Vec<_>>(), [12, 20]);
    }
}
