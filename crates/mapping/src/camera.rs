//! The camera follows the music: it sways, and hits push it.
//!
//! Each of zoom, rotation and pan *sways*: it goes through one turn of a wave after another, as far as its amplitude, at a
//! speed that follows the energy (or what `map:` lines say). The turns are an integral, like the position in noise; what is
//! shown returns, since a picture that was drawn once can't be entered for ever. *Hits* add to that for a moment. Both are
//! bounded, so one overscan for the whole film keeps edges out of sight without a zoom that wavers.

use std::f64::consts::TAU;

use analysis::Analysis;
use common::Result;
use timeline::{MAX_PAN, MAX_ZOOM, Size, View, overscan};

use super::Knobs;
use super::energy::{ENERGY_POWER, sum};
use super::integral::Integral;
use super::pulse::{HIT_ANGLE, Pulse};
use crate::prompts::{Channel, Route};

/// Speed in silence, in turns per second: slow, but never still.
const FLOOR_VELOCITY: f64 = 0.015;

/// Speed that an energy of 1 adds, in turns per second.
const ENERGY_VELOCITY: f64 = 0.09;

/// The camera's motion, as a function of the song's time.
#[derive(Clone, Debug)]
pub(super) struct Camera {
    zoom: Sway,
    /// In radians.
    rotate: Sway,
    /// As a share of the frame.
    pan: Sway,
    /// Zoom that hides the edges.
    overscan: f64,
}

/// One channel.
#[derive(Clone, Debug)]
pub(super) struct Sway {
    /// How far it sways, and how far a hit of strength 1 pushes.
    pub amplitude: f64,
    /// In turns; `None` = hits alone.
    pub turns: Option<Integral>,
    /// Turns of the wave at which the integral is 0.
    pub start_turns: f64,
    /// `None` = no hits.
    pub hits: Option<Pulse>,
}

impl Camera {
    /// From what the sound has and the knobs and routes ask for; pictures have the given size.
    ///
    /// # Errors
    /// As [`Series::read`](analysis::Series::read).
    pub fn new(analysis: &Analysis, routes: &[Route], knobs: &Knobs, size: Size) -> Result<Self> {
        let sway = |channel: Channel, setting: Option<f64>| {
            let info = channel.info();
            let is_driven = routes.iter().any(|route| route.channel == channel);
            let amplitude = setting.unwrap_or(if is_driven { info.amplitude } else { 0.0 });
            let routes = channel.routes_or_default(routes);
            Sway::new(analysis, &routes, knobs.smooth, amplitude, info.pace)
        };
        let mut camera = Self {
            zoom: sway(Channel::Zoom, knobs.zoom)?,
            rotate: sway(Channel::Rotate, knobs.rotate)?.in_radians(),
            pan: sway(Channel::Pan, knobs.pan)?,
            overscan: 1.0,
        };
        let pan = (camera.pan.most(1.0, 0.0), camera.pan.most(0.5, 1.0));
        camera.overscan = overscan(size, camera.rotate.most(1.0, 1.0), pan).min(MAX_ZOOM);
        Ok(camera)
    }

    /// The view at a time in seconds of the song.
    ///
    /// # Errors
    /// As [`Series::read`](analysis::Series::read).
    pub fn at(&self, secs: f64) -> Result<View> {
        self.view(&|sway| Ok((sway.turns_at(secs)?, sway.hits_at(secs))))
    }

    /// The view where each channel is at the turns and hits that `at` gives.
    ///
    /// # Errors
    /// Those of `at`.
    pub fn view(&self, at: &dyn Fn(&Sway) -> Result<(f64, f64)>) -> Result<View> {
        let (turns, hit) = at(&self.zoom)?;
        let closer = self.zoom.amplitude * (0.5 - 0.5 * (TAU * turns).cos() + hit);
        let (turns, hit) = at(&self.rotate)?;
        let rotation = self.rotate.amplitude * ((TAU * turns).sin() + hit);
        // A figure eight, and hits from above.
        let (turns, hit) = at(&self.pan)?;
        let pan_x = self.pan.amplitude * (TAU * turns).sin();
        let pan_y = self.pan.amplitude * (0.5 * (2.0 * TAU * turns).sin() + hit);
        Ok(View {
            zoom: (self.overscan * (1.0 + closer.max(0.0))).min(MAX_ZOOM),
            rotation,
            pan_x: pan_x.clamp(-MAX_PAN, MAX_PAN),
            pan_y: pan_y.clamp(-MAX_PAN, MAX_PAN),
        })
    }

