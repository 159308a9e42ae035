//! Subtitles: SRT, and WebVTT, which differs in its head and in how it writes fractions of a second.

use common::text_file::{Line, TextError};

use super::super::text::{clean_field, enclosed};
use super::{Entry, Reading, Source, in_order, notes_on_entries, whole};

/// Tags of subtitles that say how text looks or who speaks.
const TAGS: [&str; 12] = [
    "i", "b", "u", "s", "c", "v", "em", "font", "lang", "ruby", "rt", "span",
];

/// Signs that stand around what is sung.
const SUNG: [char; 4] = ['#', '\u{266A}', '\u{266B}', ' '];

/// Reads subtitles: each cue is a prompt that arrives when the cue begins. Recognised by a line of times, `00:01 --> 00:02`.
pub(super) fn read(source: &Source<'_>) -> Option<Result<Reading, TextError>> {
    if source.text.trim_start().starts_with("[Script Info]") {
        return Some(Err(TextError {
            path: source.path.to_owned(),
            place: None,
            reason: "these are subtitles in ASS, which aren't read".to_owned(),
            hint: Some("save them as SRT".to_owned()),
        }));
    }
    let is_subtitles = source.lines.iter().any(|line| is_timing(line.text));
    is_subtitles.then(|| cues(source))
}

/// Whether a line is one of times, be they readable or not.
fn is_timing(text: &str) -> bool {
    let Some((from, to)) = text.split_once("-->") else {
        return false;
    };
    let is_digit = |c: char| c.is_ascii_digit();
    let (from, to) = (from.trim(), to.trim());
    from.starts_with(is_digit) && from.contains(':') && (to.is_empty() || to.starts_with(is_digit))
}

/// `01:02:03,500`, `02:03.500`
fn secs(text: &str) -> Option<f64> {
    common::units::parse_secs(&text.replace(',', ".")).ok()
}

fn cues(source: &Source<'_>) -> Result<Reading, TextError> {
    let lines = &source.lines;
    let mut cues: Vec<Entry> = Vec::new();
    let mut is_aside = false; // in a block of WebVTT that isn't a cue
    for (idx, line) in lines.iter().enumerate() {
        let text = line.text.trim();
        if is_timing(text) {
            is_aside = false;
            source.check_count(&cues)?;
            cues.push(Entry {
                place: whole(line),
                secs: Some(start(line)?),
                ..Entry::default()
            });
            continue;
        }
        let is_block_start = idx == 0 || lines[idx - 1].text.trim().is_empty();
        let is_name = lines.get(idx + 1).is_some_and(|next| is_timing(next.text))
            && (is_block_start || text.bytes().all(|b| b.is_ascii_digit()));
        is_aside = match text {
            "" => false,
            _ if is_block_start => is_head(text),
            _ => is_aside,
        };
        if text.is_empty() || is_name || is_aside {
            continue;
        }
        let Some(cue) = cues.last_mut() else {
            if text.starts_with('#') {
                continue;
            }
            return Err(line
                .error(0..line.text.len(), "this stands in front of the first cue")
                .with_hint("subtitles begin with a cue's number or its times"));
        };
        if !cue.text.is_empty() {
            cue.text.push(' ');
        }
        cue.text += text;
    }
    for cue in &mut cues {
        // Signs around what is sung are no words.
        let text = clean_field(&without_tags(&cue.text));
        text.trim_matches(SUNG).clone_into(&mut cue.text);
    }
    let n_cues = cues.len();
    cues.retain(|cue| !cue.text.is_empty());
    let n_empty = n_cues - cues.len();
    let (cues, n_joined) = in_order(cues);
    Ok(Reading {
        kind: "subtitles",
        entries: cues,
        notes: notes_on_entries(n_joined, n_empty),
        ..Reading::default()
    })
}

/// Whether a block of WebVTT begins so that holds no cue.
fn is_head(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    matches!(first, "WEBVTT" | "NOTE" | "STYLE" | "REGION")
}

/// The time at which the cue of a line of times begins.
fn start(line: &Line<'_>) -> Result<f64, TextError> {
    let (from, to) = line.text.split_once("-->").unwrap_or((line.text, ""));
    let times = [
        from.trim(),
        to.split_whitespace().next().unwrap_or_default(),
    ];
    for time in times {
        if secs(time).is_none() {
            return Err(line
                .error(0..line.text.len(), format!("\"{time}\" is not a time"))
                .with_hint("a cue's times are written so: 00:01:23,500 --> 00:01:25,000"));
        }
    }
    Ok(secs(times[0]).unwrap_or_default())
}

/// A cue's text without `<i>`, `<font color=red>`, `<00:01.000>` and `{\an8}`.
fn without_tags(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['<', '{']) {
        let (before, tag) = rest.split_at_checked(at).unwrap_or((rest, ""));
        kept += before;
        let end = if tag.starts_with('<') { '>' } else { '}' };
        match enclosed(tag, end) {
            Some((inner, after)) if is_tag(inner, end == '}') => rest = after,
            _ => {
                let length = tag.chars().next().map_or(0, char::len_utf8);
                kept += tag.get(..length).unwrap_or_default();
                rest = tag.get(length..).unwrap_or_default();
            }
        }
    }
    kept + rest
}

