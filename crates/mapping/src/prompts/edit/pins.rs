//! Where single marks lie, and marks that keep their section.

use std::ops::Range;

use analysis::Analysis;

use super::super::{Arrival, Script, ScriptPrompt};

impl Script {
    /// Where a prompt's own mark lies, whatever stands around it; `None` for prompts without a mark, and for marks that the song
    /// doesn't have.
    pub(super) fn mark_secs(&self, prompt: &ScriptPrompt, analysis: &Analysis) -> Option<f64> {
        match &prompt.arrival {
            Arrival::Auto => None,
            Arrival::Time(secs) => Some(*secs),
            Arrival::Bar(bar) => self.bar_start(prompt, *bar, analysis).ok(),
            Arrival::Section { label, nth } => {
                self.section_start(prompt, label, *nth, None, analysis).ok()
            }
        }
    }

    /// Gives marks such as `@section chorus` their number where, without it, they would no longer lie at `times` (of each prompt, where
    /// known) because of what stands before them now. The prompts that were changed.
    pub(super) fn pin_sections(
        &mut self,
        times: &[Option<f64>],
        analysis: &Analysis,
        span: &Range<f64>,
    ) -> Vec<usize> {
        let mut pinned = Vec::new();
        let mut last = None;
        for idx in 0..self.prompts.len() {
            let known = times.get(idx).copied().flatten();
            if let Arrival::Section { label, nth: None } = &self.prompts[idx].arrival
                && let Some(known) = known
            {
                let found = self.section_start(&self.prompts[idx], label, None, last, analysis);
                let wanted = label.to_lowercase();
                let of_label = analysis.sections.iter();
                let of_label = of_label.filter(|section| section.label.to_lowercase() == wanted);
                let mut starts = of_label.map(|section| section.start_secs);
                let number = starts.position(|start| start == known);
                if let Some(number) = number.filter(|_| found.ok() != Some(known)) {
                    let label = label.clone();
                    let nth = Some(number as u32 + 1);
                    self.prompts[idx].arrival = Arrival::Section { label, nth };
                    pinned.push(idx);
                }
            }
            last = match self.prompts[idx].arrival {
                Arrival::Auto => last.or((idx == 0).then_some(span.start)),
                _ => known.or(last),
            };
        }
        pinned
    }
}
