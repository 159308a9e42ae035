//! The boxes of an MP4 film (ISO/IEC 14496-12) that come before its samples.

use common::Result;
use common::units::FrameRate;
use mp4_atom::{
    Atom, Avc1, Avcc, AvccExt, BufMut, Co64, Codec, Colr, Dinf, Dref, Edts, Elst, ElstEntry,
    Encode, FourCC, Ftyp, Hdlr, Mdhd, Mvhd, Smhd, Stco, Stsc, StscEntry, Stsd, Stss, Stsz,
    StszSamples, Stts, SttsEntry, Tkhd, Url, Visual, Vmhd,
};

use timeline::VideoCodec;

use super::config::EncodeConfig;
use super::tags::{self, Tags};

/// One kind of samples: H.264 frames or packets of sound.
pub(super) struct TrackTable {
    /// How samples are decoded.
    pub(super) codec: Codec,
    /// Ticks per second of this track.
    pub(super) timescale: u32,
    /// Length of each sample in bytes.
    pub(super) sizes: Vec<u32>,
    /// Runs of samples that last equally long.
    pub(super) durations: Vec<SttsEntry>,
    /// One-based indices of samples at which decoding can begin; `None` where it can at each.
    pub(super) keyframes: Option<Vec<u32>>,
    /// Number of samples in each of the film's intervals.
    pub(super) interval_counts: Vec<u32>,
}

impl TrackTable {
    fn n_ticks(&self) -> u64 {
        let runs = self.durations.iter();
        runs.map(|run| u64::from(run.sample_count) * u64::from(run.sample_delta))
            .sum()
    }

    /// Bytes of each interval.
    fn interval_bytes(&self) -> impl Iterator<Item = u64> + '_ {
        let mut sizes = self.sizes.iter();
        self.interval_counts.iter().map(move |count| {
            let sizes = sizes.by_ref().take(*count as usize);
            sizes.map(|size| u64::from(*size)).sum()
        })
    }
}

/// Everything in a film but its samples.
///
/// Samples are interleaved by intervals of time: the frames of the first, its sound, the frames of the second, and so on.
pub(super) struct Movie<'a> {
    pub(super) config: &'a EncodeConfig,
    pub(super) video: TrackTable,
    /// None in a film without sound.
    pub(super) sound: Option<SoundTable>,
    pub(super) tags: &'a Tags,
}

/// The sound of a film.
pub(super) struct SoundTable {
    /// Its packets.
    pub(super) table: TrackTable,
    /// Samples before the first one heard.
    pub(super) skip_samples: u64,
    /// Samples that are heard.
    pub(super) n_heard_samples: u64,
}

