//! The track that is heard, and what its sample entry says.

use super::*;

/// An audio track.
pub(super) struct Sound<'a> {
    pub(super) id: u32,
    pub(super) is_enabled: bool,
    pub(super) timescale: u32,
    pub(super) params: AudioCodecParameters,
    pub(super) stbl: &'a [u8],
    pub(super) frame_bytes: Option<u64>,
    pub(super) valid_bits: Option<u32>,
    pub(super) edit: mp4::Edit,
}

/// The first audio track that can be decoded, enabled ones first, and its number among all if it isn't the first.
pub(super) fn choose(moov: &[u8]) -> Option<(Sound<'_>, Option<usize>)> {
    let sounds: Vec<Option<Sound>> = children(moov)
        .filter(|(kind, _)| kind == b"trak")
        .map(|(_, trak)| trak)
        .filter(|trak| {
            descendant(trak, &[b"mdia", b"hdlr"]).and_then(|hdlr| hdlr.get(8..12)) == Some(b"soun")
        })
        .map(|trak| sound_of(moov, trak))
        .collect();
    let is_good = |sound: &Option<Sound>| {
        sound
            .as_ref()
            .is_some_and(|sound| is_known(sound.params.codec))
    };
    let is_enabled = |sound: &Option<Sound>| sound.as_ref().is_some_and(|sound| sound.is_enabled);
    let best = sounds
        .iter()
        .position(|sound| is_good(sound) && is_enabled(sound))
        .or_else(|| sounds.iter().position(is_good))
        .or_else(|| sounds.iter().position(Option::is_some))?;
    let is_first_good = sounds.first().is_some_and(is_good);
    let chosen = sounds.into_iter().nth(best)??;
    Some((chosen, (best > 0 && !is_first_good).then_some(best)))
}

pub(super) fn sound_of<'a>(moov: &'a [u8], trak: &'a [u8]) -> Option<Sound<'a>> {
    let (id, is_enabled) = mp4::track_id(child(trak, b"tkhd")?)?;
    let mdia = child(trak, b"mdia")?;
    let timescale = child(mdia, b"mdhd").and_then(mp4::timescale)?;
    let stbl = descendant(mdia, &[b"minf", b"stbl"])?;
    let stsd = child(stbl, b"stsd")?;
    let entry = mp4::sample_entry(stsd)?;
    let edit = mp4::edit(moov, trak, timescale);
    let mut sound = Sound {
        id,
        is_enabled,
        timescale,
        params: AudioCodecParameters::new(),
        stbl,
        frame_bytes: None,
        valid_bits: None,
        edit,
    };
    if let Some(kind) = plain_kind(&entry) {
        sound.frame_bytes = Some(u64::from(kind.n_bytes) * u64::from(entry.n_channels.max(1)));
        sound.valid_bits = Some(kind.valid_bits);
        sound
            .params
            .for_codec(kind.codec)
            .with_sample_rate(if entry.sample_rate_hz == 0 {
                timescale
            } else {
                entry.sample_rate_hz
            })
            .with_channels(Channels::Discrete(entry.n_channels));
        return Some(sound);
    }
    // QuickTime's ADPCM packs several samples into one of the tables'; symphonia reads those files by itself.
    if matches!(&entry.kind, b"ima4" | b"ms\0\x02" | b"ms\0\x11") {
        return None;
    }
    sound.params = coded_params(stsd).unwrap_or_default();
    Some(sound)
}

