//! Films that close.

use super::*;

#[test]
fn a_loop_has_no_seam() {
    let song = Song::default().analysis();
    for (looping, noise, n_frames) in [
        (Looping::Beats(16), NoiseKind::Spline, 8 * 24),
        (Looping::Beats(16), NoiseKind::Circle, 8 * 24),
        (Looping::Whole, NoiseKind::Spline, 30 * 24),
    ] {
        let film = plan(
            "a\nb\nc",
            &song,
            &MappingConfig {
                looping,
                noise,
                start_secs: 30.0,
                ..config(24)
            },
        );
        assert_eq!(film.frames.len(), n_frames);
        assert_eq!(
            film.prompts.first().map(|p| &p.words),
            film.prompts.last().map(|p| &p.words)
        );
        let mut steps = film.target_steps().unwrap();
        let [first, last] = [0, n_frames as u64 - 1].map(|idx| film.inputs(idx).unwrap());
        let seam = timeline::step(&last, &first);
        steps.sort_by(f64::total_cmp);
        let median = steps[steps.len() / 2];
        assert!(seam <= median, "{looping:?} {noise:?}: {seam} {median}");
        assert!(
            seam > 0.05 * median,
            "the last frame isn't the first: {seam} {median}"
        );
    }
}

#[test]
fn a_loop_is_a_whole_number_of_frames_long() {
    let song = Song::default().analysis();
    for beats in [1, 3, 16] {
        let looping = Looping::Beats(beats);
        let film = plan(
            "a\nb",
            &song,
            &MappingConfig {
                looping,
                start_secs: 0.7,
                ..config(25)
            },
        );
        assert!(
            (film.song.start_sample as f64 / 44100.0 - 2.0).abs() < 1e-3,
            "starts on a bar"
        );
        let secs = film.frame_rate.frame_time_secs(film.frames.len() as u64);
        assert!((secs - film.duration_secs).abs() < 1e-4);
        assert!((secs - 0.5 * f64::from(beats)).abs() <= 0.02 + 1e-9);
    }
    let script = Script::built_in().unwrap();
    for (looping, mapping) in [
        (Looping::Beats(0), Mapping::Music),
        (Looping::Beats(10_000), Mapping::Music),
        (Looping::Whole, Mapping::Classic),
    ] {
        let error = timeline(
            &song,
            &script,
            &MappingConfig {
                looping,
                mapping,
                ..config(24)
            },
        )
        .unwrap_err();
        assert!(matches!(error, Error::Config { .. }), "{error}");
    }
}
