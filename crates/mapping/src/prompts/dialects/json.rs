//! JSON as people write it: also without the outer braces, with commas too many or missing, and with the quotes of Python and of
//! word processors.

use std::ops::Range;

use super::super::text::clean_field;

/// A value and the bytes of the text that it takes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spanned {
    pub value: Value,
    pub span: Range<usize>,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// What stood in quotes, without control characters.
    Text(String),
    /// A number or a word without quotes.
    Bare(String),
    List(Vec<Spanned>),
    Map(Vec<Pair>),
}

/// An entry of a map.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pair {
    pub key: String,
    pub key_span: Range<usize>,
    pub value: Spanned,
}

/// What can't be read, and where.
pub(super) type Fault = (Range<usize>, &'static str);

/// Deepest nesting.
const MAX_DEPTH: usize = 16;

/// Reads a text as one value, or as the entries of a map without its braces.
pub(super) fn parse(text: &str) -> Result<Value, Fault> {
    let mut scanner = Scanner { text, at: 0 };
    scanner.skip_gaps(&[]);
    let value = match scanner.peek() {
        Some('{' | '[') => scanner.value(0)?.value,
        _ => return Ok(Value::Map(scanner.pairs(None, 0)?)),
    };
    scanner.skip_gaps(&[',', ';']);
    match scanner.peek() {
        None => Ok(value),
        Some(c) => Err((
            scanner.at..scanner.at + c.len_utf8(),
            "there is text behind the end",
        )),
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// The next character, which is passed over.
    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn fault(&self, reason: &'static str) -> Fault {
        let length = self.peek().map_or(0, char::len_utf8);
        (self.at..self.at + length, reason)
    }

    /// Passes over blanks and some other characters.
    fn skip_gaps(&mut self, others: &[char]) {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_whitespace() && !others.contains(&c));
        self.at += end.unwrap_or(rest.len());
    }

    /// The entries up to `end`, or up to the end of the text.
    fn pairs(&mut self, end: Option<char>, depth: usize) -> Result<Vec<Pair>, Fault> {
        let mut pairs = Vec::new();
        loop {
            self.skip_gaps(&[',']);
            match self.peek() {
                None if end.is_none() => return Ok(pairs),
                None => return Err(self.fault("} is missing at the end")),
                Some(c) if Some(c) == end => {
                    self.at += 1;
                    return Ok(pairs);
                }
                Some(_) => {}
            }
            let start = self.at;
            let key = match self.peek().and_then(closing) {
                Some(close) => self.quoted(close)?,
                None => self.bare(&[':', ',', '}', '\n']).to_owned(),
            };
            let key_span = start..self.at;
            self.skip_gaps(&[]);
            if key.is_empty() || self.peek() != Some(':') {
                return Err((
                    start..key_span.end.max(start + 1).min(self.text.len()),
                    "a frame and a colon are missing here",
                ));
            }
            self.at += 1;
            self.skip_gaps(&[]);
            let value = self.value(depth + 1)?;
            pairs.push(Pair {
                key,
                key_span,
                value,
            });
        }
    }

    fn value(&mut self, depth: usize) -> Result<Spanned, Fault> {
        let start = self.at;
        if depth > MAX_DEPTH {
            return Err(self.fault("brackets are nested too deeply"));
        }
        let value = match self.peek() {
            Some('{') => {
                self.at += 1;
                Value::Map(self.pairs(Some('}'), depth)?)
            }
            Some('[') => {
                self.at += 1;
                Value::List(self.list(depth)?)
            }
            Some(c) => match closing(c) {
                Some(close) => Value::Text(self.quoted(close)?),
                None => Value::Bare(self.bare(&[',', '}', ']', '\n']).to_owned()),
            },
            None => return Err(self.fault("the text ends where a prompt should stand")),
        };
        if self.at == start {
            return Err(self.fault("a prompt in quotes is missing here"));
        }
        let span = start..self.at;
        Ok(Spanned { value, span })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Spanned>, Fault> {
        let mut list = Vec::new();
        loop {
            self.skip_gaps(&[',']);
            match self.peek() {
                None => return Err(self.fault("] is missing at the end")),
                Some(']') => {
                    self.at += 1;
                    return Ok(list);
                }
                Some(_) => list.push(self.value(depth + 1)?),
            }
        }
    }

    /// A word without quotes, up to one of `ends`.
    fn bare(&mut self, ends: &[char]) -> &'a str {
        let rest = self.rest();
        let word = rest.get(..rest.find(ends).unwrap_or(rest.len()));
        let word = word.unwrap_or_default().trim_end();
        self.at += word.len();
        word
    }

    /// The text up to `close`; the opening quote comes next.
    fn quoted(&mut self, close: &[char]) -> Result<String, Fault> {
        let start = self.at;
        self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err((start..self.at, "the closing quote is missing")),
                Some('\n') => return Err((start..self.at - 1, "the closing quote is missing")),
                Some('\\') => self.escape(&mut text),
                Some(c) if close.contains(&c) => return Ok(clean_field(&text)),
                Some(c) => text.push(c),
            }
        }
    }

    /// What a backslash and the next characters mean.
    fn escape(&mut self, text: &mut String) {
        match self.peek() {
            Some('n' | 't' | 'r' | 'b' | 'f') => text.push(' '),
            Some(c @ ('"' | '\'' | '\\' | '/')) => text.push(c),
            Some('u') => return self.unicode(text),
            // In strict JSON an error; A1111's brackets `\(` are written so.
            _ => return text.push('\\'),
        }
        self.next();
    }

    /// `u00e9`, or two of them that are one character.
    fn unicode(&mut self, text: &mut String) {
        let unit = |rest: &str| {
            let digits = rest.strip_prefix('u').and_then(|rest| rest.get(..4));
            digits.and_then(|digits| u16::from_str_radix(digits, 16).ok())
        };
        let Some(first) = unit(self.rest()) else {
            return text.push('\\');
        };
        self.at += 5;
        let second = self.rest().strip_prefix('\\').and_then(unit);
        let pair = [Some(first), second].into_iter().flatten();
        match char::decode_utf16(pair.collect::<Vec<_>>()).next() {
            Some(Ok(c)) => {
                self.at += if c.len_utf16() == 2 { 6 } else { 0 };
                text.push(c);
            }
            _ => text.push(char::REPLACEMENT_CHARACTER),
        }
    }
}

