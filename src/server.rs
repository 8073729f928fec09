//! Composition root: build every part, connect them, run, shut down in the order of the arrows.

mod tls;

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use axum::{Router, serve::ListenerExt};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    access::secret_text,
    api::{self, ApiState, Report},
    base::{Secret, clock},
    camera::{Codec, DecodeChains},
    config::{Config, TlsConfig},
    dashboard,
    detect::Label,
    flow::{
        Engines, Flow, FlowParts, InferenceParts,
        engine::{PoolSettings, PoolState, PoolStatus},
        pipeline::Pipelines,
    },
    infer::{EngineOptions, ModelLibrary, Provider, onnx::Runtime},
    media,
    store::Store,
    telemetry,
};

use self::tls::TlsListener;

/// Open HTTP connections are cut after this long at shutdown.
const HTTP_WAIT: Duration = Duration::from_secs(3);

/// A running server.
pub struct Server {
    /// Where it listens; the port is the real one when 0 was asked for.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub secure: bool,
    /// Of the link that makes the first administrator, while there is nobody yet; new at each start. Print it.
    pub setup: Option<Secret>,
    pub store: Store,
    flow: Flow,
    http: JoinHandle<io::Result<()>>,
    closing: CancellationToken,
}

impl Server {
    /// Builds and connects everything, takes up the registered cameras and devices, and listens.
    ///
    /// # Errors
    /// The address is taken; the data folder cannot be used; a settings folder is wrong. A model or an inference
    /// library that cannot be used is no error: the server lives and says so.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        let listener =
            TcpListener::bind(config.listen).await.with_context(|| format!("cannot listen at {}", config.listen))?;
        let address = listener.local_addr().context("no local address")?;
        let tls = config.tls.clone().map(|files| tls::load(&files).map(|first| (files, first))).transpose()?;
        let secure = tls.is_some();
        let metrics = telemetry::install().context("metrics")?;
        let store = Store::open(&config.data)?;

        let pipelines = Arc::new(Pipelines::load(config.pipelines.as_deref())?);
        let chains = Arc::new(DecodeChains::load(config.decode.as_deref())?);
        let models = Arc::new(ModelLibrary::load(&config.inference.models));
        let runtime = Runtime::load(config.inference.library.as_deref()).map_err(|e| e.to_string());
        if let Err(reason) = &runtime {
            warn!(reason, "nothing can be analysed");
        }
        let media_dir = config.data.join("media");
        match media::sweep(&media_dir) {
            Ok(0) => {}
            Ok(files) => info!(files, "removed what a killed server had half written"),
            Err(error) => warn!(%error, "the media folder cannot be swept"),
        }
        let flow = Flow::start(FlowParts {
            store: store.clone(),
            pipelines: Arc::clone(&pipelines),
            chains: Arc::clone(&chains),
            inference: inference_parts(&config, Arc::clone(&models))?,
            cameras: config.cameras,
            media_dir: media_dir.clone(),
            keep: config.keep,
        })
        .await?;

