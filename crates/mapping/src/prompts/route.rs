use common::text_file::{Line, Place, TextError, suggest, trimmed};

use super::lexer::{Token, tokens};
use super::settings::{number, pairs, small, unknown};
use crate::channels::{CHANNELS, Channel};

/// A `map:` line: a feature of the sound drives a channel of the picture.
///
/// The routes of a channel add up. They replace what drives it by default; see [`Channel`].
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// What moves.
    pub channel: Channel,
    /// What it follows.
    pub feature: Feature,
    /// How much of it, -10..=10. For noise, pulse and camera, 1 is as much as by default; for guidance, it is the guidance scale
    /// that the feature's maximum adds.
    pub gain: f64,
    /// Time constant in seconds of rising; `None` = the default.
    pub attack_secs: Option<f64>,
    /// Time constant in seconds of falling; `None` = the default.
    pub release_secs: Option<f64>,
}

/// A part of the sound that can drive.
#[derive(Clone, Debug, PartialEq)]
pub enum Feature {
    /// Loudness and onset strength.
    Energy,
    /// Loudness alone: momentary (0.4 s), after ITU-R BS.1770.
    Loudness,
    /// Short-term loudness (3 s), after ITU-R BS.1770: swells rather than hits.
    ShortTerm,
    /// Onset strength; for pulse and camera, the onsets of all bands.
    Onsets,
    /// Kick and bass; for the pulse, the onsets there.
    Low,
    /// Voice, snare, most harmony; for the pulse, the onsets there.
    Mid,
    /// Hats, cymbals, air; for the pulse, the onsets there.
    High,
    /// What lasts: voices, strings, pads.
    Harmonic,
    /// What strikes: drums and attacks.
    Percussive,
    /// Where the spectrum's centre lies.
    Brightness,
    /// How wide the stereo picture is; nothing in a song with one channel.
    Width,
    /// Beats; for pulse and camera only.
    Beats,
    /// First beats of bars; for pulse and camera only.
    Downbeats,
    /// A stem of the song: its energy; for the pulse, its onsets.
    Stem {
        /// The name that it was given with.
        name: String,
        /// Where it is named, for errors found later.
        place: Place,
    },
}

const FEATURES: [(&str, Feature); 13] = [
    ("energy", Feature::Energy),
    ("loudness", Feature::Loudness),
    ("short_term", Feature::ShortTerm),
    ("onsets", Feature::Onsets),
    ("low", Feature::Low),
    ("mid", Feature::Mid),
    ("high", Feature::High),
    ("harmonic", Feature::Harmonic),
    ("percussive", Feature::Percussive),
    ("brightness", Feature::Brightness),
    ("width", Feature::Width),
    ("beats", Feature::Beats),
    ("downbeats", Feature::Downbeats),
];

/// The word in front of a stem's name.
const STEM: &str = "stem";

/// Whether a word is the name of a feature, in any letter case.
pub(super) fn is_feature(word: &str) -> bool {
    let mut names = FEATURES.iter().map(|(name, _)| *name).chain([STEM]);
    names.any(|name| name.eq_ignore_ascii_case(word))
}

impl Feature {
    /// Whether a channel that takes both has hits from this feature, rather than a speed.
    pub fn is_event(&self) -> bool {
        matches!(self, Self::Onsets | Self::Beats | Self::Downbeats)
    }

    /// Whether it has a value at every moment.
    pub(crate) fn has_levels(&self) -> bool {
        !matches!(self, Self::Beats | Self::Downbeats)
    }

    /// Whether it has events: hits.
    pub(crate) fn has_events(&self) -> bool {
        !matches!(
            self,
            Self::Energy
                | Self::Loudness
                | Self::ShortTerm
                | Self::Harmonic
                | Self::Percussive
                | Self::Brightness
                | Self::Width
        )
    }
}

/// Most routes that a script may have.
const MAX_ROUTES: usize = 32;

const KEYS: [&str; 3] = ["gain", "attack", "release"];

