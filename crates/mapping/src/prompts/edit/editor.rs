//! What is done to single prompts.

use std::path::Path;

use common::text_file::Line;
use common::units::format_secs;

use super::super::networks::{with_plain_embeddings, without_networks};
use super::super::parser::{self, parse_line};
use super::super::text::clean_field;
use super::super::{Arrival, MarkKind, Script, ScriptPrompt};
use super::line::{Parts, with_mark, with_negative, with_setting, with_words};
use super::lines::Lines;
use super::places::{Mark, n_before, written};
use super::{Placing, PromptsEdit, Refusal};

/// How a file begins that wasn't there.
const HEAD: &str = "# One prompt a line, in the order in which they arrive; `visualize help prompts` says what else may stand here.";

/// A text that is edited.
pub(super) struct Editor<'a> {
    pub lines: Lines,
    path: &'a Path,
    /// What the text says before the edit.
    pub script: Script,
    placing: &'a Placing<'a>,
}

impl<'a> Editor<'a> {
    pub fn new(path: &'a Path, text: &str, script: Script, placing: &'a Placing<'a>) -> Self {
        Self {
            lines: Lines::new(text),
            path,
            script,
            placing,
        }
    }

    pub fn apply(&mut self, edit: &PromptsEdit) -> Result<(), Refusal> {
        match edit {
            PromptsEdit::Add { secs, mark, text } => self.add(*secs, *mark, text),
            PromptsEdit::SetText { line, text } => {
                let idx = self.index(*line)?;
                self.set_text(idx, text)
            }
            PromptsEdit::Move { line, secs, mark } => {
                let idx = self.index(*line)?;
                self.shift(idx, *secs, *mark)
            }
            PromptsEdit::Duplicate { line, secs, mark } => {
                let idx = self.index(*line)?;
                self.duplicate(idx, *secs, mark.unwrap_or(MarkKind::Time))
            }
            PromptsEdit::Remove { line } => {
                let idx = self.index(*line)?;
                self.remove(idx)
            }
            PromptsEdit::Set {
                line,
                seed,
                negative,
                guidance,
            } => {
                let idx = self.index(*line)?;
                self.set(idx, *seed, negative.as_ref(), *guidance)
            }
            PromptsEdit::Style { text } => self.set_style(text),
            PromptsEdit::Negative { text } => self.set_film_negative(text),
            PromptsEdit::Map { line, text } => self.set_map(*line, text),
            // Taken before, as they need no script of ours.
            PromptsEdit::Convert | PromptsEdit::Text { .. } => Ok(()),
        }
    }

    /// The new text, once it is sure that it says what it should: prompts that arrive one after the other if they did before.
    pub fn finish(self) -> Result<String, Refusal> {
        let text = self.lines.text();
        let script = parser::parse(self.path, text.as_bytes())?;
        if let Some(kind) = script.foreign {
            return Err(Refusal::new(
                format!("with this line, the file would be read as {kind}"),
                "begin one of the prompts with another word, or give it a mark",
            ));
        }
        let was_good =
            self.script.prompts.is_empty() || self.placing.arrivals(&self.script).is_ok();
        match self.placing.arrivals(&script) {
            Err(error) if was_good => Err(match error {
                common::Error::Text(error) => (*error).into(),
                error => Refusal::new(error.to_string(), "place the prompt elsewhere"),
            }),
            _ => Ok(text),
        }
    }

    /// Which prompt stands on a line.
    fn index(&self, line: usize) -> Result<usize, Refusal> {
        let found = self.script.prompts.iter().position(|p| p.line() == line);
        found.ok_or_else(|| {
            Refusal::new(
                format!("there is no prompt on line {line}"),
                "was the file changed meanwhile? Look at it again",
            )
        })
    }

    /// The line of a prompt, counted from 0.
    fn line_of(&self, idx: usize) -> usize {
        self.script.prompts[idx].line() - 1
    }

    fn add(&mut self, secs: Option<f64>, kind: MarkKind, text: &str) -> Result<(), Refusal> {
        let Some(secs) = secs else {
            let line = self.composed("", "a", &words(text)?)?;
            return self.insert(self.script.prompts.len(), &line, Arrival::Auto, None);
        };
        let mark = self.placing.mark(kind, secs)?;
        let line = self.composed(&mark.written, "a", &words(text)?)?;
        self.insert_at(&line, kind, &mark)
    }

    fn duplicate(&mut self, idx: usize, secs: f64, kind: MarkKind) -> Result<(), Refusal> {
        let mark = self.placing.mark(kind, secs)?;
        let original = self.lines.clean(self.line_of(idx));
        let line = self.remarked(&original, &mark.written)?;
        self.insert_at(line.trim(), kind, &mark)
    }