impl Movie<'_> {
    /// Number of bytes of all samples.
    pub(super) fn n_sample_bytes(&self) -> u64 {
        let sound = self.sound.iter().flat_map(|sound| &sound.table.sizes);
        let sizes = self.video.sizes.iter().chain(sound);
        sizes.map(|size| u64::from(*size)).sum()
    }

    /// All bytes in front of the first sample: `ftyp`, `moov` and the header of `mdat`.
    pub(super) fn head(&self) -> Result<Vec<u8>, mp4_atom::Error> {
        let n_sample_bytes = self.n_sample_bytes();
        let mdat = mdat_header(n_sample_bytes);
        let ftyp = encoded(&brands(self.config.codec))?;
        // The table of offsets is before what it points at, and its own length doesn't depend on the offsets.
        let n_outside = (ftyp.len() + mdat.len()) as u64;
        let mut wide = false;
        let mut moov = self.moov(0, wide)?;
        if n_outside + moov.len() as u64 + n_sample_bytes > u64::from(u32::MAX) {
            wide = true;
            moov = self.moov(0, wide)?;
        }
        let moov = self.moov(n_outside + moov.len() as u64, wide)?;
        Ok([ftyp, moov, mdat].concat())
    }

    fn moov(&self, first_sample: u64, wide: bool) -> Result<Vec<u8>, mp4_atom::Error> {
        let (video_offsets, audio_offsets) = self.offsets(first_sample);
        // Sound is placed to the sample, so its rate is the movie's time scale; the picture's end is rounded up.
        let timescale = self
            .sound
            .as_ref()
            .map_or(self.video.timescale, |sound| sound.table.timescale);
        let n_video_ticks = ticks_ceil(self.video.n_ticks(), self.video.timescale, timescale);
        let n_heard_samples = self.sound.as_ref().map_or(0, |sound| sound.n_heard_samples);
        let mut buf = Vec::new();
        buf.encode_atom(b"moov", |buf| {
            Mvhd {
                creation_time: 0,
                modification_time: 0,
                timescale,
                duration: n_video_ticks.max(n_heard_samples),
                rate: 1.into(),
                volume: 1.into(),
                matrix: Default::default(),
                next_track_id: 2 + u32::from(self.sound.is_some()),
            }
            .encode(buf)?;
            let tkhd = Tkhd {
                track_id: 1,
                duration: n_video_ticks,
                width: (self.config.size.width as u16).into(),
                height: (self.config.size.height as u16).into(),
                ..track_header()
            };
            let media_header = encoded(&Vmhd::default())?;
            trak(
                buf,
                &self.video,
                tkhd,
                None,
                "VideoHandler",
                &media_header,
                video_offsets,
                wide,
            )?;
            if let Some(sound) = &self.sound {
                sound_track(buf, sound, audio_offsets, wide)?;
            }
            tags::encode(self.tags, buf)
        })?;
        Ok(buf)
    }

    /// Offsets in the file of each interval's frames and of its sound, where it has any.
    fn offsets(&self, first_sample: u64) -> (Vec<u64>, Vec<u64>) {
        let (mut video, mut audio) = (Vec::new(), Vec::new());
        let mut offset = first_sample;
        let mut sound_bytes = self.sound.iter().flat_map(|s| s.table.interval_bytes());
        for n_video_bytes in self.video.interval_bytes() {
            let n_audio_bytes = sound_bytes.next().unwrap_or(0);
            if n_video_bytes > 0 {
                video.push(offset);
            }
            offset += n_video_bytes;
            if n_audio_bytes > 0 {
                audio.push(offset);
            }
            offset += n_audio_bytes;
        }
        (video, audio)
    }
}

fn sound_track(
    buf: &mut Vec<u8>,
    sound: &SoundTable,
    offsets: Vec<u64>,
    wide: bool,
) -> Result<(), mp4_atom::Error> {
    let tkhd = Tkhd {
        track_id: 2,
        duration: sound.n_heard_samples,
        alternate_group: 1,
        volume: 1.into(),
        ..track_header()
    };
    let edit = ElstEntry {
        segment_duration: sound.n_heard_samples,
        media_time: Some(sound.skip_samples),
        media_rate: 1.into(),
    };
    let media_header = encoded(&Smhd::default())?;
    trak(
        buf,
        &sound.table,
        tkhd,
        Some(edit),
        "SoundHandler",
        &media_header,
        offsets,
        wide,
    )
}

/// The sample entry of the picture.
pub(super) fn avc1(
    config: &EncodeConfig,
    sps: &[u8],
    pps: &[u8],
) -> Result<Codec, mp4_atom::Error> {
    Ok(Avc1 {
        visual: Visual {
            data_reference_index: 1,
            width: config.size.width as u16,
            height: config.size.height as u16,
            ..Default::default()
        },
        avcc: Avcc {
            ext: Some(AvccExt::default()), // 4:2:0, 8 bits
            ..Avcc::new(sps, pps)?
        },
        colr: Some(Colr::new(1, 1, 1, false)?), // BT.709 thrice, limited range
        ..Default::default()
    }
    .into())
}

/// Time scale of the picture and ticks per frame.
pub(super) fn frame_ticks(rate: FrameRate) -> (u32, u32) {
    (rate.num(), rate.den())
}

fn track_header() -> Tkhd {
    Tkhd {
        enabled: true,
        in_movie: true,
        ..Default::default()
    }
}

/// Encodes a track with its headers first, as ISO/IEC 14496-12, 6.3.4 recommends; mp4-atom's own `Trak` puts some last.
#[expect(clippy::too_many_arguments, reason = "one argument for each box")]
fn trak(
    buf: &mut Vec<u8>,
    table: &TrackTable,
    tkhd: Tkhd,
    edit: Option<ElstEntry>,
    handler_name: &str,
    media_header: &[u8],
    offsets: Vec<u64>,
    wide: bool,
) -> Result<(), mp4_atom::Error> {
    let handler = match edit {
        None => b"vide",
        Some(_) => b"soun",
    };
    buf.encode_atom(b"trak", |buf| {
        tkhd.encode(buf)?;
        if let Some(edit) = edit {
            let elst = Some(Elst {
                entries: vec![edit],
            });
            Edts { elst }.encode(buf)?;
        }
        buf.encode_atom(b"mdia", |buf| {
            Mdhd {
                timescale: table.timescale,
                duration: table.n_ticks(),
                language: "und".to_owned(),
                ..Default::default()
            }
            .encode(buf)?;
            Hdlr {
                handler: handler.into(),
                name: handler_name.to_owned(),
            }
            .encode(buf)?;
            buf.encode_atom(b"minf", |buf| {
                buf.append_slice(media_header);
                let entries = vec![Url::default().into()]; // the samples are in this file
                Dinf {
                    dref: Dref { entries },
                }
                .encode(buf)?;
                stbl(table, offsets, wide, buf)
            })
        })
    })
}

