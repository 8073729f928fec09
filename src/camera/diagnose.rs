//! Why a connection could not be made, where `GStreamer` says no more than that. Not here: connecting for good.

use std::{
    io::ErrorKind,
    net::{TcpStream, ToSocketAddrs as _},
    time::Duration,
};

use super::{CameraUri, Failure, Scheme};

/// Only failures that came at once are looked into, so the answer also comes at once.
const PATIENCE: Duration = Duration::from_millis(500);

/// Refines [`Failure::Unreachable`] by one plain TCP connection; every other failure stays what it is.
pub(super) fn diagnose(failure: Failure, uri: &CameraUri) -> Failure {
    let Failure::Unreachable(host) = failure else { return failure };
    let Some(address) = host.to_socket_addrs().ok().and_then(|mut all| all.next()) else {
        return Failure::Unreachable(host);
    };
    match TcpStream::connect_timeout(&address, PATIENCE) {
        Err(e) if e.kind() == ErrorKind::ConnectionRefused => Failure::Refused(host),
        Err(_) => Failure::Unreachable(host),
        Ok(_) if uri.scheme() == Scheme::Rtsps => Failure::Tls,
        Ok(_) => Failure::Other(format!("{host} accepts connections but does not answer as an RTSP camera does")),
    }
}
