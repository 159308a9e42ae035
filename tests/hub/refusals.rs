//! What the hub refuses, gets wrong, or answers in bad faith.

use visualize::diffusion::{DigestCache, GpuFindings, ModelDefaults, ModelStore};
use visualize::timeline::DiffusionConfig;

use super::server::COMMIT;
use super::*;

#[test]
fn the_token_is_for_the_hub_alone() {
    let bench = Bench::new().token("hf_secret");
    bench.server.state().token = Some("hf_secret");
    bench.fetch().unwrap();
    let log = bench.server.take_log();
    assert!(log.iter().any(|request| request.is_cdn));
    for request in log {
        assert_eq!(
            request.authorization.is_some(),
            !request.is_cdn,
            "{request:?}"
        );
    }
}

#[test]
fn refusals_say_what_to_do() {
    let bench = Bench::new();
    bench.server.state().token = Some("x");
    let error = bench.fetch().unwrap_err();
    assert_says(&error, &["owner/name", "401", "HF_TOKEN"]);
    assert_eq!(error.exit_code(), 2);

    let bench = Bench::new().token("wrong");
    bench.server.state().token = Some("x");
    assert_says(&bench.fetch().unwrap_err(), &["403", "token"]);

    let bench = Bench::new();
    bench.server.state().token = Some("gate");
    let page = format!("{}/owner/name", bench.server.endpoint);
    assert_says(&bench.fetch().unwrap_err(), &["accept", &page, "HF_TOKEN"]);

    let bench = Bench::new();
    assert_says(
        &bench.fetch_id("owner/other").unwrap_err(),
        &["owner/other", "no such model"],
    );
    assert_says(
        &bench.fetch_id("owner/name@v9").unwrap_err(),
        &["no revision v9"],
    );
    assert!(bench.fetch_id("owner/name@refs/pr/1").is_ok());
}

#[test]
fn a_token_that_the_hub_does_not_take_is_said() {
    let bench = Bench::new().token("hf_old");
    bench.server.state().refusal = Some((401, ""));
    assert_says(
        &bench.fetch().unwrap_err(),
        &[
            "doesn't take the token",
            "401",
            "settings/tokens",
            "HF_TOKEN",
        ],
    );
    // Without a token the same answer means a model that isn't there.
    let bench = Bench::new();
    bench.server.state().refusal = Some((401, ""));
    assert_says(&bench.fetch().unwrap_err(), &["no such model", "401"]);
}

#[test]
fn proxies_are_used_for_their_scheme_or_refused() {
    let nowhere = ("X_PROXY".to_owned(), "http://127.0.0.1:1".to_owned());
    let mut bench = Bench::new();
    bench.settings.proxies.https = Some(nowhere.clone());
    bench.fetch().unwrap();

    let mut bench = Bench::new();
    bench.settings.proxies.http = Some(nowhere.clone());
    assert_says(&bench.fetch().unwrap_err(), &["can't be reached"]);
    bench.settings.proxies.excluded = "127.0.0.1".to_owned();
    bench.fetch().unwrap();

    let mut bench = Bench::new();
    bench.settings.proxies.http = Some(("ALL_PROXY".to_owned(), "socks5://127.0.0.1:1".to_owned()));
    assert_says(&bench.fetch().unwrap_err(), &["ALL_PROXY", "SOCKS"]);
    assert!(bench.server.take_log().is_empty());
}

#[test]
fn a_scheduler_that_cannot_be_run_is_refused_before_weights_are_loaded() {
    let bench = Bench::new();
    let name = "scheduler/scheduler_config.json";
    let text = String::from_utf8(bench.server.state().files[name].clone()).unwrap();
    let text = text.replace("DDIMScheduler", "LMSDiscreteScheduler");
    bench
        .server
        .state()
        .files
        .insert(name.to_owned(), text.into_bytes());
    let store = ModelStore {
        hub: bench.settings.clone(),
        digests: DigestCache::new(None),
        gpus: GpuFindings::new(None),
    };
    let open = |scheduler: Option<&str>| {
        let settings = DiffusionConfig {
            scheduler: scheduler.map(str::to_owned),
            ..DiffusionConfig::default()
        };
        store.open_with("owner/name", &settings, &mut |_| Ok(()))
    };
    assert_says(
        &open(None).unwrap_err(),
        &["LMSDiscreteScheduler", "`scheduler`"],
    );
    let log = bench.server.take_log();
    assert!(
        !log.iter()
            .any(|request| request.path.contains("safetensors"))
    );
    assert_says(
        &open(Some("lms")).unwrap_err(),
        &["`scheduler` can't be lms"],
    );
    assert!(bench.server.take_log().is_empty());
    let (model, _) = open(Some("heun")).unwrap();
    assert!(ModelDefaults::of(&model).is_ok());
}

#[test]
fn a_busy_hub_is_asked_again_and_a_broken_one_is_not_waited_for_forever() {
    let bench = Bench::new();
    bench.server.state().n_busy = 2;
    bench.fetch().unwrap();
    let bench = Bench::new();
    bench.server.state().n_busy = usize::MAX;
    let error = bench.fetch().unwrap_err();
    assert_says(&error, &["503"]);
    assert_eq!(error.exit_code(), 1);
}

