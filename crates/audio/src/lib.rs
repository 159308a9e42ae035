//! Stage 1: a song file becomes a [`Track`], whose samples can be streamed, and a [`Soundtrack`] for the film.

mod aiff;
mod blocks;
mod choose;
mod container;
mod copied;
mod decode;
mod demux;
mod encoded;
mod extent;
mod ffmpeg;
mod flac;
mod flac_head;
mod matroska;
mod mp4;
mod mp4_reader;
mod mp4_table;
mod mpeg;
mod notes;
mod opus;
mod pcm;
mod quantise;
mod soundtrack;
mod source;
mod spool;
mod stream;
mod tags;
mod track;
mod wave;

pub use blocks::{Block, MAX_BLOCK_SAMPLES, SampleBlocks};
pub use notes::Damage;
pub use soundtrack::{Packet, Soundtrack, SoundtrackCodec};
pub use spool::{Spooled, is_stream, spool};
pub use track::{TRACK_SCHEMA_VERSION, Track};
