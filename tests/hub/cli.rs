use std::process::Command;

use super::*;

/// The program with the bench's hub and cache.
fn run(bench: &Bench, args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_visualize"))
        .current_dir(bench.home.path())
        .args(args)
        .env("HF_HOME", bench.home.path())
        .env("HF_ENDPOINT", &bench.server.endpoint)
        .env("XDG_CACHE_HOME", bench.home.path().join("cache"))
        .env_remove("HF_HUB_CACHE")
        .env_remove("HF_TOKEN")
        .env_remove("HF_HUB_OFFLINE")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (
        output.status.code().unwrap_or(-1),
        text(output.stdout),
        text(output.stderr),
    )
}

fn write_song(path: &Path) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 22050,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for i in 0..22050 {
        writer
            .write_sample((8000.0 * (f64::from(i) * 0.06).sin()) as i16)
            .unwrap();
    }
    writer.finalize().unwrap();
}

#[test]
fn a_film_is_drawn_with_a_model_of_the_hub() {
    let bench = Bench::new();
    write_song(&bench.home.path().join("song.wav"));
    let small = ["--size", "64x64", "--draw-size", "64x64", "--fps", "4"];
    let plan = |out| {
        [
            &["plan", "song.wav", "--model", "owner/name", "-o", out][..],
            &small,
        ]
        .concat()
    };
    let (code, _, stderr) = run(&bench, &plan("a.json"));
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("loading owner/name@"), "{stderr}");
    assert!(stderr.contains(" MB"), "{stderr}");
    bench.server.take_log();
    let (code, _, stderr) = run(&bench, &["render", "a.json"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(bench.server.take_log().is_empty());

    // The timeline names the commit, and another machine loads exactly that.
    let timeline = std::fs::read_to_string(bench.home.path().join("a.json")).unwrap();
    assert!(timeline.contains(&format!("owner/name@{}", server::COMMIT)));
    std::fs::remove_dir_all(bench.home.path().join("hub")).unwrap();
    std::fs::remove_dir_all(bench.home.path().join("a.visualize")).unwrap();
    let (code, _, stderr) = run(&bench, &["render", "a.json"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("loading owner/name@"), "{stderr}");
}

#[test]
fn autoencoders_and_loras_come_from_the_hub_too() {
    let bench = Bench::new();
    write_song(&bench.home.path().join("song.wav"));
    let plan = [
        &["plan", "song.wav", "--vae", "owner/name", "-o", "a.json"][..],
        &["--size", "64x64", "--draw-size", "64x64", "--fps", "4"],
    ]
    .concat();
    let (code, _, stderr) = run(&bench, &plan);
    assert_eq!(code, 0, "{stderr}");
    let log = bench.server.take_log();
    assert!(log.iter().any(|asked| asked.path.contains("vae/config")));
    assert!(!log.iter().any(|asked| asked.path.contains("unet")));
    // The timeline names the commit; from the cache no network is asked.
    let timeline = std::fs::read_to_string(bench.home.path().join("a.json")).unwrap();
    assert!(timeline.contains(&format!("owner/name@{}", server::COMMIT)));
    let (code, _, stderr) = run(&bench, &["render", "a.json", "--frames", "0..2"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(bench.server.take_log().is_empty());

    let lora = |name: &str| run(&bench, &["plan", "song.wav", "--lora", name]);
    let (code, _, stderr) = lora("owner/name:0.5");
    assert_eq!(code, 2);
    assert!(stderr.contains("holds several files"), "{stderr}");
    let (code, _, stderr) = lora("owner/name/style.safetensors:0.5");
    assert_eq!(code, 2);
    for word in ["style.safetensors is missing", "there is no owner/name"] {
        assert!(stderr.contains(word), "{stderr}");
    }
    let (code, _, stderr) = lora("loras/style.safetensors");
    assert_eq!(code, 2);
    assert!(
        bench
            .server
            .take_log()
            .iter()
            .all(|a| !a.path.contains("loras")),
        "{stderr}"
    );
}

#[test]
fn a_name_that_is_neither_a_folder_nor_on_the_hub_says_both() {
    let bench = Bench::new();
    write_song(&bench.home.path().join("song.wav"));
    let (code, _, stderr) = run(&bench, &["plan", "song.wav", "--model", "models/typo"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("there is no models/typo here"), "{stderr}");
}

#[test]
fn models_are_pulled_listed_described_and_removed() {
    let bench = Bench::new();
    let (code, stdout, _) = run(&bench, &["models", "list"]);
    assert_eq!((code, stdout.lines().count()), (0, 1), "{stdout}");
    assert!(stdout.starts_with("bundled "), "{stdout}");

    // Described before it is loaded, and then from disk, with the same words.
    let describe = || {
        let (code, stdout, stderr) = run(&bench, &["models", "info", "owner/name", "--json"]);
        assert_eq!(code, 0, "{stderr}");
        stdout
    };
    let remote = describe();
    assert!(!bench.repository().exists());
    let whole = bench.server.take_log();
    assert!(
        whole
            .iter()
            .all(|request| !request.is_cdn || request.range == Some(0))
    );

    let (code, stdout, stderr) = run(&bench, &["models", "pull", "owner/name"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(Path::new(stdout.trim()).join(UNET).is_file());
    assert_eq!(describe(), remote);

    let (_, stdout, _) = run(&bench, &["models", "list", "--json"]);
    let models: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(models[1]["name"], format!("owner/name@{}", server::COMMIT));
    assert_eq!(models[1]["family"], models[0]["family"]);
    assert_eq!(models[1]["n_bytes"], models[0]["n_bytes"]);

    let (code, _, stderr) = run(&bench, &["models", "rm", "owner/name"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("--yes"), "{stderr}");
    let (code, stdout, _) = run(&bench, &["models", "rm", "owner/name", "--yes"]);
    assert_eq!(code, 0);
    assert!(stdout.contains("9.3 MB freed"), "{stdout}");
    let (code, _, stderr) = run(&bench, &["models", "rm", "owner/name", "--yes"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("not in the cache"), "{stderr}");
    for name in ["bundled", "../model", "/etc"] {
        let (code, _, _) = run(&bench, &["models", "rm", name, "--yes"]);
        assert_eq!(code, 2, "{name}");
    }
}

#[test]
fn a_single_file_is_taken_by_its_name_or_address() {
    let bench = Bench::new();
    let name = "model.diffusion_model.input_blocks.0.0.weight";
    let header =
        format!(r#"{{"{name}": {{"dtype": "F16", "shape": [1], "data_offsets": [0, 2]}}}}"#);
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend([0; 2]);
    let mut files = vec![("single.safetensors", file)];
    files.push(("word.safetensors", {
        let header =
            r#"{"emb_params": {"dtype": "F16", "shape": [1, 8], "data_offsets": [0, 16]}}"#;
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header.as_bytes());
        file.extend([0; 16]);
        file
    }));
    for (name, bytes) in files {
        bench.server.state().files.insert(name.to_owned(), bytes);
    }
    write_song(&bench.home.path().join("song.wav"));
    // It is found, and then judged like a file on disk: this one has no text encoder.
    for model in [
        "owner/name/single.safetensors",
        "https://huggingface.co/owner/name/blob/main/single.safetensors",
    ] {
        for args in [
            &["plan", "song.wav", "--model", model][..],
            &["models", "info", model],
        ] {
            let (code, _, stderr) = run(&bench, args);
            assert_eq!(code, 2, "{stderr}");
            assert!(stderr.contains("no text encoder"), "{stderr}");
        }
    }
    let (code, stdout, stderr) = run(&bench, &["models", "info", "owner/name/word.safetensors"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stdout.contains("embedding") && stdout.contains("on the hub"),
        "{stdout}"
    );
    let (code, _, stderr) = run(&bench, &["models", "info", "owner/name/gone.safetensors"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("gone.safetensors is missing"), "{stderr}");
    let (code, _, stderr) = run(
        &bench,
        &[
            "models",
            "pull",
            "https://huggingface.co/owner/name/tree/main",
        ],
    );
    assert_eq!(code, 0, "{stderr}");
}
