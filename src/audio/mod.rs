//! Stage 1: a song file becomes a [`Track`], whose samples can be streamed, and a [`Soundtrack`] for the film.

mod soundtrack;
mod track;

pub use soundtrack::{Packet, Soundtrack, SoundtrackCodec};
pub use track::Track;
