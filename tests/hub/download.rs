use super::server::{COMMIT, sha256};
use super::*;

/// Whether a file of the bundled model's folder is part of the model.
fn is_needed(name: &str) -> bool {
    let parts = ["scheduler", "text_encoder", "tokenizer", "unet", "vae"];
    name == "model_index.json"
        || name
            .split_once('/')
            .is_some_and(|(part, _)| parts.contains(&part))
}

/// First bytes of the ranges that were asked of the second origin.
fn ranges(bench: &Bench) -> Vec<u64> {
    let log = bench.server.take_log();
    let at_cdn = log.iter().filter(|request| request.is_cdn);
    at_cdn.filter_map(|request| request.range).collect()
}

#[test]
fn a_model_is_loaded_once_and_then_found_without_the_network() {
    let bench = Bench::new();
    let snapshot = bench.fetch().unwrap();
    assert_eq!(snapshot.id.to_string(), format!("owner/name@{COMMIT}"));
    assert_eq!(
        snapshot.folder,
        bench.repository().join("snapshots").join(COMMIT)
    );
    let refs = std::fs::read_to_string(bench.repository().join("refs/main")).unwrap();
    assert_eq!(refs, COMMIT);
    for (name, bytes) in &bench.server.state().files {
        let is_loaded = snapshot.folder.join(name).is_file();
        let is_needed = is_needed(name);
        assert_eq!(is_loaded, is_needed, "{name}");
        if is_needed {
            assert_eq!(
                &std::fs::read(snapshot.folder.join(name)).unwrap(),
                bytes,
                "{name}"
            );
        }
    }
    assert!(!bench.server.take_log().is_empty());

    assert_eq!(bench.fetch().unwrap(), snapshot);
    assert_eq!(bench.fetch_id(&snapshot.id.to_string()).unwrap(), snapshot);
    assert!(bench.server.take_log().is_empty());
    assert!(
        !bench
            .blobs()
            .iter()
            .any(|name| name.ends_with(".incomplete"))
    );
}

#[test]
#[cfg(unix)]
fn contents_are_stored_once_and_linked_as_python_does() {
    let bench = Bench::new();
    let snapshot = bench.fetch().unwrap();
    let bytes = bench.server.state().files[UNET].clone();
    let link = std::fs::read_link(snapshot.folder.join(UNET)).unwrap();
    assert_eq!(link, Path::new("../../../blobs").join(sha256(&bytes)));
    let link = std::fs::read_link(snapshot.folder.join("model_index.json")).unwrap();
    assert!(link.starts_with("../../blobs"), "{}", link.display());
}

#[test]
fn a_cache_made_by_python_is_used() {
    // The layout as huggingface_hub writes it, its newline-free refs and extra files included.
    let bench = Bench::new();
    let files = bench.server.state().files.clone();
    let snapshot = bench.repository().join("snapshots").join(COMMIT);
    for (name, bytes) in &files {
        let blob = bench.repository().join("blobs").join(sha256(bytes));
        std::fs::create_dir_all(blob.parent().unwrap()).unwrap();
        std::fs::write(&blob, bytes).unwrap();
        let path = snapshot.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::hard_link(&blob, &path).unwrap();
    }
    std::fs::create_dir_all(bench.repository().join("refs")).unwrap();
    std::fs::write(bench.repository().join("refs/main"), COMMIT).unwrap();
    assert_eq!(bench.fetch().unwrap().folder, snapshot);
    assert!(bench.server.take_log().is_empty());

    // What is missing of it is loaded, and nothing else.
    std::fs::remove_file(snapshot.join(UNET)).unwrap();
    std::fs::remove_file(bench.repository().join("blobs").join(sha256(&files[UNET]))).unwrap();
    assert_eq!(bench.fetch().unwrap().folder, snapshot);
    let log = bench.server.take_log();
    let loaded: Vec<_> = log
        .iter()
        .filter(|request| request.method == "GET")
        .collect();
    assert!(
        loaded
            .iter()
            .all(|request| request.path.contains(UNET) || request.path.contains("/api/")),
        "{loaded:?}"
    );
}

