//! REST, WebSockets, OpenAPI: the server as people, programs and devices meet it. A file per resource; wire twins there;
//! `problem.rs` is every refusal. Not here: what an act means (`flow`), who may do what (`access`), the dashboard's page.

mod alarms;
mod audit;
mod caller;
mod cameras;
mod clips;
mod cookie;
mod cockpit;
mod device_socket;
mod devices;
mod escalation;
mod events;
mod export;
mod extract;
mod headers;
mod live;
mod login;
mod openapi;
mod people;
mod probe;
mod problem;
mod schedule;
mod session;
mod sites;
mod socket;
mod system;
mod time;
mod tokens;
mod view;

use std::{path::PathBuf, sync::Arc, time::Duration};

use axum::{Router, extract::DefaultBodyLimit, http::StatusCode, middleware};
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tower_http::{catch_panic::CatchPanicLayer, timeout::TimeoutLayer};

pub use device_socket::{DeviceSocket, SocketError, serve_by};
pub use headers::protect;
pub use live::Live;
pub use openapi::document;

use crate::{base::Secret, camera::DecodeChains, device::DeviceRef, flow::pipeline::Pipelines, store::Store};

/// A JSON report made anew for each request that asks.
pub type Report = Arc<dyn Fn() -> Value + Send + Sync>;

/// Serves one device's connection until it ends.
pub type ServeDevice = Arc<dyn Fn(DeviceRef, DeviceSocket) -> BoxFuture<'static, ()> + Send + Sync>;

/// Longest time to the answer of a REST request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Watchers of events at one time; more are refused.
const WATCHERS: usize = 256;

/// Viewers of live video at one time, over all cameras; more are refused.
const VIEWERS: usize = 256;

/// What the API stands on; `server.rs` fills it in. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    pub store: Store,
    /// The running system; `Arc::new(control)`.
    pub live: Arc<dyn Live>,
    /// Takes a device's socket over: [`serve_by`] the hub.
    pub serve_device: ServeDevice,
    /// `GET /api/v1/system`: version, decode chains with choice and refusals, providers, limits.
    pub system: Report,
    /// `GET /api/v1/models`: an array, an object per model.
    pub models: Report,
    /// The pipelines that a camera may name.
    pub pipelines: Arc<Pipelines>,
    /// The decode chains that a camera may ask for, and that a probe decodes with.
    pub chains: Arc<DecodeChains>,
    /// The Prometheus page.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// `Err` says in words why the server cannot do its work (every engine is down). The store is looked at besides.
    pub ready: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// Snapshots are at [`crate::media::alarm_picture`] below it.
    pub media_dir: PathBuf,
    pub sockets: SocketLimits,
    /// Served over TLS: cookies are for TLS alone.
    pub secure: bool,
    /// Cancelled at shutdown: open WebSockets are closed with 1001.
    pub closing: CancellationToken,
    watchers: Arc<Semaphore>,
    viewers: Arc<Semaphore>,
    probes: Arc<Semaphore>,
    /// Changes when a token, a person or a session was changed: open sockets look again at who they serve.
    access: Arc<watch::Sender<()>>,
    login: Arc<login::Login>,
}

/// Limits of event sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketLimits {
    /// Time between pings (default 20 s); a client silent for three of them is gone.
    pub ping: Duration,
    /// A client that takes nothing for this long is cut off (default 10 s).
    pub send: Duration,
}

impl Default for SocketLimits {
    fn default() -> Self {
        Self { ping: Duration::from_secs(20), send: Duration::from_secs(10) }
    }
}

impl ApiState {
    /// With everything else left empty: no models, nothing to say of the system, ready.
    #[must_use]
    pub fn new(
        store: Store,
        live: Arc<dyn Live>,
        serve_device: ServeDevice,
        pipelines: Arc<Pipelines>,
        chains: Arc<DecodeChains>,
        media_dir: PathBuf,
    ) -> Self {
        Self {
            store,
            live,
            serve_device,
            system: Arc::new(|| serde_json::json!({})),
            models: Arc::new(|| serde_json::json!([])),
            pipelines,
            chains,
            metrics: Arc::new(String::new),
            ready: Arc::new(|| Ok(())),
            media_dir,
            sockets: SocketLimits::default(),
            closing: CancellationToken::new(),
            watchers: Arc::new(Semaphore::new(WATCHERS)),
            viewers: Arc::new(Semaphore::new(VIEWERS)),
            probes: Arc::new(Semaphore::new(probe::AT_ONCE)),
            access: Arc::new(watch::channel(()).0),
            secure: false,
            login: Arc::new(login::Login::new()),
        }
    }

    /// Takes the secret of a set-up link, until the first person is made with it: [`crate::server`] prints the link.
    pub fn offer_setup(&self, secret: &Secret) {
        self.login.offer_setup(secret);
    }

    /// Wakes when what somebody may do has changed: a long-lived socket then asks `still_valid`.
    fn access_changed(&self) -> watch::Receiver<()> {
        self.access.subscribe()
    }

    /// Tells open sockets that what somebody may do has changed.
    fn tell_access_changed(&self) {
        self.access.send_replace(());
    }
}

/// The whole API: everything under `/api/v1`, `/metrics` and `/health`.
pub fn router(state: ApiState) -> Router {
    let (routes, document) = openapi::routes().split_for_parts();
    let document = openapi::complete(document);
    routes
        .layer(axum::Extension(Arc::new(document)))
        .fallback(no_such_address)
        .layer(DefaultBodyLimit::max(extract::BODY_LIMIT))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT))
        .layer(CatchPanicLayer::new())
        .layer(middleware::from_fn(problem::finish))
        .with_state(state)
}

async fn no_such_address() -> problem::Problem {
    problem::Problem::not_found("nothing is at this address: GET /api/v1/openapi.json lists what there is")
}