    /// Inserts a line where its mark lies.
    fn insert_at(&mut self, line: &str, kind: MarkKind, mark: &Mark) -> Result<(), Refusal> {
        let times = self.placing.times(&self.script);
        self.check_free(&times, kind, mark, None)?;
        let at = n_before(&times, mark.secs);
        let arrival = self.read(line)?.arrival;
        self.insert(
            at,
            line,
            arrival,
            (kind != MarkKind::None).then_some(mark.secs),
        )
    }

    fn insert(
        &mut self,
        at: usize,
        line: &str,
        arrival: Arrival,
        secs: Option<f64>,
    ) -> Result<(), Refusal> {
        let place = match (at.checked_sub(1), self.script.prompts.is_empty()) {
            (Some(before), _) => self.line_of(before) + 1,
            (None, true) => self.lines.len(),
            (None, false) => self.lines.block_start(self.line_of(0)),
        };
        let mut texts = vec![line.to_owned()];
        if self.lines.len() == 0 {
            texts = vec![HEAD.to_owned(), String::new(), line.to_owned()];
        }
        let mut times = self.placing.times(&self.script);
        times.insert(at, secs);
        let mut after = self.script.clone();
        let mut new = self.read(line)?;
        new.arrival = arrival;
        after.prompts.insert(at, new);
        self.pin(after, &times, |idx| {
            (idx != at).then(|| if idx > at { idx - 1 } else { idx })
        })?;
        self.lines.insert(place, &texts);
        Ok(())
    }

    fn shift(&mut self, idx: usize, secs: f64, kind: MarkKind) -> Result<(), Refusal> {
        let mark = self.placing.mark(kind, secs)?;
        let line_at = self.line_of(idx);
        let line = self.remarked(&self.lines.clean(line_at), &mark.written)?;
        let mut others = self.script.clone();
        let mut moved = others.prompts.remove(idx);
        let mut times = self.placing.times(&self.script);
        times.remove(idx);
        self.check_free(&times, kind, &mark, Some(idx))?;
        let at = n_before(&times, mark.secs);
        moved.arrival = self.read(&line)?.arrival;
        others.prompts.insert(at, moved);
        times.insert(at, (kind != MarkKind::None).then_some(mark.secs));
        // Where each prompt stood before.
        let before = |new: usize| {
            let other = if new > at { new - 1 } else { new };
            (new != at).then(|| if other >= idx { other + 1 } else { other })
        };
        self.pin(others, &times, before)?;
        self.lines.set(line_at, &line);
        let block = self.lines.block_start(line_at)..line_at + 1;
        if at != idx {
            let to = match at.checked_sub(1).and_then(before) {
                Some(prompt) => self.line_of(prompt) + 1,
                None => before(at + 1).map_or(block.start, |next| {
                    self.lines.block_start(self.line_of(next))
                }),
            };
            self.lines.shift(block, to);
        }
        Ok(())
    }

    fn remove(&mut self, idx: usize) -> Result<(), Refusal> {
        if self.script.prompts.len() == 1 {
            return Err(Refusal::new(
                "a film needs a prompt, and this is the only one",
                "give it other words instead",
            ));
        }
        let mut after = self.script.clone();
        let mut times = self.placing.times(&self.script);
        after.prompts.remove(idx);
        times.remove(idx);
        self.pin(after, &times, |new| {
            Some(if new >= idx { new + 1 } else { new })
        })?;
        let line_at = self.line_of(idx);
        self.lines.remove(line_at..line_at + 1);
        Ok(())
    }

    fn set_text(&mut self, idx: usize, text: &str) -> Result<(), Refusal> {
        let line_at = self.line_of(idx);
        let line = self.composed_of(&self.lines.clean(line_at), &words(text)?)?;
        self.lines.set(line_at, &line);
        Ok(())
    }

    fn set(
        &mut self,
        idx: usize,
        seed: Option<Option<u64>>,
        negative: Option<&Option<String>>,
        guidance: Option<Option<f64>>,
    ) -> Result<(), Refusal> {
        let line_at = self.line_of(idx);
        let mut text = self.lines.clean(line_at);
        let mut wanted = self.read(&text)?;
        if let Some(negative) = negative {
            let negative = clean_field(negative.as_deref().unwrap_or_default());
            let parts = Parts::of(&self.as_line(&text))?;
            text = with_negative(&text, &parts, &negative);
            wanted.negative = plain(&negative);
        }
        for (key, value) in [
            ("seed", seed.map(|seed| seed.map(|seed| seed.to_string()))),
            ("guidance", guidance.map(|g| g.map(|g| g.to_string()))),
        ] {
            if let Some(value) = value {
                let line = self.as_line(&text);
                text = with_setting(&line, &Parts::of(&line)?, key, value)?;
            }
        }
        wanted.seed = seed.unwrap_or(wanted.seed);
        wanted.guidance_scale = guidance.unwrap_or(wanted.guidance_scale);
        self.check(&text, &wanted)?;
        self.lines.set(line_at, &text);
        Ok(())
    }

