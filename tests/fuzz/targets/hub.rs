//! What a hub answers is read and describes a model, or is refused.
//!
//! The input's parts are the hub's answers, whole HTTP messages, one for each request. They come from memory: real connections would
//! take most of the time, and a machine has only so many.
#![no_main]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use diffusion::hub::{HubId, HubSettings, peek_by};
use diffusion::{ModelFolder, ModelSource, describe_model};
use libfuzzer_sys::fuzz_target;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};
use ureq::{Agent, Error};
use visualize_fuzz::parts;

thread_local! {
    /// What the hub still has to say.
    static ANSWERS: RefCell<VecDeque<Vec<u8>>> = RefCell::default();
}

/// More than the longest input.
const BUFFER_BYTES: usize = 4096;

fuzz_target!(|input: &[u8]| {
    ANSWERS.set(parts(input).map(<[u8]>::to_vec).collect());
    let settings = HubSettings {
        cache: Some(PathBuf::from("/nonexistent")),
        endpoint: "http://hub".to_owned(),
        retry_delay: Duration::ZERO,
        ..HubSettings::from_vars(|_| None)
    };
    let id: HubId = "owner/name".parse().expect("an id");
    let agent = |config| Agent::with_parts(config, Hub, Hub);
    if let Ok((headers, _)) = peek_by(&settings, &id, agent) {
        let model = ModelSource::new(ModelFolder::HeadersOnly(Arc::new(headers)));
        drop(describe_model(&model, None));
    }
});

/// Has each host for its own, and gives the next answer to each connection.
#[derive(Debug)]
struct Hub;

impl Resolver for Hub {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut found = self.empty();
        found.push(SocketAddr::from((Ipv4Addr::LOCALHOST, 80)));
        Ok(found)
    }
}

impl Connector for Hub {
    type Out = Answer;

    fn connect(&self, _: &ConnectionDetails, _: Option<()>) -> Result<Option<Answer>, Error> {
        let bytes = ANSWERS.with_borrow_mut(VecDeque::pop_front);
        Ok(Some(Answer {
            bytes: bytes.unwrap_or_default(),
            buffers: LazyBuffers::new(BUFFER_BYTES, BUFFER_BYTES),
        }))
    }
}

/// A connection with one answer, which ends behind it.
#[derive(Debug)]
struct Answer {
    /// What is left of the answer.
    bytes: Vec<u8>,
    buffers: LazyBuffers,
}

impl Transport for Answer {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        let room = self.buffers.input_append_buf();
        let n_bytes = room.len().min(self.bytes.len());
        room[..n_bytes].copy_from_slice(&self.bytes[..n_bytes]);
        self.bytes.drain(..n_bytes);
        self.buffers.input_appended(n_bytes);
        Ok(n_bytes > 0)
    }

    fn is_open(&mut self) -> bool {
        false
    }
}
