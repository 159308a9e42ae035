//! The texts beside a song: read, changed, written whole, and taken back.
//!
//! What is on disk is the truth, since the command line and editors read and write it, too. Each change names the hash of the text
//! that it starts from; where another one is on disk by now, the change is refused and the newer text is handed out. Undo keeps
//! whole texts, which no edit can get wrong.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::hex::hex;
use common::partial_file::write_whole;
use common::text_file::{self, MAX_FILE_BYTES};
use common::{Error, Result};
use sha2::{Digest, Sha256};

use super::project::{Stamp, stamp_of};
use super::wire::DocumentKind;

/// Most changes that can be taken back.
const MAX_UNDO: usize = 200;
/// Changes of a whole text within this time, as while somebody types, are taken back together.
const TYPING: Duration = Duration::from_secs(2);

/// A text on disk; absent where there is no file.
type Content = Option<String>;

/// A text to go back to, and when it gave way to another.
type Step = (Content, Instant);

/// A text beside a song.
#[derive(Debug)]
pub struct Document {
    kind: DocumentKind,
    path: PathBuf,
    /// What stands for a missing file.
    substitute: String,
    content: Content,
    hash: String,
    undo: Vec<Step>,
    redo: Vec<Step>,
    /// The file when it was read or written last; none where it wasn't there.
    stamp: Option<Stamp>,
    /// Whether the file couldn't be read then.
    is_unreadable: bool,
    typed: Option<Instant>,
}

impl Document {
    /// Reads the text, if it is there. `substitute` is its text where it isn't.
    ///
    /// # Errors
    /// Those of reading.
    pub fn open(kind: DocumentKind, path: PathBuf, substitute: String) -> Result<Self> {
        let stamp = stamp_of(&path);
        let content = read(&path)?;
        let mut document = Self {
            kind,
            path,
            substitute,
            content: None,
            hash: String::new(),
            undo: Vec::new(),
            redo: Vec::new(),
            stamp: None,
            is_unreadable: false,
            typed: None,
        };
        document.set(content, stamp);
        Ok(document)
    }

    /// Which one.
    pub fn kind(&self) -> DocumentKind {
        self.kind
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a file.
    pub fn is_there(&self) -> bool {
        self.content.is_some()
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.content.as_deref().unwrap_or(&self.substitute)
    }

    /// SHA-256 of the text.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Whether a change can be taken back.
    pub fn can_undo(&self) -> bool {
        !self.undo.is_empty()
    }

    /// Whether one that was taken back can be made again.
    pub fn can_redo(&self) -> bool {
        !self.redo.is_empty()
    }

    /// When the change was made that undo takes back, or was taken back that redo makes again; to find the newest of several
    /// texts.
    pub fn newest_step(&self, is_redo: bool) -> Option<Instant> {
        let steps = if is_redo { &self.redo } else { &self.undo };
        steps.last().map(|(_, when)| *when)
    }

    /// Whether the file looks as if others had written it since.
    pub fn may_have_changed(&self) -> bool {
        stamp_of(&self.path) != self.stamp
    }

    /// Takes over what others have written; whether there is anything new to understand.
    ///
    /// # Errors
    /// Those of reading; the text stays as it was then.
    pub fn refresh(&mut self) -> Result<bool> {
        let stamp = stamp_of(&self.path); // before it is read: what is written meanwhile is found by the next look
        let was_unreadable = std::mem::replace(&mut self.is_unreadable, true);
        self.stamp = stamp;
        let found = read(&self.path)?;
        self.is_unreadable = false;
        let is_new = found != self.content;
        if is_new {
            self.remember();
            self.typed = None;
            self.set(found, stamp);
        }
        Ok(is_new || was_unreadable)
    }

    /// Writes another text. `is_typing` where it is one of many small changes of the same text by hand.
    ///
    /// # Errors
    /// Those of writing, and [`Error::Input`] for one that is too long to be read again; the text stays as it was then.
    pub fn change(&mut self, text: String, is_typing: bool) -> Result<()> {
        if self.is_there() && text == self.text() {
            return Ok(());
        }
        check_length(&self.path, text.len())?;
        write_whole(&self.path, text.as_bytes())?;
        let goes_on = is_typing && self.typed.is_some_and(|last| last.elapsed() < TYPING);
        match self.undo.last_mut().filter(|_| goes_on) {
            Some((_, when)) => {
                *when = Instant::now();
                self.redo.clear();
            }
            None => self.remember(),
        }
        self.typed = is_typing.then(Instant::now);
        self.set(Some(text), stamp_of(&self.path));
        Ok(())
    }

    /// Takes the last change back; `false` where there is none.
    ///
    /// # Errors
    /// Those of writing.
    pub fn undo(&mut self) -> Result<bool> {
        let Some((content, _)) = self.undo.last().cloned() else {
            return Ok(false);
        };
        self.put(&content)?;
        self.undo.pop();
        self.redo.push((self.content.clone(), Instant::now()));
        self.set(content, stamp_of(&self.path));
        Ok(true)
    }

    /// Makes a change again that was taken back; `false` where there is none.
    ///
    /// # Errors
    /// Those of writing.
    pub fn redo(&mut self) -> Result<bool> {
        let Some((content, _)) = self.redo.last().cloned() else {
            return Ok(false);
        };
        self.put(&content)?;
        self.redo.pop();
        self.undo.push((self.content.clone(), Instant::now()));
        self.set(content, stamp_of(&self.path));
        Ok(true)
    }

    /// Keeps the text as it is for undo.
    fn remember(&mut self) {
        self.undo.push((self.content.clone(), Instant::now()));
        self.redo.clear();
        if self.undo.len() > MAX_UNDO {
            self.undo.remove(0);
        }
    }

    fn set(&mut self, content: Content, stamp: Option<Stamp>) {
        self.content = content;
        self.stamp = stamp;
        self.hash = hex(&Sha256::digest(self.text().as_bytes()));
    }

    /// Writes the file, or removes it.
    fn put(&mut self, content: &Content) -> Result<()> {
        self.typed = None;
        match content {
            Some(text) => write_whole(&self.path, text.as_bytes()),
            None => match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(Error::io("remove", &self.path)(error))
                }
                _ => Ok(()),
            },
        }
    }
}

