//! A second decoder for files that nothing else here can read: the `ffmpeg` on the PATH, by pipe.
//!
//! It is asked for 32-bit floats behind a header of Sun's AU, which states rate and channels and needs no length. It may
//! read this one file and nothing else, so that a playlist can't make it fetch from elsewhere.

use std::ffi::OsString;
use std::io::{BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use common::{Error, Result};
use symphonia::core::audio::Channels;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::{AudioCodecParameters, well_known as ids};
use symphonia::core::formats::Track;
use symphonia::core::units::TimeBase;

use super::aiff::u32_at;
use super::container::Opened;
use super::mp4_reader;
use super::pcm::PcmPackets;
use super::stream::Container;

/// Bytes of the fixed part of AU's header.
const HEADER_BYTES: usize = 24;
/// Longest text that may stand behind it.
const MAX_TEXT_BYTES: u64 = 1 << 20;

/// Starts `ffmpeg` on a file.
///
/// # Errors
/// [`Error::Input`] if there is no `ffmpeg`, or if it finds no sound in the file.
pub(super) fn open(path: &Path) -> Result<Opened> {
    let mut input = OsString::from("file:");
    input.push(path);
    let edit = mp4_reader::edit_of(path).filter(|edit| edit.is_plain());
    // It counts what precedes the music of HE-AAC in MP4 twice; so it hands on everything, and the edit list is followed here.
    let whole = ["-ignore_editlist", "1", "-flags2", "+skip_manual"];
    let child = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-protocol_whitelist", "file"])
        .args(whole.iter().filter(|_| edit.is_some()))
        .arg("-i")
        .arg(input)
        .args(["-map", "0:a:0", "-c:a", "pcm_f32be", "-f", "au", "pipe:1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|_| {
            Error::input(
                path,
                "can't be decoded, and there is no `ffmpeg` on the PATH",
            )
        })?;
    let mut decoder = Decoder::new(child);
    let failed = || Error::input(path, "can't be decoded, by ffmpeg neither");
    let mut head = [0; HEADER_BYTES];
    decoder.read_exact(&mut head).map_err(|_| failed())?;
    let number = |at| u32_at(&head, at).unwrap_or(0);
    let (offset, sample_rate_hz, n_channels) = (number(4), number(16), number(20));
    let n_text = u64::from(offset).saturating_sub(HEADER_BYTES as u64);
    let n_channels = u16::try_from(n_channels)
        .ok()
        .filter(|&n| n > 0)
        .ok_or_else(failed)?;
    if !head.starts_with(b".snd") || n_text > MAX_TEXT_BYTES {
        return Err(failed());
    }
    std::io::copy(&mut (&mut decoder).take(n_text), &mut std::io::sink()).map_err(|_| failed())?;
    let mut params = AudioCodecParameters::new();
    params
        .for_codec(ids::CODEC_ID_PCM_F32BE)
        .with_sample_rate(sample_rate_hz)
        .with_channels(Channels::Discrete(n_channels));
    let mut track = Track::new(0);
    track.with_codec_params(CodecParameters::Audio(params));
    if let Some(base) = TimeBase::try_from_recip(sample_rate_hz) {
        track.with_time_base(base);
    }
    Ok(Opened {
        packets: Box::new(PcmPackets::of_reader(
            decoder,
            4 * u64::from(n_channels),
            u64::MAX,
        )),
        container: Container::Plain,
        track,
        valid_bits: None,
        edit,
        body: 0..0,
        notes: vec!["decoded by the `ffmpeg` on the PATH".to_owned()],
    })
}

/// The running program, which ends with its reader.
struct Decoder {
    child: Child,
    output: Option<BufReader<ChildStdout>>,
}

impl Decoder {
    fn new(mut child: Child) -> Self {
        let output = child
            .stdout
            .take()
            .map(|output| BufReader::with_capacity(1 << 18, output));
        Self { child, output }
    }
}

impl Read for Decoder {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.output
            .as_mut()
            .map_or(Ok(0), |output| output.read(buffer))
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing of it is left.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
