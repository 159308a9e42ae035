//! Streams that follow each other in one file, and packets that are of another stream.

use super::*;

impl Demuxer {
    /// Goes on with a stream that is chained on, as Ogg allows (RFC 3533, section 4). Whether it can be joined.
    pub(super) fn begin_part(&mut self) -> bool {
        let at = place(&self.stream, self.position);
        let next = self.packets.next_track();
        let is_flac = self.stream.codec == Codec::Flac;
        let n_more = next
            .as_ref()
            .and_then(|track| track.num_frames)
            .filter(|_| is_flac);
        let joined = next.and_then(|track| self.joined_params(track));
        let Some((track_id, params)) = joined else {
            self.note(format!(
                "another stream is chained on at {at}, which doesn't fit and is left out"
            ));
            self.lacks_sound = true;
            return false;
        };
        if let Some((stated, more)) = self.stream.stated_samples.zip(n_more) {
            self.stream.stated_samples = Some(stated + more);
        }
        self.stream.track_id = track_id;
        self.stream.params = params;
        self.part += 1;
        self.time_base = None;
        self.drop_left = 0;
        true
    }

    /// Number and parameters of a track that goes on with what was before.
    pub(super) fn joined_params(
        &self,
        track: Track,
    ) -> Option<(u32, symphonia::core::codecs::audio::AudioCodecParameters)> {
        let mut params = audio_params(&track)?.clone();
        if self.stream.codec == Codec::Opus {
            params.with_sample_rate(opus::OPUS_RATE_HZ);
        }
        let known = PacketDecoder::describe(&self.path, self.stream.codec, &params).ok()?;
        let fits = params.codec == self.stream.params.codec
            && known.sample_rate_hz == self.stream.sample_rate_hz
            && !(self.stream.codec == Codec::Vorbis && known.n_channels > 2);
        fits.then_some((track.id, params))
    }

    /// Leaves out MPEG frames of another layer or sample rate, which are junk that looks like a frame, and makes frames of
    /// another number of channels a part of their own.
    pub(super) fn is_of_this_stream(&mut self, packet: &Packet) -> bool {
        if self.stream.container != Container::Mpeg {
            return true;
        }
        let Some(frame) = mpeg::Frame::read(&packet.data) else {
            return false;
        };
        if frame.sample_rate_hz != self.stream.sample_rate_hz
            || frame.is_layer_3 != (self.stream.codec == Codec::Mp3)
        {
            self.n_foreign += 1;
            if self.n_foreign == MAX_FOREIGN_FRAMES {
                let at = place(&self.stream, self.position);
                self.note(format!(
                    "sound of another sample rate is joined on at {at} and is left out"
                ));
                self.lacks_sound = true;
            }
            return false;
        }
        let n_channels = self
            .stream
            .params
            .channels
            .as_ref()
            .map(|channels| channels.count());
        if n_channels != Some(frame.n_channels) {
            self.stream.params.with_channels(match frame.n_channels {
                1 => layouts::CHANNEL_LAYOUT_MONO,
                _ => layouts::CHANNEL_LAYOUT_STEREO,
            });
            self.part += 1;
        }
        true
    }

    pub(super) fn is_first_of_part(&mut self, packet: &Packet) -> bool {
        let is_first = self.time_base.is_none();
        if is_first {
            let start = i64::try_from(self.position).unwrap_or(i64::MAX);
            let time = self.stream.samples_of_ticks(packet.pts.get());
            self.time_base = Some(time.saturating_sub(start));
            if self.part == 0 {
                self.first_base = time.saturating_sub(start);
            }
        }
        is_first && self.part > 0 && self.stream.container == Container::Ogg
    }

    /// Decoded samples in front of the music of a stream that is chained on; see [`super::extent`] for the first one.
    pub(super) fn delay_of_part(&self, first: &Packet) -> u64 {
        match self.stream.codec {
            Codec::Opus => {
                opus_head(&self.stream.params).map_or(0, |head| u64::from(head.pre_skip))
            }
            _ => first
                .trim_start
                .get()
                .max(first.pts.get().min(0).unsigned_abs()),
        }
    }

    /// Decoded samples behind the music of a stream that another one follows.
    pub(super) fn padding_of_part(&mut self, packet: &Packet) -> u32 {
        let padding = packet.trim_end.get();
        if padding == 0 || self.stream.container != Container::Ogg {
            return 0;
        }
        let next = self
            .ahead
            .take()
            .unwrap_or_else(|| self.packets.next_packet());
        let is_last = matches!(next, Err(SymphoniaError::ResetRequired));
        self.ahead = Some(next);
        if is_last {
            u32::try_from(padding).unwrap_or(u32::MAX)
        } else {
            0
        }
    }
}
