//! `yunti demo`: the whole system on one machine with real parts only — loopback RTSP cameras, the server on its
//! socket, a lift, a voice box, a light and a gate over real WebSockets, registered by REST as an integrator does it.
//! Not here: anything the server does; it does not know that it is a demo.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::{
    access::{Grants, Role},
    base::{Secret, Wall},
    command::{person, token},
    config::Config,
    device::DeviceKind,
    server::Server,
    simulate::{SimulateArgs, SimulatedDevice, camera::SimulatedCamera},
    store::Event,
};

/// The compound in which everything of the demo lies.
const SITE: (&str, &str) = ("demo", "示范小区 Demo compound");

/// The demo's cameras: name, building, clip, pipeline.
const CAMERAS: [(&str, Option<&str>, &str, &str); 4] = [
    ("1单元电梯 Lift 1", Some("1号楼 Building 1"), "lift_ebike.mp4", "elevator"),
    ("2单元电梯 Lift 2 (wheelchair)", Some("1号楼 Building 1"), "lift_wheelchair.mp4", "elevator"),
    ("电梯 Lift 3 (people)", Some("2号楼 Building 2"), "lift_empty.mp4", "elevator"),
    ("东门 East gate", None, "gate.mp4", "gate"),
];

/// Runs the demo until Ctrl-C (or SIGTERM), narrating on standard output.
///
/// # Errors
/// The clips are not there; the address is taken; a part does not start.
pub async fn run(clips: PathBuf, mut config: Config) -> anyhow::Result<()> {
    let data = tempfile::tempdir().context("no temporary folder for the demo's data")?;
    config.data = data.path().join("data");
    let there: Vec<_> =
        CAMERAS.iter().map(|(n, b, c, p)| (*n, *b, clips.join(c), *p)).filter(|(_, _, c, _)| c.exists()).collect();
    if there.is_empty() {
        bail!("no clips in {}: run the demo from the repository, or name the folder by --clips", clips.display());
    }
    let server = Server::start(config).await?;
    let token = token::create_in(&server.store, Role::Admin, "demo", "demo").await?;
    let password = demo_password()?;
    person::create_in(&server.store, "demo", &password, Grants::one(Role::Admin, None), "demo").await?;
    let api = Api::new(server.address, &token);
    api.post("sites", json!({ "id": SITE.0, "name": SITE.1 })).await?;

    let mut devices = Vec::new();
    let mut running = Vec::new();
    for (name, building, kind, control) in [
        ("电梯控制器 Lift controller", CAMERAS[0].1, DeviceKind::Lift, Some("B")),
        ("语音提示器 Voice box", CAMERAS[0].1, DeviceKind::Voice, None),
        ("警示灯 Alarm light", CAMERAS[0].1, DeviceKind::Light, None),
        ("道闸 Gate", None, DeviceKind::Gate, None),
    ] {
        let device =
            json!({ "name": name, "kind": kind.name(), "control": control, "site": SITE.0, "building": building });
        let made = api.post("devices", device).await?;
        let (id, secret) = (text(&made, "id")?, text(&made, "token")?);
        running.push(SimulatedDevice::spawn(kind, SimulateArgs::new(&api.server, Secret::new(secret)))?);
        devices.push((kind, id));
    }
    let ids = |kinds: &[DeviceKind]| -> Vec<&str> {
        devices.iter().filter(|(kind, _)| kinds.contains(kind)).map(|(_, id)| id.as_str()).collect()
    };
    let mut sources = Vec::new();
    for (index, (name, building, clip, pipeline)) in there.iter().enumerate() {
        let source = SimulatedCamera::start(clip, SocketAddr::from(([127, 0, 0, 1], 0)))?;
        // One real lift hangs on the first car; the others show what must not stop one.
        let answers = match (*pipeline, index) {
            ("gate", _) => ids(&[DeviceKind::Gate]),
            (_, 0) => ids(&[DeviceKind::Lift, DeviceKind::Voice, DeviceKind::Light]),
            _ => Vec::new(),
        };
        // The clip begins anew before a pause of the pipeline's length is over: each round is a stay of its own, or the
        // next one would go on silently under an alarm that somebody has closed.
        let overrides = if index == 0 { json!({ "cooldown_s": 0 }) } else { json!({}) };
        let body = json!({ "name": name, "uri": source.uri(), "pipeline": pipeline, "devices": answers,
            "site": SITE.0, "building": building, "overrides": overrides });
        api.post("cameras", body).await?;
        sources.push(source);
    }

    let page = format!("{}/#token={}", api.server, token.expose());
    println!("\nYunti runs at {}, with {} cameras and {} devices.\n", api.server, sources.len(), running.len());
    println!("  live alarms   {page}");
    println!("  log in        {}   name demo   password {}", api.server, password.expose());
    println!("  API           {0}/api/v1/cameras   {0}/api/v1/alarms   {0}/api/v1/openapi.json", api.server);
    println!("  metrics       {}/metrics", api.server);
    println!("  token         {}\n", token.expose());
    println!("Ctrl-C ends it. What happens:\n");

    tokio::select! {
        () = narrate(&server) => {}
        ended = crate::server::told_to_end() => ended?,
    }
    drop(sources);
    server.stop().await;
    drop(running);
    Ok(())
}

