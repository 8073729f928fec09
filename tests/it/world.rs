//! A whole world on loopback for end-to-end tests: the real binary as server, as cameras and as devices, each its
//! own process that can be killed or frozen; a REST client; an event watcher. Waits are on conditions with a deadline.

use std::{
    future::Future,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Ample for a busy machine; a condition that does not come in this time is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A child process whose lines are collected, killed when dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Arc<Lines>,
}

#[derive(Default)]
struct Lines {
    seen: Mutex<Vec<(Instant, String)>>,
    news: Condvar,
}

impl Process {
    /// Starts the product's binary with `args` in `dir`.
    pub(crate) fn yunti(name: &str, dir: &Path, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_yunti"))
            .args(args)
            .current_dir(dir)
            .env("RUST_LOG", std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned()))
            .env("ORT_DYLIB_PATH", onnxruntime())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(
                std::fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(dir.join(format!("{name}.log")))
                    .expect("log file"),
            )
            .spawn()
            .expect("the binary starts");
        let stdout = child.stdout.take().expect("piped");
        let lines = Arc::new(Lines::default());
        let collect = Arc::clone(&lines);
        thread::Builder::new()
            .name(format!("lines-{name}"))
            .spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    collect.seen.lock().expect("lines").push((Instant::now(), line));
                    collect.news.notify_all();
                }
            })
            .expect("thread");
        let stdin = child.stdin.take();
        Self { name: name.to_owned(), child, stdin, lines }
    }

    /// How many lines were printed so far: the place from which [`Process::wait_line`] looks.
    pub(crate) fn mark(&self) -> usize {
        self.lines.seen.lock().expect("lines").len()
    }

    /// The first line from `mark` on that fits, and when it was printed.
    pub(crate) fn wait_line(&self, mark: usize, what: &str, fits: impl Fn(&str) -> bool) -> (Instant, String) {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.lines.seen.lock().expect("lines");
        let mut from = mark;
        loop {
            if let Some(found) = seen[from..].iter().find(|(_, l)| fits(l)) {
                return found.clone();
            }
            from = seen.len();
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{}: no {what}; it printed {:#?}", self.name, &seen[mark..]);
            seen = self.lines.news.wait_timeout(seen, left).expect("lines").0;
        }
    }

    /// The first JSON line from `mark` on whose `state` is `state`, and when it was printed.
    pub(crate) fn wait_state(&self, mark: usize, state: &str) -> (Instant, Value) {
        let of = |line: &str| serde_json::from_str::<Value>(line).ok();
        let (at, line) =
            self.wait_line(mark, &format!("state {state}"), |l| of(l).is_some_and(|v| v["state"] == state));
        (at, of(&line).expect("checked"))
    }

    /// The states printed from `mark` on.
    pub(crate) fn states(&self, mark: usize) -> Vec<String> {
        self.lines.seen.lock().expect("lines")[mark..]
            .iter()
            .filter_map(|(_, l)| serde_json::from_str::<Value>(l).ok())
            .filter_map(|v| v["state"].as_str().map(str::to_owned))
            .collect()
    }

    /// Every line that it printed.
    pub(crate) fn printed(&self) -> Vec<String> {
        self.lines.seen.lock().expect("lines").iter().map(|(_, l)| l.clone()).collect()
    }

    /// Types a line to the process.
    pub(crate) fn tell(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("stdin");
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).expect("the process reads its input");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).expect("signal");
    }

    /// The system's number of it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("wait").is_none()
    }

    /// Waits for its end and gives its exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("wait") {
                return status.code();
            }
            assert!(Instant::now() < deadline, "{} does not end", self.name);
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the tests find ONNX Runtime: the environment's word, else what `scripts/setup` fetched.
pub(crate) fn onnxruntime() -> PathBuf {
    std::env::var_os("ORT_DYLIB_PATH").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join(".deps/onnxruntime-current/libonnxruntime.so"),
        PathBuf::from,
    )
}

/// Polls `check` until it gives something.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut check: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A running server with its folder, its address and an administrator's token.
pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) server: Process,
    pub(crate) base: String,
    pub(crate) token: String,
    http: reqwest::Client,
}

impl World {
    /// A server over the tiny exact model; `settings` is added to its settings file.
    pub(crate) fn start(settings: &str) -> Self {
        Self::start_with_models(settings, |_| ())
    }

    /// The same, with the models' folder changed by `meddle` before the server starts.
    pub(crate) fn start_with_models(settings: &str, meddle: impl FnOnce(&Path)) -> Self {
        let dir = TempDir::new().expect("temporary folder");
        let models = dir.path().join("models");
        let ebike = models.join("ebike");
        crate::tiny_onnx::tiny_model(&ebike);
        let manifest = std::fs::read_to_string(ebike.join("model.toml")).expect("manifest");
        std::fs::write(ebike.join("model.toml"), manifest.replace("\"tiny\"", "\"ebike\"")).expect("manifest");
        meddle(&models);
        let text = format!("listen = '127.0.0.1:0'\ndata = 'data'\n{settings}\n");
        std::fs::write(dir.path().join("yunti.toml"), text).expect("settings");
        let token = create_token(dir.path(), "admin");
        let server = Process::yunti("server", dir.path(), &["serve", "--config", "yunti.toml", "--models", "models"]);
        let base = address_of(&server);
        Self { dir, server, base, token, http: reqwest::Client::new() }
    }

