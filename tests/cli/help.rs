//! Help, completions and manual pages.

use super::harness::Bench;

const COMMANDS: [&str; 7] = [
    "analyze", "plan", "render", "mux", "verify", "models", "help",
];

#[test]
fn short_help_is_short_and_long_help_says_all() {
    let bench = Bench::new();
    let short = bench.run(&["-h"]).assert_done().stdout.clone();
    let long = bench.run(&["--help"]).assert_done().stdout.clone();
    assert!(short.lines().count() < 65, "{short}");
    let mut last = 0;
    for heading in [
        "What to draw:",
        "How it moves:",
        "Listening:",
        "Model:",
        "Output and machine:",
    ] {
        assert!(short.contains(heading), "no {heading} in {short}");
        let at = long
            .find(heading)
            .unwrap_or_else(|| panic!("no {heading} in {long}"));
        assert!(at > last, "{heading} is out of order");
        last = at;
    }
    for flag in [
        "--prompts",
        "--size",
        "--seed",
        "--zoom",
        "--model",
        "--out",
        "--preview",
    ] {
        assert!(short.contains(flag) && long.contains(flag), "{flag}");
    }
    for flag in [
        "--chunk",
        "--kernels",
        "--clip-skip",
        "--stem",
        "--threads",
        "--qp",
    ] {
        assert!(!short.contains(flag) && long.contains(flag), "{flag}");
    }
    assert!(!long.contains("--gop"), "{long}");
    assert!(long.contains("Examples:") && short.contains("Example:"));
    for command in COMMANDS {
        assert!(short.contains(&format!("  {command} ")), "{command}");
    }
}

#[test]
fn help_has_topics() {
    let bench = Bench::new();
    let prompts = bench.run(&["help", "prompts"]).assert_done().stdout.clone();
    assert!(
        prompts.contains("[1:23.5]") && prompts.contains("map: zoom"),
        "{prompts}"
    );
    let info = bench
        .run(&["help", "models", "info"])
        .assert_done()
        .stdout
        .clone();
    assert!(info.contains("autoencoder"), "{info}");
    let all = bench.run(&["help"]).assert_done().stdout.clone();
    assert!(all.contains("--chunk"), "{all}");
}

#[test]
fn completions_know_every_command() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = bench
            .run(&["completions", shell])
            .assert_done()
            .stdout
            .clone();
        for word in COMMANDS.iter().chain(&["chunk", "pull"]) {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(bench.run(&["completions", "tcsh"]).code, 2);
}

#[test]
fn every_command_has_a_manual_page() {
    let bench = Bench::new();
    let page = bench.run(&["man"]).assert_done().stdout.clone();
    assert!(page.contains(".TH") && page.contains("chunk"), "{page}");
    bench.run(&["man", "pages/man1"]).assert_done();
    let main = String::from_utf8(bench.read("pages/man1/visualize.1")).unwrap();
    for command in COMMANDS {
        assert!(
            main.contains(&format!("visualize\\-{command}")),
            "{command}"
        );
        let name = format!("pages/man1/visualize-{command}.1");
        let page = String::from_utf8(bench.read(&name)).unwrap();
        assert!(page.contains("SYNOPSIS"), "{page}");
    }
    assert!(bench.path("pages/man1/visualize-models-pull.1").exists());
}
