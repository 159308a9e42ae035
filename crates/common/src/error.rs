//! The one error type of the library, grouped by who can put it right.
//!
//! Every variant says what is wrong and where; [`Error::hint`] says what to do next. The binary prints the chain of
//! causes once, then the hint, and exits with [`Error::exit_code`].

use std::path::{Path, PathBuf};

/// Result of the library's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, grouped by who can put it right.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that the user handed over (song, timeline, film) can't be used.
    #[error("{}: {reason}", path.display())]
    Input {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, with the place inside it (time, line, byte) where that is known.
        reason: String,
        /// What to do next.
        hint: Option<String>,
    },
    /// A setting is out of range.
    #[error("`{name}` can't be {value}: {allowed}")]
    Config {
        /// The setting, such as `fps`. In every text of the library, settings stand in backticks; the command line shows them as
        /// its flags.
        name: &'static str,
        /// The value that was given.
        value: String,
        /// The allowed range, in words.
        allowed: String,
    },
    /// A text file that the user wrote (prompts, beats, corrections) has an error, with its place.
    #[error("{0}")]
    Text(Box<crate::text_file::TextError>),
    /// A model folder or a weight file can't be used. The reason names the tensor or the key.
    #[error("{}: {reason}", path.display())]
    Weights {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong, with the name of the tensor or key.
        reason: String,
        /// What to do next.
        hint: Option<String>,
    },
    /// The network or a server on it failed.
    #[error("{url}: {reason}")]
    Network {
        /// What was asked for.
        url: String,
        /// What went wrong.
        reason: String,
        /// What to do next.
        hint: Option<String>,
    },
    /// The asked-for device isn't there, or it failed.
    #[error("device: {reason}")]
    Device {
        /// What is wrong.
        reason: String,
        /// What to do next.
        hint: Option<String>,
    },
    /// Tensor arithmetic failed: a bug of ours, or memory that ran out.
    #[error("{doing}")]
    Tensor {
        /// What was being computed.
        doing: &'static str,
        /// The tensor library's own words.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Encoding or muxing failed.
    #[error("video: {reason}")]
    Video {
        /// What is wrong.
        reason: String,
    },
    /// The operating system refused to read or write.
    #[error("can't {action} {}", path.display())]
    Io {
        /// What was tried, as a verb: "read", "write", "create".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A resource (disk, memory) doesn't suffice, or something is in the way.
    #[error("{reason}")]
    Limit {
        /// What doesn't suffice, with the amounts.
        reason: String,
        /// What to do next.
        hint: Option<String>,
    },
    /// What can't be done now, but by the same command later: frames are still being drawn elsewhere, the disk is full.
    #[error("{reason}")]
    Later {
        /// What stands in the way, with the amounts.
        reason: String,
        /// What to do next.
        hint: Option<String>,
    },
    /// A bug of ours: a state that the program should never be in.
    #[error("{reason}; this is a bug of visualize: please report it with the command that you ran")]
    Internal {
        /// What was found.
        reason: String,
    },
    /// The user asked to stop; finished work is kept.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// An unusable input file, without a hint.
    pub fn input(path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::Input {
            path: path.as_ref().to_owned(),
            reason: reason.into(),
            hint: None,
        }
    }

    /// An unusable model folder or weight file, without a hint.
    pub fn weights(path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::Weights {
            path: path.as_ref().to_owned(),
            reason: reason.into(),
            hint: None,
        }
    }

    /// A state that the program should never be in.
    pub fn internal(reason: impl Into<String>) -> Self {
        Self::Internal {
            reason: reason.into(),
        }
    }

    /// A failed request, without a hint.
    pub fn network(url: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Network {
            url: url.into(),
            reason: reason.into(),
            hint: None,
        }
    }

    /// A failed file operation; `action` is a verb such as "read". For use in `map_err`.
    pub fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.as_ref().to_owned(),
            source,
        }
    }

    /// A failed tensor operation. For use in `map_err`.
    pub fn tensor<E>(doing: &'static str) -> impl FnOnce(E) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        move |source| Self::Tensor {
            doing,
            source: Box::new(source),
        }
    }

    /// The same error with a hint, where the variant carries one.
    #[must_use]
    pub fn with_hint(mut self, text: impl Into<String>) -> Self {
        match &mut self {
            Self::Input { hint, .. }
            | Self::Weights { hint, .. }
            | Self::Network { hint, .. }
            | Self::Device { hint, .. }
            | Self::Limit { hint, .. }
            | Self::Later { hint, .. } => *hint = Some(text.into()),
            _ => {}
        }
        self
    }

    /// What the user can do next, if it is known.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Input { hint, .. }
            | Self::Weights { hint, .. }
            | Self::Network { hint, .. }
            | Self::Device { hint, .. }
            | Self::Limit { hint, .. }
            | Self::Later { hint, .. } => hint.as_deref(),
            Self::Text(error) => error.hint.as_deref(),
            _ => None,
        }
    }

    /// Exit status of the program: 2 where the same command can never succeed (bad usage, bad input, a folder that can't be
    /// written), 75 (`EX_TEMPFAIL` of `sysexits.h`) where it can later (a full disk, a file system that failed, frames that are
    /// still missing), 130 for an interrupt, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Input { .. }
            | Self::Config { .. }
            | Self::Text(_)
            | Self::Weights { .. }
            | Self::Limit { .. }
            | Self::Device { .. } => 2,
            Self::Interrupted => 130,
            Self::Later { .. } => 75,
            Self::Tensor { .. }
            | Self::Video { .. }
            | Self::Network { .. }
            | Self::Internal { .. } => 1,
            Self::Io { source, .. } => match source.kind() {
                std::io::ErrorKind::NotFound
                | std::io::ErrorKind::PermissionDenied
                | std::io::ErrorKind::ReadOnlyFilesystem
                | std::io::ErrorKind::NotADirectory
                | std::io::ErrorKind::IsADirectory => 2,
                _ => 75,
            },
        }
    }
}

const _: () = {
    const fn is_sendable<T: Send + Sync + 'static>() {}
    is_sendable::<Error>();
};
