//! Text files that people write: read in lines, with errors that show file, line, column and a caret.

mod error;
mod lines;

pub use error::TextError;
pub use error::suggest;
pub use lines::{Line, lines, read, read_up_to, trimmed, word};
pub use lines::{MAX_FILE_BYTES, MAX_LINE_BYTES, Place};
