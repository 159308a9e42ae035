//! What was found out about a machine's GPUs, kept from run to run.

use std::path::PathBuf;

use common::hex::hex;
use common::partial_file::write_whole;
use sha2::{Digest, Sha256};

/// Whether GPUs compute rightly and how fast they are, by GPU, driver and version of this program.
///
/// Each finding is a file of two lines, question and answer, named by the question's hash. A folder that can't be read or written
/// is no error: what isn't known is found out again.
#[derive(Clone, Debug, Default)]
pub struct GpuFindings {
    folder: Option<PathBuf>,
}

impl GpuFindings {
    /// Findings in `folder`, which is made when there is something to keep; without one, nothing is kept.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// The answer to a question that was asked before.
    pub(crate) fn answer(&self, question: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.path(question)?).ok()?;
        let (asked, answer) = text.split_once('\n')?;
        (asked == question).then(|| answer.trim_end().to_owned())
    }

    /// Keeps the answer to a question of one line.
    pub(crate) fn keep(&self, question: &str, answer: &str) {
        let kept = self.path(question).filter(|path| {
            let folder = path.parent();
            folder.is_some_and(|folder| std::fs::create_dir_all(folder).is_ok())
        });
        if let Some(path) = kept {
            let _ = write_whole(&path, format!("{question}\n{answer}\n").as_bytes());
        }
    }

    fn path(&self, question: &str) -> Option<PathBuf> {
        let name = hex(&Sha256::digest(question));
        Some(self.folder.as_ref()?.join(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_kept_by_question() {
        let folder = tempfile::tempdir().unwrap();
        let findings = GpuFindings::new(Some(folder.path().join("gpu")));
        assert_eq!(findings.answer("fast?"), None);
        findings.keep("fast?", "yes");
        assert_eq!(findings.answer("fast?").as_deref(), Some("yes"));
        assert_eq!(findings.answer("right?"), None);
        // A file of another question under this one's name, as after a collision or a careless copy.
        let path = findings.path("fast?").unwrap();
        std::fs::copy(path, findings.path("right?").unwrap()).unwrap();
        assert_eq!(findings.answer("right?"), None);
        let nowhere = GpuFindings::new(None);
        nowhere.keep("fast?", "yes");
        assert_eq!(nowhere.answer("fast?"), None);
    }
}
