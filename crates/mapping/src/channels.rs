//! The channels: what sound can drive in the picture. One table holds their names, what each can follow, and what it follows
//! where no `map:` line says so.

use crate::prompts::{Feature, Route};

/// A part of the picture that can be driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// The speed of the noise.
    Noise,
    /// Hits that return.
    Pulse,
    /// The guidance scale.
    Guidance,
    /// How close the camera is.
    Zoom,
    /// How far the camera is turned.
    Rotate,
    /// How far the camera is moved aside.
    Pan,
}

/// What drives a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driver {
    /// What is there at every moment.
    Levels,
    /// Events: each is a hit.
    Events,
    /// Levels as a speed, events as hits.
    Both,
}

/// A row of the table.
#[derive(Debug)]
pub(crate) struct ChannelInfo {
    channel: Channel,
    /// As `map:` lines call it.
    pub name: &'static str,
    driver: Driver,
    /// What it follows where no line says so; `None` = nothing.
    default: Option<Feature>,
    /// Of the camera's channels: how far one goes that a line turns on, where no setting says so. In shares of the frame, for
    /// `rotate` in degrees.
    pub amplitude: f64,
    /// Of the camera's channels: a factor on its speed, so that they don't move in step.
    pub pace: f64,
}

/// All channels.
pub(crate) static CHANNELS: [ChannelInfo; 6] = [
    row(
        Channel::Noise,
        "noise",
        Driver::Levels,
        Some(Feature::Energy),
    ),
    row(
        Channel::Pulse,
        "pulse",
        Driver::Events,
        Some(Feature::Onsets),
    ),
    row(Channel::Guidance, "guidance", Driver::Levels, None),
    camera(Channel::Zoom, "zoom", 0.08, 1.0),
    camera(Channel::Rotate, "rotate", 3.0, 0.73),
    camera(Channel::Pan, "pan", 0.03, 0.87),
];

const fn row(
    channel: Channel,
    name: &'static str,
    driver: Driver,
    default: Option<Feature>,
) -> ChannelInfo {
    ChannelInfo {
        channel,
        name,
        driver,
        default,
        amplitude: 0.0,
        pace: 1.0,
    }
}

const fn camera(channel: Channel, name: &'static str, amplitude: f64, pace: f64) -> ChannelInfo {
    ChannelInfo {
        channel,
        name,
        driver: Driver::Both,
        default: Some(Feature::Energy),
        amplitude,
        pace,
    }
}

impl ChannelInfo {
    /// The channel of this row.
    pub fn channel(&self) -> Channel {
        self.channel
    }
}

impl Channel {
    /// Its row of the table.
    pub(crate) fn info(self) -> &'static ChannelInfo {
        let row = CHANNELS.iter().find(|row| row.channel == self);
        row.unwrap_or(&CHANNELS[0]) // every channel has a row: a test looks
    }

    /// Whether a `map:` line may drive it by a feature.
    pub(crate) fn can_follow(self, feature: &Feature) -> bool {
        match self.info().driver {
            Driver::Both => true,
            Driver::Levels => feature.has_levels(),
            Driver::Events => feature.has_events(),
        }
    }

    /// The lines that drive it.
    pub(crate) fn routes(self, routes: &[Route]) -> Vec<Route> {
        let own = routes.iter().filter(|route| route.channel == self);
        own.cloned().collect()
    }

    /// The lines that drive it; where there are none, its default.
    pub(crate) fn routes_or_default(self, routes: &[Route]) -> Vec<Route> {
        let own = self.routes(routes);
        let default = self.info().default.clone().filter(|_| own.is_empty());
        match default {
            Some(feature) => vec![Route {
                channel: self,
                feature,
                gain: 1.0,
                attack_secs: None,
                release_secs: None,
            }],
            None => own,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_has_a_row_and_can_follow_its_default() {
        use Channel::{Guidance, Noise, Pan, Pulse, Rotate, Zoom};
        for channel in [Noise, Pulse, Guidance, Zoom, Rotate, Pan] {
            let info = channel.info();
            assert_eq!(info.channel, channel);
            let mut default = info.default.iter();
            assert!(default.all(|feature| channel.can_follow(feature)));
        }
    }
}
