//! Files of other programs as lines of ours.

use std::path::Path;

use super::super::Script;
use super::super::parser;
use super::super::text::clean;
use super::Refusal;
use super::escape::escaped;
use super::film::{FilmLineKind, written_lines};
use super::places::written;

/// The text of another program's file as lines of ours that say the same, with the former text below them as comments.
pub(super) fn converted(path: &Path, text: &str, script: &Script) -> Result<String, Refusal> {
    let Some(kind) = script.foreign else {
        return Err(Refusal::new(
            "the prompts of this file are lines of our own already",
            "edit them as they are",
        ));
    };
    let mut lines = vec![
        format!("# Made of {kind}; the former text stands below the prompts."),
        String::new(),
    ];
    let n_head = lines.len();
    if !script.style.is_empty() {
        lines.push(format!("style: {}", escaped(&script.style, true)));
    }
    if !script.negative.is_empty() {
        lines.push(format!("--neg {}", escaped(&script.negative, false)));
    }
    lines.extend(written_lines(text, FilmLineKind::Map));
    if lines.len() > n_head {
        lines.push(String::new());
    }
    for prompt in &script.prompts {
        let mut line = written(&prompt.arrival).unwrap_or_default();
        if !line.is_empty() {
            line.push(' ');
        }
        line += &escaped(&prompt.text, true);
        let seed = prompt.seed.map(|seed| format!("seed={seed}"));
        let guidance = prompt.guidance_scale.map(|g| format!("guidance={g}"));
        let settings: Vec<String> = seed.into_iter().chain(guidance).collect();
        if !settings.is_empty() {
            line += &format!(" {{{}}}", settings.join(" "));
        }
        if !prompt.negative.is_empty() {
            line += &format!(" --neg {}", escaped(&prompt.negative, false));
        }
        lines.push(line);
    }
    lines.push(String::new());
    lines.push("# The former text:".to_owned());
    let former = clean(text);
    lines.extend(
        former
            .trim_end()
            .split('\n')
            .map(|line| format!("# {line}").trim_end().to_owned()),
    );
    let converted = lines.join("\n") + "\n";
    let back = parser::parse(path, converted.as_bytes())?;
    if says_the_same(script, &back) {
        return Ok(converted);
    }
    Err(Refusal::new(
        format!("in this file, {kind} can't become lines of our own that say the same"),
        "copy it to a file that ends in .txt, or write the prompts anew",
    ))
}

fn says_the_same(a: &Script, b: &Script) -> bool {
    let prompts = |script: &Script| -> Vec<_> {
        let prompts = script.prompts.iter();
        let said = prompts.map(|p| {
            let (words, arrival) = ((p.text.clone(), p.negative.clone()), p.arrival.clone());
            (words, arrival, p.seed, p.guidance_scale)
        });
        said.collect()
    };
    b.foreign.is_none()
        && prompts(a) == prompts(b)
        && (&a.style, &a.negative) == (&b.style, &b.negative)
        && a.routes.len() == b.routes.len()
}