/// The text of a file that people write.
fn read(path: &Path) -> Result<Content> {
    let bytes = match text_file::read(path) {
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Ok(None);
        }
        bytes => bytes?,
    };
    check_length(path, bytes.len())?;
    String::from_utf8(bytes).map(Some).map_err(|_| {
        Error::input(path, "is not UTF-8 text")
            .with_hint("save it as UTF-8 in your editor, or remove it")
    })
}

/// Refuses what the readers of such files don't read to its end.
fn check_length(path: &Path, n_bytes: usize) -> Result<()> {
    match n_bytes > MAX_FILE_BYTES {
        true => {
            let reason = format!("is larger than {} MiB", MAX_FILE_BYTES >> 20);
            Err(Error::input(path, reason).with_hint("is it the right text?"))
        }
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(folder: &Path) -> Document {
        let path = folder.join("a.txt");
        Document::open(DocumentKind::Prompts, path, "built in".to_owned()).unwrap()
    }

    #[test]
    fn changes_are_taken_back_to_the_missing_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut text = document(folder.path());
        let first = text.hash().to_owned();
        assert_eq!(
            (text.text(), text.is_there(), text.can_undo()),
            ("built in", false, false)
        );
        text.change("one".to_owned(), false).unwrap();
        text.change("two".to_owned(), false).unwrap();
        assert_eq!(std::fs::read(text.path()).unwrap(), b"two");
        assert!(text.undo().unwrap());
        assert_eq!(std::fs::read(text.path()).unwrap(), b"one");
        assert!(text.undo().unwrap());
        assert!(!text.path().exists());
        assert_eq!(text.hash(), first);
        assert!(!text.undo().unwrap());
        assert!(text.redo().unwrap() && text.redo().unwrap() && !text.redo().unwrap());
        assert_eq!(text.text(), "two");
        text.undo().unwrap();
        text.change("three".to_owned(), false).unwrap();
        assert!(!text.can_redo());
    }

    #[test]
    fn what_others_write_is_taken_over_and_can_be_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut text = document(folder.path());
        text.change("ours".to_owned(), false).unwrap();
        assert!(!text.refresh().unwrap());
        std::fs::write(text.path(), "theirs").unwrap();
        let before = text.hash().to_owned();
        assert!(text.refresh().unwrap());
        assert_ne!(text.hash(), before);
        assert_eq!(text.text(), "theirs");
        text.undo().unwrap();
        assert_eq!(std::fs::read(text.path()).unwrap(), b"ours");
        std::fs::remove_file(text.path()).unwrap();
        assert!(text.refresh().unwrap());
        assert_eq!(text.text(), "built in");
    }

    #[test]
    fn typing_is_taken_back_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut text = document(folder.path());
        text.change("start".to_owned(), false).unwrap();
        for typed in ["starts", "starts ", "starts n"] {
            text.change(typed.to_owned(), true).unwrap();
        }
        text.undo().unwrap();
        assert_eq!(text.text(), "start");
    }

    #[test]
    fn typing_does_not_go_on_over_what_others_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let mut text = document(folder.path());
        text.change("mine".to_owned(), true).unwrap();
        std::fs::write(text.path(), "theirs").unwrap();
        assert!(text.refresh().unwrap());
        text.change("theirs and mine".to_owned(), true).unwrap();
        text.undo().unwrap();
        assert_eq!(text.text(), "theirs");
    }

    #[test]
    fn what_readers_would_cut_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut text = document(folder.path());
        text.change("one".to_owned(), false).unwrap();
        assert!(text.change("x".repeat(MAX_FILE_BYTES + 1), true).is_err());
        assert_eq!(std::fs::read(text.path()).unwrap(), b"one");
        std::fs::write(text.path(), "x".repeat(MAX_FILE_BYTES + 1)).unwrap();
        assert!(text.refresh().is_err());
        assert!(!text.may_have_changed(), "it is not read again and again");
        assert_eq!(text.text(), "one");
        std::fs::write(text.path(), "one").unwrap();
        assert!(text.refresh().unwrap(), "it can be read again");
        assert!(!text.refresh().unwrap());
    }

    #[test]
    fn what_cannot_be_written_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut text = document(folder.path());
        text.change("one".to_owned(), false).unwrap();
        std::fs::remove_dir_all(folder.path()).unwrap();
        assert!(text.change("two".to_owned(), false).is_err());
        assert!(text.undo().is_ok()); // the file is gone already
        std::fs::create_dir(folder.path()).unwrap();
        assert_eq!(text.text(), "built in");
    }
}
