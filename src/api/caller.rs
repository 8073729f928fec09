//! Who calls, as proof: a handler that takes `Caller<ManageCameras>` runs only for someone who may manage cameras
//! somewhere. Where, is asked of the caller again: by [`Caller::camera`], [`Caller::device`], [`Caller::alarm`] for a
//! thing that is there (404 at a site where the caller sees nothing), by [`Caller::sites`] for a list, by
//! [`Caller::may_put`] for a thing that comes, by [`Caller::everywhere`] for what concerns the whole server.
//!
//! A program sends `Authorization: Bearer yt_…`. A browser's WebSocket cannot set headers, so there the token may come as an
//! offered subprotocol, `yunti.token.<token>`, beside `yunti.events.v1`. Not as `?token=`: addresses end up in the logs
//! of proxies, in histories and in bug reports; this header does not. Our own page has a session's cookie instead
//! ([`super::cookie`]); then a change needs the session's CSRF proof, and a WebSocket our own origin.

use std::marker::PhantomData;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, Method, header, request::Parts},
};

use super::{ApiState, cookie, problem::Problem};
use crate::{
    access::{DeviceKey, Grants, Permission, PersonKey, Sites, TokenHash, session},
    base::{AlarmId, CameraId, DeviceId, PersonId, Secret, SiteId, TokenId, Wall, clock},
    store::{CameraRecord, DeviceRecord, KeptAlarm, SessionRecord, Write},
};

const TOKEN_PROTOCOL: &str = "yunti.token.";

/// Where our page puts the session's CSRF proof.
const CSRF: HeaderName = HeaderName::from_static("x-yunti-csrf");

/// What a handler needs its caller to be allowed; one type per permission.
pub(super) trait Need: Send + Sync {
    const PERMISSION: Permission;
}

macro_rules! needs {
    ($($name:ident),+ $(,)?) => {$(
        pub(super) struct $name;

        impl Need for $name {
            const PERMISSION: Permission = Permission::$name;
        }
    )+};
}

needs!(Watch, SeePictures, ActOnAlarms, ManageCameras, ManageDevices, ManageTokens, ManagePeople, ReadAudit);

/// Someone known, who may do `N`.
pub(super) struct Caller<N> {
    pub(super) who: Identity,
    need: PhantomData<N>,
}

/// Someone known.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) key: Key,
    pub(super) name: String,
    pub(super) grants: Grants,
}

/// What somebody is known by.
#[derive(Debug, Clone)]
pub(super) enum Key {
    Token(TokenId),
    Session {
        session: SessionRecord,
        /// What a page must send with each change.
        csrf: String,
    },
}

/// Someone known, whatever they may do.
pub(super) struct Known(pub(super) Identity);

impl FromRequestParts<ApiState> for Known {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        identify(parts, state).await.map(Self)
    }
}

impl Identity {
    /// The id of the token or person, for the log and the audit log.
    pub(super) fn id(&self) -> String {
        match &self.key {
            Key::Token(token) => token.to_string(),
            Key::Session { session, .. } => session.person.to_string(),
        }
    }

    /// The person who is logged in; `None` for a token.
    pub(super) fn person(&self) -> Option<PersonId> {
        match &self.key {
            Key::Token(_) => None,
            Key::Session { session, .. } => Some(session.person),
        }
    }

    /// The audit line of what this caller does; it names the caller's id too, since names may be given anew.
    pub(super) fn audit(&self, act: &str, subject: &impl ToString, mut detail: serde_json::Value) -> Write {
        if let Some(detail) = detail.as_object_mut() {
            detail.insert("by".to_owned(), self.id().into());
        }
        Write::Audit {
            at: clock::wall(),
            actor: self.name.clone(),
            act: act.to_owned(),
            subject: subject.to_string(),
            detail,
        }
    }

    fn forbidden(&self, permission: Permission, place: &str) -> Problem {
        let held: Vec<String> = self
            .grants
            .iter()
            .map(|grant| match &grant.site {
                None => grant.role.name().to_owned(),
                Some(site) => format!("{} at {site}", grant.role.name()),
            })
            .collect();
        let held = if held.is_empty() { "nothing".to_owned() } else { held.join(", ") };
        let (name, role) = (permission.name(), permission.least_role().name());
        Problem::forbidden(format!("`{name}` needs the role {role} or a higher one{place}; granted is: {held}"))
    }
}

