//! Prompts that other programs wrote, and words that only look like prompts: read where their meaning is clear, else named.

use std::io::Write;

use super::harness::{Bench, Run, write_song};

/// A plan of ten seconds of song that takes no time.
fn plan(bench: &Bench, file: &str) -> Run {
    write_song(&bench.path("song.wav"), 22050, 1, 10.0);
    bench.run(&[
        "plan",
        "song.wav",
        "-p",
        file,
        "-o",
        "-",
        "--calibrate",
        "off",
        "--fps",
        "4",
    ])
}

/// Times, words and negative prompts of the plan of a prompts file, and what was said.
#[track_caller]
fn read(name: &str, text: &[u8]) -> (Vec<(f64, String, String)>, String) {
    let bench = Bench::new();
    bench.write(name, text);
    let run = plan(&bench, name);
    let timeline = run.assert_done().json();
    let prompts = timeline["prompts"].as_array().unwrap().iter();
    let word = |prompt: &serde_json::Value, name: &str| {
        prompt["words"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let prompts = prompts.map(|prompt| {
        let secs = prompt["arrival_secs"].as_f64().unwrap();
        (secs, word(prompt, "text"), word(prompt, "negative"))
    });
    (prompts.collect(), run.stderr.clone())
}

fn prompt(secs: f64, text: &str, negative: &str) -> (f64, String, String) {
    (secs, text.to_owned(), negative.to_owned())
}

#[test]
fn files_of_other_programs_become_films() {
    let waves = || prompt(0.0, "violet smoke", "");
    let storm = || prompt(4.0, "teal ocean waves", "rain");
    for (name, text, kind) in [
        (
            "p.srt",
            "1\r\n00:00:00,000 --> 00:00:02,000\r\n<i>violet smoke</i>\r\n\r\n2\r\n00:00:04,000 --> 00:00:05,000\r\nteal ocean\r\nwaves --neg rain\r\n",
            "subtitles",
        ),
        (
            "p.lrc",
            "[ar:Anna]\n[offset:+500]\n[00:00.50]<00:00.60>violet <00:01.00>smoke\n[00:04.50]teal ocean waves --neg rain\n",
            "lyrics",
        ),
        (
            "p.txt",
            "[0:00] violet smoke\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512\n\n[0:04] teal ocean waves\nNegative prompt: rain\n\
             Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512\n",
            "A1111",
        ),
        (
            "p.json",
            "{\n  \"0\": \"violet smoke\",\n  \"60\": \"teal ocean waves --neg rain\"\n}\n",
            "Deforum",
        ),
        (
            "q.txt",
            "\"0\": \"violet smoke\",\n\"60\": \"teal ocean waves --neg rain\",\n",
            "15 a second",
        ),
        (
            "r.txt",
            "0: violet smoke\n60: teal ocean waves --neg rain\n",
            "Deforum",
        ),
        (
            "p.csv",
            "time,prompt,negative prompt\n0,violet smoke,\n0:04,teal ocean waves,rain\n",
            "a table",
        ),
        (
            "q.csv",
            "0,violet smoke\n4,teal ocean waves --neg rain\n",
            "a time and a prompt",
        ),
        (
            "s.txt",
            "0:00 violet smoke\n0:04 teal ocean waves --no rain\n",
            "a time and a prompt",
        ),
    ] {
        let (prompts, said) = read(name, text.as_bytes());
        assert_eq!(prompts, [waves(), storm()], "{name}: {text}");
        assert!(said.contains(kind), "{name}: {said}");
    }
}

#[test]
fn settings_of_other_programs_are_named_with_their_flags() {
    let text = "violet smoke <lora:neon:0.8>\nNegative prompt: rain\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Clip skip: 2\n";
    let (prompts, said) = read("p.txt", text.as_bytes());
    assert_eq!(prompts, [prompt(0.0, "violet smoke", "rain")]);
    for word in [
        "--steps 20",
        "--scheduler",
        "Euler a",
        "--guidance 7",
        "--size 512x512",
        "clip skip",
        "p.txt:1: <lora:neon:0.8>",
        "--lora FILE:0.8",
    ] {
        assert!(said.contains(word), "no {word:?} in {said}");
    }
}

#[test]
fn what_nobody_sees_reaches_no_prompt() {
    let text = "\u{FEFF}[0:00] violet\u{A0}smoke\n\u{FEFF}[0:04] teal \u{200B}ocean\u{AD} waves \u{2014}neg rain\nS\u{200D}tyle:\u{A0}oil\n";
    let expected = [
        prompt(0.0, "violet smoke, oil", ""),
        prompt(4.0, "teal ocean waves, oil", "rain"),
    ];
    let utf16 = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect();
    let bytes: [Vec<u8>; 3] = [
        text.as_bytes().to_vec(),
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
    ];
    for bytes in bytes {
        let (prompts, said) = read("p.txt", &bytes);
        assert_eq!(prompts, expected, "{said}");
    }
    let bench = Bench::new();
    bench.write("p.rtf", b"{\\rtf1\\ansi violet smoke}");
    bench.assert_refused(&plan(&bench, "p.rtf"), &["p.rtf", "RTF", "UTF-8"]);
    bench.write("p.txt", b"caf\xe9 by the sea");
    bench.assert_refused(
        &plan(&bench, "p.txt"),
        &["p.txt:1:4", "0xE9", "Windows-1252"],
    );
}

#[test]
fn a_word_that_looks_like_a_directive_is_named() {
    for (text, words) in [
        ("waves\nstyel: oil\n", &["p.txt:2:1", "style:", "^"][..]),
        ("waves --ar 16:9\n", &["p.txt:1:7", "--ar", "--size"]),
        ("waves\nzoom = beats\n", &["p.txt:2:1", "map: zoom = beats"]),
        (
            "{\"0\": \"waves\", \"max_f/2\": \"smoke\"}",
            &["p.txt:1:16", "frames"],
        ),
        (
            "00:00:01,000 --> soon\nwaves\n00:01 --> 00:02\nx",
            &["p.txt:1", "first cue"],
        ),
    ] {
        let bench = Bench::new();
        bench.write("p.txt", text.as_bytes());
        bench.assert_refused(&plan(&bench, "p.txt"), words);
    }
    let (prompts, said) = read("p.txt", b"waves\n0:04 smoke\n");
    assert_eq!(prompts[1].1, "0:04 smoke");
    assert!(said.contains("p.txt:2: 0:04 is drawn as words"), "{said}");
}

#[test]
fn prompts_in_words_and_from_a_pipe_are_read_alike() {
    let bench = Bench::new();
    let run = plan(&bench, "0:00 violet smoke | 0:04 teal ocean waves");
    let timeline = run.assert_done().json();
    assert_eq!(timeline["prompts"][1]["arrival_secs"], 4.0);
    let args = [
        "plan",
        "song.wav",
        "-p",
        "-",
        "-o",
        "-",
        "--calibrate",
        "off",
        "--fps",
        "4",
    ];
    let mut child = bench.begin(&args);
    let mut input = child.stdin.take().unwrap();
    input
        .write_all(b"{\"0\": \"violet smoke\", \"60\": \"teal ocean waves\"}")
        .unwrap();
    drop(input);
    let run = Run::from(child.wait_with_output().unwrap());
    let timeline = run.assert_done().json();
    assert_eq!(timeline["prompts"][1]["arrival_secs"], 4.0);
    assert!(run.stderr.contains("Deforum"), "{}", run.stderr);
}

#[test]
fn no_byte_of_a_prompt_is_obeyed_by_a_terminal() {
    let is_obeyed = |c: char| {
        let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        turns || (c.is_control() && c != '\n' && c != '\t')
    };
    for (name, text) in [
        ("p.txt", &b"a\x1b[31m red sunset\n"[..]),
        ("p.txt", b"a red {se\x1b[2Jed=3}\n"),
        ("p.txt", b"a red {s\xe2\x80\xaeed=3}\n"),
        ("p.txt", b"@b\xc2\x9b31m 3 waves\n"),
        ("p.txt", b"\xff\x1b[31mwaves\n"),
        ("p.txt", b"<lora:\xc2\x9b31m:1> waves\n"),
        ("p.txt", b"waves <lora:\xe2\x80\xae:1>\n[9:00] late\n"),
        (
            "p.json",
            b"{\"0\": \"a \\u001b[31m red \\u009b2J \\u202e sea\"}",
        ),
        ("p.json", b"{\"0\\u001b[31m\": \"a sea\"}"),
        ("p.csv", b"time,prompt,\x1b[31m\n0,a sea,\n"),
        ("p.srt", b"1\n00:00:01,000 --> \x1b[31m\na\n"),
        ("p.lrc", b"[ar:\x1b[31m]\n[00:01.00]a sea\n"),
    ] {
        let bench = Bench::new();
        bench.write(name, text);
        let run = plan(&bench, name);
        assert!(matches!(run.code, 0 | 2), "{name}: {}", run.stderr);
        let shown = String::from_utf8_lossy(text);
        assert!(
            !run.stderr.contains(is_obeyed),
            "{shown:?}: {:?}",
            run.stderr
        );
        assert!(
            !run.stdout.contains(is_obeyed),
            "{shown:?}: {:?}",
            run.stdout
        );
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    }
    let bench = Bench::new();
    let run = plan(&bench, "waves \u{1b}[31m | red\u{9b}2J \u{202e}sea");
    assert!(!run.stderr.contains(is_obeyed), "{:?}", run.stderr);
}

#[test]
fn a_backtrace_is_no_part_of_an_error_in_prompts() {
    for text in [
        "waves {sede=3}\n",
        "{\"0\": \"waves",
        "[2:00] late\n",
        "waves\nstyel: oil\n",
    ] {
        let bench = Bench::new();
        bench.write("p.txt", text.as_bytes());
        let args = ["plan", "song.wav", "-p", "p.txt", "-o", "-"];
        let plain = bench.run(&args);
        assert_eq!(plain.code, 2, "{text}: {}", plain.stderr);
        let traced = bench.command(&args).env("RUST_BACKTRACE", "1").output();
        assert_eq!(plain.stderr, Run::from(traced.unwrap()).stderr, "{text}");
    }
}
