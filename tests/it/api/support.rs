//! A server on port 0 and its clients.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{FutureExt, SinkExt, StreamExt, future::BoxFuture};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpStream, task::JoinHandle, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Error as WsError, Message, client::IntoClientRequest},
};
use yunti::{
    access::Role,
    alarm::{Act, ActError, Alarm, AlarmKind, AlarmState, LiftState},
    api::{ApiState, DeviceSocket, Live, ServeDevice, SocketLimits, router},
    base::{AlarmId, CameraId, DeviceId, Wall, clock},
    camera::{DecodeChains, Phase, PhaseReport},
    command::token::create_in,
    device::{DeviceRef, link::SocketMessage},
    flow::{
        control::{CameraStatus, CameraView, ControlError, DeviceStatus, FrameCounts},
        pipeline::Pipelines,
    },
    store::{NewEvent, Store, Write},
};

/// The longest that anything here may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Stands in for the running system.
pub(super) struct Fake {
    store: Store,
    pub(super) changed: Mutex<Vec<String>>,
    pub(super) devices: Mutex<HashMap<DeviceId, DeviceStatus>>,
}

impl Live for Fake {
    fn act(
        &self,
        id: AlarmId,
        act: Act,
        by: String,
        note: Option<String>,
    ) -> BoxFuture<'_, Result<Alarm, ControlError>> {
        async move {
            let mut alarm = self.store.alarm(id).await.expect("read").ok_or(ControlError::Act(ActError::Unknown))?;
            if alarm.state.is_closed() {
                return Err(ControlError::Act(ActError::Already { state: alarm.state, by: alarm.actor }));
            }
            alarm.state = match act {
                Act::Acknowledge => AlarmState::Acknowledged,
                Act::Resolve => AlarmState::Resolved,
                Act::FalseAlarm => AlarmState::FalseAlarm,
            };
            alarm.actor = Some(by);
            alarm.note = note;
            self.store.write(vec![Write::Alarm(Box::new(alarm.clone()))]).await.expect("written");
            Ok(alarm)
        }
        .boxed()
    }

    fn camera_changed(&self, camera: CameraId) -> BoxFuture<'_, Result<(), ControlError>> {
        self.changed.lock().expect("no panic").push(camera.to_string());
        async { Ok(()) }.boxed()
    }

    fn device_changed(&self, device: DeviceId) -> BoxFuture<'_, Result<(), ControlError>> {
        self.changed.lock().expect("no panic").push(device.to_string());
        async { Ok(()) }.boxed()
    }

    fn device_cut(&self, device: DeviceId) -> BoxFuture<'_, Result<(), ControlError>> {
        self.changed.lock().expect("no panic").push(format!("cut {device}"));
        async { Ok(()) }.boxed()
    }

    fn camera(&self, camera: CameraId) -> Option<CameraStatus> {
        Some(CameraStatus {
            phase: PhaseReport { camera, phase: Phase::Live, reason: "frames arrive".to_owned(), since: Wall(0) },
            last_frame_age: Some(Duration::from_millis(40)),
            frames: FrameCounts { decoded: 10, analysed: 5, displaced: 4, expired: 1 },
            decode: Some("software-h264".to_owned()),
            reconnects: 2,
            blind: None,
        })
    }

    fn view(&self, _: CameraId) -> Option<CameraView> {
        None
    }

    fn device(&self, device: DeviceId) -> Option<DeviceStatus> {
        self.devices.lock().expect("no panic").get(&device).cloned()
    }
}

/// A server and an administrator's token for it.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) store: Store,
    pub(super) fake: Arc<Fake>,
    pub(super) state: ApiState,
    pub(super) admin: String,
    client: Client,
    serving: JoinHandle<()>,
    _folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Sends back every text with `echo:` before it.
fn echo(_: DeviceRef, mut socket: DeviceSocket) -> BoxFuture<'static, ()> {
    async move {
        while let Some(Ok(message)) = socket.next().await {
            let SocketMessage::Text(text) = message else { return };
            if socket.send(SocketMessage::Text(format!("echo:{text}"))).await.is_err() {
                return;
            }
        }
    }
    .boxed()
}

