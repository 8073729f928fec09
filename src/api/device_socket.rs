//! The devices' WebSocket: who connects, which subprotocol, how large a message. Not here: the protocol (`device`).

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    http::HeaderMap,
    response::Response,
};
use futures_util::{Sink, Stream};

use super::{ApiState, caller::identify_device, problem::Problem};

/// The subprotocol that a device must offer.
const PROTOCOL: &str = "yunti.device.v1";

/// The longest message taken from a device, in bytes.
const MESSAGE_MOST: usize = 64 << 10;

/// A device's connection as the protocol sees it: text messages both ways. Pings and pongs stay below; a binary
/// message arrives as the empty text, which is no message of the protocol either.
pub struct DeviceSocket {
    socket: WebSocket,
}

/// The connection broke.
#[derive(Debug, thiserror::Error)]
#[error("the device's connection broke: {0}")]
pub struct SocketError(String);

impl Stream for DeviceSocket {
    type Item = Result<String, SocketError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            return match std::task::ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                None | Some(Ok(Message::Close(_))) => Poll::Ready(None),
                Some(Ok(Message::Text(text))) => Poll::Ready(Some(Ok(text.as_str().to_owned()))),
                Some(Ok(Message::Binary(_))) => Poll::Ready(Some(Ok(String::new()))),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Err(error)) => Poll::Ready(Some(Err(SocketError(error.to_string())))),
            };
        }
    }
}

impl Sink<String> for DeviceSocket {
    type Error = SocketError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        Pin::new(&mut self.socket).poll_ready(cx).map_err(|e| SocketError(e.to_string()))
    }

    fn start_send(mut self: Pin<&mut Self>, text: String) -> Result<(), SocketError> {
        Pin::new(&mut self.socket).start_send(Message::Text(text.into())).map_err(|e| SocketError(e.to_string()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        Pin::new(&mut self.socket).poll_flush(cx).map_err(|e| SocketError(e.to_string()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        Pin::new(&mut self.socket).poll_close(cx).map_err(|e| SocketError(e.to_string()))
    }
}

#[utoipa::path(get, path = "/api/v1/devices/ws", tag = "devices",
    responses((status = 101, description = "A WebSocket, subprotocol yunti.device.v1, with a device's token: see docs/device-protocol.md")))]
pub(super) async fn connect(
    State(state): State<ApiState>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let device = identify_device(&headers, &state).await?;
    let upgrade = upgrade.map_err(|e| {
        Problem::malformed(format!("this is a WebSocket, connect with ws:// or wss://: {}", e.body_text()))
    })?;
    let upgrade = upgrade.protocols([PROTOCOL]).max_message_size(MESSAGE_MOST).max_frame_size(MESSAGE_MOST);
    if upgrade.selected_protocol().is_none() {
        return Err(Problem::malformed(format!("offer the subprotocol {PROTOCOL} (Sec-WebSocket-Protocol)")));
    }
    let (reference, serve) = (device.to_ref(), state.serve_device);
    Ok(upgrade.on_upgrade(move |socket| serve(reference, DeviceSocket { socket })))
}