impl<N: Need> FromRequestParts<ApiState> for Caller<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let who = identify(parts, state).await?;
        if !who.grants.somewhere(N::PERMISSION) {
            let place = if N::PERMISSION.is_global() { " at every site" } else { "" };
            return Err(who.forbidden(N::PERMISSION, place));
        }
        Ok(Self { who, need: PhantomData })
    }
}

impl<N: Need> Caller<N> {
    /// Where the caller may do `N`: what a list is narrowed down to.
    pub(super) fn sites(&self) -> Sites {
        self.who.grants.sites(N::PERMISSION)
    }

    /// Goes on only for someone who may do `N` at every site.
    pub(super) fn everywhere(&self) -> Result<(), Problem> {
        if self.who.grants.everywhere(N::PERMISSION) {
            Ok(())
        } else {
            Err(self.who.forbidden(N::PERMISSION, " at every site"))
        }
    }

    /// Goes on only if the caller may do `N` to a thing that will lie at `site` (`None`: at none).
    pub(super) fn may_put(&self, site: Option<&SiteId>) -> Result<(), Problem> {
        if self.who.grants.allows(N::PERMISSION, site) {
            return Ok(());
        }
        let place = site.map_or_else(|| " at every site (or name a `site`)".to_owned(), |site| format!(" at {site}"));
        Err(self.who.forbidden(N::PERMISSION, &place))
    }

    /// Goes on only if the caller may do `N` to a thing that lies at `site`; where the caller sees nothing, the thing is
    /// `unknown`.
    pub(super) fn at(&self, site: Option<&SiteId>, unknown: fn() -> Problem) -> Result<(), Problem> {
        if !self.who.grants.allows(Permission::Watch, site) {
            return Err(unknown());
        }
        self.may_put(site)
    }

    /// The camera of this id, if the caller may do `N` to it.
    pub(super) async fn camera(&self, state: &ApiState, id: CameraId) -> Result<CameraRecord, Problem> {
        let unknown = || Problem::not_found("no camera has this id");
        let camera = state.store.camera(id).await?.ok_or_else(unknown)?;
        self.at(camera.site.as_ref(), unknown)?;
        Ok(camera)
    }

    /// The device of this id, if the caller may do `N` to it.
    pub(super) async fn device(&self, state: &ApiState, id: DeviceId) -> Result<DeviceRecord, Problem> {
        let unknown = || Problem::not_found("no device has this id");
        let device = state.store.device(id).await?.ok_or_else(unknown)?;
        self.at(device.site.as_ref(), unknown)?;
        Ok(device)
    }

    /// The alarm of this id with its site, if the caller may do `N` to it.
    pub(super) async fn alarm(&self, state: &ApiState, id: AlarmId) -> Result<KeptAlarm, Problem> {
        let unknown = || Problem::not_found("no alarm has this id");
        let kept = state.store.kept_alarm(id).await?.ok_or_else(unknown)?;
        self.at(kept.site.as_ref(), unknown)?;
        Ok(kept)
    }

    /// The audit line of what this caller does.
    pub(super) fn audit(&self, act: &str, subject: &impl ToString, detail: serde_json::Value) -> Write {
        self.who.audit(act, subject, detail)
    }
}

/// Whose token or session the request carries.
async fn identify(parts: &Parts, state: &ApiState) -> Result<Identity, Problem> {
    let headers = &parts.headers;
    if let Some(text) = bearer(headers).or_else(|| offered_token(headers)) {
        return by_token(text, state).await;
    }
    let Some(secret) = cookie::session(headers) else {
        return Err(Problem::unauthorised(
            "log in (POST /api/v1/session), or send an API token in the header `Authorization: Bearer yt_…` (made by POST /api/v1/tokens or `yunti token create`)",
        ));
    };
    let who = by_session(&secret, state).await?;
    if headers.contains_key(header::UPGRADE) && !cookie::is_same_origin(headers) {
        return Err(Problem::forbidden("a WebSocket with a session's cookie must come from this server's own page"));
    }
    let changes = !matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    let proof = headers.get(CSRF).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if changes && !session::is_csrf_proof(&secret, proof) {
        return Err(Problem::forbidden("send the `csrf` of GET /api/v1/session in the header X-Yunti-CSRF"));
    }
    Ok(who)
}

