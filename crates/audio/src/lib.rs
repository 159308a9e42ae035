//! Stage 1: a song file becomes a [`Track`], whose samples can be streamed, and a [`Soundtrack`] for the film.

mod blocks;
mod choose;
mod copied;
mod decode;
mod demux;
mod encoded;
mod extent;
mod flac;
mod mp4;
mod mpeg;
mod opus;
mod quantise;
mod soundtrack;
mod stream;
mod track;

pub use blocks::{Block, MAX_BLOCK_SAMPLES, SampleBlocks};
pub use soundtrack::{Packet, Soundtrack, SoundtrackCodec};
pub use track::{TRACK_SCHEMA_VERSION, Track};
