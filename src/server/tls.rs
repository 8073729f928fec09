//! TLS of the server's own address: certificates, handshakes, and taking up renewed files while it runs.
//! Not here: HTTP.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::serve::Listener;
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::{Semaphore, mpsc, watch},
    task::JoinHandle,
    time::{interval, timeout},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    },
    server::TlsStream,
};
use tracing::{debug, info, warn};

use crate::config::TlsConfig;

/// A handshake that takes longer is given up.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Handshakes at one time; more wait to be accepted.
const HANDSHAKES: usize = 64;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// Why the certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    #[error("cannot read {path}: {cause}")]
    Read { path: PathBuf, cause: String },
    #[error(
        "{0} holds no certificate: it must be PEM, `-----BEGIN CERTIFICATE-----`, the server's own first, then those that signed it"
    )]
    NoCertificate(PathBuf),
    #[error(
        "{0} holds no private key: it must be PEM, `-----BEGIN PRIVATE KEY-----` (or RSA, EC), without a passphrase"
    )]
    NoKey(PathBuf),
    #[error("the key in {key} is not that of the first certificate in {cert}: name the two that were made together")]
    Mismatch { cert: PathBuf, key: PathBuf },
    #[error("{cert} and {key} cannot be used: {cause}")]
    Unusable { cert: PathBuf, key: PathBuf, cause: rustls::Error },
}

/// Reads certificate and key.
///
/// # Errors
/// They cannot be read, are not PEM, or do not go together.
pub(super) fn load(config: &TlsConfig) -> Result<Arc<ServerConfig>, TlsError> {
    let TlsConfig { cert, key } = config;
    let read = |path: &Path| fs::read(path).map_err(|e| TlsError::Read { path: path.to_owned(), cause: e.to_string() });
    let (cert_pem, key_pem) = (read(cert)?, read(key)?);
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&cert_pem)
        .collect::<Result<_, pem::Error>>()
        .map_err(|e| TlsError::Read { path: cert.clone(), cause: e.to_string() })?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(cert.clone()));
    }
    let private = PrivateKeyDer::from_pem_slice(&key_pem).map_err(|_| TlsError::NoKey(key.clone()))?;
    let unusable = |cause| match cause {
        rustls::Error::InconsistentKeys(_) => TlsError::Mismatch { cert: cert.clone(), key: key.clone() },
        cause => TlsError::Unusable { cert: cert.clone(), key: key.clone(), cause },
    };
    let mut server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(unusable)?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(server))
}

/// Accepts connections and hands them on when their handshake is done: a client that is slow at it keeps nobody waiting.
pub(super) struct TlsListener {
    address: SocketAddr,
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    tasks: [JoinHandle<()>; 2],
}

impl TlsListener {
    /// Listens with what `files` hold, and with what they hold later: they are looked at every few seconds and at SIGHUP.
    pub(super) fn new(listener: TcpListener, files: TlsConfig, first: Arc<ServerConfig>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (renewed, newest) = watch::channel(first);
        // As many as may shake hands at one time; full: they wait with their hands shaken.
        let (to, ready) = mpsc::channel(HANDSHAKES);
        let tasks = [tokio::spawn(accept(listener, newest, to)), tokio::spawn(renew(files, renewed))];
        Ok(Self { address, ready, tasks })
    }
}

impl Drop for TlsListener {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // The accepting task has ended: no more will come.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

async fn accept(
    mut listener: TcpListener,
    newest: watch::Receiver<Arc<ServerConfig>>,
    to: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    let places = Arc::new(Semaphore::new(HANDSHAKES));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        // axum's way of accepting: a failure (no file handles left) is waited out.
        let (mut stream, from) = Listener::accept(&mut listener).await;
        let acceptor = TlsAcceptor::from(Arc::clone(&newest.borrow()));
        let to = to.clone();
        tokio::spawn(async move {
            let _place = place;
            super::send_at_once(&mut stream);
            match timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => drop(to.send((stream, from)).await),
                Ok(Err(error)) => debug!(%from, %error, "a TLS handshake failed"),
                Err(_) => debug!(%from, "a TLS handshake took too long"),
            }
        });
    }
}

/// When a file was last written; `None` when it cannot be told.
fn written(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

async fn renew(files: TlsConfig, renewed: watch::Sender<Arc<ServerConfig>>) {
    let state = || [written(&files.cert), written(&files.key)];
    let mut seen = state();
    let mut look = interval(LOOK);
    let mut told = match signal(SignalKind::hangup()) {
        Ok(told) => told,
        Err(error) => return warn!(%error, "no handler for SIGHUP: a renewed certificate needs a restart"),
    };
    loop {
        let asked = tokio::select! {
            _ = look.tick() => false,
            _ = told.recv() => true,
        };
        let now = state();
        if !asked && now == seen {
            continue;
        }
        seen = now;
        match load(&files) {
            Ok(config) => {
                renewed.send_replace(config);
                info!(cert = %files.cert.display(), "a new certificate is in use");
            }
            Err(error) => warn!(%error, "the new certificate cannot be used: the one before stays"),
        }
    }
}
