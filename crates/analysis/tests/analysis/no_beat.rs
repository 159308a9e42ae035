//! Sounds without a beat: none is claimed with confidence.

use std::f32::consts::TAU;

use super::{hear, ping};

fn noise(t: f32) -> f32 {
    random((t * 44_100.0).round() as u32) - 0.5
}

/// The same number in 0..=1 for the same `n`.
fn random(n: u32) -> f32 {
    let mut x = n.wrapping_mul(0x9E37_79B9) ^ 0x1234_5678;
    for (shift, factor) in [(16, 0x85EB_CA6Bu32), (13, 0xC2B2_AE35), (16, 1)] {
        x = (x ^ (x >> shift)).wrapping_mul(factor);
    }
    x as f32 / u32::MAX as f32
}

/// Three tones that sound on, each swelling at its own pace.
fn chord(t: f32) -> f32 {
    let tones = [(220.0, 0.13), (277.2, 0.21), (329.6, 0.34)];
    let tone = |(pitch, swell): (f32, f32)| {
        (t * pitch * TAU).sin() * (0.2 + 0.1 * (t * swell * TAU).sin())
    };
    tones.into_iter().map(tone).sum()
}

/// Syllables of irregular length and loudness, voiced or hissed, with pauses for breath: the rhythm of speech, without words.
fn speech(t: f32) -> f32 {
    let (mut start, mut n) = (0.2f32, 0u32);
    loop {
        let length = 0.09 + 0.17 * random(3 * n);
        let is_pause = random(3 * n + 1) < 0.17;
        let gap = if is_pause {
            0.2 + 0.6 * random(7 * n + 2)
        } else {
            0.02
        };
        if t < start {
            return 0.0;
        }
        if t < start + length {
            let (since, loud) = ((t - start) / length, 0.15 + 0.35 * random(3 * n + 2));
            let envelope = (since * std::f32::consts::PI).sin().powi(2) * loud;
            let pitch = 105.0 + 50.0 * random(n + 900) - 15.0 * since;
            let is_voiced = random(5 * n + 77) < 0.7;
            let formant = 2.0 + 5.0 * random(n + 333);
            let voice: f32 = (1..14)
                .map(|k| (t * pitch * k as f32 * TAU).sin() / (1.0 + (k as f32 - formant).powi(2)))
                .sum();
            return envelope * if is_voiced { 0.5 * voice } else { noise(t) };
        }
        start += length + gap;
        n += 1;
    }
}

#[test]
fn without_a_beat_none_is_claimed() {
    type Sound = Box<dyn Fn(f32) -> f32>;
    let sounds: [(&str, Sound); 7] = [
        ("silence", Box::new(|_| 0.0)),
        ("sine", Box::new(|t| (t * 440.0 * TAU).sin() * 0.5)),
        ("chord", Box::new(chord)),
        (
            "surf",
            Box::new(|t| noise(t) * (0.4 + 0.3 * (t * 0.9).sin())),
        ),
        ("one click", Box::new(|t| ping(t - 5.0, 1000.0, 0.01))),
        ("noise", Box::new(noise)),
        ("speech", Box::new(speech)),
    ];
    for (name, sound) in sounds {
        let heard = hear(44_100, 1, 20.0, sound);
        assert!(!heard.has_reliable_beats(), "{name}");
        let claimed = heard.beat_confidence.max(heard.tempo_confidence);
        assert!(claimed < 0.5, "{name}: {claimed}");
        if name != "speech" {
            assert!(
                heard.beats.is_empty() && heard.tempo_bpm.is_none(),
                "{name}"
            );
        }
    }
}
