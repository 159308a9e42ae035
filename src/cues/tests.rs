use analysis::test_songs::Song;
use analysis::{Analysis, Beat};
use common::units::FrameRate;

use super::*;

/// Twelve beats with a pickup of two, a waltz behind it, and names that need care.
fn song() -> Analysis {
    let mut analysis = Song {
        duration_secs: 8.0,
        onsets: Vec::new(),
        sections: vec![(0.0, "intro"), (2.0, "Größe & \"Ruhm\" <副歌>, | drop\nII")],
        ..Song::default()
    }
    .analysis();
    analysis.track.path = "/music/a & b/Größe 盾.flac".into();
    let beats = [
        (0.5, 3),
        (1.0, 4),
        (1.5, 1),
        (2.0, 2),
        (2.5, 3),
        (3.0, 4),
        (3.51, 1),
        (4.26, 2),
        (5.01, 3),
        (5.7604, 1),
        (6.51, 2),
        (7.26, 3),
    ];
    let beat = |(time_secs, position_in_bar)| Beat {
        time_secs,
        position_in_bar,
        strength: 0.5,
    };
    analysis.beats = beats.into_iter().map(beat).collect();
    analysis
}

fn text(format: CueFormat, fps: &str) -> String {
    let rate: FrameRate = fps.parse().unwrap();
    String::from_utf8(format.bytes(&song(), rate).unwrap()).unwrap()
}

#[test]
fn endings_stand_for_formats() {
    for (name, format) in [
        ("a.CSV", CueFormat::Csv),
        ("a.b.txt", CueFormat::Labels),
        ("a.midi", CueFormat::Midi),
        ("a.xml", CueFormat::Rekordbox),
        ("a.edl", CueFormat::Edl),
        ("a.fcpxml", CueFormat::Fcpxml),
    ] {
        assert_eq!(CueFormat::of(Path::new(name)).unwrap(), format);
    }
    for name in ["a", "a.aaf", ".csv"] {
        assert!(CueFormat::of(Path::new(name)).unwrap_err().hint().is_some());
    }
}

#[test]
fn a_table_holds_sections_and_beats() {
    let text = text(CueFormat::Csv, "24");
    let rows: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(
        rows[..6],
        [
            "time_secs,kind,end_secs,bar,position_in_bar,name",
            "0.000000,section,2.000000,,,intro",
            "0.500000,beat,,0,3,",
            "1.000000,beat,,0,4,",
            "1.500000,beat,,1,1,",
            "2.000000,section,8.000000,,,\"Größe & \"\"Ruhm\"\" <副歌>, | drop II\"",
        ]
    );
}

#[test]
fn edls_have_markers_on_frames() {
    let text = text(CueFormat::Edl, "29.97");
    let expected = "TITLE: Größe 盾\nFCM: NON-DROP FRAME\n\n\
        001  001      V     C        01:00:00:00 01:00:00:01 01:00:00:00 01:00:00:01  \n |C:ResolveColorGreen |M:intro |D:1\n\n\
        002  001      V     C        01:00:01:15 01:00:01:16 01:00:01:15 01:00:01:16  \n |C:ResolveColorBlue |M:bar 1 |D:1\n\n\
        003  001      V     C        01:00:02:00 01:00:02:01 01:00:02:00 01:00:02:01  \n \
        |C:ResolveColorGreen |M:Größe & \"Ruhm\" <副歌>, / drop II |D:1\n\n\
        004  001      V     C        01:00:03:15 01:00:03:16 01:00:03:15 01:00:03:16  \n |C:ResolveColorBlue |M:bar 2 |D:1\n\n\
        005  001      V     C        01:00:05:23 01:00:05:24 01:00:05:23 01:00:05:24  \n |C:ResolveColorBlue |M:bar 3 |D:1\n\n";
    assert_eq!(text, expected);
}

#[test]
fn markers_of_one_frame_are_one() {
    let mut analysis = song();
    analysis.sections[1].start_secs = 3.49;
    let at = |fps: u32| {
        let rate = FrameRate::new(fps, 1).unwrap();
        let markers = frame_markers(&analysis, rate);
        let names = markers
            .iter()
            .map(|m| (m.frame, m.name.clone(), m.is_section));
        names.collect::<Vec<_>>()
    };
    let merged = at(10)[2].clone();
    assert_eq!((merged.0, merged.2), (35, true));
    assert!(merged.1.starts_with("Größe") && merged.1.ends_with("(bar 2)"));
    assert_eq!(at(100).len(), 5, "apart on a finer grid");
    for pair in at(1).windows(2) {
        assert!(pair[0].0 < pair[1].0);
    }
}