    /// A line with a mark and words, of the form of `pattern`, a prompt without a mark.
    fn composed(&self, mark: &str, pattern: &str, words: &str) -> Result<String, Refusal> {
        let parts = Parts::of(&self.as_line(pattern))?;
        self.composed_of(&with_mark(pattern, &parts, mark), words)
    }

    /// A prompt's line with other words.
    fn composed_of(&self, line: &str, words: &str) -> Result<String, Refusal> {
        let parts = Parts::of(&self.as_line(line))?;
        let mut wanted = self.read(line)?;
        wanted.text = plain(words);
        let text = with_words(line, &parts, words);
        self.check(&text, &wanted)?;
        Ok(text)
    }

    /// A prompt's line with another mark. Words that would be something else without the old one are escaped.
    fn remarked(&self, line: &str, mark: &str) -> Result<String, Refusal> {
        let parts = Parts::of(&self.as_line(line))?;
        let mut wanted = self.read(line)?;
        let text = with_mark(line, &parts, mark);
        if let Ok(found) = self.read(&text)
            && is_alike(&found, &wanted)
        {
            return Ok(text);
        }
        let escaped = with_words(line, &parts, &wanted.text);
        let parts = Parts::of(&self.as_line(&escaped))?;
        let text = with_mark(&escaped, &parts, mark);
        wanted.arrival = Arrival::Auto;
        self.check(&text, &wanted)?;
        Ok(text)
    }

    /// Refuses a line that doesn't say what it should, its mark aside.
    fn check(&self, line: &str, wanted: &ScriptPrompt) -> Result<(), Refusal> {
        if is_alike(&self.read(line)?, wanted) {
            return Ok(());
        }
        Err(Refusal::new(
            "these words can't be written in a prompts file as they are",
            "leave out backslashes and dashes at the start of words",
        ))
    }

    /// A line as a prompt.
    fn read(&self, line: &str) -> Result<ScriptPrompt, Refusal> {
        let mut script = parse_line(&self.as_line(line))?;
        script.prompts.pop().ok_or_else(|| {
            Refusal::new(
                "these words would be read as something other than a prompt",
                "begin with another word",
            )
        })
    }

    pub fn as_line<'b>(&'b self, text: &'b str) -> Line<'b> {
        Line {
            path: self.path,
            number: 1,
            text,
        }
    }

    /// Refuses a mark at which another prompt has its own.
    fn check_free(
        &self,
        times: &[Option<f64>],
        kind: MarkKind,
        mark: &Mark,
        left_out: Option<usize>,
    ) -> Result<(), Refusal> {
        let prompts = self.script.prompts.iter().enumerate();
        let others = prompts.filter(|(idx, _)| Some(*idx) != left_out);
        let mut others = others.map(|(_, prompt)| prompt).zip(times);
        let taken = others.find(|(prompt, time)| {
            let is_there = time.is_some_and(|time| time.total_cmp(&mark.secs).is_eq());
            prompt.arrival != Arrival::Auto && is_there
        });
        match taken.filter(|_| kind != MarkKind::None) {
            None => Ok(()),
            Some((prompt, _)) => Err(Refusal::new(
                format!(
                    "another prompt arrives at {}: \"{}\"",
                    format_secs(mark.secs, 2),
                    super::super::shorten(&prompt.text, 40)
                ),
                "place this one before or behind it",
            )),
        }
    }

    /// Gives sections their number where they would be found elsewhere in `after`, the script once the edit is made. `before` tells
    /// which prompt of the text one of `after` is.
    fn pin(
        &mut self,
        mut after: Script,
        times: &[Option<f64>],
        before: impl Fn(usize) -> Option<usize>,
    ) -> Result<(), Refusal> {
        let (analysis, span) = (self.placing.analysis, &self.placing.span);
        for idx in after.pin_sections(times, analysis, span) {
            let mark = written(&after.prompts[idx].arrival);
            if let (Some(prompt), Some(mark)) = (before(idx), mark) {
                let line_at = self.line_of(prompt);
                let line = self.remarked(&self.lines.clean(line_at), &mark)?;
                self.lines.set(line_at, &line);
            }
        }
        Ok(())
    }
}

/// Whether two prompts show the same, whenever they arrive.
fn is_alike(a: &ScriptPrompt, b: &ScriptPrompt) -> bool {
    let of = |p: &ScriptPrompt| (p.text.clone(), p.negative.clone(), p.seed, p.guidance_scale);
    of(a) == of(b)
}

/// Words as a prompt holds them: without tags of networks, which are no words.
fn plain(words: &str) -> String {
    with_plain_embeddings(&without_networks(words, |_| {}), |_| {})
}

/// Words on one line.
fn words(text: &str) -> Result<String, Refusal> {
    let words = clean_field(text);
    if words.is_empty() {
        return Err(Refusal::new(
            "a prompt needs words",
            "write what to show, such as: a city in the rain",
        ));
    }
    Ok(words)
}
