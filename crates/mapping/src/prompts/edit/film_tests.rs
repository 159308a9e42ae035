use super::super::Script;
use super::tests::{FILE, add, edit_at, edited, refusal, song};
use super::*;

#[test]
fn settings_come_and_go_one_by_one() {
    let set = |json: &str| -> PromptsEdit {
        serde_json::from_str(&format!(r#"{{"edit":"set","line":1,{json}}}"#)).unwrap()
    };
    for (before, json, after) in [
        ("a", r#""seed":7"#, "a {seed=7}"),
        ("a  {Seed = 7}", r#""seed":8"#, "a  {Seed = 8}"),
        ("a {seed=7}", r#""seed":null"#, "a"),
        ("a {seed=7, guidance=2}", r#""seed":null"#, "a {guidance=2}"),
        ("a {seed=7, guidance=2}", r#""guidance":null"#, "a {seed=7}"),
        ("a {seed=7}", r#""guidance":2.5"#, "a {seed=7 guidance=2.5}"),
        ("a {}", r#""guidance":2.5"#, "a {guidance=2.5}"),
        (
            "a {seed=7}",
            r#""negative":"b {c}""#,
            "a --neg b \\{c\\} {seed=7}",
        ),
        (
            "a --no b {seed=7}",
            r#""negative":"c""#,
            "a --no c {seed=7}",
        ),
        ("a --neg b {seed=7}", r#""negative":null"#, "a {seed=7}"),
        ("a {seed=7} --neg b", r#""negative":"""#, "a {seed=7}"),
        ("a --neg b", r#""seed":7"#, "a --neg b {seed=7}"),
    ] {
        assert_eq!(edited(before, set(json)), after);
    }
    assert!(refusal("a", set(r#""guidance":101"#)).contains("can't stand here"));
    let none = set(r#""seed":null"#);
    assert_eq!(
        serde_json::to_string(&none).unwrap(),
        r#"{"edit":"set","line":1,"seed":null}"#
    );
}

#[test]
fn lines_for_the_film_are_set() {
    let style = |text: &str| PromptsEdit::Style {
        text: text.to_owned(),
    };
    let negative = |text: &str| PromptsEdit::Negative {
        text: text.to_owned(),
    };
    let map = |line, text: &str| PromptsEdit::Map {
        line,
        text: text.to_owned(),
    };
    assert_eq!(edited(FILE, style("oil")), FILE.replace("dreamy", "oil"));
    assert_eq!(edited(FILE, style("dreamy")), FILE);
    assert_eq!(
        edited(FILE, style(" ")),
        FILE.replace("style: dreamy\n", "")
    );
    assert_eq!(edited("# c\na\n", style("oil")), "style: oil\n\n# c\na\n");
    assert_eq!(
        edited("Style: b --neg x\na\nstyle: c\n", style("d")),
        "style: d --neg x\na\n"
    );
    assert_eq!(edited("style: b --neg x\na\n", style("")), "--neg x\na\n");
    assert_eq!(
        edited(FILE, negative("people")),
        FILE.replace("dreamy\n", "dreamy\n--neg people\n")
    );
    assert_eq!(
        edited("style: b --neg x\na\n--neg y\n", negative("")),
        "style: b\na\n"
    );
    let mapped = edited(FILE, map(None, "zoom = downbeats {gain=2}"));
    assert_eq!(
        mapped,
        FILE.replace("dreamy\n", "dreamy\nmap: zoom = downbeats {gain=2}\n")
    );
    assert_eq!(
        edited(&mapped, map(Some(4), "map: pan = low")),
        mapped.replace("zoom = downbeats {gain=2}", "pan = low")
    );
    assert_eq!(edited(&mapped, map(Some(4), "")), FILE);
    assert!(refusal(FILE, map(None, "zoom = cymbals")).contains("cymbals"));
    assert!(refusal(FILE, map(Some(3), "zoom = low")).contains("no map line on line 3"));
    let lines: Vec<_> = film_lines(&mapped)
        .into_iter()
        .map(|l| (l.line, l.kind, l.text))
        .collect();
    assert_eq!(
        lines,
        [
            (3, FilmLineKind::Style, "dreamy".to_owned()),
            (4, FilmLineKind::Map, "zoom = downbeats {gain=2}".to_owned()),
        ]
    );
}

#[test]
fn files_of_other_programs_are_turned_only_when_asked() {
    for (path, text) in [
        (
            "p.srt",
            "1\n00:00:01,500 --> 00:00:04,000\na harbour {seed=3}\n\n2\n00:00:10,000 --> 00:00:12,000\nrain --neg people\n",
        ),
        (
            "p.txt",
            "{\"0\": \"violet smoke\", \"61\": \"[teal] waves --neg text\"}\nstyle: oil\nmap: zoom = low\n",
        ),
        (
            "p.csv",
            "time,prompt,seed,guidance\n0,a cat,1,2.5\n12.25,\"a [dog]\",,\n",
        ),
        (
            "p.txt",
            "[ar:Anna]\n[00:10.50]first words\n[00:20.00]second words\n",
        ),
    ] {
        let error = edit_at(path, text, &song(), &add(5.0, MarkKind::Time, "b")).unwrap_err();
        assert!(
            error.to_string().contains("this file is read as"),
            "{error}"
        );
        let before = Script::parse(path, text.as_bytes()).unwrap();
        let converted = edit_at(path, text, &song(), &PromptsEdit::Convert).unwrap();
        let after = Script::parse(path, converted.as_bytes()).unwrap();
        assert_eq!(after.foreign, None);
        let said = |script: &Script| -> Vec<_> {
            let prompts = script.prompts.iter();
            prompts
                .map(|p| {
                    (
                        p.text.clone(),
                        p.negative.clone(),
                        p.arrival.clone(),
                        p.seed,
                        p.guidance_scale,
                    )
                })
                .collect()
        };
        assert_eq!(said(&before), said(&after));
        assert_eq!(
            (before.style, before.routes.len()),
            (after.style, after.routes.len())
        );
        for line in text.lines() {
            assert!(converted.contains(format!("# {line}").trim_end()), "{line}");
        }
        edit_at(path, &converted, &song(), &add(5.0, MarkKind::Time, "b")).unwrap();
    }
    assert!(refusal("a", PromptsEdit::Convert).contains("already"));
    // Where the ending says what a file is, it can't become another.
    let lyrics = "[00:10.50]first words\n";
    let error = edit_at("p.lrc", lyrics, &song(), &PromptsEdit::Convert).unwrap_err();
    assert!(error.hint().unwrap().contains(".txt"), "{error}");
}

#[test]
fn unknown_words_are_found_where_they_are_drawn() {
    let text = "# zorb\nstyle: Zorb, a zorb's\n[0:10] big  zorb; zorbs {seed=4} --neg zorb\r\n--neg zorb\nmap: zoom = low\n";
    let words = ["zorb".to_owned(), "zorb's".to_owned()];
    let found = |text: &str| -> Vec<_> {
        let places = places_of_words(Path::new("p"), text, &words).into_iter();
        places
            .map(|p| (p.word, p.line, p.column, p.n_chars))
            .collect()
    };
    assert_eq!(found(text), [(0, 2, 8, 4), (1, 2, 16, 6), (0, 3, 13, 4)]);
    assert_eq!(
        found("1\n00:00:01,500 --> 00:00:04,000\na zorb\n"),
        [(0, 3, 3, 4)]
    );
    assert_eq!(found("[1:75] zorb"), []);
}
