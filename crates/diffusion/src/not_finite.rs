//! Pictures that hold no numbers.

use std::fmt;

use common::{Error, Result};
use timeline::FrameInputs;

/// A drawn picture with values that are infinite or no numbers at all: it would be black or white.
#[derive(Debug)]
pub struct NotFinite {
    /// Which frame of those that were asked for.
    pub frame_idx: usize,
    /// What it was to show.
    pub prompt: String,
}

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: the picture's values are no finite numbers (NaN or infinity)",
            self.prompt
        )
    }
}

impl std::error::Error for NotFinite {}

impl NotFinite {
    /// The fault of the picture at `frame_idx` of a batch, whose prompt isn't known yet.
    pub(super) fn at(frame_idx: usize) -> Error {
        Error::tensor("drawing")(Self {
            frame_idx,
            prompt: String::new(),
        })
    }

    /// Whether an error is this fault.
    pub(super) fn is_cause_of(error: &Error) -> bool {
        matches!(error, Error::Tensor { source, .. } if source.is::<Self>())
    }

    /// The fault as an error for people; `frame` gives the film's number of the frame that was the n-th to be drawn. Other
    /// errors stay as they are.
    pub fn explain(error: Error, frame: impl Fn(usize) -> Option<u64>) -> Error {
        let Error::Tensor { doing, source } = error else {
            return error;
        };
        match source.downcast::<Self>() {
            Err(source) => Error::Tensor { doing, source },
            Ok(fault) => Error::Limit {
                reason: match frame(fault.frame_idx) {
                    Some(number) => format!("frame {number}, {fault}"),
                    None => fault.to_string(),
                },
                hint: Some(
                    "a weight in the prompt, `guidance` or a LoRA's weight may be too large; with `dtype f16` try bf16 or f32"
                        .to_owned(),
                ),
            },
        }
    }

    /// The same error, where it is this fault, of a frame among `indices` of all frames; `frames` are those of the batch.
    pub(super) fn named(error: Error, indices: &[usize], frames: &[&FrameInputs]) -> Error {
        let Error::Tensor { doing, source } = error else {
            return error;
        };
        match source.downcast::<Self>() {
            Err(source) => Error::Tensor { doing, source },
            Ok(fault) => {
                let frame = frames.get(fault.frame_idx);
                Error::tensor("drawing")(Self {
                    frame_idx: indices.get(fault.frame_idx).copied().unwrap_or_default(),
                    prompt: frame.map(|frame| prompt(frame)).unwrap_or_default(),
                })
            }
        }
    }
}

/// What a frame shows, in quotation marks.
fn prompt(frame: &FrameInputs) -> String {
    let (from, to) = (&frame.prompt_from.text, &frame.prompt_to.text);
    match from == to {
        true => format!("\"{from}\""),
        false => format!("\"{from}\" on its way to \"{to}\""),
    }
}

/// Whether all values of a picture are finite numbers.
///
/// # Errors
/// [`NotFinite::at`] for the picture at `frame_idx`.
pub(super) fn check(picture: &[f32], frame_idx: usize) -> Result<()> {
    // By counts of blocks, which vectors of the processor add up.
    let is_fine = |block: &[f32]| {
        let n_fine: u32 = block.iter().map(|value| u32::from(value.is_finite())).sum();
        n_fine as usize == block.len()
    };
    match picture.chunks(1 << 12).all(is_fine) {
        true => Ok(()),
        false => Err(NotFinite::at(frame_idx)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fault_names_frame_and_prompts() {
        let still = |text: &str| FrameInputs::still(text.into(), 1);
        let mut mixed = still("a red sun");
        mixed.prompt_to = "a blue sea".into();
        let (first, second) = (still("x"), mixed);
        let error = check(&[1.0, f32::NAN], 1).unwrap_err();
        let error = NotFinite::named(error, &[4, 7], &[&first, &second]);
        let error = NotFinite::explain(error, |idx| Some(100 + idx as u64));
        let text = error.to_string();
        assert!(text.contains("frame 107"), "{text}");
        assert!(
            text.contains("\"a red sun\" on its way to \"a blue sea\""),
            "{text}"
        );
        assert!(error.hint().unwrap().contains("`dtype f16`"));
        assert!(check(&[f32::INFINITY], 0).is_err());
        assert!(check(&vec![-1e30; 10_000], 0).is_ok());
        let other = Error::internal("x");
        assert!(matches!(
            NotFinite::explain(other, |_| None),
            Error::Internal { .. }
        ));
    }
}