#[test]
fn what_will_be_loaded_is_said_first() {
    let bench = Bench::new();
    let told = bench.fetch_and_watch();
    let n_bytes: usize = {
        let state = bench.server.state();
        let needed = state
            .files
            .iter()
            .filter(|(name, _)| name.contains('/') && is_needed(name));
        needed.map(|(_, bytes)| bytes.len()).sum()
    };
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains(&format!("n_bytes: {n_bytes}")), "{told:?}");
    assert!(bench.fetch_and_watch().is_empty());
}

#[test]
fn half_precision_is_chosen_where_it_exists() {
    let bench = Bench::new();
    {
        let mut state = bench.server.state();
        let bytes = state.files[UNET].clone();
        state.files.insert(UNET_FP16.to_owned(), bytes);
        state
            .files
            .insert("unet/diffusion_pytorch_model.bin".to_owned(), vec![0; 10]);
    }
    let snapshot = bench.fetch().unwrap();
    assert!(snapshot.folder.join(UNET_FP16).is_file());
    assert!(!snapshot.folder.join(UNET).exists());
    assert!(
        !snapshot
            .folder
            .join("unet/diffusion_pytorch_model.bin")
            .exists()
    );
}

#[test]
fn a_cut_transfer_goes_on_where_it_stopped() {
    let bench = Bench::new();
    bench.server.state().cuts.extend([100_000, 200_000]);
    bench.fetch().unwrap();
    let ranges = ranges(&bench);
    assert_eq!(ranges, [100_000, 300_000]);
}

#[test]
fn a_killed_run_is_continued_by_the_next() {
    let bench = Bench::new();
    let id = "owner/name".parse().unwrap();
    let mut stop_midway = |loading: DownloadEvent<'_>| match loading {
        DownloadEvent::Bytes { n_done, .. } if n_done > 600_000 => Err(Error::Interrupted),
        _ => Ok(()),
    };
    let stopped = hub::fetch(&bench.settings, &id, &mut stop_midway);
    assert!(matches!(stopped, Err(Error::Interrupted)));
    assert!(hub::cached(&bench.settings, &id).unwrap().is_none());
    let left: Vec<_> = bench
        .blobs()
        .into_iter()
        .filter(|name| name.ends_with(".incomplete"))
        .collect();
    assert_eq!(left.len(), 1, "{left:?}");
    bench.server.take_log();
    bench.fetch().unwrap();
    let ranges = ranges(&bench);
    assert_eq!(ranges.len(), 1, "{ranges:?}");
    assert!(ranges[0] > 0);
}

#[test]
fn a_transfer_that_never_gets_further_is_given_up_and_kept() {
    let bench = Bench::new();
    bench.server.state().cuts.extend([50_000, 0, 0, 0, 0]);
    let error = bench.fetch().unwrap_err();
    assert_says(
        &error,
        &["broke off after 50000 of", ".safetensors", "resumes"],
    );
    assert_eq!(error.exit_code(), 1);
    bench.server.state().cuts.clear();
    bench.fetch().unwrap();
}

#[test]
fn a_server_without_ranges_starts_again() {
    let bench = Bench::new();
    bench.server.state().cuts.push_back(100_000);
    bench.server.state().has_no_ranges = true;
    bench.fetch().unwrap();
}

#[test]
fn a_wrong_checksum_is_refused_and_nothing_is_kept() {
    let bench = Bench::new();
    bench.server.state().is_corrupt = true;
    let error = bench.fetch().unwrap_err();
    assert_says(&error, &["checksum", "SHA-256", ".safetensors"]);
    let hashes = bench.blobs().into_iter().filter(|name| name.len() >= 64);
    assert_eq!(hashes.count(), 0);
    bench.server.state().is_corrupt = false;
    bench.fetch().unwrap();
}

