use super::*;

const REKORDBOX: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<DJ_PLAYLISTS Version="1.0.0">
  <COLLECTION Entries="3">
    <TRACK TrackID="1" Name="A &amp; B > C" Location="file://localhost/Users/dj/Other/song%20%e7%9b%be.mp3"/>
    <TRACK TrackID="2" Name="x" Location="file://localhost/Users/dj/Music/song%20%E7%9B%BE.mp3">
      <TEMPO Inizio="4.250" Bpm="60.00" Metro="3/4" Battito="3"/>
      <TEMPO Inizio="0.250" Bpm="120.00" Metro="4/4" Battito="2"/>
      <POSITION_MARK Name="" Type="0" Start="0.250" Num="-1"/>
      <POSITION_MARK Name="Intro" Type="0" Start="0.251" Num="0" Red="40" Green="226" Blue="20"/>
      <POSITION_MARK Name="" Type="0" Start="2.250" Num="2"/>
      <POSITION_MARK Name="Roll" Type="4" Start="3.000" End="4.000" Num="-1"/>
      <POSITION_MARK Name="fade" Type="2" Start="5.000" Num="-1"/>
      <POSITION_MARK Name="Drop" Type="0" Start="6.000" Num="3"/>
    </TRACK>
    <TRACK TrackID="3" Name="y" Location="file://localhost/C:/Music/no%20grid.mp3"/>
  </COLLECTION>
  <PLAYLISTS><NODE Type="0" Name="ROOT" Count="1"><NODE Name="Gig" Type="1"><TRACK Key="2"/></NODE></NODE></PLAYLISTS>
</DJ_PLAYLISTS>"#;

const TRAKTOR: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="no" ?>
<NML VERSION="19"><COLLECTION ENTRIES="1">
<ENTRY TITLE="t"><LOCATION DIR="/:Sets/:/:" FILE="Song.mp3" VOLUME="C:" VOLUMEID="1"></LOCATION>
<TEMPO BPM="120.000000" BPM_QUALITY="100.000000"></TEMPO>
<CUE_V2 NAME="AutoGrid" TYPE="4" START="1250.000000" LEN="0.000000" REPEATS="-1" HOTCUE="0"><GRID BPM="120.000000"></GRID></CUE_V2>
<CUE_V2 NAME="Beat Marker" TYPE="4" START="4250.0" LEN="0.0" HOTCUE="-1"><GRID BPM="60"></GRID></CUE_V2>
<CUE_V2 NAME="n.n." TYPE="0" START="2250.0" LEN="0.0" HOTCUE="1"></CUE_V2>
<CUE_V2 NAME="Load" TYPE="3" START="250.0" LEN="0.0" HOTCUE="2"></CUE_V2>
<CUE_V2 NAME="Loop" TYPE="5" START="4250.0" LEN="2000.0" HOTCUE="3"></CUE_V2>
</ENTRY></COLLECTION></NML>"#;

fn read_song(text: &str, song: &str) -> Result<BeatsFile> {
    read(Path::new("c.xml"), text.as_bytes(), Path::new(song), 8.0)
}

fn refused(text: &str, song: &str) -> String {
    let error = read_song(text, song).unwrap_err();
    assert!(error.hint().is_some(), "{error}");
    error.to_string()
}

fn beats(file: &BeatsFile) -> Vec<(f64, u32)> {
    let row = |beat: &super::super::GivenBeat| {
        (
            (beat.time_secs * 1e6).round() / 1e6,
            beat.position_in_bar.unwrap(),
        )
    };
    file.beats.iter().map(row).collect()
}

fn sections(file: &BeatsFile) -> Vec<(f64, &str)> {
    file.sections
        .iter()
        .map(|s| (s.start_secs, s.label.as_str()))
        .collect()
}

#[test]
fn rekordbox_grids_start_at_their_first_mark() {
    let file = read_song(REKORDBOX, "/home/vj/Music/Song 盾.MP3").unwrap();
    let expected = [
        (0.25, 2),
        (0.75, 3),
        (1.25, 4),
        (1.75, 1),
        (2.25, 2),
        (2.75, 3),
        (3.25, 4),
        (3.75, 1),
        (4.25, 3),
        (5.25, 1),
        (6.25, 2),
        (7.25, 3),
    ];
    assert_eq!(beats(&file), expected);
    let expected = [
        (0.251, "Intro"),
        (2.25, "C"),
        (3.0, "Roll"),
        (4.0, "C"),
        (6.0, "Drop"),
    ];
    assert_eq!(sections(&file), expected);
}

