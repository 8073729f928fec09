//! Role × site × route: every operation of the OpenAPI document, for every role, held everywhere or at a site, by a token
//! and by a session. A new route without a row here fails, and so does a row without a route.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error as WsError;
use yunti::{
    access::{DeviceKey, Grant, Grants, PersonKey, Role, TokenHash},
    base::{AlarmId, CameraId, DeviceId, PersonId, Secret, SiteId, TokenId, Wall},
    camera::{CameraUri, Transport},
    command::person,
    device::{Control, DeviceKind},
    store::{CameraRecord, DeviceRecord, Overrides, SiteRecord, TokenRecord},
};

use super::{
    contract::documented,
    support::{Server, answer},
};

/// What an operation asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing: open to all.
    Open,
    /// To be known; whatever the role.
    Known,
    /// A device's token; closed to people and programs of every role.
    Device,
    /// The role, at some site at least.
    Some(Role),
    /// The role, at some site; the things in the answer are those of the caller's sites.
    List(Role),
    /// The role, everywhere.
    All(Role),
    /// The role at the site of the thing in the path; where the caller sees nothing, the thing is not there.
    Of(Role),
    /// The same, and everywhere besides.
    OfAll(Role),
    /// The role at the site that the body names.
    Put(Role),
}

use Need::{All, Device, Known, List, Of, OfAll, Open, Put};
use Role::{Admin, Integrator, Operator, Viewer};

/// Every operation.
pub(super) const TABLE: [(&str, &str, Need); 56] = [
    ("GET", "/api/v1/alarms", List(Viewer)),
    ("GET", "/api/v1/alarms/{id}", Of(Viewer)),
    ("POST", "/api/v1/alarms/{id}/acknowledge", Of(Operator)),
    ("GET", "/api/v1/alarms/{id}/clip", Of(Viewer)),
    ("POST", "/api/v1/alarms/{id}/false-alarm", Of(Operator)),
    ("POST", "/api/v1/alarms/{id}/resolve", Of(Operator)),
    ("GET", "/api/v1/alarms/{id}/snapshot", Of(Viewer)),
    ("GET", "/api/v1/alarms/export.csv", Need::Some(Viewer)),
    ("GET", "/api/v1/audit", All(Admin)),
    ("GET", "/api/v1/cameras", List(Viewer)),
    ("POST", "/api/v1/cameras", Put(Integrator)),
    ("GET", "/api/v1/cameras/{id}", Of(Viewer)),
    ("PATCH", "/api/v1/cameras/{id}", Of(Integrator)),
    ("DELETE", "/api/v1/cameras/{id}", Of(Integrator)),
    ("GET", "/api/v1/cameras/{id}/live", Of(Viewer)),
    ("GET", "/api/v1/cameras/{id}/snapshot", Of(Viewer)),
    ("POST", "/api/v1/cameras/probe", Need::Some(Integrator)),
    ("GET", "/api/v1/devices", List(Viewer)),
    ("POST", "/api/v1/devices", Put(Integrator)),
    ("GET", "/api/v1/devices/ws", Device),
    ("GET", "/api/v1/devices/{id}", Of(Viewer)),
    ("PATCH", "/api/v1/devices/{id}", Of(Integrator)),
    ("DELETE", "/api/v1/devices/{id}", Of(Integrator)),
    ("POST", "/api/v1/devices/{id}/token", Of(Integrator)),
    ("GET", "/api/v1/docs", Open),
    ("GET", "/api/v1/events", Need::Some(Viewer)),
    ("GET", "/api/v1/models", Need::Some(Viewer)),
    ("GET", "/api/v1/openapi.json", Open),
    ("GET", "/api/v1/people", All(Admin)),
    ("POST", "/api/v1/people", All(Admin)),
    ("GET", "/api/v1/people/{id}", All(Admin)),
    ("PATCH", "/api/v1/people/{id}", All(Admin)),
    ("DELETE", "/api/v1/people/{id}", All(Admin)),
    ("GET", "/api/v1/pipelines", Need::Some(Viewer)),
    ("GET", "/api/v1/session", Known),
    ("POST", "/api/v1/session", Open),
    ("DELETE", "/api/v1/session", Known),
    ("POST", "/api/v1/session/password", Known),
    ("GET", "/api/v1/setup", Open),
    ("POST", "/api/v1/setup", Open),
    ("GET", "/api/v1/sites", List(Viewer)),
    ("POST", "/api/v1/sites", All(Integrator)),
    ("GET", "/api/v1/sites/{id}", Of(Viewer)),
    ("PATCH", "/api/v1/sites/{id}", Of(Integrator)),
    ("DELETE", "/api/v1/sites/{id}", OfAll(Integrator)),
    ("GET", "/api/v1/sites/{id}/escalation", Of(Viewer)),
    ("PUT", "/api/v1/sites/{id}/escalation", Of(Integrator)),
    ("GET", "/api/v1/stats", Need::Some(Viewer)),
    ("GET", "/api/v1/stats/cockpit", Need::Some(Viewer)),
    ("GET", "/api/v1/system", Need::Some(Viewer)),
    ("GET", "/api/v1/tokens", All(Admin)),
    ("POST", "/api/v1/tokens", All(Admin)),
    ("DELETE", "/api/v1/tokens/{id}", All(Admin)),
    ("GET", "/health/live", Open),
    ("GET", "/health/ready", Open),
    ("GET", "/metrics", All(Viewer)),
];

