//! Files of other programs, written byte by byte.

/// Samples of 16 bits, full scale, as two channels.
pub fn stereo(n_samples: usize) -> Vec<i32> {
    crate::helpers::noise(2 * n_samples, 16)
}

pub fn le16(values: &[i32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|&value| (value as i16).to_le_bytes())
        .collect()
}

pub fn be16(values: &[i32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|&value| (value as i16).to_be_bytes())
        .collect()
}

/// What is to be heard of 16-bit values.
pub fn floats(values: &[i32]) -> Vec<f32> {
    values.iter().map(|&value| value as f32 / 32768.0).collect()
}

/// A WAV file in pieces.
pub struct Wav {
    pub format: Vec<u8>,
    pub chunks: Vec<u8>,
    pub data: Vec<u8>,
    pub riff_size: Option<u32>,
    pub data_size: Option<u32>,
}

/// `fmt ` of 16 bytes.
pub fn format(tag: u16, n_channels: u16, bits: u16, block: u16) -> Vec<u8> {
    let mut format = Vec::new();
    format.extend(tag.to_le_bytes());
    format.extend(n_channels.to_le_bytes());
    format.extend(44_100u32.to_le_bytes());
    format.extend((44_100 * u32::from(block)).to_le_bytes());
    format.extend(block.to_le_bytes());
    format.extend(bits.to_le_bytes());
    format
}

impl Wav {
    /// 16-bit stereo.
    pub fn new(data: Vec<u8>) -> Self {
        Self {
            format: format(1, 2, 16, 4),
            chunks: Vec::new(),
            data,
            riff_size: None,
            data_size: None,
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut body = b"WAVEfmt ".to_vec();
        body.extend((self.format.len() as u32).to_le_bytes());
        body.extend(&self.format);
        body.extend(&self.chunks);
        body.extend(b"data");
        body.extend(
            self.data_size
                .unwrap_or(self.data.len() as u32)
                .to_le_bytes(),
        );
        body.extend(&self.data);
        let size = self.riff_size.unwrap_or(body.len() as u32);
        [b"RIFF", &size.to_le_bytes()[..], &body].concat()
    }
}

/// A box of MP4.
pub fn boxed(kind: &[u8; 4], bodies: &[&[u8]]) -> Vec<u8> {
    let body = bodies.concat();
    [&(body.len() as u32 + 8).to_be_bytes()[..], kind, &body].concat()
}

pub fn be32(numbers: &[u32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_be_bytes())
        .collect()
}

/// One track of an MP4 or MOV file.
pub struct Trak {
    pub id: u32,
    /// Sample entry, whole.
    pub entry: Vec<u8>,
    pub timescale: u32,
    /// Edit list: duration in ms, media time.
    pub edits: Vec<(u32, i32)>,
    /// Sizes of the samples; of plain ones, bytes of one and their number.
    pub sizes: Sizes,
    /// Durations of the samples: so many, and ticks of each.
    pub durations: Vec<(u32, u32)>,
    /// Where the samples lie, all in one chunk.
    pub offset: u32,
}

pub enum Sizes {
    Listed(Vec<u32>),
    Plain(u32, u32),
}

impl Trak {
    pub fn bytes(&self) -> Vec<u8> {
        let (size, n_samples, listed) = match &self.sizes {
            Sizes::Listed(sizes) => (0, sizes.len() as u32, be32(sizes)),
            Sizes::Plain(size, n_samples) => (*size, *n_samples, Vec::new()),
        };
        let has_chunk = u32::from(n_samples > 0);
        let table = |kind, numbers: &[u32]| boxed(kind, &[&be32(numbers)]);
        let mut durations = vec![0, self.durations.len() as u32];
        durations.extend(self.durations.iter().flat_map(|&(n, ticks)| [n, ticks]));
        let stbl = boxed(
            b"stbl",
            &[
                &boxed(b"stsd", &[&be32(&[0, 1]), &self.entry]),
                &table(b"stts", &durations),
                &table(
                    b"stsc",
                    &[0, has_chunk, 1, n_samples, 1][..2 + 3 * has_chunk as usize],
                ),
                &boxed(b"stsz", &[&be32(&[0, size, n_samples]), &listed]),
                &table(
                    b"stco",
                    &[0, has_chunk, self.offset][..2 + has_chunk as usize],
                ),
            ],
        );
        let minf = boxed(b"minf", &[&boxed(b"smhd", &[&[0; 8]]), &stbl]);
        let hdlr = boxed(b"hdlr", &[&[0; 8], b"soun", &[0; 13]]);
        let mdhd = table(b"mdhd", &[0, 0, 0, self.timescale, 0, 0]);
        let mdia = boxed(b"mdia", &[&mdhd, &hdlr, &minf]);
        let tkhd = boxed(b"tkhd", &[&be32(&[3, 0, 0, self.id]), &[0; 68]]);
        let edits: Vec<u8> = self
            .edits
            .iter()
            .flat_map(|&(duration, time)| be32(&[duration, time as u32, 1 << 16]))
            .collect();
        let edts = boxed(
            b"edts",
            &[&boxed(
                b"elst",
                &[&be32(&[0, self.edits.len() as u32]), &edits],
            )],
        );
        let edts = if self.edits.is_empty() {
            Vec::new()
        } else {
            edts
        };
        boxed(b"trak", &[&tkhd, &edts, &mdia])
    }
}

/// A movie box whose times count milliseconds.
pub fn moov(children: &[&[u8]]) -> Vec<u8> {
    let mvhd = boxed(b"mvhd", &[&be32(&[0, 0, 0, 1000, 0]), &[0; 80]]);
    boxed(b"moov", &[&mvhd, &children.concat()])
}

/// QuickTime's sample entry of version 0.
pub fn sound_entry(kind: &[u8; 4], n_channels: u16, bits: u16, rate: u32, boxes: &[u8]) -> Vec<u8> {
    let mut entry = vec![0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    entry.extend(n_channels.to_be_bytes());
    entry.extend(bits.to_be_bytes());
    entry.extend(be32(&[0, rate << 16]));
    boxed(kind, &[&entry, boxes])
}

/// Pages of an Ogg file.
pub fn pages(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut pages = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let n_segments = bytes[at + 26] as usize;
        let n_body: usize = bytes[at + 27..at + 27 + n_segments]
            .iter()
            .map(|&n| n as usize)
            .sum();
        let end = at + 27 + n_segments + n_body;
        pages.push(bytes[at..end].to_vec());
        at = end;
    }
    pages
}

/// Puts the right check sum into a page (RFC 3533, section 6).
pub fn sealed(mut page: Vec<u8>) -> Vec<u8> {
    page[22..26].fill(0);
    let mut sum = 0u32;
    for &byte in &page {
        sum ^= u32::from(byte) << 24;
        for _ in 0..8 {
            sum = sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 };
        }
    }
    page[22..26].copy_from_slice(&sum.to_le_bytes());
    page
}

