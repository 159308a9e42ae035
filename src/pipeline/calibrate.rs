//! Between planning and drawing: probe frames tell how far the picture moves along the plan's course.

use std::time::Instant;

use common::hex::hex;
use common::units::format_secs;
use common::{Error, Result};
use mapping::calibration::{
    self, Budget, Calibration, MeasuredSegment, SCALE_PICTURES, Scale, WALKED_PICTURES,
};
use mapping::{Plan, Segment};
use picture::perception::Percept;
use sha2::{Digest, Sha256};
use timeline::{FrameInputs, RenderConfig, RunFolder};

use super::session::{Drawer, Session};
use super::watch::{Event, Watch};

/// Even probes for each seed of a segment, as far as they are affordable.
const PROBES_PER_SEED: usize = 4;

/// Segments with at least as many probes spend some on trying out their scale.
const LEAST_TO_WALK: usize = 34;

/// Measures how far the picture moves on each segment of the plan's course that the folder doesn't know yet.
///
/// # Errors
/// As [`render`](super::render). What was measured before an error is kept.
pub(super) fn calibrate(
    plan: &Plan<'_>,
    render: &RenderConfig,
    folder: &RunFolder,
    session: &mut Session,
    watch: &mut Watch<'_>,
) -> Result<Calibration> {
    folder.create()?;
    let found = lookup(plan, render, folder)?;
    if let Some(calibration) = complete(&found) {
        return Ok(calibration);
    }
    let mut calibration = Calibration::default();
    let budget = budget(plan);
    let missing = plan.segments().iter().zip(&found);
    let missing = missing.filter(|(_, (_, measured))| measured.is_none());
    let n_probes = missing.map(|(segment, _)| budget.of(&segment.span)).sum();
    let mut probes = Probes {
        plan,
        drawer: session.drawer(render, &plan.words(), Some(folder), watch)?,
        watch,
        n_done: 0,
        n_probes,
        last_scale: Vec::new(),
    };
    let mut segments = plan.segments().iter().zip(&found);
    if let Some((segment, _)) = segments.find(|(_, (_, measured))| measured.is_none()) {
        probes.estimate(segment)?;
    }
    let mut result = Ok(());
    for (segment, (key, measured)) in plan.segments().iter().zip(found) {
        let measured = match measured {
            Some(measured) => Ok(measured),
            None => probes.measure(segment, key, budget.of(&segment.span)),
        };
        match measured {
            Ok(measured) => calibration.segments.push(measured),
            Err(error) => {
                result = Err(error);
                break;
            }
        }
    }
    calibration::save(&calibration, folder.path())?;
    result.map(|()| calibration)
}

/// How many probes a plan's segments may take.
pub(super) fn budget(plan: &Plan<'_>) -> Budget {
    let spans = plan.segments().iter().map(|segment| &segment.span);
    Budget::new(spans, plan.n_frames())
}

/// The calibration of a plan whose segments the folder all knows; `None` where some have to be drawn first.
///
/// # Errors
/// Those of naming a segment, which is a bug.
pub(super) fn known_calibration(
    plan: &Plan<'_>,
    render: &RenderConfig,
    folder: &RunFolder,
) -> Result<Option<Calibration>> {
    Ok(complete(&lookup(plan, render, folder)?))
}

/// Of each segment its key, and what the folder knows of it.
type Found = Vec<(String, Option<MeasuredSegment>)>;

fn lookup(plan: &Plan<'_>, render: &RenderConfig, folder: &RunFolder) -> Result<Found> {
    let pool = calibration::load_pool(folder.path());
    let budget = budget(plan);
    let known = |segment: &Segment| -> Result<_> {
        let key = segment_key(plan, segment, budget.of(&segment.span), render)?;
        let measured = pool.iter().find(|measured| measured.key == key).cloned();
        Ok((key, measured))
    };
    plan.segments().iter().map(known).collect()
}

fn complete(found: &Found) -> Option<Calibration> {
    let measured = found.iter().map(|(_, measured)| measured.clone());
    Some(Calibration {
        segments: measured.collect::<Option<_>>()?,
        ..Calibration::default()
    })
}

/// Probes that are being drawn.
struct Probes<'a, 'w> {
    plan: &'a Plan<'a>,
    drawer: Drawer<'a>,
    watch: &'a mut Watch<'w>,
    n_done: usize,
    n_probes: usize,
    /// The pictures that told the last segment's scale: those of its end are those of the next one's start.
    last_scale: Vec<(FrameInputs, Percept)>,
}