async fn by_session(secret: &Secret, state: &ApiState) -> Result<Identity, Problem> {
    let ended = || Problem::unauthorised("this session has ended: log in again");
    let (kept, person) = state.store.session(TokenHash::of(secret)).await?.ok_or_else(ended)?;
    let now = clock::wall();
    if person.disabled || !session::is_live(kept.created_at, kept.last_used, now) {
        return Err(ended());
    }
    note_session(state, kept, now);
    let key = Key::Session { session: kept, csrf: session::csrf_proof(secret) };
    Ok(Identity { key, name: person.name, grants: person.grants })
}

async fn by_token(text: &str, state: &ApiState) -> Result<Identity, Problem> {
    let key = PersonKey::parse(text).map_err(|e| Problem::unauthorised(e.to_string()))?;
    let refused = || Problem::unauthorised("this token is not valid here: unknown, expired, or revoked");
    let token = state.store.token(key.id).await?.ok_or_else(refused)?;
    if !token.hash.matches(&key.secret) || !token.is_valid(clock::wall()) {
        return Err(refused());
    }
    note_use(state, token.id, token.last_used);
    Ok(Identity { key: Key::Token(token.id), grants: token.grants(), name: token.name })
}

/// Which device connects.
pub(super) async fn identify_device(headers: &HeaderMap, state: &ApiState) -> Result<DeviceRecord, Problem> {
    let text = bearer(headers).ok_or_else(|| {
        Problem::unauthorised(
            "send the device's token in the header `Authorization: Bearer yd_…` (shown when it was registered)",
        )
    })?;
    let key = DeviceKey::parse(text).map_err(|e| Problem::unauthorised(e.to_string()))?;
    let refused =
        || Problem::unauthorised("this device token is not valid: the device was removed or its token replaced");
    let device = state.store.device(key.id).await?.ok_or_else(refused)?;
    if device.token.matches(&key.secret) { Ok(device) } else { Err(refused()) }
}

/// Who opened a long-lived socket, as of now; `None` when that may not go on. To be asked at each ping and whenever
/// [`ApiState::access_changed`] says so.
pub(super) async fn still_valid(state: &ApiState, who: &Identity) -> Option<Identity> {
    let now = clock::wall();
    let grants = match &who.key {
        Key::Token(token) => match state.store.token(*token).await {
            Ok(kept) => kept.filter(|token| token.is_valid(now)).map(|token| token.grants()),
            // A store that cannot answer for the moment is no reason to throw out every watcher.
            Err(_) => Some(who.grants.clone()),
        },
        Key::Session { session, .. } => match state.store.session(session.hash).await {
            Ok(kept) => kept
                .filter(|(kept, person)| !person.disabled && session::is_live(kept.created_at, kept.last_used, now))
                .map(|(kept, person)| {
                    // An open page uses its session.
                    note_session(state, kept, now);
                    person.grants
                }),
            Err(_) => Some(who.grants.clone()),
        },
    };
    grants.map(|grants| Identity { grants, ..who.clone() })
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn offered_token(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::UPGRADE)?;
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    offered.flat_map(|value| value.split(',')).find_map(|protocol| protocol.trim().strip_prefix(TOKEN_PROTOCOL))
}

/// Notes the use of a token, at most once a minute, without making the request wait.
fn note_use(state: &ApiState, token: TokenId, last: Option<Wall>) {
    let now = clock::wall();
    if last.is_some_and(|last| now.0 - last.0 < 60_000) {
        return;
    }
    let store = state.store.clone();
    tokio::spawn(async move {
        if let Err(error) = store.touch_token(token, now).await {
            tracing::warn!(%token, %error, "cannot note the use of a token");
        }
    });
}

/// Notes the use of a session, at most once a minute, without making the request wait.
fn note_session(state: &ApiState, session: SessionRecord, now: Wall) {
    if now.0 - session.last_used.0 < 60_000 {
        return;
    }
    let store = state.store.clone();
    tokio::spawn(async move {
        let person = session.person;
        if let Err(error) = store.touch_session(SessionRecord { last_used: now, ..session }).await {
            tracing::warn!(%person, %error, "cannot note the use of a session");
        }
    });
}