        let closing = CancellationToken::new();
        let mut state = ApiState::new(
            store.clone(),
            Arc::new(flow.control()),
            api::serve_by(flow.links()),
            Arc::clone(&pipelines),
            Arc::clone(&chains),
            media_dir,
        );
        state.system = system_report(&store, &chains, &runtime, flow.engines());
        state.models = models_report(models, flow.engines());
        state.metrics = Arc::new(move || metrics.render());
        state.ready = readiness(flow.engines(), flow.store_healthy());
        state.closing = closing.clone();
        state.secure = secure;
        let setup = setup_secret(&store).await?;
        if let Some(secret) = &setup {
            state.offer_setup(secret);
        }
        let app = api::protect(api::router(state).merge(dashboard::router()), secure);
        let http = serve_http(listener, tls, app, closing.clone())?;
        info!(%address, secure, epoch = store.epoch().0, "listening");
        Ok(Self { address, secure, setup, store, flow, http, closing })
    }

    /// Where its page is, as seen from this machine.
    #[must_use]
    pub fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
        }
        format!("{}://{address}", if self.secure { "https" } else { "http" })
    }

    /// The link that makes the first administrator, while there is nobody yet. A fragment is sent to no server and
    /// stands in no log.
    #[must_use]
    pub fn setup_link(&self) -> Option<String> {
        self.setup.as_ref().map(|secret| format!("{}/#setup={}", self.url(), secret.expose()))
    }

    /// Ends everything along the path of a frame: cameras, engines, lane, desk (held lifts are released), device
    /// links, HTTP, store.
    pub async fn stop(self) {
        self.flow.stop().await;
        self.closing.cancel();
        let mut http = self.http;
        match tokio::time::timeout(HTTP_WAIT, &mut http).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => warn!(%error, "the HTTP side ended badly"),
            Ok(Err(error)) => warn!(%error, "the HTTP side panicked"),
            Err(_) => {
                warn!("open HTTP connections were cut");
                http.abort();
            }
        }
        self.store.close();
        info!("ended");
    }
}

/// Serves `app` until `closing`, over TLS when there is a certificate.
fn serve_http(
    listener: TcpListener,
    tls: Option<(TlsConfig, Arc<ServerConfig>)>,
    app: Router,
    closing: CancellationToken,
) -> io::Result<JoinHandle<io::Result<()>>> {
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let stopped = async move { closing.cancelled().await };
    Ok(if let Some((files, first)) = tls {
        let listener = TlsListener::new(listener, files, first)?.tap_io(|_| ());
        tokio::spawn(async move { axum::serve(listener, app).with_graceful_shutdown(stopped).await })
    } else {
        let listener = listener.tap_io(send_at_once);
        tokio::spawn(async move { axum::serve(listener, app).with_graceful_shutdown(stopped).await })
    })
}

/// Events and live video are many small messages: none waits for the one before it to be acknowledged.
fn send_at_once(connection: &mut TcpStream) {
    if let Err(error) = connection.set_nodelay(true) {
        debug!(%error, "a connection keeps Nagle's algorithm");
    }
}

/// A secret for the set-up link, if nobody can log in yet.
async fn setup_secret(store: &Store) -> anyhow::Result<Option<Secret>> {
    if !store.people().await?.is_empty() {
        return Ok(None);
    }
    let mut random = [0; 32];
    getrandom::fill(&mut random).context("the system gave no random bytes")?;
    Ok(Some(secret_text(&random)))
}

/// `yunti serve`: runs until told to end.
///
/// # Errors
/// What [`Server::start`] refuses.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    // SIGHUP renews the certificate (`tls.rs`); without one it must not end a server that may hold lifts.
    let _hangup = signal(SignalKind::hangup()).context("no handler for SIGHUP")?;
    let server = Server::start(config).await?;
    println!("yunti listens at {}://{}", if server.secure { "https" } else { "http" }, server.address);
    if let Some(link) = server.setup_link() {
        println!("nobody can log in yet: make the first administrator at {link} (works once)");
    }
    let ended = told_to_end().await;
    server.stop().await;
    ended
}

/// Waits for Ctrl-C or SIGTERM.
///
/// # Errors
/// The system gives no signal handler.
pub async fn told_to_end() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("no handler for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("no handler for SIGINT")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn inference_parts(config: &Config, models: Arc<ModelLibrary>) -> anyhow::Result<InferenceParts> {
    let given = &config.inference;
    let providers = given.providers.iter().map(|name| name.parse()).collect::<Result<Vec<Provider>, _>>()?;
    Ok(InferenceParts {
        models,
        folder: given.models.first().cloned().unwrap_or_default(),
        library: given.library.clone(),
        options: EngineOptions { providers, ..EngineOptions::default() },
        pool: PoolSettings { threads: given.engines, window: given.window, deadline: given.deadline },
    })
}

