//! What handlers answer: JSON, or what went wrong as JSON.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use common::Error;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::wire::{Document, Fault, Place, Refusal};

/// Result of a handler.
pub type Answer<T> = Result<T, Refused>;

/// A request that isn't carried out, and why.
#[derive(Debug)]
pub struct Refused {
    status: StatusCode,
    fault: Fault,
    document: Option<Box<Document>>,
}

impl Refused {
    /// A refusal in words.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            fault: Fault {
                message: message.into(),
                hint: None,
                place: None,
            },
            document: None,
        }
    }

    /// Something that isn't there.
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// Something that stands in the way by now.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    /// The same with what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.fault.hint = Some(hint.into());
        self
    }

    /// What went wrong.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }

    /// The same with the document as it is by now.
    #[must_use]
    pub fn with_document(mut self, document: Document) -> Self {
        self.document = Some(Box::new(document));
        self
    }
}

impl From<Fault> for Refused {
    /// What the sender can put right.
    fn from(fault: Fault) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            fault,
            document: None,
        }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Input { .. }
            | Error::Config { .. }
            | Error::Text(_)
            | Error::Weights { .. }
            | Error::Limit { .. }
            | Error::Device { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Error::Later { .. } | Error::Interrupted => StatusCode::SERVICE_UNAVAILABLE,
            Error::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                StatusCode::NOT_FOUND
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self {
            status,
            fault: fault(&error),
            document: None,
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let refusal = Refusal {
            error: self.fault,
            document: self.document.map(|document| *document),
        };
        (self.status, json(refusal)).into_response()
    }
}

/// An error as a page shows it: with all of its causes, and its place in a text.
pub fn fault(error: &Error) -> Fault {
    let hint = error.hint().map(str::to_owned);
    if let Error::Text(text) = error {
        return Fault {
            message: text.reason.clone(),
            hint,
            place: text.place.as_ref().map(|place| Place {
                line: place.line,
                column: place.column,
                n_chars: place.n_chars,
                excerpt: text.to_string(),
            }),
        };
    }
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        message += &format!(": {inner}");
        cause = inner.source();
    }
    Fault {
        message,
        hint,
        place: None,
    }
}

/// Runs work that reads files or computes on a thread of its own, so that other requests are answered meanwhile.
///
/// # Errors
/// Those of the work.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Answer<T> + Send + 'static,
) -> Answer<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(Error::internal("a thread of the studio panicked").into()))
}

/// JSON that a browser asks for anew each time.
pub fn json(value: impl Serialize) -> Response {
    let lines = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    match serde_json::to_vec(&value) {
        Ok(bytes) => (lines, bytes).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(), // none of our values has what JSON can't hold
    }
}

/// Reads a body as JSON.
///
/// # Errors
/// 400 for one that can't be understood.
pub fn read_json<T: DeserializeOwned>(body: &[u8]) -> Answer<T> {
    serde_json::from_slice(body).map_err(|error| {
        let message = format!("the request can't be understood: {error}");
        Refused::new(StatusCode::BAD_REQUEST, message)
    })
}
