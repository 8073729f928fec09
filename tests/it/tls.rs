//! HTTPS by the real binary: the certificate and its renewal, what browsers are told, a device over `wss://`.

use std::{fs, path::Path, sync::Arc, time::Duration};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use crate::world::{Process, create_token, text, until};

/// Writes a new certificate for this machine, and its key.
fn certificate(dir: &Path, cert: &str, key: &str) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    fs::write(dir.join(cert), made.cert.pem()).expect("written");
    fs::write(dir.join(key), made.signing_key.serialize_pem()).expect("written");
}

fn settings(dir: &Path) {
    fs::create_dir(dir.join("models")).expect("folder");
    let text = "listen = '127.0.0.1:0'\ndata = 'data'\n[tls]\ncert = 'cert.pem'\nkey = 'key.pem'\n";
    fs::write(dir.join("yunti.toml"), text).expect("settings");
}

/// A connection to a server whose certificate is the one in `cert`.
async fn connect(address: &str, cert: &Path) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(cert).expect("PEM")).expect("a certificate");
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    TlsConnector::from(Arc::new(client)).connect(name, stream).await
}

/// Sends one request; head and body of the answer.
async fn ask(address: &str, cert: &Path, head: &str, body: Option<Value>) -> (String, Value) {
    let mut stream = connect(address, cert).await.expect("the handshake");
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    let request =
        format!("{head}\r\nHost: {address}\r\nConnection: close\r\n{kind}Content-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // An end without a close_notify is an end.
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_lowercase(), serde_json::from_str(body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn it_speaks_tls_and_takes_up_a_renewed_certificate() {
    let dir = TempDir::new().expect("temporary folder");
    let path = dir.path();
    settings(path);
    certificate(path, "cert.pem", "key.pem");
    let token = create_token(path, "admin");
    let server = Process::yunti("server", path, &["serve", "--config", "yunti.toml", "--models", "models"]);
    let (_, said) = server.wait_line(0, "address", |l| l.contains("https://"));
    let address = said.split("https://").nth(1).expect("an address").trim().to_owned();
    let (_, link) = server.wait_line(0, "link", |l| l.contains("#setup="));
    let secret = link.split("#setup=").nth(1).and_then(|rest| rest.split(' ').next()).expect("a secret");
    let cert = path.join("cert.pem");

    let (head, _) = ask(&address, &cert, "GET /health/live HTTP/1.1", None).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("strict-transport-security: max-age="), "{head}");
    let body = json!({ "secret": secret, "name": "boss", "password": "correct horse" });
    let (head, session) = ask(&address, &cert, "POST /api/v1/setup HTTP/1.1", Some(body)).await;
    assert!(head.starts_with("http/1.1 201"), "{head} {session}");
    assert!(head.contains("; secure"), "the cookie is for TLS alone: {head}");

    // A device over wss://; without the certificate it does not trust the server.
    let head = format!("POST /api/v1/devices HTTP/1.1\r\nAuthorization: Bearer {token}");
    let (_, voice) = ask(&address, &cert, &head, Some(json!({ "name": "voice", "kind": "voice" }))).await;
    let (id, device_token, url) = (text(&voice["id"]), text(&voice["token"]), format!("https://{address}"));
    let args = ["simulate", "voice", "--server", &url, "--token", &device_token, "--ca", "cert.pem"];
    let device = Process::yunti("voice", path, &args);
    until("the voice box online", async || {
        let head = format!("GET /api/v1/devices/{id} HTTP/1.1\r\nAuthorization: Bearer {token}");
        (ask(&address, &cert, &head, None).await.1["online"] == true).then_some(())
    })
    .await;
    drop(device);
    let mut distrustful = Process::yunti("distrustful", path, &args[..6]);
    assert_eq!(distrustful.wait(), Some(1));

    // Renewed while it runs.
    fs::copy(&cert, path.join("old.pem")).expect("copied");
    certificate(path, "cert.pem", "key.pem");
    server.signal(Signal::SIGHUP);
    until("the new certificate", async || connect(&address, &cert).await.ok().map(drop)).await;
    assert!(connect(&address, &path.join("old.pem")).await.is_err(), "the old one is in use no more");
    // A broken renewal changes nothing.
    fs::write(path.join("key.pem"), "not a key").expect("written");
    server.signal(Signal::SIGHUP);
    until("the warning", async || {
        fs::read_to_string(path.join("server.log")).ok().filter(|log| log.contains("the one before stays"))
    })
    .await;
    let (head, _) = ask(&address, &cert, "GET /health/live HTTP/1.1", None).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");

    // Somebody who connects and says nothing keeps nobody waiting.
    let silent = TcpStream::connect(&address).await.expect("connects");
    let answer = tokio::time::timeout(Duration::from_secs(9), ask(&address, &cert, "GET /health/live HTTP/1.1", None));
    assert!(answer.await.expect("at once").0.starts_with("http/1.1 200"));
    drop(silent);
}

#[test]
fn a_wrong_certificate_is_refused_in_words() {
    for (what, words) in [
        ("no file", "cannot read"),
        ("no certificate", "holds no certificate"),
        ("no key", "holds no private key"),
        ("another's key", "is not that of the first certificate"),
    ] {
        let dir = TempDir::new().expect("temporary folder");
        let path = dir.path();
        settings(path);
        certificate(path, "cert.pem", "key.pem");
        match what {
            "no file" => fs::remove_file(path.join("cert.pem")).expect("removed"),
            "no certificate" => fs::write(path.join("cert.pem"), "hello").expect("written"),
            "no key" => fs::copy(path.join("cert.pem"), path.join("key.pem")).map(drop).expect("written"),
            _ => certificate(path, "other.pem", "key.pem"),
        }
        let mut server = Process::yunti("server", path, &["serve", "--config", "yunti.toml", "--models", "models"]);
        assert_eq!(server.wait(), Some(1), "{what}");
        let log = fs::read_to_string(path.join("server.log")).expect("log");
        assert!(log.contains(words) && log.contains(".pem"), "{what}: {log}");
    }
}