    /// Starts the server again over the same folder and address, after it was killed.
    pub(crate) fn restart(&mut self) {
        let listen = self.base.trim_start_matches("http://").to_owned();
        self.server = Process::yunti(
            "server",
            self.dir.path(),
            &["serve", "--config", "yunti.toml", "--models", "models", "--listen", &listen],
        );
        address_of(&self.server);
        // Connections to the killed server are of no use any more.
        self.http = reqwest::Client::new();
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let method = method.parse().expect("method");
        let mut request = self.http.request(method, format!("{}/api/v1{path}", self.base)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.expect("the server answers");
        let status = response.status().as_u16();
        let text = response.text().await.expect("body");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// A change with the `ETag` that a GET of the same path gives.
    pub(crate) async fn call_if_match(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/api/v1{path}", self.base);
        let shown = self.http.get(&url).bearer_auth(&self.token).send().await.expect("the server answers");
        let tag = shown.headers().get("etag").expect("an ETag").clone();
        let method = method.parse().expect("method");
        let request = self.http.request(method, url).bearer_auth(&self.token).header("if-match", tag).json(&body);
        let response = request.send().await.expect("the server answers");
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or(Value::Null))
    }

    /// The Prometheus page.
    pub(crate) async fn metrics(&self) -> String {
        let request = self.http.get(format!("{}/metrics", self.base)).bearer_auth(&self.token);
        request.send().await.expect("the server answers").text().await.expect("text")
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call("GET", path, None).await;
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call("POST", path, Some(body)).await;
        assert!((200..300).contains(&status), "POST {path}: {status} {answer}");
        answer
    }

    /// Registers a device and starts its simulator; its id and its process.
    pub(crate) async fn device(&self, kind: &str, control: Option<&str>) -> (String, Process) {
        self.device_by(&self.base, kind, control).await
    }

    /// The same, with the device connecting to `address` instead of the server itself.
    pub(crate) async fn device_by(&self, address: &str, kind: &str, control: Option<&str>) -> (String, Process) {
        let mut body = json!({ "name": format!("{kind} 1"), "kind": kind });
        if let Some(control) = control {
            body["control"] = control.into();
        }
        let made = self.post("/devices", body).await;
        let (id, token) = (text(&made["id"]), text(&made["token"]));
        let state = self.dir.path().join(format!("{id}.state"));
        let args = ["simulate", kind, "--server", address, "--token", &token, "--state-file", &state.to_string_lossy()];
        let process = Process::yunti(&format!("{kind}-{id}"), self.dir.path(), &args);
        self.online(&id).await;
        (id, process)
    }

    /// Waits until the device is connected.
    pub(crate) async fn online(&self, device: &str) {
        until("device online", async || {
            (self.get(&format!("/devices/{device}")).await["online"] == true).then_some(())
        })
        .await;
    }

    /// Serves `clip` as an RTSP camera in its own process; the process and its URI.
    pub(crate) fn rtsp(&self, clip: &Path, listen: &str) -> (Process, String) {
        let args = ["simulate", "camera", "--clip", &clip.to_string_lossy(), "--listen", listen];
        let process = Process::yunti("camera", self.dir.path(), &args);
        let (_, line) = process.wait_line(0, "uri", |l| l.contains("rtsp://"));
        let uri = serde_json::from_str::<Value>(&line).map(|v| text(&v["uri"])).expect("a JSON line with the uri");
        (process, uri)
    }

    /// Registers an elevator camera and waits until it is live.
    pub(crate) async fn camera(&self, uri: &str, devices: &[&str], more: Value) -> String {
        let mut body = json!({ "name": "lift 1", "uri": uri, "pipeline": "elevator", "devices": devices });
        for (key, value) in more.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        let id = text(&self.post("/cameras", body).await["id"]);
        self.phase(&id, "live").await;
        id
    }

    pub(crate) async fn phase(&self, camera: &str, phase: &str) -> Value {
        until(&format!("camera {phase}"), async || {
            let camera = self.get(&format!("/cameras/{camera}")).await;
            (camera["phase"] == phase).then_some(camera)
        })
        .await
    }

    /// The newest alarm that fits.
    pub(crate) async fn alarm(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        until(what, async || self.get("/alarms").await["items"].as_array()?.iter().find(|a| fits(a)).cloned()).await
    }
}

/// A clip of 12 s at 10 pictures a second in which the tiny model sees an e-bike in the pictures that `shows` names.
pub(crate) fn ebike_clip(path: &Path, shows: impl Fn(usize) -> bool) {
    crate::footage::clip(path, (640, 480), 10, 12.0, |picture, canvas| {
        if shows(picture) {
            // One whole cell of the tiny model: 80 pixels at 640 × 480.
            canvas.fill(240, 160, 320, 240, crate::footage::MAGENTA);
        }
    });
}

/// A token made by the command line for the data folder in `dir`.
pub(crate) fn create_token(dir: &Path, role: &str) -> String {
    let made = Command::new(env!("CARGO_BIN_EXE_yunti"))
        .args(["token", "create", "--role", role, "--name", "test", "--data", "data"])
        .current_dir(dir)
        .output()
        .expect("token create runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).expect("text").trim().to_owned()
}

fn address_of(server: &Process) -> String {
    let (_, line) = server.wait_line(0, "address", |l| l.contains("http://"));
    let at = line.find("http://").expect("checked");
    line[at..].split_whitespace().next().expect("address").to_owned()
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}