#[test]
fn fcpxml_is_on_the_grid_of_frames() {
    let text = text(CueFormat::Fcpxml, "30000/1001");
    for part in [
        "<format id=\"r1\" frameDuration=\"1001/30000s\"",
        "<event name=\"Größe 盾\">",
        "<sequence format=\"r1\" duration=\"240240/30000s\"",
        "<gap name=\"Gap\" offset=\"0s\" start=\"0s\" duration=\"240240/30000s\">",
        "<marker start=\"0s\" duration=\"1001/30000s\" value=\"intro\"/>",
        "<marker start=\"45045/30000s\" duration=\"1001/30000s\" value=\"bar 1\"/>",
        "value=\"Größe &amp; &quot;Ruhm&quot; &lt;副歌&gt;, | drop II\"/>",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    assert_eq!(text.matches("<marker ").count(), 5);
}

#[test]
fn rekordbox_has_as_few_marks_as_the_beats_allow() {
    let text = text(CueFormat::Rekordbox, "24");
    for part in [
        "Location=\"file://localhost/music/a%20%26%20b/Gr%C3%B6%C3%9Fe%20%E7%9B%BE.flac\"",
        "<TEMPO Inizio=\"0.500\" Bpm=\"120.00\" Metro=\"4/4\" Battito=\"3\"/>",
        "<TEMPO Inizio=\"3.510\" Bpm=\"",
        "<POSITION_MARK Name=\"intro\" Type=\"0\" Start=\"0.000\" Num=\"0\"/>",
        "<POSITION_MARK Name=\"intro\" Type=\"0\" Start=\"0.000\" Num=\"-1\"/>",
        "Name=\"Größe &amp; &quot;Ruhm&quot; &lt;副歌&gt;, | drop II\" Type=\"0\" Start=\"2.000\" Num=\"1\"",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    assert_eq!(text.matches("<TEMPO ").count(), 2, "{text}");
    assert_eq!(
        text.matches("Metro=\"3/4\" Battito=\"1\"").count(),
        1,
        "{text}"
    );
}

#[test]
fn midi_ticks_are_where_the_beats_are() {
    let analysis = song();
    let bytes = CueFormat::Midi
        .bytes(&analysis, FrameRate::default())
        .unwrap();
    let smf = midly::Smf::parse(&bytes).unwrap();
    let (mut tick, mut secs, mut micros) = (0u64, 0.0, 500_000.0);
    let mut markers = Vec::new();
    let mut signatures = Vec::new();
    for event in &smf.tracks[0] {
        let delta = u64::from(event.delta.as_int());
        secs += delta as f64 / 960.0 * micros * 1e-6;
        tick += delta;
        match event.kind {
            midly::TrackEventKind::Meta(midly::MetaMessage::Tempo(tempo)) => {
                micros = f64::from(tempo.as_int());
            }
            midly::TrackEventKind::Meta(midly::MetaMessage::Marker(name)) => {
                markers.push((secs, String::from_utf8(name.to_vec()).unwrap()));
            }
            midly::TrackEventKind::Meta(midly::MetaMessage::TimeSignature(n, ..)) => {
                signatures.push((tick / 960, n));
            }
            _ => {}
        }
    }
    assert_eq!(signatures, [(0, 3), (3, 4), (7, 3)]);
    let expected = super::markers(&analysis);
    assert_eq!(markers.len(), expected.len());
    for ((secs, name), marker) in markers.iter().zip(&expected) {
        assert!((secs - marker.time_secs).abs() < 0.001, "{name} at {secs}");
        assert_eq!(*name, marker.name);
    }
    assert!((secs - 8.0).abs() < 0.001, "the end at {secs}");
}

#[test]
fn songs_without_beats_have_cues() {
    let mut analysis = song();
    analysis.beats.clear();
    analysis.tempo_bpm = None;
    for format in [
        CueFormat::Csv,
        CueFormat::Labels,
        CueFormat::Midi,
        CueFormat::Rekordbox,
        CueFormat::Edl,
        CueFormat::Fcpxml,
    ] {
        let bytes = format.bytes(&analysis, FrameRate::default()).unwrap();
        let has_name = bytes.windows(5).any(|window| window == b"intro");
        assert!(has_name, "{format:?}");
    }
}
