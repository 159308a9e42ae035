//! The song's samples as AAC, by the `ffmpeg` on the PATH: no encoder of AAC can be part of this program.
//!
//! `ffmpeg` gets the samples through a pipe and writes an M4A file, whose packets and encoder delay are then read as those of
//! any song.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, Write};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::{Error, Result};

use super::copied::CopiedPackets;
use super::soundtrack::{Packet, Soundtrack, SoundtrackCodec, SoundtrackFormat};
use super::spool::Kept;
use super::track::Track;

/// Bits a second of each channel.
const CHANNEL_BIT_RATE: u32 = 128_000;
/// Sample rates that phones play (ISO 14496-3, table 1.18, up to 48 kHz).
const RATES_HZ: [u32; 10] = [
    48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];

/// Packets in a temporary file.
struct EncodedAac {
    packets: CopiedPackets,
    /// Gone with this value.
    _file: Kept,
    note: String,
}

/// Whether there is an `ffmpeg`, and AAC can have so many channels.
///
/// # Errors
/// [`Error::Config`] if not.
pub(super) fn check(n_channels: u32) -> Result<()> {
    // ISO 14496-3, table 1.19.
    if n_channels == 7 || n_channels > 8 {
        return Err(refused(&format!(
            "the song has {n_channels} channels, and AAC is written with one to six or eight; take flac"
        )));
    }
    let found = Command::new("ffmpeg")
        .arg("-version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match found {
        Ok(status) if status.success() => Ok(()),
        _ => Err(missing()),
    }
}

fn missing() -> Error {
    refused(
        "AAC is encoded by ffmpeg, and there is no `ffmpeg` on the PATH: install it, or take alac, which needs none",
    )
}

fn refused(why: &str) -> Error {
    Error::Config {
        name: "audio",
        value: SoundtrackFormat::Aac.to_string(),
        allowed: why.to_owned(),
    }
}

/// Has `ffmpeg` encode `range` of the track.
///
/// # Errors
/// [`Error::Config`] if there is no `ffmpeg`, [`Error::Input`] with its own words if it fails.
pub(super) fn encode(
    track: &Track,
    range: Range<u64>,
    folder: &Path,
) -> Result<Box<dyn Soundtrack>> {
    let failed = |reason: &str| {
        Error::input(
            &track.path,
            format!("ffmpeg can't make AAC of it: {reason}"),
        )
        .with_hint("take another `audio`, such as flac")
    };
    let rate = sample_rate(track.sample_rate_hz);
    let n_samples = scaled(range.end - range.start, track.sample_rate_hz, rate);
    let file = Kept::create(folder, Some("m4a")).map_err(Error::io("write to", folder))?;
    let mut words = tempfile::tempfile_in(folder).map_err(Error::io("write to", folder))?;
    let child = start(track, rate, file.path(), &words, folder)?;
    let written = feed(child, track, range)?;
    if let Err(reason) = written {
        let mut said = String::new();
        let _ = words
            .rewind()
            .and_then(|()| words.read_to_string(&mut said));
        let last = said.lines().rfind(|line| !line.trim().is_empty());
        return Err(failed(last.unwrap_or(&reason)));
    }
    let encoded = Track::open_coded(file.path()).map_err(|error| failed(&error.to_string()))?;
    // A resampler may end a sample or two earlier.
    let slack = if rate == track.sample_rate_hz { 0 } else { 16 };
    let is_whole = encoded.n_samples + slack >= n_samples;
    let is_alike = (encoded.sample_rate_hz, encoded.n_channels) == (rate, track.n_channels);
    if encoded.codec != "aac" || !is_alike || !is_whole {
        return Err(failed("it wrote something else"));
    }
    let n_samples = n_samples.min(encoded.n_samples);
    let packets = CopiedPackets::open(&encoded, 0..n_samples, SoundtrackFormat::Aac)?;
    let packets = packets.ok_or_else(|| failed("its packets are incomplete"))?;
    let resampled = match rate == track.sample_rate_hz {
        true => String::new(),
        false => format!(" of {} kHz", f64::from(rate) / 1000.0),
    };
    let kbits = CHANNEL_BIT_RATE / 1000 * track.n_channels;
    Ok(Box::new(EncodedAac {
        packets,
        _file: file,
        note: format!(
            "{} becomes AAC{resampled}, {kbits} kbit/s, by ffmpeg",
            track.codec
        ),
    }))
}