/// An Ogg file of two header pages and one of sound, with a page for each packet of sound; `n_samples` of each packet give
/// the pages' positions but for the last one, which stays.
pub fn one_packet_pages(bytes: &[u8], n_samples: impl Fn(usize, &[u8]) -> i64) -> Vec<Vec<u8>> {
    let mut all = pages(bytes);
    let sound = all.pop().unwrap();
    assert_eq!(all.len(), 2);
    let n_segments = usize::from(sound[26]);
    let mut body = &sound[27 + n_segments..];
    let mut packets: Vec<(Vec<u8>, &[u8])> = Vec::new();
    let mut lacing = Vec::new();
    for &n in &sound[27..27 + n_segments] {
        lacing.push(n);
        if n < 255 {
            let n_bytes = lacing.iter().map(|&n| usize::from(n)).sum();
            let (packet, rest) = body.split_at(n_bytes);
            packets.push((std::mem::take(&mut lacing), packet));
            body = rest;
        }
    }
    let mut position = 0;
    let n_packets = packets.len();
    for (idx, (lacing, packet)) in packets.iter().enumerate() {
        position += n_samples(idx, packet);
        let is_last = idx + 1 == n_packets;
        let last = i64::from_le_bytes(sound[6..14].try_into().unwrap());
        let granule = if is_last { last } else { position };
        let mut page = [
            &sound[..5],
            &[if is_last { 4 } else { 0 }],
            &granule.to_le_bytes(),
            &sound[14..18],
        ]
        .concat();
        page.extend((idx as u32 + 2).to_le_bytes());
        page.extend([0, 0, 0, 0, lacing.len() as u8]);
        page.extend(lacing);
        page.extend(*packet);
        all.push(sealed(page));
    }
    all
}

/// Samples that each packet of a Vorbis file with two modes adds: a quarter of its block and of the one before (Vorbis I,
/// section 4.3.8).
pub fn vorbis_lengths(bytes: &[u8]) -> impl Fn(usize, &[u8]) -> i64 {
    let exponents = pages(bytes)[0][28 + 28];
    let before = std::cell::Cell::new(0);
    move |idx, packet| {
        let is_long = packet[0] >> 1 & 1 == 1;
        let block = 1i64
            << if is_long {
                exponents >> 4
            } else {
                exponents & 15
            };
        let previous = before.replace(block);
        if idx == 0 {
            0
        } else {
            previous / 4 + block / 4
        }
    }
}
