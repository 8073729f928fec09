//! The devices' WebSocket: who connects, which subprotocol, how large a message. Not here: the protocol (`device`).

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::Bytes,
    extract::{
        State,
        ws::{CloseFrame, Message, WebSocket},
    },
    http::HeaderMap,
    response::Response,
};
use futures_util::{Sink, Stream};

use super::{
    ApiState, ServeDevice,
    caller::identify_device,
    problem::Problem,
    socket::{self, Upgrade},
};
use crate::device::link::{Links, SocketMessage};

/// The subprotocol that a device must offer.
const PROTOCOL: &str = "yunti.device.v1";

/// The longest message taken from a device, in bytes.
const MESSAGE_MOST: usize = 64 << 10;

/// A device's connection as `device::link` takes it, over axum's WebSocket.
pub struct DeviceSocket {
    socket: WebSocket,
}

/// The connection broke.
#[derive(Debug, thiserror::Error)]
#[error("the device's connection broke: {0}")]
pub struct SocketError(String);

fn broke(error: impl std::fmt::Display) -> SocketError {
    SocketError(error.to_string())
}

/// Serves devices by the hub; what [`ApiState::serve_device`] is in the server.
#[must_use]
pub fn serve_by(links: Links) -> ServeDevice {
    Arc::new(move |device, socket| {
        let links = links.clone();
        Box::pin(async move {
            let reason = links.serve(device, socket).await;
            tracing::info!(device = %device.id, ?reason, "a device's connection ended");
        })
    })
}

impl Stream for DeviceSocket {
    type Item = Result<SocketMessage, SocketError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let message = std::task::ready!(Pin::new(&mut self.socket).poll_next(cx));
        Poll::Ready(message.map(|message| match message {
            Ok(Message::Text(text)) => Ok(SocketMessage::Text(text.as_str().to_owned())),
            Ok(Message::Binary(_)) => Ok(SocketMessage::Binary),
            Ok(Message::Ping(_) | Message::Pong(_)) => Ok(SocketMessage::Control),
            Ok(Message::Close(frame)) => {
                let (code, reason) = frame.map_or_else(Default::default, |f| (f.code, f.reason.as_str().to_owned()));
                Ok(SocketMessage::Close { code, reason })
            }
            Err(error) => Err(broke(error)),
        }))
    }
}

impl Sink<SocketMessage> for DeviceSocket {
    type Error = SocketError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        Pin::new(&mut self.socket).poll_ready(cx).map_err(broke)
    }

    fn start_send(mut self: Pin<&mut Self>, message: SocketMessage) -> Result<(), SocketError> {
        let message = match message {
            SocketMessage::Text(text) => Message::Text(text.into()),
            SocketMessage::Binary => Message::Binary(Bytes::new()),
            SocketMessage::Control => Message::Ping(Bytes::new()),
            SocketMessage::Close { code, reason } => Message::Close(Some(CloseFrame { code, reason: reason.into() })),
        };
        Pin::new(&mut self.socket).start_send(message).map_err(broke)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        Pin::new(&mut self.socket).poll_flush(cx).map_err(broke)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        Pin::new(&mut self.socket).poll_close(cx).map_err(broke)
    }
}

#[utoipa::path(get, path = "/api/v1/devices/ws", tag = "devices",
    responses((status = 101, description = "A WebSocket, subprotocol yunti.device.v1, with a device's token: see docs/device-protocol.md")))]
pub(super) async fn connect(
    State(state): State<ApiState>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    let device = identify_device(&headers, &state).await?;
    let upgrade = socket::accept(upgrade, PROTOCOL, MESSAGE_MOST)?;
    if upgrade.selected_protocol().is_none() {
        return Err(Problem::malformed(format!("offer the subprotocol {PROTOCOL} (Sec-WebSocket-Protocol)")));
    }
    let (reference, serve) = (device.to_ref(), state.serve_device);
    Ok(upgrade.on_upgrade(move |socket| serve(reference, DeviceSocket { socket })))
}
