//! Measures a film: what a player will make of it, down to the sample.

use std::path::Path;

use common::Result;
use common::units::FrameRate;
use mp4_atom::{Audio, Codec, Colr, Decode, Trak};
use serde::{Deserialize, Serialize};
use timeline::Size;

use super::film::{Film, bad};
use super::hap;
use super::sample_table::samples;
use super::tags::Tags;

/// What a film holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// Version of this type's serialised form.
    pub schema_version: u32,
    /// Size of the file.
    pub n_bytes: u64,
    /// Whether playing can begin before the whole file has been loaded.
    pub has_fast_start: bool,
    /// Length in seconds, as the file states it.
    pub duration_secs: f64,
    /// The picture.
    pub video: Option<VideoStream>,
    /// The sound.
    pub audio: Option<AudioStream>,
    /// When the sound starts after the picture, in seconds; negative when it starts before.
    pub av_offset_start_secs: Option<f64>,
    /// When the sound ends after the picture, in seconds; negative when it ends before.
    pub av_offset_end_secs: Option<f64>,
    /// What the film says about itself.
    pub tags: Tags,
}

/// The picture of a film.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VideoStream {
    /// `h264`, or the name of the sample entry.
    pub codec: String,
    /// H.264 `profile_idc`: 100 = High.
    pub profile: u8,
    /// H.264 `level_idc`: 31 = level 3.1.
    pub level: u8,
    /// Size in pixels.
    pub size: Size,
    /// Number of frames, counted in the tables.
    pub n_frames: u64,
    /// Number of frames at which decoding can begin.
    pub n_keyframes: u64,
    /// Frames per second where all frames last equally long.
    pub frame_rate: Option<FrameRate>,
    /// When the first frame is shown, in seconds.
    pub start_secs: f64,
    /// When the last frame ends, in seconds.
    pub end_secs: f64,
    /// Colour primaries, transfer and matrix (ITU-T H.273); 1, 1, 1 = BT.709.
    pub colour: Option<[u16; 3]>,
    /// Whether luma has the full range instead of 16 to 235.
    pub is_full_range: bool,
}

/// The sound of a film.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AudioStream {
    /// `flac`, `mp3`, `aac`, `opus`, or the name of the sample entry.
    pub codec: String,
    /// Ticks per second of the track, which is the sample rate in our films.
    pub sample_rate_hz: u32,
    /// Number of channels.
    pub n_channels: u32,
    /// Number of packets.
    pub n_packets: u64,
    /// Samples in the packets before the first one heard.
    pub skip_samples: u64,
    /// Number of samples heard.
    pub n_samples: u64,
    /// When the first sample is heard, in seconds.
    pub start_secs: f64,
    /// When the last sample has been heard, in seconds.
    pub end_secs: f64,
}

/// Reads a film's tables and checks each sample's place in the file.
///
/// # Errors
/// [`Error::Input`](common::Error::Input) for a file that isn't an MP4 film, is damaged or cut off,
/// [`Error::Io`](common::Error::Io) for one that can't be read.
pub fn probe(path: impl AsRef<Path>) -> Result<Probe> {
    probe_film(Film::read(path.as_ref())?)
}

fn probe_film(film: Film) -> Result<Probe> {
    let video = film.track(b"vide");
    let video = video.map(|(trak, codec)| video_stream(&film, trak, codec));
    let video = video.transpose()?;
    let audio = film.track(b"soun");
    let audio = audio.map(|(trak, codec)| audio_stream(&film, trak, codec));
    let audio = audio.transpose()?;
    let offset =
        |of: fn(&VideoStream, &AudioStream) -> f64| Some(of(video.as_ref()?, audio.as_ref()?));
    Ok(Probe {
        schema_version: 1,
        n_bytes: film.n_bytes,
        has_fast_start: film.has_fast_start,
        duration_secs: secs(film.mvhd.duration, film.mvhd.timescale),
        av_offset_start_secs: offset(|v, a| a.start_secs - v.start_secs),
        av_offset_end_secs: offset(|v, a| a.end_secs - v.end_secs),
        video,
        audio,
        tags: film.tags,
    })
}

