//! A camera's newest picture, and watching it live: its own H.264 packets as fragmented MP4 with the boxes of what is
//! seen beside them, or JPEGs where a browser cannot play what it sends. Each watcher reads the camera's ring at its own
//! pace; a slow one skips and is told, and costs nobody anything. Not here: how the stream is made (`media`).

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::{Interval, MissedTickBehavior, interval, timeout},
};

use super::{
    ApiState,
    caller::{Caller, Identity, SeePictures, still_valid},
    extract::Id,
    problem::Problem,
    time,
};
use crate::{
    access::Permission,
    base::{CameraId, FrameSeq, Mono, clock},
    camera::{Codec, Packet, Phase},
    flow::{control::CameraView, sights::Sight},
    media::{LiveStream, Piece},
    track::Scene,
};

/// The subprotocol; a browser offers it beside `yunti.token.<token>`.
const PROTOCOL: &str = "yunti.live.v1";

/// A watcher this far behind the camera skips to the newest key frame.
const LAG: Duration = Duration::from_secs(2);

/// Without a packet for this long, the newest picture and the reason are shown instead.
const QUIET: Duration = Duration::from_secs(3);

/// The beat of everything that is not a packet; JPEGs come at most once a beat.
const BEAT: Duration = Duration::from_millis(500);

/// A watcher says nothing but pongs and a close.
const MESSAGE_MOST: usize = 4096;

const CAPTURED_AT: HeaderName = HeaderName::from_static("x-yunti-captured-at");

#[utoipa::path(get, path = "/api/v1/cameras/{id}/snapshot", tag = "cameras", params(("id" = String, Path)),
    responses((status = 200, description = "The newest analysed picture, without boxes; `X-Yunti-Captured-At` says when it was taken",
        content_type = "image/jpeg", body = Vec<u8>)))]
pub(super) async fn snapshot(
    caller: Caller<SeePictures>,
    State(state): State<ApiState>,
    Id(id): Id<CameraId>,
) -> Result<Response, Problem> {
    caller.camera(&state, id).await?;
    let newest = state.live.view(id).and_then(|view| view.sights.borrow().clone());
    let sight = newest.ok_or_else(|| {
        Problem::not_found("this camera has no picture (yet): nothing of it was analysed since the server started")
    })?;
    let jpeg = sight.jpeg().await.map_err(Problem::internal)?;
    let captured = time::text(clock::now().wall_of(sight.frame.captured));
    let captured = HeaderValue::try_from(captured).map_err(Problem::internal)?;
    let head = [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
        (CAPTURED_AT, captured),
    ];
    Ok((head, jpeg).into_response())
}

#[utoipa::path(get, path = "/api/v1/cameras/{id}/live", tag = "cameras", params(("id" = String, Path)),
    responses((status = 101, description = "A WebSocket, subprotocol yunti.live.v1: the camera's video as fragmented MP4 with the boxes of what is seen; see docs/rest.md")))]
pub(super) async fn live(
    caller: Caller<SeePictures>,
    State(state): State<ApiState>,
    Id(id): Id<CameraId>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    caller.camera(&state, id).await?;
    let upgrade = upgrade.map_err(|e| {
        Problem::malformed(format!("this is a WebSocket, connect with ws:// or wss://: {}", e.body_text()))
    })?;
    let Ok(place) = state.viewers.clone().try_acquire_owned() else {
        return Err(Problem::unavailable("too many watch live already: close some"));
    };
    let upgrade = upgrade.protocols([PROTOCOL]).max_message_size(MESSAGE_MOST).max_frame_size(MESSAGE_MOST);
    let access = state.access_changed();
    Ok(upgrade.on_upgrade(move |socket| {
        let viewer = Viewer {
            socket,
            state,
            who: caller.who,
            camera: id,
            stream: LiveStream::default(),
            showing: Showing::Nothing,
            heard: clock::mono(),
            unanswered: 0,
            next_ping: clock::mono(),
            access,
            place,
        };
        serve(viewer)
    }))
}

struct Viewer {
    socket: WebSocket,
    state: ApiState,
    who: Identity,
    camera: CameraId,
    stream: LiveStream,
    showing: Showing,
    /// When the camera's last packet came that leads to something, or when waiting for one began.
    heard: Mono,
    /// Pings without an answer.
    unanswered: u32,
    next_ping: Mono,
    access: watch::Receiver<()>,
    #[expect(dead_code, reason = "held while the viewer is connected")]
    place: OwnedSemaphorePermit,
}

