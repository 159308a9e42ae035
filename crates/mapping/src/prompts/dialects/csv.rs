//! Tables: CSV and TSV whose first line names the columns.

use common::text_file::{Line, MAX_LINE_BYTES, Place, TextError};
use common::units::parse_secs;

use super::super::text::clean_field;
use super::{Entry, Reading, Source, is_comment, whole};

/// Endings of tables.
pub(super) const ENDINGS: [&str; 2] = ["csv", "tsv"];

/// What a column of a table with a head holds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Column {
    Time,
    Prompt,
    Negative,
    Seed,
    Guidance,
    /// Nothing that a prompt has.
    Other,
}

/// Names of columns, in small letters.
const COLUMNS: [(&[&str], Column); 5] = [
    (
        &[
            "time",
            "start",
            "timestamp",
            "start time",
            "seconds",
            "secs",
            "time (s)",
            "start (s)",
            "begin",
        ],
        Column::Time,
    ),
    (
        &[
            "prompt",
            "prompts",
            "text",
            "caption",
            "positive prompt",
            "description",
        ],
        Column::Prompt,
    ),
    (&["negative", "negative prompt", "neg"], Column::Negative),
    (&["seed"], Column::Seed),
    (
        &["guidance", "guidance scale", "cfg", "cfg scale"],
        Column::Guidance,
    ),
];

/// What may stand between fields.
const SEPARATORS: [char; 3] = ['\t', ';', ','];

/// Reads a table whose head names a column of prompts and another one.
pub(super) fn read(source: &Source<'_>) -> Option<Result<Reading, TextError>> {
    let first = source.rows().next()?;
    let is_table = source.ends_in(&ENDINGS);
    SEPARATORS.into_iter().find_map(|separator| {
        let head = head(first.text, separator, is_table)?;
        Some(with_head(source, &head, separator))
    })
}

/// The columns that a head names.
fn head(text: &str, separator: char, is_table: bool) -> Option<Vec<(Column, String)>> {
    let names = fields(text, separator).0;
    let columns = names.into_iter().map(|name| {
        let name = clean_field(&name.to_lowercase().replace('_', " "));
        let known = COLUMNS
            .iter()
            .find(|(names, _)| names.contains(&name.as_str()));
        (known.map_or(Column::Other, |(_, column)| *column), name)
    });
    let columns: Vec<_> = columns.collect();
    let n = |wanted| {
        columns
            .iter()
            .filter(|(column, _)| *column == wanted)
            .count()
    };
    let n_known = columns.len() - n(Column::Other);
    let is_head = n(Column::Prompt) == 1 && (n_known > 1 || (is_table && columns.len() == 1));
    is_head.then_some(columns)
}

/// The fields of a line, and whether it ends inside of quotes.
fn fields(text: &str, separator: char) -> (Vec<String>, bool) {
    let mut fields = vec![String::new()];
    let mut is_quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let Some(field) = fields.last_mut() else {
            break;
        };
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if is_quoted => is_quoted = false,
            '"' if field.trim().is_empty() => {
                field.clear();
                is_quoted = true;
            }
            _ if c == separator && !is_quoted => fields.push(String::new()),
            _ => field.push(c),
        }
    }
    (fields, is_quoted)
}

/// A row of a table: where it begins, and its fields.
type Row = (Place, Vec<String>);

