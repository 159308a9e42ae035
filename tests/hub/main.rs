//! Models of the hub, from a server in this process that speaks its protocol.

#![expect(
    clippy::unwrap_used,
    reason = "a test may panic; helpers here are not inside #[test] functions"
)]

mod cli;
mod download;
mod refusals;
mod server;

use std::path::{Path, PathBuf};
use std::time::Duration;

use server::Server;
use tempfile::TempDir;
use visualize::diffusion::hub::{
    self, DownloadEvent, HubId, HubSettings, Proxies, Snapshot, Token,
};
use visualize::{Error, Result};

const UNET: &str = "unet/diffusion_pytorch_model.safetensors";
const UNET_FP16: &str = "unet/diffusion_pytorch_model.fp16.safetensors";

/// The bundled model's folder.
fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("model")
}

/// A server with the bundled model, and an empty cache.
struct Bench {
    server: Server,
    home: TempDir,
    settings: HubSettings,
}

impl Bench {
    fn new() -> Self {
        let server = Server::new(&model());
        let home = TempDir::new().unwrap();
        let settings = HubSettings {
            cache: Some(home.path().join("hub")),
            endpoint: server.endpoint.clone(),
            token: None,
            is_offline: false,
            proxies: Proxies::default(),
            timeout: Duration::from_secs(5),
            retry_delay: Duration::from_millis(1),
        };
        Self {
            server,
            home,
            settings,
        }
    }

    fn fetch(&self) -> Result<Snapshot> {
        self.fetch_id("owner/name")
    }

    fn fetch_id(&self, id: &str) -> Result<Snapshot> {
        hub::fetch(&self.settings, &id.parse().unwrap(), &mut |_| Ok(()))
    }

    /// What a run tells while it loads.
    fn fetch_and_watch(&self) -> Vec<String> {
        let mut told = Vec::new();
        let id: HubId = "owner/name".parse().unwrap();
        let mut watch = |loading: DownloadEvent<'_>| {
            if let DownloadEvent::Begin { .. } | DownloadEvent::Done = loading {
                told.push(format!("{loading:?}"));
            }
            Ok(())
        };
        hub::fetch(&self.settings, &id, &mut watch).unwrap();
        told
    }

    fn repository(&self) -> PathBuf {
        self.home.path().join("hub/models--owner--name")
    }

    /// Names of the contents in the cache.
    fn blobs(&self) -> Vec<String> {
        let Ok(folder) = self.repository().join("blobs").read_dir() else {
            return Vec::new();
        };
        let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    fn token(mut self, token: &str) -> Self {
        self.settings.token = Token::new(token);
        self
    }
}

/// Asserts that an error says each of `words`, in its text or its hint.
#[track_caller]
fn assert_says(error: &Error, words: &[&str]) {
    let text = format!("{error} {}", error.hint().unwrap_or_default());
    for word in words {
        assert!(text.contains(word), "no {word:?} in: {text}");
    }
}