    /// The same camera with each wave begun where it is slow, so that the seam of a loop shows a small step: rotation at its
    /// farthest, pan where one of its waves is. Zoom begins so anyway.
    pub fn slow_at_start(mut self) -> Self {
        self.rotate.start_turns = 0.25;
        self.pan.start_turns = 0.125;
        self
    }

    /// The same camera with each channel's motion changed.
    ///
    /// # Errors
    /// Those of `change`.
    pub fn with(self, change: impl Fn(Sway) -> Result<Sway>) -> Result<Self> {
        Ok(Self {
            zoom: change(self.zoom)?,
            rotate: change(self.rotate)?,
            pan: change(self.pan)?,
            overscan: self.overscan,
        })
    }
}

impl Sway {
    fn new(
        analysis: &Analysis,
        routes: &[Route],
        smooth: f64,
        amplitude: f64,
        pace: f64,
    ) -> Result<Self> {
        let (hits, levels): (Vec<Route>, Vec<Route>) = routes
            .iter()
            .cloned()
            .partition(|route| route.feature.is_event());
        let is_on = amplitude > 0.0;
        let hops = &analysis.hops;
        let turns = || {
            let energy = sum(analysis, &levels, smooth, ENERGY_POWER)?;
            let velocity =
                |energy: f64| pace * (FLOOR_VELOCITY + ENERGY_VELOCITY * energy.max(0.0));
            Integral::new(energy.map(velocity)?, hops.hop_secs, pace * FLOOR_VELOCITY)
        };
        let pulse = || Pulse::of(analysis, &hits, 1.0);
        Ok(Self {
            amplitude,
            turns: (is_on && !levels.is_empty()).then(turns).transpose()?,
            start_turns: 0.0,
            hits: (is_on && !hits.is_empty()).then(pulse).transpose()?,
        })
    }

    /// The same with an amplitude that was given in degrees.
    fn in_radians(mut self) -> Self {
        self.amplitude = self.amplitude.to_radians();
        self
    }

    /// Turns of the wave at a time in seconds.
    ///
    /// # Errors
    /// As [`Series::read`](analysis::Series::read).
    pub fn turns_at(&self, secs: f64) -> Result<f64> {
        let turns = self.turns.as_ref();
        turns.map_or(
            Ok(0.0),
            |turns| Ok(self.start_turns + turns.position(secs)?),
        )
    }

    /// What hits add at a time in seconds, 1 for one of strength 1.
    pub fn hits_at(&self, secs: f64) -> f64 {
        self.hits
            .as_ref()
            .map_or(0.0, |hits| hits.at(secs) / HIT_ANGLE)
    }

    /// The farthest that a wave of height `wave` and hits with weight `hits` go together.
    fn most(&self, wave: f64, hits: f64) -> f64 {
        let wave = if self.turns.is_some() { wave } else { 0.0 };
        let peak = self.hits.as_ref().map_or(0.0, Pulse::peak);
        let hits = hits * peak / HIT_ANGLE;
        self.amplitude * (wave + hits)
    }
}

#[cfg(test)]
mod tests {
    use analysis::Band;
    use timeline::Timeline;

    use super::super::test_songs::{self, Song, onset};
    use super::super::{Looping, MappingConfig, timeline};
    use super::*;
    use crate::prompts::{Feature, Script};

    const SIZE: Size = Size {
        width: 640,
        height: 360,
    };

    fn song() -> Analysis {
        let onsets = (0..40)
            .map(|i| onset(0.5 * f64::from(i) + 10.0, 0.9, Band::Low))
            .collect();
        Song {
            onsets,
            ..Song::default()
        }
        .analysis()
    }