/// Ready: the last batch was kept, and no model that a camera needs is without an engine.
fn readiness(engines: Engines, store_healthy: Arc<AtomicBool>) -> Arc<dyn Fn() -> Result<(), String> + Send + Sync> {
    Arc::new(move || {
        if !store_healthy.load(Ordering::Relaxed) {
            return Err("the store could not keep the last batch: see the log; is the disk full?".to_owned());
        }
        let failed = engines.report().into_iter().find_map(|pool| match pool.state {
            PoolState::Failed { reason } => Some((pool.model, reason)),
            _ => None,
        });
        match failed {
            Some((model, reason)) => Err(format!("cameras that need the model `{model}` are not analysed: {reason}")),
            None => Ok(()),
        }
    })
}

fn system_report(
    store: &Store,
    chains: &Arc<DecodeChains>,
    runtime: &Result<Runtime, String>,
    engines: Engines,
) -> Report {
    let (epoch, started) = (store.epoch().0, clock::wall().0);
    let library = match runtime {
        Ok(runtime) => json!({ "path": runtime.library().to_string_lossy(), "build": runtime.build_info() }),
        Err(reason) => json!({ "refused": reason }),
    };
    let decode = decode_report(chains);
    Arc::new(move || {
        let engines: BTreeMap<String, Value> =
            engines.report().into_iter().map(|pool| (pool.model.clone(), pool_report(&pool))).collect();
        json!({
            "epoch": epoch,
            "started_at_ms": started,
            "decode": decode,
            "inference": { "library": library, "models": engines },
        })
    })
}

fn decode_report(chains: &DecodeChains) -> Value {
    let chosen: BTreeMap<String, Value> = Codec::ALL
        .into_iter()
        .map(|codec| (codec.name().to_owned(), chains.chosen(codec).map_or(Value::Null, |d| json!(d.chain))))
        .collect();
    let refused: Vec<Value> = chains
        .refused()
        .iter()
        .map(|r| json!({ "chain": r.decoder.chain, "codec": r.decoder.codec.name(), "reason": r.reason }))
        .collect();
    json!({ "chosen": chosen, "refused": refused })
}

fn pool_report(pool: &PoolStatus) -> Value {
    let mut report = match &pool.state {
        PoolState::Starting => json!({ "state": "starting" }),
        PoolState::Stopped => json!({ "state": "stopped" }),
        PoolState::Failed { reason } => json!({ "state": "failed", "refused": reason }),
        PoolState::Running(run) => {
            let refused: Vec<Value> = run
                .refused
                .iter()
                .map(|(provider, reason)| json!({ "provider": provider.to_string(), "reason": reason }))
                .collect();
            let calibration: Vec<Value> = run
                .calibration
                .iter()
                .map(|(size, took)| json!({ "batch": size, "ms": took.as_secs_f64() * 1000.0 }))
                .collect();
            json!({
                "state": "running",
                "provider": run.provider.to_string(),
                "providers_refused": refused,
                "calibration": calibration,
                "best_batch": run.best_batch,
            })
        }
    };
    report["engines"] = pool.engines.into();
    report["restarts"] = pool.restarts.into();
    report["last_failure"] = json!(pool.last_failure);
    report
}

fn models_report(models: Arc<ModelLibrary>, engines: Engines) -> Report {
    Arc::new(move || {
        let running: BTreeMap<_, _> = engines.report().into_iter().map(|pool| (pool.model.clone(), pool)).collect();
        models
            .folders()
            .iter()
            .map(|folder| {
                let name = folder.name();
                let mut model = match &folder.manifest {
                    Ok(manifest) => json!({
                        "description": manifest.description,
                        "licence": manifest.licence,
                        "classes": manifest.classes.iter().map(Label::as_str).collect::<Vec<_>>(),
                    }),
                    Err(error) => json!({ "refused": error.to_string() }),
                };
                if let Some(pool) = running.get(&name) {
                    model["engine"] = pool_report(pool);
                }
                model["name"] = name.into();
                model
            })
            .collect()
    })
}