fn stbl(
    table: &TrackTable,
    offsets: Vec<u64>,
    wide: bool,
    buf: &mut Vec<u8>,
) -> Result<(), mp4_atom::Error> {
    buf.encode_atom(b"stbl", |buf| {
        stsd(&table.codec, buf)?;
        Stts {
            entries: table.durations.clone(),
        }
        .encode(buf)?;
        Stsc {
            entries: samples_per_interval(&table.interval_counts),
        }
        .encode(buf)?;
        Stsz {
            samples: StszSamples::Different {
                sizes: table.sizes.clone(),
            },
        }
        .encode(buf)?;
        if let Some(entries) = table.keyframes.clone() {
            Stss { entries }.encode(buf)?;
        }
        if wide {
            return Co64 { entries: offsets }.encode(buf);
        }
        // Where they don't fit, this table only lends its length.
        let entries = offsets.into_iter().map(|offset| offset as u32).collect();
        Stco { entries }.encode(buf)
    })
}

/// The sample entry. One that mp4-atom doesn't know is its kind and its body.
fn stsd(codec: &Codec, buf: &mut Vec<u8>) -> Result<(), mp4_atom::Error> {
    match codec {
        Codec::Unknown(kind, body) => buf.encode_atom(b"stsd", |buf| {
            buf.append_slice(&[0, 0, 0, 0, 0, 0, 0, 1]); // version and flags; one entry
            buf.encode_atom(*kind, |buf| {
                buf.append_slice(body);
                Ok(())
            })
        }),
        codec => Stsd {
            codecs: vec![codec.clone()],
        }
        .encode(buf),
    }
}

/// Runs of intervals ("chunks" in the words of MP4) with equally many samples; empty ones aren't stored.
fn samples_per_interval(counts: &[u32]) -> Vec<StscEntry> {
    let mut entries: Vec<StscEntry> = Vec::new();
    for (position, count) in (1..).zip(counts.iter().filter(|count| **count > 0)) {
        if entries
            .last()
            .is_none_or(|last| last.samples_per_chunk != *count)
        {
            entries.push(StscEntry {
                first_chunk: position,
                samples_per_chunk: *count,
                sample_description_index: 1,
            });
        }
    }
    entries
}

/// Hap's home is QuickTime's own form of the container.
fn brands(codec: VideoCodec) -> Ftyp {
    let brands: &[&[u8; 4]] = match codec.is_hap() {
        true => &[b"qt  "],
        false => &[b"isom", b"iso2", b"avc1", b"mp41"],
    };
    Ftyp {
        major_brand: brands[0].into(),
        minor_version: 0x200,
        compatible_brands: brands.iter().map(|brand| (*brand).into()).collect(),
    }
}

fn mdat_header(n_sample_bytes: u64) -> Vec<u8> {
    let kind = FourCC::new(b"mdat");
    match u32::try_from(n_sample_bytes + 8) {
        Ok(size) => [size.to_be_bytes(), kind.into()].concat(),
        Err(_) => {
            let size = (n_sample_bytes + 16).to_be_bytes();
            [&1u32.to_be_bytes()[..], &<[u8; 4]>::from(kind), &size].concat()
        }
    }
}

/// `n_ticks` of one time scale in another one, rounded up.
fn ticks_ceil(n_ticks: u64, from: u32, to: u32) -> u64 {
    let scaled = u128::from(n_ticks) * u128::from(to);
    u64::try_from(scaled.div_ceil(u128::from(from.max(1)))).unwrap_or(u64::MAX)
}

fn encoded(atom: &impl Atom) -> Result<Vec<u8>, mp4_atom::Error> {
    let mut buf = Vec::new();
    atom.encode(&mut buf)?;
    Ok(buf)
}