/// Operations that are WebSockets: how their paths end, and the subprotocol that is offered.
const SOCKETS: [(&str, &str); 3] =
    [("/events", "yunti.events.v1"), ("/devices/ws", "yunti.device.v1"), ("/live", "yunti.live.v1")];

/// The sites that things lie at; `None`: at none.
const SITES: [Option<&str>; 2] = [Some("north"), None];

/// Where roles are held; `None`: everywhere.
const HELD: [Option<&str>; 3] = [None, Some("north"), Some("south")];

/// Roles that one person holds at once.
const MIXED: [&[Held]; 3] = [
    &[(Viewer, None), (Operator, Some("north"))],
    &[(Operator, Some("south")), (Integrator, Some("north"))],
    &[(Admin, Some("north")), (Admin, Some("south"))],
];

/// A role, and where it is held.
type Held = (Role, Option<&'static str>);

/// A body that is taken, for a thing at `site`.
fn body(method: &str, path: &str, site: Option<&str>) -> Option<Value> {
    let fresh = PersonId::fresh().to_string();
    match (method, path) {
        ("GET" | "DELETE", _) => None,
        ("POST", "/api/v1/cameras") => {
            Some(json!({ "name": "c", "uri": "rtsp://h/", "pipeline": "elevator", "site": site }))
        }
        ("POST", "/api/v1/devices") => Some(json!({ "name": "d", "kind": "lift", "site": site })),
        // Taken by nobody's network: the address is of this machine, and nothing listens there.
        ("POST", "/api/v1/cameras/probe") => Some(json!({ "uri": "file:///no/such/clip.mp4" })),
        ("POST", "/api/v1/tokens") => Some(json!({ "name": "t", "role": "viewer" })),
        ("POST", "/api/v1/people") => {
            Some(json!({ "name": fresh, "password": "correct horse", "grants": [{ "role": "viewer", "site": null }] }))
        }
        ("POST", "/api/v1/sites") => Some(json!({ "id": fresh })),
        ("POST", "/api/v1/session") => Some(json!({ "name": "nobody", "password": "x" })),
        ("POST", "/api/v1/session/password") => Some(json!({ "old": "not the old one", "new": "correct horse" })),
        ("POST", "/api/v1/setup") => Some(json!({ "secret": "x", "name": "x", "password": "correct horse" })),
        ("PUT", "/api/v1/sites/{id}/escalation") => Some(json!({ "steps": [] })),
        ("PATCH", _) => Some(json!({ "name": fresh })),
        ("POST", _) if path.contains("{id}/") => None,
        _ => panic!("give a body for {method} {path}"),
    }
}

/// Somebody to try the routes with.
struct Caller {
    held: Vec<Held>,
    with: With,
}

impl Caller {
    /// Whether a role of `least` or more is held where a thing of `site` lies.
    fn covers(&self, least: Role, site: Option<&str>) -> bool {
        self.held.iter().any(|(role, at)| *role >= least && (at.is_none() || (site.is_some() && *at == site)))
    }

    fn somewhere(&self, least: Role) -> bool {
        self.held.iter().any(|(role, _)| *role >= least)
    }

    fn everywhere(&self, least: Role) -> bool {
        self.held.iter().any(|(role, at)| *role >= least && at.is_none())
    }

    /// What must come back. `site`: the thing's.
    fn must_meet(&self, need: Need, site: Option<&str>) -> Fate {
        let taken_if = |yes: bool| if yes { Fate::Taken } else { Fate::Forbidden };
        match need {
            Open | Known => Fate::Taken,
            Device => Fate::Unknown,
            Need::Some(least) | List(least) => taken_if(self.somewhere(least)),
            Of(least) | OfAll(least) if !self.somewhere(least) => Fate::Forbidden,
            Of(_) | OfAll(_) if !self.covers(Viewer, site) => Fate::NotThere,
            Of(least) | Put(least) => taken_if(self.covers(least, site)),
            OfAll(least) | All(least) => taken_if(self.everywhere(least)),
        }
    }
}

enum With {
    Token(String),
    Session { cookie: String, csrf: String },
}

impl std::fmt::Display for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let by = if matches!(self.with, With::Token(_)) { "token" } else { "session" };
        for (role, at) in &self.held {
            write!(f, "{} at {}, ", role.name(), at.unwrap_or("every site"))?;
        }
        write!(f, "by {by}")
    }
}

