//! Sound that is missing inside: the gap stays a gap.

use super::*;

impl Demuxer {
    /// Samples that a packet's timestamp says are missing before it. symphonia passes over frames and pages whose check sum
    /// is wrong.
    pub(super) fn missing_before(&mut self, packet: &Packet) -> Option<u64> {
        if self.knows_gaps {
            return self.known_gap_before(packet);
        }
        let stream = &self.stream;
        // Timestamps there are rounded to milliseconds, and clocks of recordings drift: only what jumps from one packet to the
        // next is missing.
        let is_loose = matches!(stream.container, Container::Matroska | Container::Mp4);
        let slack = match (stream.container, stream.codec) {
            (_, Codec::Vorbis) if is_loose => {
                u64::from(longest_vorbis_block(stream).max(stream.sample_rate_hz / 10))
            }
            _ if is_loose => u64::from(stream.sample_rate_hz / 10),
            (Container::Ogg, Codec::Vorbis) => u64::from(longest_vorbis_block(stream)),
            // Files that were cut from others have rounded positions.
            (Container::Ogg, _) => u64::from(stream.sample_rate_hz / 100),
            (Container::Other, Codec::Flac) => 0,
            _ => return None,
        };
        let base = self
            .time_base
            .filter(|_| stream.ticks_are_samples || is_loose)?;
        let time = stream.samples_of_ticks(packet.pts.get());
        let start = time.saturating_sub(base);
        let position = i64::try_from(self.position).ok()?;
        let missing = u64::try_from(start.saturating_sub(position)).unwrap_or(0);
        let is_back = stream.codec == Codec::Flac && start < position;
        let most = match stream.stated_samples {
            Some(stated) if (stream.codec == Codec::Flac || is_loose) && stated > 0 => {
                stated.saturating_sub(self.position)
            }
            _ => u64::from(stream.sample_rate_hz) * MAX_GAP_SECS,
        };
        if missing > most.max(slack) || is_back {
            // Another file is joined on, or the timestamp can't be meant: time goes on from here.
            self.time_base = Some(time.saturating_sub(position));
            self.goes_back |= is_back;
            return None;
        }
        if is_loose && missing <= slack {
            self.time_base = Some(time.saturating_sub(position));
        }
        (missing > slack).then_some(missing)
    }

    /// As the layout has it, to the nearest packet.
    fn known_gap_before(&mut self, packet: &Packet) -> Option<u64> {
        let &(at, missing) = self.known_gaps.front()?;
        let half = u64::from(self.decoded_length(packet).unwrap_or(0) / 2);
        let n_before: u64 = self.gaps.iter().sum();
        if self.position + half < at + n_before {
            return None;
        }
        self.known_gaps.pop_front();
        Some(missing)
    }

    pub(super) fn gap_piece(&mut self) -> CodedPacket {
        let n_samples = self.gap_left.min(GAP_SAMPLES) as u32;
        let start = self.position;
        self.gap_left -= u64::from(n_samples);
        self.position += u64::from(n_samples);
        CodedPacket {
            packet: Packet::new(
                self.stream.track_id,
                Timestamp::ZERO,
                Duration::ZERO,
                Vec::new(),
            ),
            start,
            n_samples,
            n_dropped: 0,
            n_decoded: 0,
            part: self.part,
        }
    }

    pub(super) fn note_gap(&mut self, missing: u64) {
        self.gaps.push(missing);
        let from = place(&self.stream, self.position);
        let to = place(&self.stream, self.position + missing);
        self.note(format!(
            "part of the sound is missing: silent from {from} to {to}"
        ));
    }
}