/// What the viewer has been told it gets.
#[derive(Debug, PartialEq)]
enum Showing {
    Nothing,
    Video,
    /// JPEGs, and why; the newest that was sent.
    Frames {
        reason: String,
        sent: Option<FrameSeq>,
    },
}

/// Why a viewer's connection ends.
enum End {
    /// It left, or the connection broke, or not even a pong came.
    Gone,
    /// It takes nothing.
    Slow,
    Revoked,
    /// The camera was removed.
    Removed,
    Closing,
}

async fn serve(mut viewer: Viewer) {
    let end = viewer.run().await;
    let (code, reason) = match end {
        End::Gone => return,
        End::Slow => {
            tracing::info!(camera = %viewer.camera, who = %viewer.who.id(), "cut off a viewer that takes nothing");
            (close_code::AGAIN, "too slow: connect again")
        }
        End::Revoked => (close_code::POLICY, "no longer allowed: log in again, or use another token"),
        End::Removed => (close_code::NORMAL, "the camera was removed"),
        End::Closing => (close_code::AWAY, "the server is shutting down: connect again"),
    };
    let close = Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }));
    // Told if it still listens; dropped either way.
    drop(timeout(viewer.state.sockets.send.min(Duration::from_secs(1)), viewer.socket.send(close)).await);
}