impl Server {
    pub(super) async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    pub(super) async fn start_with(change: impl FnOnce(&mut ApiState)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let fake = Arc::new(Fake { store: store.clone(), changed: Mutex::default(), devices: Mutex::default() });
        let pipelines = Arc::new(Pipelines::load(None).expect("the built-in pipelines"));
        let chains = Arc::new(DecodeChains::load(None).expect("the built-in decode chains"));
        let serve: ServeDevice = Arc::new(echo);
        let media: PathBuf = folder.path().join("media");
        let mut state = ApiState::new(store.clone(), fake.clone(), serve, pipelines, chains, media);
        state.sockets = SocketLimits { ping: Duration::from_millis(200), send: Duration::from_millis(500) };
        state.metrics = Arc::new(|| "yunti_frames_total 1\n".to_owned());
        change(&mut state);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let app = router(state.clone());
        let serving = tokio::spawn(async move {
            axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await.expect("serves");
        });
        let admin = create_in(&store, Role::Admin, "test admin", "test").await.expect("a token").expose().to_owned();
        let client = Client::builder().timeout(PATIENCE).build().expect("a client");
        Self { address, store, fake, state, admin, client, serving, _folder: folder }
    }

    pub(super) async fn token(&self, role: Role) -> String {
        create_in(&self.store, role, role.name(), "test").await.expect("a token").expose().to_owned()
    }

    /// A token of a role at a site; everywhere when `None`.
    pub(super) async fn token_at(&self, role: Role, site: Option<&str>) -> String {
        let name = format!("{} at {}", role.name(), site.unwrap_or("every site"));
        let body = json!({ "name": name, "role": role.name(), "site": site });
        let (status, made) = self.call(Method::POST, "/api/v1/tokens", Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        made["token"].as_str().expect("a token").to_owned()
    }

    /// A request without a token.
    pub(super) fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// A request of the administrator's.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).bearer_auth(&self.admin)
    }