/// The rows of a table; quotes may go over several lines.
fn rows(source: &Source<'_>, separator: char) -> Result<Vec<Row>, TextError> {
    let mut rows = Vec::new();
    let mut open: Option<(&Line<'_>, String)> = None;
    for line in &source.lines {
        let is_empty = line.text.trim().is_empty() || is_comment(line);
        if is_empty && open.is_none() {
            continue;
        }
        let (start, text) = match open.take() {
            Some((start, text)) => (start, format!("{text} {}", line.text)),
            None => (line, line.text.to_owned()),
        };
        match fields(&text, separator) {
            (_, true) if text.len() <= MAX_LINE_BYTES => open = Some((start, text)),
            (_, true) => return Err(unclosed(start)),
            (fields, false) => rows.push((whole(start), fields)),
        }
    }
    match open {
        None => Ok(rows),
        Some((start, _)) => Err(unclosed(start)),
    }
}

fn unclosed(line: &Line<'_>) -> TextError {
    line.error(0..line.text.len(), "the closing \" is missing")
        .with_hint("a \" inside of a field is written twice")
}

fn with_head(
    source: &Source<'_>,
    head: &[(Column, String)],
    separator: char,
) -> Result<Reading, TextError> {
    let mut reading = Reading {
        kind: "a table",
        ..Reading::default()
    };
    for (place, mut fields) in rows(source, separator)?.into_iter().skip(1) {
        let is_prompt_last = head
            .last()
            .is_some_and(|(column, _)| *column == Column::Prompt);
        if fields.len() > head.len() && is_prompt_last {
            let rest = fields.split_off(head.len() - 1);
            fields.push(rest.join(&separator.to_string()));
        }
        if fields.len() > head.len() {
            let reason = format!(
                "this line has {} fields, and the first line names {}",
                fields.len(),
                head.len()
            );
            return Err(refuse(
                source,
                &place,
                &reason,
                "a prompt with commas stands in quotes",
            ));
        }
        let mut entry = Entry {
            place: place.clone(),
            ..Entry::default()
        };
        for ((column, name), field) in head.iter().zip(&fields) {
            let field = clean_field(field);
            let refuse = |allowed: &str| {
                refuse(
                    source,
                    &place,
                    &format!("\"{field}\" can't be the {name}"),
                    allowed,
                )
            };
            match column {
                _ if field.is_empty() => {}
                Column::Time => {
                    let secs = secs(&field, separator);
                    entry.secs = Some(secs.ok_or_else(|| {
                        refuse("give seconds (83.5) or minutes and seconds (1:23.5)")
                    })?);
                }
                Column::Prompt => entry.text = field,
                Column::Negative => entry.negative = field,
                Column::Seed => {
                    let seed = field
                        .parse()
                        .map_err(|_| refuse("a seed is a whole number from 0"))?;
                    entry.seed = Some(seed);
                }
                Column::Guidance => {
                    let scale = field
                        .parse()
                        .ok()
                        .filter(|scale| (0.0..=100.0).contains(scale));
                    entry.guidance_scale =
                        Some(scale.ok_or_else(|| refuse("give a number from 0 to 100"))?);
                }
                Column::Other => {}
            }
        }
        reading.entries.push(entry);
    }
    let others = head.iter().filter(|(column, _)| *column == Column::Other);
    let others: Vec<_> = others
        .map(|(_, name)| format!("\"{}\"", super::super::shorten(name, 24)))
        .take(8)
        .collect();
    if !others.is_empty() {
        reading
            .notes
            .push(format!("these columns are left out: {}", others.join(", ")));
    }
    Ok(reading)
}

/// Seconds; with a comma for the point where commas separate nothing.
pub(super) fn secs(text: &str, separator: char) -> Option<f64> {
    let text = text.trim();
    if separator == ',' {
        return parse_secs(text).ok();
    }
    parse_secs(&text.replace(',', ".")).ok()
}

fn refuse(source: &Source<'_>, place: &Place, reason: &str, hint: &str) -> TextError {
    TextError {
        path: source.path.to_owned(),
        place: Some(place.clone()),
        reason: reason.to_owned(),
        hint: Some(hint.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{error_named, none, read_as, read_named, times};

    #[test]
    fn a_head_names_the_columns() {
        for text in [
            "time,prompt,negative_prompt,seed,guidance\n0,\"a red sunset, oil\",rain,7,3.5\n1:02.5,a \"\"blue\"\" sea,,,\n",
            "Prompt;Note;Start;Seed;CFG scale;Neg\na red sunset, oil;x;0,0;7;3.5;rain\na \"\"blue\"\" sea;;62,5\n",
            "start\tSEED\tcfg\tneg\ttext\n0\t7\t3.5\train\ta red sunset, oil\n62.5\t\t\t\t\"a \"\"blue\"\" sea\"\n",
        ] {
            let script = read_as("a table", text);
            assert_eq!(script.prompts[0].text, "a red sunset, oil", "{text}");
            assert_eq!(script.prompts[0].negative, "rain");
            assert_eq!(
                (script.prompts[0].seed, script.prompts[0].guidance_scale),
                (Some(7), Some(3.5))
            );
            assert_eq!(
                script.prompts[1].arrival,
                crate::prompts::Arrival::Time(62.5)
            );
            let has_note = text.contains("Note");
            assert_eq!(
                script.notes[0].contains("left out: \"note\""),
                has_note,
                "{:?}",
                script.notes
            );
        }
    }

    #[test]
    fn quotes_may_hold_line_breaks_and_separators() {
        let script = read_as(
            "a table",
            "time,prompt\n0,\"a sea,\nat \"\"night\"\"\"\n5,a city, in rain\n",
        );
        assert_eq!(
            times(&script),
            [("a sea, at \"night\"", 0.0), ("a city, in rain", 5.0)]
        );
    }

    #[test]
    fn a_column_of_prompts_alone_has_no_times() {
        let script = read_named("p.csv", "prompt\n\"a sea, blue\"\na city\n").unwrap();
        let texts: Vec<_> = script.prompts.iter().map(|p| p.text.as_str()).collect();
        assert_eq!(texts, ["a sea, blue", "a city"]);
    }

    #[test]
    fn broken_tables_are_named() {
        for (text, line, word) in [
            ("time,prompt\nsoon,a", 2, "can't be the time"),
            ("prompt,seed\na,-1", 2, "can't be the seed"),
            ("prompt,cfg\na,101", 2, "can't be the cfg"),
            ("prompt,seed\na, b, c,1", 2, "4 fields"),
            ("time,prompt\n0,\"a\n1,b", 2, "closing \""),
            ("time,prompt\n0,", 2, "no prompt"),
            ("time,prompt\n0,a {b=1}", 2, "no setting"),
        ] {
            let found = error_named("p.csv", text);
            assert!(found.reason.contains(word), "{text}: {found}");
            assert_eq!(found.place.unwrap().line, line, "{text}");
        }
    }

    #[test]
    fn near_misses_are_ours() {
        for text in [
            "prompt, a sea",
            "time, a clock\nprompt, a stage",
            "text; seeds\na sea; b",
        ] {
            none(text);
        }
    }
}
