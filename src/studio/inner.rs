//! Changes of a song's texts, and what follows from them.

use std::sync::Arc;
use std::time::Duration;

use audio::Track;
use common::Result;
use mapping::prompts::Script;

use super::answer::{Answer, Refused, fault};
use super::documents::Document;
use super::project::{self, Name, Stamp, stamp_of};
use super::song::Inner;
use super::wire::{self, DocumentKind, Fault, SongPhase};
use super::{settings, views};

/// All texts of a song.
const TEXTS: [DocumentKind; 3] = [
    DocumentKind::Beats,
    DocumentKind::Prompts,
    DocumentKind::Settings,
];
/// A file that was written just now may be written on.
const REST: Duration = Duration::from_secs(1);

impl Inner {
    /// Forgets what is known of the song's sound, before the file is opened; its texts and their undo stay.
    pub fn forget_sound(&mut self, file: Option<Stamp>) {
        self.file = file;
        self.phase = SongPhase::Analyzing;
        (self.progress, self.error) = (None, None);
        (self.track, self.media, self.heard) = (None, None, None);
        (self.plan, self.plan_error, self.fit_error) = (None, None, None);
        (self.todo.hear, self.todo.plan) = (true, true);
    }

    /// Whether another file has taken the place of the song's, and is written to its end as far as can be told.
    pub fn is_replaced(&self, song: &Name) -> bool {
        let is_whole = |(_, written): &Stamp| {
            let age = written.and_then(|written| written.elapsed().ok());
            age.is_none_or(|age| age >= REST)
        };
        stamp_of(song.path()).is_some_and(|now| self.file != Some(now) && is_whole(&now))
    }

    /// A number for the next analysis or plan.
    pub fn next_revision(&mut self) -> u64 {
        self.n_revisions += 1;
        self.n_revisions
    }

    /// One of the texts.
    pub fn text(&mut self, kind: DocumentKind) -> &mut Document {
        match kind {
            DocumentKind::Beats => &mut self.beats,
            DocumentKind::Prompts => &mut self.prompts,
            DocumentKind::Settings => &mut self.settings,
        }
    }

    /// Takes over what others have written into a text; whether they have.
    ///
    /// # Errors
    /// Those of reading.
    pub fn refresh(&mut self, kind: DocumentKind) -> Result<bool> {
        let is_new = self.text(kind).refresh()?;
        if is_new {
            self.understand(kind);
        }
        Ok(is_new)
    }

    /// What a person should know of the song now.
    pub fn notes(&self) -> Vec<String> {
        let of_track = self.track.as_ref().map(Track::all_notes);
        of_track
            .into_iter()
            .flatten()
            .chain(self.download.clone())
            .collect()
    }

    /// Whether what was heard goes by the newest corrections and settings.
    pub fn is_heard(&self) -> bool {
        let Some((heard, track)) = self.heard.as_ref().zip(self.track.as_ref()) else {
            return false;
        };
        heard.beats_hash == self.beats.hash() && heard.config == self.film.analysis_of(&track.path)
    }

    /// Whether nothing more is to be heard: all is, or can't be understood.
    pub fn is_settled(&self) -> bool {
        let has_error = self.beats_error.is_some() || self.settings_error.is_some();
        self.is_heard() || has_error || self.phase == SongPhase::Failed
    }

    /// Takes over texts that others have written since the last look. Of one that can't be read, it is told why.
    pub fn look_outside(&mut self) {
        for kind in TEXTS {
            if !self.text(kind).may_have_changed() {
                continue;
            }
            match self.refresh(kind) {
                Ok(false) => continue,
                Ok(true) => {}
                Err(error) => *self.error_of(kind) = Some(fault(&error)),
            }
            self.todo.changed_outside.push(kind);
        }
    }

    /// Takes over what others have written into any text.
    ///
    /// # Errors
    /// Those of reading, and of a text that can't be understood.
    pub fn understood(&mut self) -> Answer<()> {
        for kind in TEXTS {
            self.refresh(kind)?;
        }
        for kind in TEXTS {
            self.check(kind)?;
        }
        Ok(())
    }