impl Viewer {
    async fn run(&mut self) -> End {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let followed = match self.state.live.view(self.camera) {
                Some(view) => self.follow(view, &mut beat).await,
                None => Ok(()),
            };
            // The camera was changed or removed, or it has not been started yet: look again with the next beat.
            let waited = match followed {
                Ok(()) => self.wait(&mut beat).await,
                Err(end) => Err(end),
            };
            if let Err(end) = waited {
                return end;
            }
        }
    }

    /// One beat without a camera.
    async fn wait(&mut self, beat: &mut Interval) -> Result<(), End> {
        let closing = self.state.closing.clone();
        loop {
            tokio::select! {
                () = closing.cancelled() => return Err(End::Closing),
                said = self.socket.recv() => self.said(said.as_ref())?,
                _ = beat.tick() => break,
            }
        }
        self.look_again().await?;
        self.beat(None).await
    }

    /// One life of the camera, until it is changed or removed.
    async fn follow(&mut self, view: CameraView, beat: &mut Interval) -> Result<(), End> {
        let CameraView { packets, mut sights } = view;
        let mut reader = packets.read();
        drop(packets);
        let closing = self.state.closing.clone();
        loop {
            tokio::select! {
                () = closing.cancelled() => return Err(End::Closing),
                more = reader.ready() => {
                    if !more {
                        return Ok(());
                    }
                    let taken = reader.take(LAG);
                    self.packets(&taken.packets, taken.skipped).await?;
                }
                changed = sights.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    let scene = sights.borrow_and_update().as_ref().map(|sight| sight.scene.clone());
                    if let Some(scene) = scene.filter(|_| self.showing == Showing::Video) {
                        self.boxes(&scene).await?;
                    }
                }
                said = self.socket.recv() => self.said(said.as_ref())?,
                _ = beat.tick() => {
                    let newest = sights.borrow().clone();
                    self.beat(newest).await?;
                }
            }
        }
    }

    /// Whether the camera is still there, and still this viewer's to see.
    async fn look_again(&mut self) -> Result<(), End> {
        self.who = still_valid(&self.state, &self.who).await.ok_or(End::Revoked)?;
        match self.state.store.camera(self.camera).await {
            Ok(None) => Err(End::Removed),
            Ok(Some(camera)) if !self.who.grants.allows(Permission::SeePictures, camera.site.as_ref()) => {
                Err(End::Revoked)
            }
            // A store that cannot answer for the moment is no reason to throw out every viewer.
            Ok(Some(_)) | Err(_) => Ok(()),
        }
    }

    async fn packets(&mut self, packets: &[Packet], skipped: u64) -> Result<(), End> {
        if skipped > 0 {
            self.stream.skip();
            if self.showing == Showing::Video {
                self.text(&json!({ "kind": "skipped", "frames": skipped })).await?;
            }
        }
        if packets.iter().any(|packet| packet.codec != Codec::H264) {
            self.heard = clock::mono();
            return self.show_frames("the camera sends H.265, which not every browser plays".to_owned()).await;
        }
        let pieces = match self.stream.push(packets) {
            Ok(pieces) => pieces,
            Err(error) => return self.show_frames(error.to_string()).await,
        };
        if !pieces.is_empty() {
            self.heard = clock::mono();
        }
        for piece in pieces {
            match piece {
                Piece::Init { codec, size, bytes } => {
                    let mime = format!("video/mp4; codecs=\"{codec}\"");
                    let init = json!({
                        "kind": "init", "codec": codec, "mime": mime, "width": size.width, "height": size.height,
                    });
                    self.text(&init).await?;
                    self.showing = Showing::Video;
                    self.send(Message::Binary(bytes.into())).await?;
                }
                Piece::Fragment(bytes) => self.send(Message::Binary(bytes.into())).await?,
            }
        }
        Ok(())
    }

    /// The boxes of a scene, where its picture is on the time line.
    async fn boxes(&mut self, scene: &Scene) -> Result<(), End> {
        // A picture that was not sent, before the first key frame or skipped, has no place.
        let Some(pts) = self.stream.place_of(scene.stamps.captured) else { return Ok(()) };
        let tracks: Vec<Value> = scene
            .tracks
            .iter()
            .map(|track| {
                let rect = track.rect;
                json!({
                    "id": track.id.0.to_string(),
                    "label": track.label.as_str(),
                    "score": track.score,
                    "rect": [rect.x0, rect.y0, rect.x1, rect.y1],
                })
            })
            .collect();
        self.text(&json!({ "kind": "boxes", "pts_s": pts, "tracks": tracks })).await
    }

    /// What is due twice a second: a ping now and then, the camera's silence, the next JPEG.
    async fn beat(&mut self, newest: Option<Sight>) -> Result<(), End> {
        let now = clock::mono();
        if now >= self.next_ping {
            self.next_ping = now + self.state.sockets.ping;
            self.unanswered += 1;
            if self.unanswered > 4 {
                return Err(End::Gone);
            }
            self.look_again().await?;
            self.send(Message::Ping(Bytes::new())).await?;
        }
        if self.access.has_changed().unwrap_or(false) {
            self.access.mark_unchanged();
            self.look_again().await?;
        }
        self.mind_silence(now).await?;
        let Showing::Frames { sent, .. } = &mut self.showing else { return Ok(()) };
        let Some(sight) = newest.filter(|sight| Some(sight.frame.seq) != *sent) else { return Ok(()) };
        *sent = Some(sight.frame.seq);
        match sight.jpeg().await {
            Ok(jpeg) => self.send(Message::Binary(jpeg)).await,
            Err(error) => {
                tracing::warn!(camera = %self.camera, %error, "a picture cannot be shown");
                Ok(())
            }
        }
    }

    /// Shows the newest picture and says why, when the camera sends nothing.
    async fn mind_silence(&mut self, now: Mono) -> Result<(), End> {
        let silent = now.since(self.heard);
        if silent < BEAT {
            return Ok(());
        }
        let report = self.state.live.camera(self.camera).map(|status| status.phase);
        let (patience, reason) = match report {
            Some(report) if matches!(report.phase, Phase::BackOff | Phase::Disabled) => {
                (BEAT, format!("{}: {}", report.phase.name(), report.reason))
            }
            Some(report) => {
                (QUIET, format!("{}: no video that can be shown for {} s", report.phase.name(), QUIET.as_secs()))
            }
            None => (QUIET, "the camera is not running".to_owned()),
        };
        if silent >= patience { self.show_frames(reason).await } else { Ok(()) }
    }

    /// From now on pictures; the reason is told once, and again when it changes.
    async fn show_frames(&mut self, reason: String) -> Result<(), End> {
        let sent = match &self.showing {
            Showing::Frames { reason: told, .. } if *told == reason => return Ok(()),
            Showing::Frames { sent, .. } => *sent,
            _ => None,
        };
        self.stream.restart();
        self.text(&json!({ "kind": "frames", "reason": reason })).await?;
        self.showing = Showing::Frames { reason, sent };
        Ok(())
    }

    fn said(&mut self, said: Option<&Result<Message, axum::Error>>) -> Result<(), End> {
        match said {
            None | Some(Err(_) | Ok(Message::Close(_))) => Err(End::Gone),
            Some(Ok(_)) => {
                self.unanswered = 0;
                Ok(())
            }
        }
    }

    async fn text(&mut self, value: &Value) -> Result<(), End> {
        self.send(Message::Text(value.to_string().into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(self.state.sockets.send, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Slow),
        }
    }
}
