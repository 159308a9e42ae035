//! Stage 5: pictures of any origin become a film with a song's untouched sound.
//!
//!     cargo run --release --example film -- samples/song.flac colours.mp4

use image::{Rgb, RgbImage};
use visualize::audio::SoundtrackFormat;
use visualize::timeline::{Encoding, Size};
use visualize::units::FrameRate;
use visualize::video::{ChunkWriter, EncodeConfig, FilmFile, Tags, mux};
use visualize::{Error, Result, Track};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let song = args
        .next()
        .unwrap_or_else(|| "samples/song.flac".to_owned());
    let out = args.next().unwrap_or_else(|| "colours.mp4".to_owned());

    let track = Track::open(&song)?;
    let folder = tempfile::tempdir().map_err(Error::io("create", "a temporary folder"))?;
    let size = Size {
        width: 128,
        height: 128,
    };
    let config = EncodeConfig::new(size, FrameRate::default(), Encoding::default());
    let mut chunk = ChunkWriter::new(folder.path(), "colours", 0, &config)?;
    for frame_idx in 0..config
        .frame_rate
        .n_frames(track.n_samples, track.sample_rate_hz)
    {
        let colour = Rgb([(frame_idx % 256) as u8, 96, 160]);
        chunk.push(&RgbImage::from_pixel(size.width, size.height, colour))?;
    }
    let chunks = [chunk.finish()?];
    let soundtrack = track.soundtrack(0..track.n_samples, SoundtrackFormat::Copy, folder.path())?;
    let video = mux(
        &chunks,
        soundtrack.as_deref(),
        &Tags::default(),
        None,
        &FilmFile::new(out),
    )?;
    println!("{}: {} frames", video.path.display(), video.n_frames);
    Ok(())
}
