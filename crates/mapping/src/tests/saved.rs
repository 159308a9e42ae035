//! Timelines in files, perhaps edited by hand.

use super::*;

fn saved(timeline: &Timeline) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("timeline.json");
    timeline.save(&path).unwrap();
    (folder, path)
}

#[test]
fn a_saved_timeline_is_read_back_exactly() {
    let song = Song::default().analysis();
    let film = plan("a\nb \\{x\\} \"quoted\"\nc", &song, &config(24));
    let (_folder, path) = saved(&film);
    assert_eq!(Timeline::load(&path).unwrap(), film);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.lines().count() > film.frames.len(), "one frame a line");
    assert!(text.lines().all(|line| line.len() < 400));
}

#[test]
fn faults_of_an_edited_timeline_are_named() {
    let song = Song::default().analysis();
    let film = plan("a\nb", &song, &config(24));
    type Edit = fn(&mut Timeline);
    let edits: [(Edit, &str); 12] = [
        (|t| t.schema_version = 99, "schema_version is 99"),
        (
            |t| t.frames[12].prompt_mix = 1.5,
            "frames[12].prompt_mix is 1.5",
        ),
        (|t| t.frames[3].prompt_to = 2, "frames[3].prompt_to is 2"),
        (|t| t.frames[4].pts = 9, "frames[4].pts is 9"),
        (
            |t| t.frames[5].noise_position = 1e6,
            "frames[5].noise_position",
        ),
        (|t| t.frames[5].pulse = f64::NAN, "frames[5].pulse is NaN"),
        (
            |t| {
                t.frames.remove(7);
            },
            "frames has 1439",
        ),
        (|t| t.prompts.clear(), "prompts is empty"),
        (
            |t| t.prompts[1].arrival_secs = -1.0,
            "prompts[1].arrival_secs",
        ),
        (
            |t| {
                t.noise.kind = NoiseKind::Circle;
                t.noise.seeds = vec![3, 3];
            },
            "noise: a circle takes",
        ),
        (|t| t.song.n_samples = 0, "song.n_samples"),
        (|t| t.render.n_steps = 0, "render.n_steps"),
    ];
    for (edit, fault) in edits {
        let mut edited = film.clone();
        edit(&mut edited);
        let found = edited.validate().unwrap_err();
        assert!(found.contains(fault), "{found}");
    }
}

#[test]
fn a_broken_file_is_refused_with_its_place() {
    let song = Song::default().analysis();
    let (_folder, path) = saved(&plan("a\nb", &song, &config(24)));
    let text = std::fs::read_to_string(&path).unwrap();
    let line = 1 + text
        .lines()
        .position(|line| line.contains("\"frame_idx\": 100,"))
        .unwrap();
    std::fs::write(
        &path,
        text.replace("\"frame_idx\": 100,", "\"frame_idx\": 1x0,"),
    )
    .unwrap();
    let error = Timeline::load(&path).unwrap_err();
    assert!(
        error.to_string().contains(&format!("line {line}")),
        "{error}"
    );
    for broken in [&text[..text.len() / 2], "", "[]", "{\"schema_version\": 1}"] {
        std::fs::write(&path, broken).unwrap();
        assert!(matches!(Timeline::load(&path), Err(Error::Input { .. })));
    }
    std::fs::write(&path, text.replace("\"prompt_to\": 1", "\"prompt_to\": 7")).unwrap();
    let error = Timeline::load(&path).unwrap_err();
    assert!(error.to_string().contains("prompt_to is 7"), "{error}");
    assert!(matches!(
        Timeline::load("nowhere.json"),
        Err(Error::Io { .. })
    ));
    let film = plan("a", &song, &config(24));
    assert!(matches!(
        film.save("no/such/folder/t.json"),
        Err(Error::Io { .. })
    ));
}
