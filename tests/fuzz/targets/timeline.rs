//! A timeline's JSON is read and gives the inputs of its frames, or is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use timeline::Timeline;

fuzz_target!(|bytes: &[u8]| {
    // As `Timeline::load` does, without its file.
    let Ok(timeline) = serde_json::from_reader::<_, Timeline>(bytes) else {
        return;
    };
    if timeline.validate().is_err() {
        return;
    }
    for frame in &timeline.frames {
        // Refused where a pulse cancels a seed out.
        if let Ok(inputs) = timeline.inputs(frame.frame_idx) {
            assert!(
                inputs
                    .noise
                    .terms
                    .iter()
                    .all(|(_, weight)| weight.is_finite())
            );
        }
    }
    drop(timeline.target_steps());
    drop(timeline.drawn_inputs(0..timeline.frames.len() as u64));
    timeline
        .write_json(std::io::sink())
        .expect("what was read can be written");
});
