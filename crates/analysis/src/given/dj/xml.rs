//! XML that somebody else wrote: bounded in size and elements, without document types and so without entities of its own.

use std::path::Path;

use common::{Error, Result};
use roxmltree::{Document, Node, ParsingOptions};

use super::super::TEMPO_RANGE_BPM;

/// Largest accepted file in bytes; a track takes about 1 kB.
pub(in super::super) const MAX_XML_BYTES: usize = 64 << 20;
/// Most elements and texts.
const MAX_NODES: u32 = 4_000_000;
/// Most elements within one another; collections have about ten, and more where folders of playlists do.
const MAX_DEPTH: usize = 256;
/// Most attributes of an element; a track has less than 30.
const MAX_ATTRIBUTES: usize = 100;
/// Most elements that name a namespace; collections have none.
const MAX_NAMESPACES: usize = 16;

/// Whether a file that begins so is XML.
pub(in super::super) fn is_xml(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    head.trim_ascii_start().starts_with(b"<")
}

/// The file's text.
pub(super) fn text<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str> {
    if bytes.len() > MAX_XML_BYTES {
        let reason = format!("is XML of more than {} MiB", MAX_XML_BYTES >> 20);
        return Err(Error::input(path, reason)
            .with_hint("export a playlist with the song instead of the whole collection"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let reason = format!("isn't UTF-8 text at byte {}", error.valid_up_to());
        Error::input(path, reason).with_hint("export it again; DJ programs write UTF-8")
    })?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    check_shape(path, text)?;
    Ok(text)
}

/// Refuses, before it is parsed, what takes a parser more time or memory than its length: elements within one another,
/// attributes and namespaces without end, and document types, which can multiply text.
fn check_shape(path: &Path, text: &str) -> Result<()> {
    let refuse = |reason: String| {
        Err(Error::input(path, reason).with_hint("export the collection again from the DJ program"))
    };
    let (mut depth, mut n_namespaces) = (0usize, 0usize);
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        rest = &rest[open..];
        let skipped = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")]
            .into_iter()
            .find(|(start, _)| rest.starts_with(start));
        if let Some((start, end)) = skipped {
            let Some(at) = rest[start.len()..].find(end) else {
                break;
            };
            rest = &rest[start.len() + at + end.len()..];
            continue;
        }
        if rest.starts_with("<!") {
            return refuse(
                "has a document type (<!DOCTYPE>), which no DJ program writes".to_owned(),
            );
        }
        let Some((tag, n_attributes)) = tag(rest) else {
            break;
        };
        if n_attributes > MAX_ATTRIBUTES {
            return refuse(format!(
                "has an element with more than {MAX_ATTRIBUTES} attributes"
            ));
        }
        n_namespaces += usize::from(tag.contains("xmlns"));
        if n_namespaces > MAX_NAMESPACES {
            return refuse(format!("names more than {MAX_NAMESPACES} namespaces"));
        }
        if tag.starts_with("</") {
            depth = depth.saturating_sub(1);
        } else if !tag.ends_with("/>") {
            depth += 1;
        }
        if depth > MAX_DEPTH {
            return refuse(format!(
                "has more than {MAX_DEPTH} elements within one another"
            ));
        }
        rest = &rest[tag.len()..];
    }
    Ok(())
}

/// The tag that a text begins with, and the number of its attributes; a value may hold a `>`. `None` where it doesn't end.
fn tag(text: &str) -> Option<(&str, usize)> {
    let (mut quote, mut n_values) = (None, 0);
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'"' | b'\'') => {
                quote = Some(byte);
                n_values += 1;
            }
            (Some(open), _) if open == byte => quote = None,
            (None, b'>') => return Some((&text[..=at], n_values)),
            _ => {}
        }
    }
    None
}

/// The file's elements.
pub(super) fn parse<'a>(path: &Path, text: &'a str) -> Result<Document<'a>> {
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options).map_err(|error| {
        use roxmltree::Error as Xml;
        let (reason, hint) = match error {
            Xml::NodesLimitReached => (
                format!("has more than {MAX_NODES} elements"),
                "export a playlist with the song instead of the whole collection",
            ),
            error => (
                format!("isn't whole XML: {error}"),
                "export the collection again",
            ),
        };
        Error::input(path, reason).with_hint(hint)
    })
}

/// An error at an element.
pub(super) fn error(path: &Path, node: Node<'_, '_>, reason: &str) -> Error {
    let line = node.document().text_pos_at(node.range().start).row;
    let name = node.tag_name().name();
    Error::input(path, format!("line {line}, <{name}>: {reason}"))
}

/// A number in an attribute; `None` where there is no such attribute.
///
/// # Errors
/// [`Error::Input`] for what is no number.
pub(super) fn number(path: &Path, node: Node<'_, '_>, name: &str) -> Result<Option<f64>> {
    let Some(text) = node.attribute(name) else {
        return Ok(None);
    };
    // Some converters write the decimal comma of their user's language.
    let number = text.trim().replace(',', ".").parse::<f64>();
    match number {
        Ok(number) if number.is_finite() => Ok(Some(number)),
        _ => Err(error(
            path,
            node,
            &format!("{name}=\"{text}\" is no number"),
        )),
    }
}

/// A tempo in an attribute.
///
/// # Errors
/// [`Error::Input`] where it is out of range, or no number.
pub(super) fn tempo(path: &Path, node: Node<'_, '_>, name: &str) -> Result<Option<f64>> {
    let (least, most) = TEMPO_RANGE_BPM;
    match number(path, node, name)? {
        Some(bpm) if !(least..=most).contains(&bpm) => {
            let reason = format!("{name}=\"{bpm}\" is no tempo from {least} to {most}");
            Err(error(path, node, &reason)
                .with_hint("correct the track's grid in the DJ program, and export it again"))
        }
        bpm => Ok(bpm),
    }
}

/// The first child with a name.
pub(super) fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name(name))
}

/// The children with a name.
pub(super) fn children<'a, 'input>(
    node: Node<'a, 'input>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children()
        .filter(move |child| child.has_tag_name(name))
}
