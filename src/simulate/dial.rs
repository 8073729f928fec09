//! The connection below a device's WebSocket: TCP, with TLS when the server's address says so. Not here: the protocol.

use std::{fs, io, path::Path, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};
use url::Url;

use super::socket::address;

/// What a WebSocket runs over.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// Where to connect, and how.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) url: Url,
    tls: Option<TlsConnector>,
}

impl Target {
    /// `ca`: the certificate that a `https://` server's own is signed by, or is.
    ///
    /// # Errors
    /// Not such an address; no certificate for one that speaks TLS; the text says why.
    pub(super) fn new(server: &str, ca: Option<&Path>) -> Result<Self, String> {
        let url = address(server)?;
        let tls = match (url.scheme(), ca) {
            ("wss", Some(ca)) => Some(connector(ca)?),
            ("wss", None) => {
                return Err(
                    "the server speaks TLS: name the certificate that its own is signed by with --ca".to_owned()
                );
            }
            _ => None,
        };
        Ok(Self { url, tls })
    }

    /// Connects.
    pub(super) async fn connect(&self) -> io::Result<Box<dyn Io>> {
        let host = self.url.host_str().unwrap_or_default();
        let plain = host.trim_start_matches('[').trim_end_matches(']');
        let port = self.url.port_or_known_default().unwrap_or(80);
        let stream = TcpStream::connect((plain, port)).await?;
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let name = ServerName::try_from(plain.to_owned()).map_err(io::Error::other)?;
        Ok(Box::new(tls.connect(name, stream).await?))
    }
}

fn connector(ca: &Path) -> Result<TlsConnector, String> {
    let refused = |cause: String| format!("--ca {}: {cause}", ca.display());
    let pem = fs::read(ca).map_err(|e| refused(e.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|e| refused(e.to_string()))?;
        roots.add(certificate).map_err(|e| refused(e.to_string()))?;
    }
    if roots.is_empty() {
        return Err(refused("it holds no certificate (PEM)".to_owned()));
    }
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| refused(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(client)))
}