impl Probes<'_, '_> {
    /// Says what calibration and film will take. `segment` is the first to be measured.
    fn estimate(&mut self, segment: &Segment) -> Result<()> {
        let inputs = self.plan.scale_inputs(segment);
        let [first, others @ ..] = &inputs;
        let frame_secs = self.drawer.frame_secs(first)?;
        // The segment needs them all. The first one takes longer than those that follow.
        let before = self.see(std::slice::from_ref(first))?;
        let started = Instant::now();
        let timed = self.see(others)?;
        let probe_secs = started.elapsed().as_secs_f64() / others.len() as f64;
        let seen = before.into_iter().chain(timed);
        self.last_scale.extend(inputs.into_iter().zip(seen));
        let (n_frames, n_probes) = (self.plan.n_frames(), self.n_probes);
        let time = |n: u64, secs: f64| format_secs(secs * n as f64, 0);
        self.watch.note(&format!(
            "calibrating with at most {n_probes} probe pictures, which take about {} on this machine; {n_frames} frames take about {} more",
            time(n_probes as u64, probe_secs),
            time(n_frames, frame_secs),
        ));
        Ok(())
    }

    /// Scale and length of a segment, with at most `n_probes` pictures.
    fn measure(
        &mut self,
        segment: &Segment,
        key: String,
        n_probes: usize,
    ) -> Result<MeasuredSegment> {
        let plan = self.plan;
        let pictures = self.scale_pictures(segment)?;
        let mut scale = calibration::measure_scale(&pictures, plan.scale_turn());
        let mut n_left = n_probes.saturating_sub(SCALE_PICTURES);
        let mut draw = |scale: Scale, times: &[f64]| {
            let inputs = times.iter();
            let inputs: Result<Vec<_>> = inputs
                .map(|secs| plan.course_inputs(segment, scale, *secs))
                .collect();
            self.see(&inputs?)
        };
        if !segment.has_fixed_seeds() && n_left >= LEAST_TO_WALK {
            let n_seeds = segment.n_seeds(scale);
            let walked =
                calibration::walked(&segment.span, PROBES_PER_SEED * n_seeds, &mut |times| {
                    draw(scale, times)
                })?;
            scale = scale.corrected(walked, n_seeds);
            n_left -= WALKED_PICTURES;
        }
        calibration::measure(
            key,
            scale,
            segment.span.clone(),
            n_left,
            PROBES_PER_SEED * segment.n_seeds(scale),
            &mut |times| draw(scale, times),
        )
    }

    fn scale_pictures(&mut self, segment: &Segment) -> Result<[Percept; SCALE_PICTURES]> {
        let inputs = self.plan.scale_inputs(segment);
        let mut seen = std::mem::take(&mut self.last_scale);
        seen.retain(|(known, _)| inputs.contains(known));
        let mut lacking = inputs.to_vec();
        lacking.retain(|inputs| seen.iter().all(|(known, _)| known != inputs));
        let new = self.see(&lacking)?;
        seen.extend(lacking.into_iter().zip(new));
        let find = |inputs: &FrameInputs| seen.iter().find(|(known, _)| known == inputs);
        let found: Vec<Percept> = inputs
            .iter()
            .filter_map(find)
            .map(|(_, percept)| percept.clone())
            .collect();
        self.last_scale = seen;
        found
            .try_into()
            .map_err(|_| Error::internal("the model drew fewer pictures than it was asked for"))
    }

    fn see(&mut self, inputs: &[FrameInputs]) -> Result<Vec<Percept>> {
        let mut seen = Vec::with_capacity(inputs.len());
        for batch in inputs.chunks(self.drawer.n_batch) {
            self.watch.go_on()?;
            self.drawer.receive_guests()?;
            seen.extend(self.drawer.probe(batch)?.iter().map(Percept::of));
            self.n_done += batch.len();
            (self.watch.observe)(Event::Probes {
                n_done: self.n_done,
                n_probes: self.n_probes,
            });
        }
        Ok(seen)
    }
}

/// Hash of everything that determines what is measured of a segment: what it shows, at how many places it is looked at, and the
/// model with its settings, but not the film's size, rate and hits.
fn segment_key(
    plan: &Plan<'_>,
    segment: &Segment,
    n_probes: usize,
    render: &RenderConfig,
) -> Result<String> {
    let determined_by = (
        calibration::SCHEMA_VERSION,
        plan.signature(segment)?,
        n_probes,
        &render.weights_sha256,
        render.draw_size,
        render.n_steps,
        &render.diffusion,
    );
    let json = serde_json::to_vec(&determined_by)
        .map_err(|error| Error::internal(format!("can't name a calibration: {error}")))?;
    Ok(hex(&Sha256::digest(&json)))
}
