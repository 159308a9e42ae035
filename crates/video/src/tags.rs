//! What a film says about itself: iTunes-style items in `moov/udta/meta/ilst`.
//!
//! mp4-atom knows neither `©nam`, `©cmt` nor the free-form `----`, so items are written and read here.

use std::collections::BTreeMap;

use mp4_atom::{Buf, BufMut, Decode, Encode, FourCC, Hdlr, Header};
use serde::{Deserialize, Serialize};

/// A film's words about itself; empty ones aren't stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tags {
    /// Title of the film.
    pub title: String,
    /// Name and version of the program.
    pub encoder: String,
    /// Anything in words.
    pub comment: String,
    /// Further facts by their names, which other programs show as they are. They come before the picture in the file, so
    /// a player on the web loads them first: keep them short.
    pub facts: BTreeMap<String, String>,
}

const TITLE: FourCC = FourCC::new(b"\xa9nam");
const ENCODER: FourCC = FourCC::new(b"\xa9too");
const COMMENT: FourCC = FourCC::new(b"\xa9cmt");
const FREE_FORM: FourCC = FourCC::new(b"----");
const DATA: FourCC = FourCC::new(b"data");
const MEAN: &str = "com.visualize";
/// Well-known type of UTF-8 text, then a locale of zeros.
const UTF8: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 0];

/// Writes `udta`.
pub(super) fn encode(tags: &Tags, buf: &mut Vec<u8>) -> Result<(), mp4_atom::Error> {
    buf.encode_atom(b"udta", |buf| {
        buf.encode_atom(b"meta", |buf| {
            0u32.encode(buf)?; // version and flags
            Hdlr {
                handler: b"mdir".into(),
                name: String::new(),
            }
            .encode(buf)?;
            buf.encode_atom(b"ilst", |buf| {
                let items = [
                    (TITLE, &tags.title),
                    (ENCODER, &tags.encoder),
                    (COMMENT, &tags.comment),
                ];
                for (kind, text) in items {
                    if !text.is_empty() {
                        buf.encode_atom(kind, |buf| leaf(buf, b"data", &UTF8, text))?;
                    }
                }
                let facts = tags.facts.iter().filter(|(_, text)| !text.is_empty());
                facts.into_iter().try_for_each(|(name, text)| {
                    buf.encode_atom(FREE_FORM, |buf| {
                        leaf(buf, b"mean", &[0; 4], MEAN)?;
                        leaf(buf, b"name", &[0; 4], name)?;
                        leaf(buf, b"data", &UTF8, text)
                    })
                })
            })
        })
    })
}

fn leaf(
    buf: &mut Vec<u8>,
    kind: &[u8; 4],
    start: &[u8],
    text: &str,
) -> Result<(), mp4_atom::Error> {
    buf.encode_atom(kind, |buf| {
        buf.append_slice(start);
        buf.append_slice(text.as_bytes());
        Ok(())
    })
}

/// Reads the body of `udta`; what isn't there, or isn't text, stays empty.
pub(super) fn decode(udta: &[u8]) -> Tags {
    let mut tags = Tags::default();
    let meta = child(udta, FourCC::new(b"meta")).unwrap_or_default();
    // `meta` is a full box in ISO files and a plain one in QuickTime files.
    let is_plain = meta.get(4..8) == Some(b"hdlr");
    let meta = meta.get(if is_plain { 0 } else { 4 }..);
    let ilst = child(meta.unwrap_or_default(), FourCC::new(b"ilst")).unwrap_or_default();
    for (kind, item) in children(ilst) {
        let data = child(item, DATA).and_then(|data| data.get(UTF8.len()..));
        let Some(text) = data.and_then(|data| std::str::from_utf8(data).ok()) else {
            continue;
        };
        match kind {
            TITLE => text.clone_into(&mut tags.title),
            ENCODER => text.clone_into(&mut tags.encoder),
            COMMENT => text.clone_into(&mut tags.comment),
            FREE_FORM if text_of(item, b"mean") == Some(MEAN) => {
                if let Some(name) = text_of(item, b"name") {
                    tags.facts.insert(name.to_owned(), text.to_owned());
                }
            }
            _ => {}
        }
    }
    tags
}

/// Text of a `mean` or `name` box, behind its version and flags.
fn text_of<'a>(item: &'a [u8], kind: &[u8; 4]) -> Option<&'a str> {
    let body = child(item, FourCC::new(kind))?.get(4..)?;
    std::str::from_utf8(body).ok()
}

fn child(body: &[u8], kind: FourCC) -> Option<&[u8]> {
    children(body).find_map(|(found, body)| (found == kind).then_some(body))
}

/// The boxes in a body with their own bodies, up to the first one that is cut off.
pub(super) fn children(mut body: &[u8]) -> impl Iterator<Item = (FourCC, &[u8])> {
    std::iter::from_fn(move || {
        let header = Header::decode(&mut body).ok()?;
        let size = header.size.unwrap_or(body.remaining());
        let (child, rest) = body.split_at_checked(size)?;
        body = rest;
        Some((header.kind, child))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_back() {
        let tags = Tags {
            title: "Ein Lied — 歌".to_owned(),
            encoder: "visualize 0.1".to_owned(),
            comment: "2 prompts".to_owned(),
            facts: [("seed", "7"), ("prompts", "a\nb")]
                .map(|(name, text)| (name.to_owned(), text.to_owned()))
                .into(),
        };
        for tags in [tags, Tags::default()] {
            let mut buf = Vec::new();
            encode(&tags, &mut buf).unwrap();
            let (kind, body) = children(&buf).next().unwrap();
            assert_eq!(kind, FourCC::new(b"udta"));
            assert_eq!(decode(body), tags);
            for length in 0..body.len().min(300) {
                decode(&body[..length]);
            }
        }
    }
}