fn video_stream(film: &Film, trak: &Trak, codec: &Codec) -> Result<VideoStream> {
    let counted = count(film, trak)?;
    let timescale = trak.mdia.mdhd.timescale;
    let window = Window::of(film, trak, counted.n_ticks);
    let size = match (codec.visual(), codec) {
        (Some(visual), _) => Size {
            width: visual.width.into(),
            height: visual.height.into(),
        },
        (None, Codec::Unknown(_, body)) => hap::size_of(body).unwrap_or(NO_SIZE),
        (None, _) => NO_SIZE,
    };
    let mut stream = VideoStream {
        codec: codec_name(codec),
        profile: 0,
        level: 0,
        size,
        n_frames: counted.n_samples,
        n_keyframes: counted.n_keyframes,
        frame_rate: counted
            .equal_ticks
            .and_then(|n_ticks| FrameRate::new(timescale, n_ticks).ok()),
        start_secs: window.start_secs,
        end_secs: window.end_secs,
        colour: None,
        is_full_range: false,
    };
    if let Codec::Avc1(avc1) = codec {
        stream.profile = avc1.avcc.avc_profile_indication;
        stream.level = avc1.avcc.avc_level_indication;
        if let Some(Colr::Nclx {
            colour_primaries,
            transfer_characteristics,
            matrix_coefficients,
            full_range_flag,
        }) = avc1.colr
        {
            stream.colour = Some([
                colour_primaries,
                transfer_characteristics,
                matrix_coefficients,
            ]);
            stream.is_full_range = full_range_flag;
        }
    }
    Ok(stream)
}

fn audio_stream(film: &Film, trak: &Trak, codec: &Codec) -> Result<AudioStream> {
    let counted = count(film, trak)?;
    let window = Window::of(film, trak, counted.n_ticks);
    Ok(AudioStream {
        codec: codec_name(codec),
        sample_rate_hz: trak.mdia.mdhd.timescale,
        n_channels: n_channels(codec),
        n_packets: counted.n_samples,
        skip_samples: window.n_skipped_ticks,
        n_samples: window.n_ticks,
        start_secs: window.start_secs,
        end_secs: window.end_secs,
    })
}

/// What the tables of a track add up to.
struct Count {
    n_samples: u64,
    n_keyframes: u64,
    n_ticks: u64,
    /// Ticks of each sample, where they are equal.
    equal_ticks: Option<u32>,
}

fn count(film: &Film, trak: &Trak) -> Result<Count> {
    let stbl = &trak.mdia.minf.stbl;
    let mut count = Count {
        n_samples: 0,
        n_keyframes: 0,
        n_ticks: 0,
        equal_ticks: stbl.stts.entries.first().map(|run| run.sample_delta),
    };
    for sample in samples(stbl, film.n_bytes) {
        let sample =
            sample.map_err(|e| bad(&film.path, &format!("track {}: {e}", trak.tkhd.track_id)))?;
        count.n_samples += 1;
        count.n_keyframes += u64::from(sample.is_keyframe);
        count.n_ticks += u64::from(sample.n_ticks);
        count.equal_ticks = count
            .equal_ticks
            .filter(|n_ticks| *n_ticks == sample.n_ticks);
    }
    Ok(count)
}

/// The part of a track that is shown, by its edit list.
struct Window {
    start_secs: f64,
    end_secs: f64,
    /// Ticks of the track before the part.
    n_skipped_ticks: u64,
    /// Ticks of the part, in the track's time scale.
    n_ticks: u64,
}

impl Window {
    fn of(film: &Film, trak: &Trak, n_decoded_ticks: u64) -> Self {
        // With B-frames, what is shown lags behind what is decoded by as much as the first frame does.
        let offsets = trak
            .mdia
            .minf
            .stbl
            .ctts
            .iter()
            .flat_map(|ctts| &ctts.entries);
        let first_offset = offsets.map(|run| run.sample_offset.max(0) as u64).next();
        let n_media_ticks = n_decoded_ticks.saturating_add(first_offset.unwrap_or_default());
        let movie_timescale = film.mvhd.timescale;
        let timescale = trak.mdia.mdhd.timescale;
        let edits = trak.edts.iter().flat_map(|edts| &edts.elst);
        let mut delay = 0u64; // in ticks of the movie
        for edit in edits.flat_map(|elst| &elst.entries) {
            let Some(n_skipped_ticks) = edit.media_time else {
                delay = delay.saturating_add(edit.segment_duration);
                continue;
            };
            let left = n_media_ticks.saturating_sub(n_skipped_ticks);
            let asked = u128::from(edit.segment_duration) * u128::from(timescale);
            let asked =
                u64::try_from(asked / u128::from(movie_timescale.max(1))).unwrap_or(u64::MAX);
            // An edit of length 0 goes on to the end of the track.
            let n_ticks = if asked == 0 { left } else { asked.min(left) };
            let start_secs = secs(delay, movie_timescale);
            return Self {
                start_secs,
                end_secs: start_secs + secs(n_ticks, timescale),
                n_skipped_ticks,
                n_ticks,
            };
        }
        let start_secs = secs(delay, movie_timescale);
        Self {
            start_secs,
            end_secs: start_secs + secs(n_media_ticks, timescale),
            n_skipped_ticks: 0,
            n_ticks: n_media_ticks,
        }
    }
}