/// What plain samples a sample entry stands for (QuickTime File Format, "Sound Sample Descriptions"; ISO 23003-5).
pub(super) fn plain_kind(entry: &SampleEntry) -> Option<SampleKind> {
    let n_bytes = u16::try_from(entry.sample_bits.div_ceil(8)).ok()?;
    let is_little = is_little_endian(entry);
    match &entry.kind {
        b"raw " => SampleKind::of(Numbers::Unsigned, if n_bytes == 2 { 2 } else { 1 }, true),
        b"NONE" | b"twos" => SampleKind::of(Numbers::Signed, n_bytes.max(1), !is_little),
        b"sowt" => SampleKind::of(Numbers::Signed, n_bytes.max(1), false),
        b"in24" => SampleKind::of(Numbers::Signed, 3, !is_little),
        b"in32" => SampleKind::of(Numbers::Signed, 4, !is_little),
        b"fl32" => SampleKind::of(Numbers::Float, 4, !is_little),
        b"fl64" => SampleKind::of(Numbers::Float, 8, !is_little),
        b"alaw" => Some(SampleKind::g711(ids::CODEC_ID_PCM_ALAW)),
        b"ulaw" => Some(SampleKind::g711(ids::CODEC_ID_PCM_MULAW)),
        b"ipcm" => SampleKind::of(Numbers::Signed, n_bytes, !is_little),
        b"fpcm" => SampleKind::of(Numbers::Float, n_bytes, !is_little),
        b"lpcm" => {
            let flags = entry.lpcm_flags.unwrap_or(4 | 2);
            let numbers = match flags & 5 {
                4 => Numbers::Signed,
                0 => Numbers::Unsigned,
                _ => Numbers::Float,
            };
            SampleKind::of(numbers, n_bytes, flags & 2 != 0)
        }
        _ => None,
    }
}

/// QuickTime's `enda`, in `wave`, and `pcmC` of ISO 23003-5 say that the lowest byte comes first.
pub(super) fn is_little_endian(entry: &SampleEntry) -> bool {
    let wave = child(entry.boxes, b"wave").unwrap_or_default();
    let enda = child(wave, b"enda").or_else(|| child(entry.boxes, b"enda"));
    let pcm = child(entry.boxes, b"pcmC");
    enda.is_some_and(|enda| enda.get(1) == Some(&1))
        || pcm.is_some_and(|pcm| pcm.get(4).is_some_and(|flags| flags & 1 == 1))
}

/// Has symphonia read a sample entry, in a movie that has nothing but one track without samples.
pub(super) fn coded_params(stsd: &[u8]) -> Option<AudioCodecParameters> {
    let boxed = |kind: &[u8; 4], bodies: &[&[u8]]| {
        let body = bodies.concat();
        let size = u32::try_from(body.len() + 8).unwrap_or(u32::MAX);
        [&size.to_be_bytes()[..], kind, &body].concat()
    };
    let zeros = [0u8; 100];
    let number = |n: u32| n.to_be_bytes();
    let times = [&zeros[..12], &number(1000), &zeros[..4]].concat(); // version 0, a timescale of 1000
    let empty = &zeros[..8];
    let stbl = boxed(
        b"stbl",
        &[
            &boxed(b"stsd", &[stsd]),
            &boxed(b"stts", &[empty]),
            &boxed(b"stsc", &[empty]),
            &boxed(b"stsz", &[&zeros[..12]]),
            &boxed(b"stco", &[empty]),
        ],
    );
    let minf = boxed(b"minf", &[&boxed(b"smhd", &[empty]), &stbl]);
    let hdlr = boxed(b"hdlr", &[empty, b"soun", &zeros[..13]]);
    let mdhd = boxed(b"mdhd", &[&times, &zeros[..4]]);
    let mdia = boxed(b"mdia", &[&mdhd, &hdlr, &minf]);
    let tkhd = boxed(b"tkhd", &[&zeros[..12], &number(1), &zeros[..68]]);
    let mvhd = boxed(b"mvhd", &[&times, &zeros[..80]]);
    let moov = boxed(b"moov", &[&mvhd, &boxed(b"trak", &[&tkhd, &mdia])]);
    let ftyp = boxed(b"ftyp", &[b"isom", &zeros[..4], b"isom"]);
    let movie = [ftyp, moov, boxed(b"mdat", &[])].concat();
    let source = MediaSourceStream::new(Box::new(Cursor::new(movie)), Default::default());
    let mut hint = Hint::new();
    hint.with_extension("mp4");
    let probe = || {
        symphonia::default::get_probe().probe(&hint, source, Default::default(), Default::default())
    };
    let reader = guard::caught(probe).ok()?;
    reader.tracks().iter().find_map(audio_params).cloned()
}