    fn route(channel: Channel, feature: Feature, gain: f64) -> Route {
        Route {
            channel,
            feature,
            gain,
            attack_secs: None,
            release_secs: None,
        }
    }

    #[test]
    fn it_is_off_by_default() {
        let camera = Camera::new(&song(), &[], &Knobs::default(), SIZE).unwrap();
        for secs in [0.0, 10.5, 33.3] {
            assert!(camera.at(secs).unwrap().is_still());
        }
    }

    #[test]
    fn it_sways_without_a_jump_and_hides_the_edges() {
        let knobs = Knobs {
            zoom: Some(0.2),
            rotate: Some(10.0),
            pan: Some(0.05),
            ..Knobs::default()
        };
        let routes = [Channel::Zoom, Channel::Rotate, Channel::Pan]
            .map(|channel| {
                [
                    route(channel, Feature::Energy, 1.0),
                    route(channel, Feature::Beats, -0.7),
                ]
            })
            .concat();
        for routes in [&[][..], &routes] {
            let camera = Camera::new(&song(), routes, &knobs, SIZE).unwrap();
            let mut last = camera.at(0.0).unwrap();
            let mut closest = f64::INFINITY;
            for tick in 1..6000 {
                let view = camera.at(f64::from(tick) * 0.01).unwrap();
                if routes.is_empty() {
                    assert!(last.distance(&view, SIZE) < 0.002);
                }
                let needed = overscan(SIZE, view.rotation, (view.pan_x, view.pan_y));
                assert!(view.zoom >= needed - 1e-9, "{view:?}");
                closest = closest.min(view.zoom);
                last = view;
            }
            assert!(closest < 1.9, "the overscan isn't wasteful: {closest}");
        }
    }

    fn film(num: u32, looping: Looping) -> Timeline {
        let text = "a\nmap: rotate = energy\nmap: rotate = beats {gain=0.3}";
        let script = Script::parse("prompts.txt", text.as_bytes()).unwrap();
        let config = MappingConfig {
            start_secs: 20.0,
            duration_secs: Some(24.0),
            looping,
            knobs: Knobs {
                zoom: Some(0.2),
                pan: Some(0.05),
                ..Knobs::default()
            },
            ..test_songs::config(num)
        };
        timeline(&song(), &script, &config).unwrap()
    }

    #[test]
    fn films_of_all_rates_agree_at_common_times() {
        let [slow, fast] = [12, 60].map(|num| film(num, Looping::Off));
        for (idx, frame) in slow.frames.iter().enumerate() {
            let (a, b) = (frame.camera, fast.frames[5 * idx].camera);
            let off = [
                a.zoom - b.zoom,
                a.rotation - b.rotation,
                a.pan_x - b.pan_x,
                a.pan_y - b.pan_y,
            ];
            assert!(
                !a.is_still() && off.iter().all(|off| off.abs() < 1e-6),
                "{a:?} {b:?}"
            );
        }
    }

    #[test]
    fn a_loop_closes_the_camera() {
        for looping in [Looping::Whole, Looping::Beats(32)] {
            let film = film(24, looping);
            let views: Vec<View> = film.frames.iter().map(|frame| frame.camera).collect();
            let mut steps: Vec<f64> = views
                .windows(2)
                .map(|pair| pair[0].distance(&pair[1], SIZE))
                .collect();
            let seam = views[views.len() - 1].distance(&views[0], SIZE);
            steps.sort_by(f64::total_cmp);
            assert!(
                seam <= steps[steps.len() / 2] && seam > 0.0,
                "{seam} {steps:?}"
            );
        }
    }

    #[test]
    fn hits_alone_return() {
        let routes = [route(Channel::Zoom, Feature::Onsets, 1.0)];
        let camera = Camera::new(&song(), &routes, &Knobs::default(), SIZE).unwrap();
        assert!(camera.at(5.0).unwrap().is_still());
        let hit = camera.at(10.0).unwrap().zoom;
        assert!(hit > 1.02 && hit > camera.at(10.3).unwrap().zoom, "{hit}");
        assert!(camera.at(40.0).unwrap().zoom < 1.0001);
    }
}