/// Makes things straight in the store, so that one that was deleted is soon there again.
struct Things<'a> {
    server: &'a Server,
}

impl Things<'_> {
    /// The path with the id of a thing that lies at `site`.
    async fn path(&self, path: &str, site: Option<&str>) -> String {
        let Some((before, _)) = path.split_once("{id}") else { return path.to_owned() };
        let site: Option<SiteId> = site.map(|slug| slug.parse().expect("a slug"));
        let id = match before {
            "/api/v1/cameras/" => self.camera(site).await.to_string(),
            "/api/v1/devices/" => self.device(site).await.to_string(),
            "/api/v1/alarms/" => self.alarm(site).await.to_string(),
            "/api/v1/tokens/" => self.token().await.to_string(),
            "/api/v1/people/" => self.person().await.to_string(),
            "/api/v1/sites/" => self.site(site.expect("a site")).await.to_string(),
            other => panic!("make a thing for {other}"),
        };
        path.replace("{id}", &id)
    }

    async fn camera(&self, site: Option<SiteId>) -> CameraId {
        let camera = CameraRecord {
            id: CameraId::fresh(),
            name: "car".to_owned(),
            uri: CameraUri::parse("rtsp://10.0.0.7/").expect("an address"),
            pipeline: "elevator".to_owned(),
            site,
            building: None,
            transport: Transport::Tcp,
            zone: None,
            devices: vec![],
            schedule: None,
            overrides: Overrides::default(),
            decode: None,
            enabled: true,
            version: 1,
            created_at: Wall(1),
            updated_at: Wall(1),
        };
        let id = camera.id;
        self.server.store.insert_camera(camera, vec![]).await.expect("kept");
        id
    }

    async fn device(&self, site: Option<SiteId>) -> DeviceId {
        let key = DeviceKey::new(DeviceId::fresh(), &[7; 32]);
        let device = DeviceRecord {
            id: key.id,
            name: "lift".to_owned(),
            kind: DeviceKind::Lift,
            control: Control::AlarmOnly,
            site,
            building: None,
            token: TokenHash::of(&key.secret),
            version: 1,
            created_at: Wall(1),
            updated_at: Wall(1),
        };
        self.server.store.insert_device(device, vec![]).await.expect("kept");
        key.id
    }

    async fn alarm(&self, site: Option<SiteId>) -> AlarmId {
        let camera = self.camera(site).await;
        let alarm = self.server.alarm_of(camera, 1000).await;
        let picture = yunti::media::alarm_picture(&self.server.state.media_dir, alarm);
        std::fs::create_dir_all(picture.parent().expect("a folder")).expect("made");
        std::fs::write(&picture, b"\xff\xd8picture").expect("written");
        std::fs::write(yunti::media::alarm_clip(&self.server.state.media_dir, alarm), b"clip").expect("written");
        alarm
    }

    async fn token(&self) -> TokenId {
        let key = PersonKey::new(TokenId::fresh(), &[7; 32]);
        let token = TokenRecord {
            id: key.id,
            name: "t".to_owned(),
            role: Viewer,
            site: None,
            hash: TokenHash::of(&key.secret),
            created_at: Wall(1),
            expires_at: None,
            revoked_at: None,
            last_used: None,
        };
        self.server.store.insert_token(token, vec![]).await.expect("kept");
        key.id
    }

    async fn person(&self) -> PersonId {
        let name = PersonId::fresh().to_string();
        let grants = Grants::one(Viewer, None);
        person::create_in(&self.server.store, &name, &Secret::new("correct horse"), grants, "test").await.expect("made")
    }

    async fn site(&self, site: SiteId) -> SiteId {
        let record = SiteRecord { id: site.clone(), name: site.to_string(), version: 1, created_at: Wall(1) };
        // It may be there already.
        drop(self.server.store.insert_site(record, vec![]).await);
        site
    }
}