    /// Refuses to go on from a text that can't be understood.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, kind: DocumentKind) -> Answer<()> {
        let error = self.error(kind).cloned();
        error.map_or(Ok(()), |error| Err(error.into()))
    }

    fn error(&self, kind: DocumentKind) -> Option<&Fault> {
        match kind {
            DocumentKind::Beats => self.beats_error.as_ref(),
            DocumentKind::Prompts => self.prompts_error.as_ref(),
            DocumentKind::Settings => self.settings_error.as_ref(),
        }
    }

    fn error_of(&mut self, kind: DocumentKind) -> &mut Option<Fault> {
        match kind {
            DocumentKind::Beats => &mut self.beats_error,
            DocumentKind::Prompts => &mut self.prompts_error,
            DocumentKind::Settings => &mut self.settings_error,
        }
    }

    /// Changes a text by `edit`, if it still is the one with the hash `base`.
    ///
    /// # Errors
    /// 409 with the newer text where it isn't; those of `edit` and of writing.
    pub fn change(
        &mut self,
        kind: DocumentKind,
        base: &str,
        is_typing: bool,
        edit: impl FnOnce(&Self) -> Answer<String>,
    ) -> Answer<()> {
        self.refresh(kind)?;
        if self.text(kind).hash() != base {
            return Err(
                Refused::conflict("the text was changed elsewhere meanwhile")
                    .with_hint("the newer text is shown now; make the change again")
                    .with_document(self.document(kind)),
            );
        }
        let text = edit(self)?;
        self.text(kind).change(text, is_typing)?;
        self.understand(kind);
        Ok(())
    }

    /// Takes a change back, or makes it again; of the text that was changed last where `kind` leaves it open. The text that was
    /// changed, if any was.
    ///
    /// # Errors
    /// Those of reading and writing.
    pub fn step_back(
        &mut self,
        kind: Option<DocumentKind>,
        is_redo: bool,
    ) -> Result<Option<DocumentKind>> {
        let Some(kind) = kind.or_else(|| self.changed_last(is_redo)) else {
            return Ok(None);
        };
        self.refresh(kind)?;
        let text = self.text(kind);
        let is_done = if is_redo { text.redo()? } else { text.undo()? };
        if is_done {
            self.understand(kind);
        }
        Ok(is_done.then_some(kind))
    }

    fn changed_last(&self, is_redo: bool) -> Option<DocumentKind> {
        let texts = [&self.beats, &self.prompts, &self.settings].into_iter();
        let steps = texts.filter_map(|text| Some((text.newest_step(is_redo)?, text.kind())));
        steps.max_by_key(|(when, _)| *when).map(|(_, kind)| kind)
    }

    /// Reads a text anew and says what has to be done for it.
    fn understand(&mut self, kind: DocumentKind) {
        match kind {
            DocumentKind::Beats => {
                self.check_beats();
                self.todo.hear |= self.beats_error.is_none();
            }
            DocumentKind::Prompts => {
                self.read_prompts();
                self.todo.plan |= self.prompts_error.is_none();
            }
            DocumentKind::Settings => {
                let before = self.film.analysis.clone();
                self.read_settings();
                self.todo.plan |= self.settings_error.is_none();
                self.todo.hear |= self.film.analysis != before;
            }
        }
    }

    pub fn read_prompts(&mut self) {
        let text = &self.prompts;
        let script = match text.is_there() {
            true => Script::parse(text.path(), text.text().as_bytes()),
            false => Script::built_in(),
        };
        self.prompts_error = script.as_ref().err().map(fault);
        if let Ok(script) = script {
            self.script = Some(Arc::new(script));
            self.script_hash = self.prompts.hash().to_owned();
        }
    }

    pub fn read_settings(&mut self) {
        let found = settings::parse(self.settings.path(), self.settings.text());
        self.settings_error = found.as_ref().err().map(fault);
        if let Ok(found) = found {
            self.film = found;
        }
    }

    /// Reads the corrections as the analysis does, without listening.
    pub fn check_beats(&mut self) {
        let (Some(track), true) = (&self.track, self.beats.is_there()) else {
            self.beats_error = None;
            return;
        };
        let config = self.film.analysis_of(&track.path);
        let found = analysis::corrections(&config, track.duration_secs);
        self.beats_error = found.as_ref().err().map(fault);
    }

    /// What a page sees of the song.
    pub fn view(&self, song: &Name) -> wire::Song {
        wire::Song {
            name: song.as_str().to_owned(),
            phase: self.phase,
            progress: self.progress,
            error: self.error.clone(),
            duration_secs: self.track.as_ref().map_or(0.0, |track| track.duration_secs),
            notes: self.notes(),
            beats: self.document(DocumentKind::Beats),
            prompts: self.document(DocumentKind::Prompts),
            settings: self.document(DocumentKind::Settings),
            analysis: self.heard.as_deref().map(views::analysis),
            plan_revision: self.plan.as_ref().map_or(0, |plan| plan.revision),
            plan_error: self.plan_error.clone(),
            film: project::film_of(song),
            preview: project::preview_of(song),
        }
    }

    /// What a page sees of a text.
    pub fn document(&self, kind: DocumentKind) -> wire::Document {
        let text = match kind {
            DocumentKind::Beats => &self.beats,
            DocumentKind::Prompts => &self.prompts,
            DocumentKind::Settings => &self.settings,
        };
        let is_prompts = kind == DocumentKind::Prompts;
        let script = self.script.as_ref().filter(|_| is_prompts);
        let vocabulary = self.vocabulary.as_ref().filter(|_| is_prompts);
        wire::Document {
            kind,
            file: text.path().to_string_lossy().into_owned(),
            text: text.text().to_owned(),
            hash: text.hash().to_owned(),
            can_undo: text.can_undo(),
            can_redo: text.can_redo(),
            error: self
                .error(kind)
                .or(self.fit_error.as_ref().filter(|_| is_prompts))
                .cloned(),
            notes: script
                .map(|script| script.notes.clone())
                .unwrap_or_default(),
            unknown_words: match (vocabulary, script) {
                (Some(vocabulary), Some(script)) => {
                    views::unknown_words(vocabulary, script, text.path(), text.text())
                }
                _ => Vec::new(),
            },
            foreign: script.and_then(|script| script.foreign).map(str::to_owned),
            value: (kind == DocumentKind::Settings).then(|| settings::value_of(&self.film)),
        }
    }
}