#[test]
fn what_an_earlier_run_left_of_something_else_is_replaced() {
    let bench = Bench::new();
    let etag = sha256(&bench.server.state().files[UNET]);
    let blobs = bench.repository().join("blobs");
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::write(blobs.join(format!("{etag}.incomplete")), vec![7; 5000]).unwrap();
    let snapshot = bench.fetch().unwrap();
    let bytes = std::fs::read(snapshot.folder.join(UNET)).unwrap();
    assert_eq!(sha256(&bytes), etag);
}

#[test]
fn two_runs_at_once_load_each_file_once() {
    let bench = Bench::new();
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| bench.fetch().unwrap()))
            .collect();
        for run in runs {
            run.join().unwrap();
        }
    });
    let log = bench.server.take_log();
    let n_loaded = log
        .iter()
        .filter(|request| request.is_cdn && request.method == "GET")
        .count();
    let n_large = bench
        .server
        .state()
        .files
        .keys()
        .filter(|name| name.ends_with(".safetensors"))
        .count();
    assert_eq!(n_loaded, n_large);
}

#[test]
fn models_are_listed_and_removed() {
    let bench = Bench::new();
    assert!(hub::list(&bench.settings).unwrap().is_empty());
    let snapshot = bench.fetch().unwrap();
    let other = bench
        .home
        .path()
        .join("hub/models--bert--base/snapshots/1/config.json");
    std::fs::create_dir_all(other.parent().unwrap()).unwrap();
    std::fs::write(&other, "{}").unwrap();
    assert_eq!(
        hub::list(&bench.settings).unwrap(),
        std::slice::from_ref(&snapshot)
    );

    // A second commit that shares all but one file.
    let second = bench.repository().join("snapshots/second");
    for name in bench
        .server
        .state()
        .files
        .keys()
        .filter(|name| is_needed(name))
    {
        let path = second.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::hard_link(snapshot.folder.join(name).canonicalize().unwrap(), &path).unwrap();
    }
    std::fs::remove_file(second.join(UNET)).unwrap();
    std::fs::write(second.join(UNET), "other").unwrap();
    assert_eq!(hub::list(&bench.settings).unwrap().len(), 2);
    let removed = hub::remove(&bench.settings, &"owner/name@second".parse().unwrap());
    assert_says(&removed.unwrap_err(), &["not in the cache"]);
    let id = snapshot.id.clone();
    hub::remove(&bench.settings, &id).unwrap();
    assert!(!snapshot.folder.exists());
    assert!(second.is_dir());

    let removed = hub::remove(&bench.settings, &"owner/name".parse().unwrap()).unwrap();
    assert!(removed.n_bytes > 0);
    assert!(!bench.repository().exists());
    assert!(other.is_file());
    assert_says(
        &hub::remove(&bench.settings, &id).unwrap_err(),
        &["not in the cache", "models list"],
    );
}

#[test]
#[cfg(unix)]
fn contents_that_another_commit_uses_stay() {
    let bench = Bench::new();
    let snapshot = bench.fetch().unwrap();
    let second = bench.repository().join("snapshots/second");
    std::fs::create_dir_all(second.join("unet")).unwrap();
    let link = std::fs::read_link(snapshot.folder.join(UNET)).unwrap();
    std::os::unix::fs::symlink(link, second.join(UNET)).unwrap();
    let removed = hub::remove(&bench.settings, &snapshot.id).unwrap();
    let state = bench.server.state();
    let needed = state.files.iter().filter(|(name, _)| is_needed(name));
    let n_bytes: usize = needed.map(|(_, bytes)| bytes.len()).sum();
    assert_eq!(removed.n_bytes as usize, n_bytes - state.files[UNET].len());
    assert!(second.join(UNET).is_file());
    assert_eq!(bench.blobs().len(), 1);
}
