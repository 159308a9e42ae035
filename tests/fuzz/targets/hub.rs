//! What a hub answers is read and describes a model, or is refused.
//!
//! The input's parts are the server's answers, whole HTTP messages, one for each request.
#![no_main]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use diffusion::hub::{HubId, HubSettings, peek};
use diffusion::{ModelFolder, ModelSource, describe_model};
use libfuzzer_sys::fuzz_target;
use visualize_fuzz::parts;

/// What the server still has to say.
static ANSWERS: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
static HUB: OnceLock<HubSettings> = OnceLock::new();

fuzz_target!(|input: &[u8]| {
    let hub = HUB.get_or_init(start);
    let mut answers: Vec<_> = parts(input).map(<[u8]>::to_vec).collect();
    answers.reverse();
    *ANSWERS.lock().expect("the server has panicked") = answers;
    let id: HubId = "owner/name".parse().expect("an id");
    if let Ok((headers, _)) = peek(hub, &id) {
        let model = ModelSource::new(ModelFolder::HeadersOnly(Arc::new(headers)));
        drop(describe_model(&model, None));
    }
});

fn start() -> HubSettings {
    let listener = TcpListener::bind("127.0.0.1:0").expect("no port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            drop(answer(stream));
        }
    });
    HubSettings {
        cache: Some(PathBuf::from("/nonexistent")),
        endpoint: format!("http://{address}"),
        timeout: Duration::from_secs(2),
        retry_delay: Duration::ZERO,
        ..HubSettings::from_vars(|_| None)
    }
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.ends_with(b"\r\n\r\n") {
        let n_read = stream.read(&mut buffer)?;
        if n_read == 0 {
            return Ok(());
        }
        request.extend_from_slice(&buffer[..n_read]);
    }
    let answer = ANSWERS.lock().map_or(None, |mut answers| answers.pop());
    stream.write_all(&answer.unwrap_or_default())?;
    stream.shutdown(Shutdown::Both)
}
