//! What is told to every page: the whole state when it connects, then what changes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{self, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::future::BoxFuture;
use futures_util::stream::unfold;
use tokio::sync::{broadcast, watch};

use super::wire::Event;

/// Events that wait for a slow page; one that misses more gets the whole state again.
const MAX_WAITING: usize = 256;
/// Silence after which a line shows that the server is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Hands events to all pages that listen.
pub struct Events {
    sender: broadcast::Sender<Arc<str>>,
    end: watch::Sender<bool>,
}

/// Gives the event that a stream begins with.
pub type WholeState = Box<dyn Fn() -> BoxFuture<'static, Event> + Send>;

/// A page's place in the stream.
struct Listener {
    events: broadcast::Receiver<Arc<str>>,
    end: watch::Receiver<bool>,
    state: WholeState,
    is_fresh: bool,
}

impl Events {
    /// Without pages.
    pub fn new() -> Self {
        Self {
            sender: broadcast::Sender::new(MAX_WAITING),
            end: watch::Sender::new(false),
        }
    }

    /// Tells all pages.
    pub fn send(&self, event: &Event) {
        if self.sender.receiver_count() > 0
            && let Ok(json) = serde_json::to_string(event)
        {
            let _ = self.sender.send(json.into()); // the last page may have gone just now
        }
    }

    /// Ends all streams, so that the server can end.
    pub fn end(&self) {
        self.end.send_replace(true);
    }

    /// The stream of a page; `state` gives the event that it begins with.
    pub fn stream(
        &self,
        state: WholeState,
    ) -> Sse<impl Stream<Item = Result<sse::Event, Infallible>> + use<>> {
        let listener = Listener {
            events: self.sender.subscribe(), // before the state is taken: nothing is missed between
            end: self.end.subscribe(),
            state,
            is_fresh: true,
        };
        let events = unfold(listener, |mut listener| async move {
            let json = listener.next().await?;
            Some((Ok(sse::Event::default().data(json)), listener))
        });
        Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
    }
}

impl Listener {
    /// The next event as JSON; none when the server ends.
    async fn next(&mut self) -> Option<String> {
        if std::mem::take(&mut self.is_fresh) {
            return self.whole_state().await;
        }
        let next = tokio::select! {
            next = self.events.recv() => next,
            _ = self.end.wait_for(|is_over| *is_over) => return None,
        };
        match next {
            Ok(json) => Some(json.to_string()),
            Err(broadcast::error::RecvError::Lagged(_)) => {
                self.events = self.events.resubscribe();
                self.whole_state().await
            }
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    async fn whole_state(&mut self) -> Option<String> {
        let state = (self.state)();
        serde_json::to_string(&state.await).ok()
    }
}