/// What came back.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Fate {
    Unknown,
    Forbidden,
    NotThere,
    Taken,
}

fn fate(status: StatusCode, answer: &Value) -> Fate {
    let hidden = ["no camera has", "no device has", "no alarm has", "no site has"];
    let detail = answer["detail"].as_str().unwrap_or_default();
    match status {
        StatusCode::UNAUTHORIZED => Fate::Unknown,
        StatusCode::FORBIDDEN => Fate::Forbidden,
        StatusCode::NOT_FOUND if hidden.iter().any(|words| detail.starts_with(words)) => Fate::NotThere,
        _ => {
            assert!(!status.is_server_error(), "{status} {answer}");
            Fate::Taken
        }
    }
}

impl Caller {
    async fn send(&self, server: &Server, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        if let Some((_, protocol)) = SOCKETS.iter().find(|(end, _)| path.starts_with("/api/") && path.ends_with(end)) {
            return self.connect(server, path, protocol).await;
        }
        let request = server.bare(method.parse().expect("a method"), path);
        let request = match &self.with {
            With::Token(token) => request.bearer_auth(token),
            With::Session { cookie, csrf } => request.header("cookie", cookie).header("x-yunti-csrf", csrf),
        };
        answer(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    async fn connect(&self, server: &Server, path: &str, protocol: &str) -> (StatusCode, Value) {
        let connected = match &self.with {
            With::Token(token) => server.socket(path, token, protocol).await,
            With::Session { cookie, .. } => server.page_socket(path, cookie, protocol).await,
        };
        match connected {
            Ok(_) => (StatusCode::OK, Value::Null),
            Err(WsError::Http(response)) => {
                let body = response.body().as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok());
                (StatusCode::from_u16(response.status().as_u16()).expect("a status"), body.unwrap_or_default())
            }
            Err(other) => panic!("{path}: {other}"),
        }
    }
}

/// Each role everywhere, at one site and at another, by a token and by a session; and people who hold several.
async fn callers(server: &Server) -> Vec<Caller> {
    let mut callers = Vec::new();
    let mut people: Vec<Vec<Held>> = MIXED.iter().map(|held| held.to_vec()).collect();
    for role in Role::ALL {
        for site in HELD {
            let held = vec![(role, site)];
            callers.push(Caller { held: held.clone(), with: With::Token(server.token_at(role, site).await) });
            people.push(held);
        }
    }
    for (n, held) in people.into_iter().enumerate() {
        let grant = |(role, at): &Held| Grant { role: *role, site: at.map(|slug| slug.parse().expect("a slug")) };
        let (name, password) = (format!("person {n}"), Secret::new("correct horse"));
        let grants = Grants::new(held.iter().map(grant));
        person::create_in(&server.store, &name, &password, grants, "test").await.expect("made");
        let (cookie, csrf) = server.log_in(&name, password.expose()).await;
        callers.push(Caller { held, with: With::Session { cookie, csrf } });
    }
    callers
}

#[tokio::test]
async fn every_route_has_a_row() {
    let server = Server::start().await;
    let documented: BTreeSet<_> = documented(&server).await.into_keys().collect();
    let rows: BTreeSet<_> = TABLE.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(rows, documented);
}

#[tokio::test]
async fn each_role_opens_what_it_may_where_it_may_and_nothing_else() {
    let server = Server::start().await;
    let things = Things { server: &server };
    for caller in callers(&server).await {
        for (method, path, need) in TABLE {
            if need == Open || path == "/api/v1/session" && method == "DELETE" {
                continue;
            }
            for site in SITES {
                let of_a_thing = matches!(need, Of(_) | OfAll(_) | Put(_));
                if (!of_a_thing || path.contains("/sites/")) && site.is_none() {
                    continue;
                }
                let at = things.path(path, site).await;
                let (status, answer) = caller.send(&server, method, &at, body(method, path, site)).await;
                let must = caller.must_meet(need, site);
                assert_eq!(fate(status, &answer), must, "{method} {path} of {site:?} for {caller}: {status} {answer}");
                if of_a_thing && must == Fate::Taken && method != "DELETE" {
                    // Nothing is analysed here: a camera's newest picture is not there.
                    let no_picture = path == "/api/v1/cameras/{id}/snapshot" && status == 404;
                    assert!(
                        status.is_success() || status == 409 || no_picture,
                        "{method} {path} for {caller}: {status} {answer}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn lists_hold_what_the_caller_may_see() {
    let server = Server::start().await;
    let things = Things { server: &server };
    let mut made = Vec::new();
    for site in [Some("north"), Some("south"), None] {
        for path in ["/api/v1/cameras/{id}", "/api/v1/devices/{id}", "/api/v1/alarms/{id}", "/api/v1/sites/{id}"] {
            if site.is_some() || !path.contains("sites") {
                let at = things.path(path, site).await;
                let (list, id) = at.rsplit_once('/').expect("an id");
                made.push((list.to_owned(), id.to_owned(), site));
            }
        }
    }
    let lists = TABLE.iter().filter(|(_, _, need)| matches!(need, List(_))).map(|(_, path, _)| *path);
    let lists: Vec<&str> = lists.collect();
    assert_eq!(lists.len(), 4, "a new list needs its things above");
    for caller in callers(&server).await {
        for list in &lists {
            let (_, answer) = caller.send(&server, "GET", list, None).await;
            let items = answer["items"].as_array().expect("items");
            for (of, id, site) in made.iter().filter(|(of, ..)| of == list) {
                let seen = items.iter().any(|item| item["id"] == id.as_str());
                assert_eq!(seen, caller.covers(Viewer, *site), "{of} at {site:?} for {caller}");
            }
        }
    }
}

#[tokio::test]
async fn nobody_unknown_opens_anything_and_a_foreign_page_changes_nothing() {
    let server = Server::start().await;
    let things = Things { server: &server };
    let (_, device_token) = server.lift().await;
    let password = "correct horse";
    let admin = Grants::one(Admin, None);
    person::create_in(&server.store, "boss", &Secret::new(password), admin, "test").await.expect("made");
    let (cookie, csrf) = server.log_in("boss", password).await;
    let other = server.log_in("boss", password).await;
    for (method, path, need) in TABLE {
        let site = Some("north");
        let at = things.path(path, site).await;
        let send = |change: &dyn Fn(reqwest::RequestBuilder) -> reqwest::RequestBuilder| {
            let request = change(server.bare(method.parse().expect("a method"), &at));
            let request = match body(method, path, site) {
                Some(body) => request.json(&body),
                None => request,
            };
            async { request.send().await.expect("an answer").status() }
        };
        if need == Open {
            // Refused log-ins and set-ups answer 401 for their own reasons.
            if method == "GET" {
                assert_eq!(send(&|r| r).await, StatusCode::OK, "{method} {path}");
            }
            continue;
        }
        let dead = format!("yunti_session={}", "A".repeat(43));
        let junk: [(&str, &dyn Fn(reqwest::RequestBuilder) -> reqwest::RequestBuilder); 5] = [
            ("without anything", &|r| r),
            ("with nonsense", &|r| r.bearer_auth("yt_nonsense")),
            ("with a device's token", &|r| r.bearer_auth(&device_token)),
            ("with an unknown session", &|r| r.header("cookie", &dead).header("x-yunti-csrf", &csrf)),
            ("with nonsense beside a good session", &|r| r.bearer_auth("yt_x").header("cookie", &cookie)),
        ];
        for (what, change) in junk {
            if need == Device && what.contains("device") {
                continue;
            }
            assert_eq!(send(change).await, StatusCode::UNAUTHORIZED, "{method} {path} {what}");
        }
        if method != "GET" {
            for proof in ["", "x", &other.1] {
                let status = send(&|r| r.header("cookie", &cookie).header("x-yunti-csrf", proof)).await;
                assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path} with the proof `{proof}`");
            }
        }
    }
    // A WebSocket with the cookie, from our page and from others.
    for (origin, opened) in [
        (format!("http://{}", server.address), true),
        ("http://evil.example".to_owned(), false),
        ("null".to_owned(), false),
        (String::new(), false),
    ] {
        let connected = server.socket_from("/api/v1/events", &cookie, "yunti.events.v1", &origin).await;
        assert_eq!(connected.is_ok(), opened, "{origin}");
    }
}
