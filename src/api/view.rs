//! A camera's newest picture, and watching it live: its own H.264 packets as fragmented MP4 with the boxes of what is
//! seen beside them, or JPEGs where a browser cannot play what it sends. Each watcher reads the camera's ring at its own
//! pace; a slow one skips and is told, and costs nobody anything. Not here: how the stream is made (`media`).

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::{
        State,
        ws::{Message, close_code},
    },
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Interval, MissedTickBehavior, interval};
use utoipa::{IntoParams, ToSchema};

use super::{
    ApiState,
    caller::{Caller, SeePictures},
    extract::{Id, Params},
    problem::Problem,
    socket::{self, Due, End, Upgrade, Watcher},
    time,
};
use crate::{
    access::Permission,
    base::{CameraId, FrameSeq, Mono, clock},
    camera::{Codec, Packet, Phase},
    flow::{control::CameraView, sights::Sight},
    media::{LiveStream, Piece},
    track::{Scene, Track},
};

/// The subprotocol; a browser offers it beside `yunti.token.<token>`.
const PROTOCOL: &str = "yunti.live.v1";

/// A watcher this far behind the camera skips to the newest key frame.
const LAG: Duration = Duration::from_secs(2);

/// Without a packet for this long, the newest picture and the reason are shown instead.
const QUIET: Duration = Duration::from_secs(3);

/// The beat of everything that is not a packet; JPEGs come at most once a beat.
const BEAT: Duration = Duration::from_millis(500);

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

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LiveQuery {
    /// `video` (the default), or `frames`: JPEGs from the start, for who cannot play fragmented MP4.
    #[serde(default, rename = "as")]
    #[param(inline)]
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Form {
    #[default]
    Video,
    Frames,
}

#[utoipa::path(get, path = "/api/v1/cameras/{id}/live", tag = "cameras", params(("id" = String, Path), LiveQuery),
    responses((status = 101, description = "A WebSocket, subprotocol yunti.live.v1: the camera's video as fragmented MP4 with the boxes of what is seen; see docs/rest.md")))]
pub(super) async fn live(
    caller: Caller<SeePictures>,
    State(state): State<ApiState>,
    Id(id): Id<CameraId>,
    Params(LiveQuery { form }): Params<LiveQuery>,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    caller.camera(&state, id).await?;
    let upgrade = socket::accept(upgrade, PROTOCOL, socket::WATCHER_SAYS)?;
    let Ok(place) = state.viewers.clone().try_acquire_owned() else {
        return Err(Problem::unavailable("too many watch live already: close some"));
    };
    Ok(upgrade.on_upgrade(move |socket| async move {
        let mut viewer = Viewer {
            watcher: Watcher::new(socket, state, caller.who, place),
            camera: id,
            form,
            stream: LiveStream::default(),
            showing: Showing::Nothing,
            heard: clock::mono(),
        };
        let Err(end) = viewer.run().await;
        viewer.watcher.close(end).await;
    }))
}

struct Viewer {
    watcher: Watcher,
    camera: CameraId,
    form: Form,
    stream: LiveStream,
    showing: Showing,
    /// When the camera's last packet came that leads to something, or when waiting for one began.
    heard: Mono,
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

impl Viewer {
    /// Runs until the connection must end.
    async fn run(&mut self) -> Result<Infallible, End> {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if let Some(view) = self.watcher.state.live.view(self.camera) {
                self.follow(view, &mut beat).await?;
            }
            // The camera was changed or removed, or it has not been started yet: look again with the next beat.
            self.wait(&mut beat).await?;
        }
    }

    /// One beat without a camera.
    async fn wait(&mut self, beat: &mut Interval) -> Result<(), End> {
        loop {
            tokio::select! {
                due = self.watcher.due() => self.attend(due?).await?,
                _ = beat.tick() => break,
            }
        }
        self.look_at_camera().await?;
        self.beat(None).await
    }