    /// Sends JSON as the administrator; the answer's status and JSON (null when empty).
    pub(super) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let request = self.request(method, path);
        answer(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    /// Registers a camera; its id.
    pub(super) async fn camera(&self) -> String {
        let body = json!({ "name": "car 1", "uri": "rtsp://root:s3cret@10.0.0.7/live", "pipeline": "elevator" });
        let (status, body) = self.call(Method::POST, "/api/v1/cameras", Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body["id"].as_str().expect("an id").to_owned()
    }

    /// Registers a lift; its id and token.
    pub(super) async fn lift(&self) -> (String, String) {
        let body = json!({ "name": "lift 1", "kind": "lift", "control": "B" });
        let (status, body) = self.call(Method::POST, "/api/v1/devices", Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        (body["id"].as_str().expect("an id").to_owned(), body["token"].as_str().expect("a token").to_owned())
    }

    /// Raises an alarm, as the desk does.
    pub(super) async fn alarm(&self, raised_at: i64) -> AlarmId {
        self.alarm_of(CameraId::from_u128(1), raised_at).await
    }

    /// Raises an alarm of a camera, as the desk does.
    pub(super) async fn alarm_of(&self, camera: CameraId, raised_at: i64) -> AlarmId {
        let alarm = Alarm {
            id: AlarmId::fresh(),
            kind: AlarmKind::EbikeInLift,
            state: AlarmState::Raised,
            camera: Some(camera),
            device: None,
            sighting: None,
            raised_at: Wall(raised_at),
            cleared_at: None,
            lift: LiftState::None,
            escalated: false,
            escalations: Vec::new(),
            note: None,
            actor: None,
            timeline: vec![],
        };
        let id = alarm.id;
        let event = NewEvent {
            at: Wall(raised_at),
            kind: "alarm.raised",
            camera: alarm.camera,
            device: None,
            alarm: Some(id),
            data: json!({}),
        };
        self.store.write(vec![Write::Alarm(Box::new(alarm)), Write::Event(event)]).await.expect("written");
        id
    }

    /// Writes events carrying `n` in 0..count and `padding` bytes each.
    pub(super) async fn emit(&self, numbers: std::ops::Range<u64>, padding: usize) {
        let padding = "x".repeat(padding);
        let event = |n| NewEvent {
            at: clock::wall(),
            kind: "test.tick",
            camera: None,
            device: None,
            alarm: None,
            data: json!({ "n": n, "padding": padding }),
        };
        self.store.write(numbers.map(|n| Write::Event(event(n))).collect()).await.expect("written");
    }

    /// Logs in: the cookie and the CSRF proof.
    pub(super) async fn log_in(&self, name: &str, password: &str) -> (String, String) {
        let body = json!({ "name": name, "password": password });
        let response = self.bare(Method::POST, "/api/v1/session").json(&body).send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK, "{name} logs in");
        let cookie =
            response.headers()["set-cookie"].to_str().expect("text").split(';').next().expect("a pair").to_owned();
        let session: Value = response.json().await.expect("JSON");
        (cookie, session["csrf"].as_str().expect("a proof").to_owned())
    }

    /// Connects a WebSocket as our own page does.
    pub(super) async fn page_socket(&self, path: &str, cookie: &str, protocols: &str) -> Result<Socket, WsError> {
        self.socket_from(path, cookie, protocols, &format!("http://{}", self.address)).await
    }

    /// Connects a WebSocket with a session's cookie from a page of `origin`.
    pub(super) async fn socket_from(
        &self,
        path: &str,
        cookie: &str,
        protocols: &str,
        origin: &str,
    ) -> Result<Socket, WsError> {
        let mut request = format!("ws://{}{path}", self.address).into_client_request()?;
        for (name, value) in [("cookie", cookie), ("sec-websocket-protocol", protocols), ("origin", origin)] {
            if !value.is_empty() {
                request.headers_mut().insert(name, value.parse().expect("a header"));
            }
        }
        let (socket, _) = timeout(PATIENCE, tokio_tungstenite::connect_async(request)).await.expect("in time")?;
        Ok(Socket(socket))
    }

    /// Connects a WebSocket.
    pub(super) async fn socket(&self, path: &str, token: &str, protocols: &str) -> Result<Socket, WsError> {
        let mut request = format!("ws://{}{path}", self.address).into_client_request()?;
        let headers = request.headers_mut();
        if !token.is_empty() {
            headers.insert("authorization", format!("Bearer {token}").parse().expect("a header"));
        }
        if !protocols.is_empty() {
            headers.insert("sec-websocket-protocol", protocols.parse().expect("a header"));
        }
        let (socket, _) = timeout(PATIENCE, tokio_tungstenite::connect_async(request)).await.expect("in time")?;
        Ok(Socket(socket))
    }

    /// Watches events as the administrator.
    pub(super) async fn watch(&self, since: Option<u64>) -> Socket {
        let query = since.map(|since| format!("?since={since}")).unwrap_or_default();
        self.socket(&format!("/api/v1/events{query}"), &self.admin, "").await.expect("connects")
    }
}

/// The status and JSON of an answer; null when it is empty.
pub(super) async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.expect("an answer");
    let status = response.status();
    let kind = response.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let text = response.text().await.expect("a body");
    if text.is_empty() {
        return (status, Value::Null);
    }
    if status.is_client_error() || status.is_server_error() {
        assert_eq!(kind, "application/problem+json", "{status} {text}");
    }
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// A problem's status and detail; asserts its form.
pub(super) fn problem((status, body): (StatusCode, Value)) -> (u16, String) {
    assert_eq!(body["status"], status.as_u16(), "{body}");
    assert!(body["type"].as_str().is_some_and(|t| t.starts_with("urn:yunti:problem:")), "{body}");
    assert!(body["title"].is_string(), "{body}");
    (status.as_u16(), body["detail"].as_str().expect("a detail").to_owned())
}

/// A client's end of a WebSocket.
pub(super) struct Socket(pub(super) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// The next text message as JSON; `None` when the server closed.
    pub(super) async fn next(&mut self) -> Option<Value> {
        loop {
            match timeout(PATIENCE, self.0.next()).await.expect("a message in time") {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The `n` of the next events up to and including `last`.
    pub(super) async fn numbers_until(&mut self, last: u64) -> Vec<u64> {
        let mut numbers = Vec::new();
        while numbers.last() != Some(&last) {
            let event = self.next().await.expect("an event");
            numbers.push(event["n"].as_u64().expect("a number"));
        }
        numbers
    }

    /// The code with which the server closes.
    pub(super) async fn close_code(&mut self) -> Option<u16> {
        loop {
            match timeout(PATIENCE, self.0.next()).await.expect("a close in time") {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                None | Some(Err(_)) => return None,
                Some(Ok(_)) => {}
            }
        }
    }
}