#[test]
fn traktor_grids_reach_to_both_ends_with_two_tempos() {
    let file = read_song(TRAKTOR, "/mnt/sets/song.mp3").unwrap();
    let expected = [
        (0.25, 3),
        (0.75, 4),
        (1.25, 1),
        (1.75, 2),
        (2.25, 3),
        (2.75, 4),
        (3.25, 1),
        (3.75, 2),
        (4.25, 1),
        (5.25, 2),
        (6.25, 3),
        (7.25, 4),
    ];
    assert_eq!(beats(&file), expected);
    let expected = [(0.0, "start"), (2.25, "B"), (4.25, "Loop"), (6.25, "B")];
    assert_eq!(sections(&file), expected);
}

#[test]
fn a_song_is_found_by_its_name_and_folders() {
    assert!(refused(REKORDBOX, "/x/other.mp3").contains("no track called other.mp3"));
    assert!(refused(REKORDBOX, "/x/song 盾.mp3").contains("several tracks"));
    assert!(refused(REKORDBOX, "/x/no grid.mp3").contains("no beat grid"));
    let twice = TRAKTOR.replace("</COLLECTION>", &TRAKTOR[TRAKTOR.find("<ENTRY").unwrap()..]);
    let twice = twice.replacen("</COLLECTION></NML></NML>", "</COLLECTION></NML>", 1);
    assert!(
        read_song(&twice, "song.mp3").is_ok(),
        "one file listed twice"
    );
}

#[test]
fn one_cue_is_no_section() {
    let alone = TRAKTOR
        .replace("TYPE=\"5\"", "TYPE=\"1\"")
        .replace("2250.0", "0");
    assert!(read_song(&alone, "song.mp3").unwrap().sections.is_empty());
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    for (from, to, words) in [
        ("BPM=\"60\"", "BPM=\"0\"", ["line 6", "20 to 400"]),
        ("BPM=\"60\"", "BPM=\"6e9\"", ["line 6", "20 to 400"]),
        ("START=\"4250.0\"", "START=\"inf\"", ["line 6", "number"]),
        ("START=\"4250.0\"", "START=\"\"", ["line 6", "number"]),
        ("START=\"4250.0\"", "", ["line 6", "missing"]),
    ] {
        let broken = TRAKTOR.replacen(from, to, 1);
        assert_ne!(broken, TRAKTOR);
        let error = read_song(&broken, "song.mp3").unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    }
    for (from, to) in [
        ("Battito=\"3\"", "Battito=\"4\""),
        ("Metro=\"3/4\"", "Metro=\"waltz\""),
        ("Bpm=\"60.00\"", ""),
        ("Bpm=\"60.00\"", "Bpm=\"NaN\""),
    ] {
        let broken = REKORDBOX.replacen(from, to, 1);
        let error = read_song(&broken, "Music/song 盾.mp3").unwrap_err();
        assert!(error.to_string().contains("line 6, <TEMPO>"), "{error}");
    }
    let late = TRAKTOR
        .replace("\"1250.000000\"", "\"1e15\"")
        .replace("4250.0", "-1e15");
    let _ = read_song(&late, "song.mp3");
    assert!(refused("<html></html>", "s.mp3").contains("<html>"));
    assert!(refused("<NML>", "s.mp3").contains("isn't whole"));
    assert!(refused("<NML/>", "s.mp3").contains("0 tracks"));
}

#[test]
fn hostile_xml_is_refused_quickly() {
    let start = std::time::Instant::now();
    let entities = "<!DOCTYPE lolz [<!ENTITY a \"lol\"><!ENTITY b \"&a;&a;&a;\">]><NML>&b;</NML>";
    assert!(refused(entities, "s.mp3").contains("DOCTYPE"));
    let deep = format!("<NML>{}", "<a>".repeat(1_000_000));
    assert!(refused(&deep, "s.mp3").contains("within one another"));
    let wide = format!(
        "<NML {}/>",
        (0..300_000)
            .map(|i| format!("a{i}='' "))
            .collect::<String>()
    );
    assert!(refused(&wide, "s.mp3").contains("attributes"));
    let spaces = format!("<NML>{}", "<a xmlns:x='u'>".repeat(100));
    assert!(refused(&spaces, "s.mp3").contains("namespaces"));
    let large = format!("<NML>{}", " ".repeat(MAX_XML_BYTES));
    assert!(refused(&large, "s.mp3").contains("MiB"));
    let many = format!("<NML>{}</NML>", "<a/>".repeat(5_000_000));
    assert!(refused(&many, "s.mp3").contains("elements"));
    let open = "<NML a=\"".to_owned() + &"<a ".repeat(1_000_000);
    assert!(read_song(&open, "s.mp3").is_err());
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    for end in 0..TRAKTOR.len() {
        if let Some(text) = TRAKTOR.get(..end) {
            let _ = read_song(text, "song.mp3");
        }
    }
}