fn is_tag(inner: &str, is_braced: bool) -> bool {
    if is_braced {
        return inner.starts_with('\\');
    }
    let name = inner.trim_start_matches('/').to_ascii_lowercase();
    let name = name
        .split(|c: char| !c.is_ascii_alphabetic())
        .next()
        .unwrap_or_default();
    let is_time = inner.contains(':') && secs(inner).is_some();
    is_time || (TAGS.contains(&name) && !inner.contains('<'))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{error, none, read_as};

    #[test]
    fn srt_is_read() {
        let script = read_as(
            "subtitles",
            "\u{FEFF}1\r\n00:00:01,000 --> 00:00:04,000\r\n<i>a red sunset</i>\r\n\r\n\
             2\r\n00:00:05,500 --> 00:00:08,000 X1:40 X2:600\r\n{\\an8}a blue sea\r\nat <font color=\"#f00\">night</font>\r\n\r\n\
             3\r\n00:01:10,250 --> 00:01:12,000\r\nstars --neg clouds {seed=4}\r\n",
        );
        let cues: Vec<_> = script
            .prompts
            .iter()
            .map(|prompt| (prompt.text.as_str(), prompt.arrival.clone()))
            .collect();
        let time = crate::prompts::Arrival::Time;
        assert_eq!(
            cues,
            [
                ("a red sunset", time(1.0)),
                ("a blue sea at night", time(5.5)),
                ("stars", time(70.25))
            ]
        );
        assert_eq!(script.prompts[2].negative, "clouds");
        assert_eq!(script.prompts[2].seed, Some(4));
        assert_eq!(script.notes.len(), 1, "{:?}", script.notes);
    }

    #[test]
    fn webvtt_is_read() {
        let script = read_as(
            "subtitles",
            "WEBVTT - lyrics\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE by\nme\n\nintro\n00:01.000 --> 00:02.000 align:start\n\
             <v Anna>a <00:01.500>red sunset\n\n00:03.000 --> 00:04.000\n7\n\n00:05.000 --> 00:06.000\na <cat> sits, 3 < 4\n",
        );
        let texts: Vec<_> = script.prompts.iter().map(|p| p.text.as_str()).collect();
        assert_eq!(texts, ["a red sunset", "7", "a <cat> sits, 3 < 4"]);
    }

    #[test]
    fn cues_come_in_the_order_of_their_times() {
        let script = read_as(
            "subtitles",
            "00:05 --> 00:06\nlate\n\n00:01 --> 00:02\nearly\n\n00:01 --> 00:03\nwith it\n\n00:08 --> 00:09\n\n",
        );
        let texts: Vec<_> = script.prompts.iter().map(|p| p.text.as_str()).collect();
        assert_eq!(texts, ["early, with it", "late"]);
        let sung = read_as(
            "subtitles",
            "00:01 --> 00:02\n# la la #\n\n00:03 --> 00:04\n\u{266A} lo lo \u{266B}\n",
        );
        let texts: Vec<_> = sung.prompts.iter().map(|p| p.text.as_str()).collect();
        assert_eq!(texts, ["la la", "lo lo"]);
        assert!(script.notes[0].contains("one prompt") && script.notes[0].contains("left out"));
    }

    #[test]
    fn lines_of_ours_hold_for_all_cues() {
        let script = read_as(
            "subtitles",
            "# mine\nStyle: oil\n--neg text\n1\n00:01 --> 00:02\na sea\nmap: zoom = beats\n",
        );
        assert_eq!(
            (script.style.as_str(), script.negative.as_str()),
            ("oil", "text")
        );
        assert_eq!(script.prompts[0].text, "a sea");
        assert_eq!(script.routes.len(), 1);
    }

    #[test]
    fn broken_subtitles_are_named() {
        for (text, line, word) in [
            ("1\n00:00:01,000 --> 00:00:0x,000\na", 2, "not a time"),
            ("1\n00:00:71,000 --> 00:00:02,000\na", 2, "not a time"),
            ("00:00:01,000 -->\na", 1, "not a time"),
            (
                "hello\nyou\n00:01 --> 00:02\na",
                1,
                "in front of the first cue",
            ),
            ("00:01 --> 00:02\na {sede=3}", 1, "no setting"),
        ] {
            let error = error(text);
            assert!(error.reason.contains(word), "{text}: {error}");
            assert_eq!(error.place.unwrap().line, line, "{text}");
        }
        assert!(error("00:01 --> 00:02\n\n").reason.contains("no prompt"));
        assert!(error("[Script Info]\nTitle: x").reason.contains("ASS"));
    }

    #[test]
    fn near_misses_are_prompts() {
        for text in ["a --> b", "from dusk --> till dawn\n3 --> 4 birds", "12 a"] {
            none(text);
        }
    }
}