/// Adds the route that stands behind `map:`, such as `noise = low {gain=2 release=0.5}`.
pub(super) fn parse(
    line: &Line<'_>,
    start: usize,
    routes: &mut Vec<Route>,
) -> Result<(), TextError> {
    let form = "such as: map: noise = low {gain=2 release=0.5}";
    let body = trimmed(line, start..line.text.len());
    let text = line.text.get(body.clone()).unwrap_or_default();
    let Some(length) = text.find('=') else {
        return Err(line
            .error(body, "a channel and a feature are missing")
            .with_hint(form));
    };
    let channel_at = trimmed(line, body.start..body.start + length);
    let behind = trimmed(line, body.start + length + 1..body.end);
    let name = line.text.get(behind.clone()).unwrap_or_default();
    let end = name.find(|c: char| c.is_whitespace() || c == '{');
    let mut feature_at = behind.start..end.map_or(behind.end, |end| behind.start + end);
    let names = CHANNELS.each_ref().map(|row| (row.name, row.channel()));
    let channel = known(line, &channel_at, &names, "channel")?;
    let feature = if small(line, &feature_at) == STEM {
        let (stem, end) = stem(line, feature_at.end..body.end)?;
        feature_at.end = end;
        stem
    } else {
        known(line, &feature_at, &FEATURES, "feature")?
    };
    if !channel.can_follow(&feature) {
        let names = FEATURES
            .iter()
            .filter(|(_, feature)| channel.can_follow(feature));
        let names: Vec<&str> = names.map(|(name, _)| *name).chain(["stem NAME"]).collect();
        return Err(line
            .error(feature_at, "this channel can't follow this feature")
            .with_hint(format!("it follows {}", names.join(", "))));
    }
    let mut route = Route {
        channel,
        feature,
        gain: 1.0,
        attack_secs: None,
        release_secs: None,
    };
    for token in tokens(line, feature_at.end..body.end)? {
        match token {
            Token::Braces(inner) => {
                for (key, value) in pairs(line, inner)? {
                    match small(line, &key).as_str() {
                        "gain" => route.gain = number(line, value, -10.0, 10.0)?,
                        "attack" => route.attack_secs = Some(number(line, value, 0.0, 60.0)?),
                        "release" => route.release_secs = Some(number(line, value, 0.0, 60.0)?),
                        _ => return Err(unknown(line, key, &KEYS)),
                    }
                }
            }
            Token::Words(_, at) | Token::Neg(at) => {
                return Err(line
                    .error(trimmed(line, at), "this has no place here")
                    .with_hint(form));
            }
        }
    }
    if routes.len() == MAX_ROUTES {
        return Err(line.error(body, format!("there are more than {MAX_ROUTES} map lines")));
    }
    routes.push(route);
    Ok(())
}

/// The stem whose name begins `span`, and where the name ends.
fn stem(line: &Line<'_>, span: std::ops::Range<usize>) -> Result<(Feature, usize), TextError> {
    let span = trimmed(line, span);
    let text = line.text.get(span.clone()).unwrap_or_default();
    let length = text.find(|c: char| c.is_whitespace() || c == '{');
    let at = span.start..span.start + length.unwrap_or(text.len());
    let name = line.text.get(at.clone()).unwrap_or_default().to_owned();
    if name.is_empty() {
        return Err(line
            .error(span, "the stem's name is missing")
            .with_hint("such as: map: pulse = stem drums"));
    }
    let end = at.end;
    let place = line.place(at);
    Ok((Feature::Stem { name, place }, end))
}

fn known<T: Clone>(
    line: &Line<'_>,
    at: &std::ops::Range<usize>,
    names: &[(&str, T)],
    what: &str,
) -> Result<T, TextError> {
    let text = line.text.get(at.clone()).unwrap_or_default();
    let found = names
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    found.map(|(_, value)| value.clone()).ok_or_else(|| {
        let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        line.error(at.clone(), format!("there is no {what} \"{text}\""))
            .with_hint(suggest(text, &names))
    })
}