fn start(track: &Track, rate: u32, out: &Path, words: &File, folder: &Path) -> Result<Child> {
    let words = words.try_clone().map_err(Error::io("write to", folder))?;
    // It takes three channels for two and a bass, which AAC has no number for.
    let layout: &[&str] = match track.n_channels {
        3 => &["-channel_layout", "3.0"],
        _ => &[],
    };
    Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "f32le"])
        .args(["-ar", &track.sample_rate_hz.to_string()])
        .args(["-ac", &track.n_channels.to_string()])
        .args(layout)
        .args(["-i", "pipe:0"])
        .args(["-c:a", "aac", "-ar", &rate.to_string()])
        .args(["-b:a", &(CHANNEL_BIT_RATE * track.n_channels).to_string()])
        .args(["-f", "mp4", "-y"])
        .arg(out)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(words)
        .spawn()
        .map_err(|_| missing())
}

/// Hands the samples to the program and waits for its end. Errors of the song are errors, those of the program are told.
fn feed(mut child: Child, track: &Track, range: Range<u64>) -> Result<Result<(), String>> {
    let sent = child.stdin.take().map_or(Ok(()), |input| {
        let mut input = BufWriter::with_capacity(1 << 18, input);
        for block in track.blocks(range)? {
            for sample in block?.samples {
                // What the program says tells more than the pipe that it left.
                if input.write_all(&sample.to_le_bytes()).is_err() {
                    return Ok(());
                }
            }
        }
        let _ = input.flush();
        Ok(())
    });
    if sent.is_err() {
        let _ = child.kill();
    }
    let ended = child.wait();
    sent?;
    Ok(match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(status.to_string()),
        Err(error) => Err(error.to_string()),
    })
}

/// The song's own rate, or the highest one that divides it or else lies below it.
fn sample_rate(rate: u32) -> u32 {
    let known = || RATES_HZ.into_iter();
    known()
        .find(|&known| known == rate)
        .or_else(|| known().find(|known| rate.is_multiple_of(*known)))
        .or_else(|| known().find(|&known| known <= rate))
        .unwrap_or(8_000)
}

/// A number of samples at another rate, rounded to the nearest.
fn scaled(n_samples: u64, from: u32, to: u32) -> u64 {
    let scaled = u128::from(n_samples) * u128::from(to) + u128::from(from / 2);
    u64::try_from(scaled / u128::from(from.max(1))).unwrap_or(u64::MAX)
}

impl Soundtrack for EncodedAac {
    fn codec(&self) -> &SoundtrackCodec {
        self.packets.codec()
    }

    fn sample_rate_hz(&self) -> u32 {
        self.packets.sample_rate_hz()
    }

    fn n_channels(&self) -> u32 {
        self.packets.n_channels()
    }

    fn skip_samples(&self) -> u64 {
        self.packets.skip_samples()
    }

    fn n_samples(&self) -> u64 {
        self.packets.n_samples()
    }

    fn note(&self) -> Option<&str> {
        Some(&self.note)
    }

    fn packets(&self) -> Result<Box<dyn Iterator<Item = Result<Packet>> + '_>> {
        self.packets.packets()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_phones() {
        for (song, film) in [
            (44_100, 44_100),
            (96_000, 48_000),
            (88_200, 44_100),
            (176_400, 44_100),
            (64_000, 32_000),
            (50_000, 48_000),
            (4_000, 8_000),
        ] {
            assert_eq!(sample_rate(song), film, "{song}");
        }
        assert_eq!(scaled(176_400, 176_400, 44_100), 44_100);
        assert_eq!(scaled(3, 96_000, 48_000), 2);
    }
}