/// A password for the person `demo`, new at each start: no password is the same everywhere.
fn demo_password() -> anyhow::Result<Secret> {
    let mut random = [0; 15];
    getrandom::fill(&mut random).context("the system gave no random bytes")?;
    // No letters that look alike.
    let letters = b"abcdefghjkmnpqrstuvwxyz23456789";
    let word = |bytes: &[u8]| -> String {
        bytes.iter().map(|b| char::from(letters[usize::from(*b) % letters.len()])).collect()
    };
    Ok(Secret::new(random.chunks(5).map(word).collect::<Vec<_>>().join("-")))
}

/// Prints what happens, an event a line, in words.
async fn narrate(server: &Server) {
    let mut news = server.store.last_seq();
    let mut seen = 0;
    loop {
        match server.store.events_after(seen, 200).await {
            Ok(page) => {
                for event in &page.events {
                    seen = event.seq;
                    if let Some(words) = words(event) {
                        println!("{}  {words}", clock(event.at));
                    }
                }
                if page.events.is_empty() && news.changed().await.is_err() {
                    return;
                }
            }
            Err(error) => {
                println!("the store cannot be read: {error}");
                return;
            }
        }
    }
}

fn words(event: &Event) -> Option<String> {
    let say = |key: &str| event.data[key].as_str().unwrap_or_default().to_owned();
    Some(match event.kind.as_str() {
        "alarm.raised" => format!("ALARM {} {}", say("alarm_kind"), event.alarm?),
        "alarm.cleared" => format!("alarm cleared {}", event.alarm?),
        "order.state" => format!("  {} {}", say("verb"), say("state")),
        "camera.phase" => format!("camera {}: {} {}", event.camera?, say("phase"), say("reason")),
        "device.state" if say("cause") != "state" => format!("device {}: {}", event.device?, say("cause")),
        "face.seen" => format!("a face at {}", event.camera?),
        _ => return None,
    })
}

/// Local time of day would need a time zone; the narrator counts in UTC.
fn clock(at: Wall) -> String {
    let second = at.0.div_euclid(1000).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// The REST API as an integrator's program uses it.
struct Api {
    server: String,
    token: String,
    http: reqwest::Client,
}

impl Api {
    fn new(address: SocketAddr, token: &Secret) -> Self {
        Self { server: format!("http://{address}"), token: token.expose().to_owned(), http: reqwest::Client::new() }
    }

    async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}/api/v1/{path}", self.server)).bearer_auth(&self.token).json(&body);
        let response = request.send().await.context("the server does not answer")?;
        let status = response.status();
        let answer: Value = response.json().await.context("the server's answer is no JSON")?;
        if !status.is_success() {
            bail!("POST /api/v1/{path}: {status}: {answer}");
        }
        Ok(answer)
    }
}

fn text(value: &Value, key: &str) -> anyhow::Result<String> {
    value[key].as_str().map(str::to_owned).with_context(|| format!("no `{key}` in the server's answer"))
}