/// The quotes that may close what a quote opens.
fn closing(open: char) -> Option<&'static [char]> {
    match open {
        '"' => Some(&['"']),
        '\'' => Some(&['\'']),
        '\u{201C}' | '\u{201D}' | '\u{201E}' => Some(&['\u{201C}', '\u{201D}']),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str) -> Vec<(String, String)> {
        let Ok(Value::Map(pairs)) = parse(text) else {
            panic!("{text}: {:?}", parse(text));
        };
        let texts = pairs.into_iter().map(|pair| match pair.value.value {
            Value::Text(value) | Value::Bare(value) => (pair.key, value),
            other => panic!("{other:?}"),
        });
        texts.collect()
    }

    #[test]
    fn maps_are_read_as_people_write_them() {
        for text in [
            r#"{"0": "a, b", "60": "c"}"#,
            "\"0\": \"a, b\",\n\"60\": \"c\",\n",
            "{0: 'a, b', 60: 'c',}",
            "\u{201C}0\u{201D}: \u{201C}a, b\u{201D}\n\u{201C}60\u{201D}: \u{201C}c\u{201D}",
        ] {
            let expected = [("0", "a, b"), ("60", "c")].map(|(k, v)| (k.to_owned(), v.to_owned()));
            assert_eq!(texts(text), expected, "{text}");
        }
    }

    #[test]
    fn escapes_are_read() {
        let read =
            texts(r#""0": "\"a\" \\(b\\) \(c\) caf\u00e9 \ud83c\udf0a\nd\u001b[2J \ud800 \u12""#);
        assert_eq!(
            read[0].1,
            "\"a\" \\(b\\) \\(c\\) café \u{1F30A} d [2J \u{FFFD} \\u12"
        );
    }

    #[test]
    fn faults_have_a_place() {
        for (text, at, reason) in [
            ("{\"0\": \"a", 6, "closing quote"),
            ("{\"0\": \"a\"", 9, "} is missing"),
            ("[\"a\"", 4, "] is missing"),
            ("{\"0\" \"a\"}", 1, "colon"),
            ("{\"0\": }", 6, "missing here"),
            ("{} x", 3, "behind the end"),
            ("\"0\":", 4, "ends where"),
        ] {
            let (span, found) = parse(text).unwrap_err();
            assert!(found.contains(reason), "{text}: {found}");
            assert_eq!(span.start, at, "{text}");
        }
        assert!(parse(&"[".repeat(1000)).unwrap_err().1.contains("deeply"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in r#"[\[\]{}:,"'a0\\u \n“]{0,40}"#) {
            if let Err((span, _)) = parse(&text) {
                prop_assert!(text.get(span).is_some());
            }
        }
    }
}