/// Channels of a sample entry. Those that mp4-atom doesn't know begin like all others.
fn n_channels(codec: &Codec) -> u32 {
    let count = match codec {
        Codec::Unknown(_, body) => Audio::decode(&mut &body[..])
            .ok()
            .map(|audio| audio.channel_count),
        codec => codec.audio().map(|audio| audio.channel_count),
    };
    count.map_or(0, u32::from)
}

/// Of a picture whose size isn't known.
const NO_SIZE: Size = Size {
    width: 0,
    height: 0,
};

fn codec_name(codec: &Codec) -> String {
    if let Codec::Unknown(kind, _) = codec
        && let Some(codec) = hap::codec_of(*kind)
    {
        return codec.to_string();
    }
    match codec {
        Codec::Unknown(kind, _) if <[u8; 4]>::from(*kind) == *b"alac" => "alac".to_owned(),
        Codec::Avc1(_) => "h264".to_owned(),
        Codec::Flac(_) => "flac".to_owned(),
        Codec::Opus(_) => "opus".to_owned(),
        // ISO/IEC 14496-1, table 5
        Codec::Mp4a(mp4a) => match mp4a.esds.es_desc.dec_config.object_type_indication {
            0x69 | 0x6b => "mp3".to_owned(),
            0x40 | 0x66..=0x68 => "aac".to_owned(),
            other => format!("mp4a.{other:02x}"),
        },
        Codec::Unknown(kind, _) => format!("{kind:?}"),
        other => format!("{other:?}")
            .split(|c: char| !c.is_alphanumeric())
            .next()
            .unwrap_or_default()
            .to_lowercase(),
    }
}

fn secs(n_ticks: u64, timescale: u32) -> f64 {
    n_ticks as f64 / f64::from(timescale.max(1))
}

#[cfg(test)]
mod tests {
    use common::Error;

    use super::*;
    use crate::testing::{self, FakeSound, config};

    fn film(folder: &Path) -> std::path::PathBuf {
        let chunk = testing::chunk(folder, "aa", 0..8, &config(64, 64));
        let path = folder.join("film.mp4");
        let sound = FakeSound::each(0.3).remove(2);
        testing::write_film(&[chunk], Some(&sound), &path).unwrap();
        path
    }

    #[test]
    fn a_probe_survives_json() {
        let folder = tempfile::tempdir().unwrap();
        let probe = probe(film(folder.path())).unwrap();
        let json = serde_json::to_string(&probe).unwrap();
        assert_eq!(serde_json::from_str::<Probe>(&json).unwrap(), probe);
    }

    fn probe_bytes(bytes: &[u8]) -> Result<Probe> {
        let source = std::io::Cursor::new(bytes);
        probe_film(Film::parse(Path::new("a.mp4"), bytes.len() as u64, source)?)
    }

    #[test]
    fn films_that_were_cut_off_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = std::fs::read(film(folder.path())).unwrap();
        for length in 0..bytes.len() {
            let error = probe_bytes(&bytes[..length]).unwrap_err();
            assert!(matches!(error, Error::Input { .. }), "{length}: {error}");
        }
    }

    #[test]
    fn other_files_are_no_films() {
        for bytes in [
            &b"RIFF\x24\x04\0\0WAVEfmt "[..],
            b"fLaC\0\0\0\x22 and more",
            b"{\"schema_version\": 1}",
        ] {
            let error = probe_bytes(bytes).unwrap_err();
            assert!(error.to_string().contains("isn't an MP4 film"), "{error}");
        }
    }

    #[test]
    fn damaged_films_never_panic() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = std::fs::read(film(folder.path())).unwrap();
        let n_tables = bytes.windows(4).position(|w| w == b"mdat").unwrap() + 4;
        for place in 0..n_tables {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = bytes.clone();
                damaged[place] = value;
                let _ = probe_bytes(&damaged);
            }
        }
    }
}