    /// One life of the camera, until it is changed or removed.
    async fn follow(&mut self, view: CameraView, beat: &mut Interval) -> Result<(), End> {
        let CameraView { packets, mut sights } = view;
        let mut reader = packets.read();
        drop(packets);
        loop {
            tokio::select! {
                due = self.watcher.due() => self.attend(due?).await?,
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
                _ = beat.tick() => {
                    let newest = sights.borrow().clone();
                    self.beat(newest).await?;
                }
            }
        }
    }

    async fn attend(&mut self, due: Due) -> Result<(), End> {
        self.watcher.attend(due).await?;
        if due == Due::Nothing { Ok(()) } else { self.look_at_camera().await }
    }

    /// Whether the camera is still there, and still this viewer's to see.
    async fn look_at_camera(&mut self) -> Result<(), End> {
        let Watcher { state, who, .. } = &self.watcher;
        match state.store.camera(self.camera).await {
            Ok(None) => Err(End::Because(close_code::NORMAL, "the camera was removed")),
            Ok(Some(camera)) if !who.grants.allows(Permission::SeePictures, camera.site.as_ref()) => Err(End::Revoked),
            // A store that cannot answer for the moment is no reason to throw out every viewer.
            Ok(Some(_)) | Err(_) => Ok(()),
        }
    }

    async fn packets(&mut self, packets: &[Packet], skipped: u64) -> Result<(), End> {
        if skipped > 0 {
            self.stream.skip();
            if self.showing == Showing::Video {
                self.watcher.text(&json!({ "kind": "skipped", "frames": skipped })).await?;
            }
        }
        let why_frames = match self.form {
            Form::Frames => Some("single pictures were asked for"),
            Form::Video if packets.iter().any(|packet| packet.codec != Codec::H264) => {
                Some("the camera sends H.265, which not every browser plays")
            }
            Form::Video => None,
        };
        if let Some(why) = why_frames {
            self.heard = clock::mono();
            return self.show_frames(why.to_owned()).await;
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
                    self.watcher.text(&init).await?;
                    self.showing = Showing::Video;
                    self.watcher.send(Message::Binary(bytes.into())).await?;
                }
                Piece::Fragment(bytes) => self.watcher.send(Message::Binary(bytes.into())).await?,
            }
        }
        Ok(())
    }

    /// The boxes of a scene, where its picture is on the time line.
    async fn boxes(&mut self, scene: &Scene) -> Result<(), End> {
        // A picture that was not sent, before the first key frame or skipped, has no place.
        let Some(pts) = self.stream.place_of(scene.stamps.captured) else { return Ok(()) };
        self.watcher.text(&json!({ "kind": "boxes", "pts_s": pts, "tracks": tracks(scene) })).await
    }

    /// What is due twice a second: the camera's silence, the next JPEG.
    async fn beat(&mut self, newest: Option<Sight>) -> Result<(), End> {
        let now = clock::mono();
        self.mind_silence(now).await?;
        let Showing::Frames { sent, .. } = &mut self.showing else { return Ok(()) };
        let Some(sight) = newest.filter(|sight| Some(sight.frame.seq) != *sent) else { return Ok(()) };
        *sent = Some(sight.frame.seq);
        match sight.jpeg().await {
            Ok(jpeg) => {
                self.watcher.text(&json!({ "kind": "boxes", "tracks": tracks(&sight.scene) })).await?;
                self.watcher.send(Message::Binary(jpeg)).await
            }
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
        let report = self.watcher.state.live.camera(self.camera).map(|status| status.phase);
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
        self.watcher.text(&json!({ "kind": "frames", "reason": reason })).await?;
        self.showing = Showing::Frames { reason, sent };
        Ok(())
    }
}

fn tracks(scene: &Scene) -> Vec<Value> {
    let track = |track: &Track| {
        let rect = track.rect;
        json!({
            "id": track.id.0.to_string(),
            "label": track.label.as_str(),
            "score": track.score,
            "rect": [rect.x0, rect.y0, rect.x1, rect.y1],
        })
    };
    scene.tracks.iter().map(track).collect()
}
