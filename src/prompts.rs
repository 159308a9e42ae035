//! The prompts file: text in, [`Script`] out, errors with file, line, column and caret.

/// What a prompts file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {}

/// A place in the prompts file that can't be understood.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{reason}")]
pub struct PromptsError {
    /// What is wrong.
    pub reason: String,
    /// What to do next.
    pub hint: Option<String>,
}