#[test]
fn a_hub_that_is_not_there_is_named() {
    let mut bench = Bench::new();
    bench.settings.endpoint = "http://127.0.0.1:1".to_owned();
    let error = bench.fetch().unwrap_err();
    assert_says(&error, &["127.0.0.1:1", "can't be reached", "HF_ENDPOINT"]);
    assert_eq!(error.exit_code(), 1);
}

#[test]
fn offline_mode_uses_the_cache_alone() {
    let mut bench = Bench::new();
    bench.settings.is_offline = true;
    assert_says(
        &bench.fetch().unwrap_err(),
        &["HF_HUB_OFFLINE", "models pull owner/name"],
    );
    assert!(bench.server.take_log().is_empty());
    bench.settings.is_offline = false;
    bench.fetch().unwrap();
    bench.settings.is_offline = true;
    bench.server.take_log();
    bench.fetch().unwrap();
    assert!(bench.server.take_log().is_empty());
}

#[test]
fn what_is_missing_in_the_repository_is_named() {
    let bench = Bench::new();
    bench.server.state().files.remove("vae/config.json");
    assert_says(
        &bench.fetch().unwrap_err(),
        &["owner/name", "vae/config.json", "missing"],
    );

    let bench = Bench::new();
    bench
        .server
        .state()
        .rename(UNET, "unet/diffusion_pytorch_model.bin");
    assert_says(
        &bench.fetch().unwrap_err(),
        &["diffusion_pytorch_model.bin", "pickled"],
    );

    let bench = Bench::new();
    bench.server.state().files.remove("model_index.json");
    bench
        .server
        .state()
        .files
        .insert("style.safetensors".to_owned(), vec![0; 10]);
    assert_says(
        &bench.fetch().unwrap_err(),
        &["model_index.json", "style.safetensors", "`lora`"],
    );
}

#[test]
fn a_family_that_is_not_supported_is_refused_before_its_weights_are_loaded() {
    let bench = Bench::new();
    let index = br#"{"_class_name": "FluxPipeline"}"#.to_vec();
    bench
        .server
        .state()
        .files
        .insert("model_index.json".to_owned(), index);
    assert_says(&bench.fetch().unwrap_err(), &["FluxPipeline"]);
    assert!(
        !bench
            .server
            .take_log()
            .iter()
            .any(|request| request.path.contains("safetensors"))
    );
}

#[test]
fn a_file_that_vanished_is_named() {
    let bench = Bench::new();
    let listing = {
        let state = bench.server.state();
        let names = state
            .files
            .keys()
            .map(|name| serde_json::json!({"rfilename": name}));
        serde_json::json!({"sha": COMMIT, "siblings": names.collect::<Vec<_>>()}).to_string()
    };
    bench.server.state().listing = Some(listing);
    bench.server.state().files.remove("unet/config.json");
    assert_says(
        &bench.fetch().unwrap_err(),
        &["no file", "unet/config.json"],
    );
}

#[test]
fn hostile_answers_are_refused() {
    for (listing, word) in [
        ("<html>", "JSON"),
        ("{}", "sha"),
        (r#"{"sha": "../../../tmp", "siblings": []}"#, "sha"),
        (r#"{"sha": "0123", "siblings": 3}"#, "siblings"),
        (r#"{"sha": "0123", "siblings": []}"#, "model_index.json"),
        (
            r#"{"sha": "0123", "siblings": [{"rfilename": "../model_index.json"}, 5, {}]}"#,
            "model_index.json",
        ),
    ] {
        let bench = Bench::new();
        bench.server.state().listing = Some(listing.to_owned());
        assert_says(&bench.fetch().unwrap_err(), &[word]);
        assert!(bench.blobs().is_empty());
    }
    for (headers, word) in [
        (
            vec![
                ("X-Linked-Etag", "\"../../evil\"".to_owned()),
                ("X-Linked-Size", "10".to_owned()),
            ],
            "ETag",
        ),
        (
            vec![
                ("X-Linked-Etag", "\"abc\"".to_owned()),
                ("X-Linked-Size", (1u64 << 60).to_string()),
            ],
            "MB left",
        ),
        (
            vec![
                ("X-Linked-Etag", "\"abc\"".to_owned()),
                ("X-Linked-Size", "10".to_owned()),
            ],
            "more than the 10 bytes",
        ),
        (
            vec![
                ("X-Linked-Etag", "\"abc\"".to_owned()),
                ("X-Linked-Size", "-1".to_owned()),
            ],
            "size",
        ),
    ] {
        let bench = Bench::new();
        bench.server.state().headers = headers;
        assert_says(&bench.fetch().unwrap_err(), &[word]);
        assert!(!bench.home.path().join("evil").exists());
        assert!(
            hub::cached(&bench.settings, &"owner/name".parse().unwrap())
                .unwrap()
                .is_none()
        );
    }
}
