//! Files as answers, whole or in the parts that a media player asks for (RFC 9110, section 14).

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream::try_unfold;

use super::answer::{Answer, Refused};

/// Bytes that are read at once.
const PIECE: u64 = 256 * 1024;

/// Bytes that can be read from any place.
pub trait Source: Send + Sync + 'static {
    /// Number of bytes.
    fn length(&self) -> u64;

    /// The bytes of a range within the length.
    ///
    /// # Errors
    /// Those of reading.
    fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>>;
}

/// A file that doesn't change while it is sent: a replaced one stays readable until it is closed.
pub struct FileSource {
    file: File,
    length: u64,
}

impl FileSource {
    /// An open file.
    ///
    /// # Errors
    /// Those of asking for its length.
    pub fn new(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file, length })
    }
}

impl Source for FileSource {
    fn length(&self) -> u64 {
        self.length
    }

    fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        read_at(&self.file, range)
    }
}

/// Reads a range of a file that several threads may read.
pub fn read_at(file: &File, range: Range<u64>) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    #[cfg(unix)]
    std::os::unix::fs::FileExt::read_exact_at(file, &mut bytes, range.start)?;
    #[cfg(not(unix))]
    {
        use std::io::{Read, Seek, SeekFrom};
        // All readers of a handle share its place: they take turns.
        static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let _turn = TURN.lock();
        let mut file = file;
        file.seek(SeekFrom::Start(range.start))?;
        file.read_exact(&mut bytes)?;
    }
    Ok(bytes)
}

/// What a request asks for of `length` bytes; `None` = all of them.
///
/// # Errors
/// 416 where nothing of it is there.
fn wanted(headers: &HeaderMap, etag: &str, length: u64) -> Answer<Option<Range<u64>>> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(ranges) = text(header::RANGE).and_then(|range| range.strip_prefix("bytes=")) else {
        return Ok(None);
    };
    if text(header::IF_RANGE).is_some_and(|known| known != etag) {
        return Ok(None);
    }
    // A server may answer several ranges with the whole; players ask for one.
    let Some(range) = Some(ranges)
        .filter(|r| !r.contains(','))
        .and_then(|r| one_range(r, length))
    else {
        return Ok(None);
    };
    match range.start < range.end {
        true => Ok(Some(range)),
        false => Err(Refused::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            format!("the file has {length} bytes"),
        )),
    }
}

/// A range such as `0-499`, `500-` or `-500`; none where that isn't one. Empty where it lies behind the end.
fn one_range(text: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = text.trim().split_once('-')?;
    let number = |text: &str| -> Option<u64> {
        let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| text.parse().unwrap_or(u64::MAX))
    };
    if first.is_empty() {
        return Some(length.saturating_sub(number(last)?)..length);
    }
    let first = number(first)?;
    if last.is_empty() {
        return Some(first.min(length)..length);
    }
    let last = number(last)?;
    (first <= last).then(|| first.min(length)..last.saturating_add(1).min(length))
}

/// Answers `GET` and `HEAD` with a part or all of a source. The bytes are read as the client takes them.
///
/// # Errors
/// 416 for a range behind the end.
pub fn serve(
    source: Arc<dyn Source>,
    media_type: &str,
    etag: &str,
    headers: &HeaderMap,
    is_head: bool,
) -> Answer<Response> {
    let length = source.length();
    let range = wanted(headers, etag, length)?;
    let (status, range, place) = match range {
        Some(range) => {
            let place = format!("bytes {}-{}/{length}", range.start, range.end - 1);
            (StatusCode::PARTIAL_CONTENT, range, Some(place))
        }
        None => (StatusCode::OK, 0..length, None),
    };
    let n_bytes = range.end - range.start;
    let body = match is_head {
        true => Body::empty(),
        false => Body::from_stream(pieces(source, range)),
    };
    let lines = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::CONTENT_LENGTH, n_bytes.to_string()),
        (header::ETAG, etag.to_owned()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
    ];
    let place = place.map(|place| [(header::CONTENT_RANGE, place)]);
    Ok((
        status,
        lines,
        place.map(axum::response::AppendHeaders),
        body,
    )
        .into_response())
}

fn pieces(
    source: Arc<dyn Source>,
    range: Range<u64>,
) -> impl futures_util::Stream<Item = io::Result<Bytes>> {
    try_unfold(range, move |left| {
        let source = Arc::clone(&source);
        async move {
            if left.start >= left.end {
                return Ok(None);
            }
            let piece = left.start..left.end.min(left.start + PIECE);
            let rest = piece.end..left.end;
            let bytes = tokio::task::spawn_blocking(move || source.read(piece))
                .await
                .map_err(io::Error::other)??;
            Ok(Some((Bytes::from(bytes), rest)))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_standard() {
        for (text, expected) in [
            ("0-499", Some(0..500)),
            ("500-", Some(500..1000)),
            ("-300", Some(700..1000)),
            ("-2000", Some(0..1000)),
            ("900-2000", Some(900..1000)),
            ("0-0", Some(0..1)),
            ("1000-", Some(1000..1000)),
            ("2000-3000", Some(1000..1000)),
            ("-0", Some(1000..1000)),
            ("99999999999999999999999-", Some(1000..1000)),
            ("5-4", None),
            ("a-b", None),
            ("-", None),
            ("+1-2", None),
            ("", None),
        ] {
            assert_eq!(one_range(text, 1000), expected, "{text:?}");
        }
    }

    #[test]
    fn a_part_of_another_version_is_not_sent() {
        let headers = |lines: &[(HeaderName, &str)]| -> HeaderMap {
            lines
                .iter()
                .map(|(name, value)| (name.clone(), value.parse().unwrap()))
                .collect()
        };
        let range = (header::RANGE, "bytes=0-9");
        let found = |lines: &[(HeaderName, &str)]| wanted(&headers(lines), "\"a\"", 1000).unwrap();
        assert_eq!(found(std::slice::from_ref(&range)), Some(0..10));
        assert_eq!(
            found(&[range.clone(), (header::IF_RANGE, "\"a\"")]),
            Some(0..10)
        );
        assert_eq!(found(&[range, (header::IF_RANGE, "\"b\"")]), None);
        assert_eq!(found(&[(header::RANGE, "bytes=0-1,5-6")]), None);
        assert_eq!(found(&[(header::RANGE, "lines=0-1")]), None);
        assert!(wanted(&headers(&[(header::RANGE, "bytes=1000-")]), "\"a\"", 1000).is_err());
    }
}
