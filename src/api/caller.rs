//! Who calls, as proof: a handler that takes `Caller<ManageCameras>` runs only for someone who may manage cameras.
//!
//! A program sends `Authorization: Bearer yt_…`. A browser's WebSocket cannot set headers, so there the token may come as an
//! offered subprotocol, `yunti.token.<token>`, beside `yunti.events.v1`. Not as `?token=`: addresses end up in the logs
//! of proxies, in histories and in bug reports; this header does not.

use std::marker::PhantomData;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};

use super::{ApiState, problem::Problem};
use crate::{
    access::{DeviceKey, Permission, PersonKey, Role, allows},
    base::{TokenId, Wall, clock},
    store::{DeviceRecord, Write},
};

const TOKEN_PROTOCOL: &str = "yunti.token.";

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

needs!(Watch, SeePictures, ActOnAlarms, ManageCameras, ManageDevices, ManageTokens, ReadAudit);

/// Someone known, who may do `N`.
pub(super) struct Caller<N> {
    pub(super) who: Identity,
    need: PhantomData<N>,
}

/// Someone known.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) token: TokenId,
    pub(super) name: String,
    pub(super) role: Role,
}

impl<N: Need> FromRequestParts<ApiState> for Caller<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let who = identify(&parts.headers, state).await?;
        if !allows(who.role, N::PERMISSION) {
            return Err(Problem::forbidden(format!(
                "this token is a {}'s; `{}` needs the role {} or a higher one",
                who.role.name(),
                N::PERMISSION.name(),
                N::PERMISSION.least_role().name(),
            )));
        }
        Ok(Self { who, need: PhantomData })
    }
}

impl<N> Caller<N> {
    /// The audit line of what this caller does.
    pub(super) fn audit(&self, act: &str, subject: &impl ToString, detail: serde_json::Value) -> Write {
        Write::Audit {
            at: clock::wall(),
            actor: self.who.name.clone(),
            act: act.to_owned(),
            subject: subject.to_string(),
            detail,
        }
    }
}

/// Whose token the request carries.
async fn identify(headers: &HeaderMap, state: &ApiState) -> Result<Identity, Problem> {
    let text = bearer(headers).or_else(|| offered_token(headers)).ok_or_else(|| {
        Problem::unauthorised(
            "send an API token in the header `Authorization: Bearer yt_…` (made by POST /api/v1/tokens or `yunti token create`)",
        )
    })?;
    let key = PersonKey::parse(text).map_err(|e| Problem::unauthorised(e.to_string()))?;
    let refused = || Problem::unauthorised("this token is not valid here: unknown, or revoked");
    let token = state.store.token(key.id).await?.ok_or_else(refused)?;
    if !token.hash.matches(&key.secret) || token.revoked_at.is_some() {
        return Err(refused());
    }
    note_use(state, token.id, token.last_used);
    Ok(Identity { token: token.id, name: token.name, role: token.role })
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

/// Whether the token that opened a long-lived socket is still good.
pub(super) async fn still_valid(state: &ApiState, token: TokenId) -> bool {
    match state.store.token(token).await {
        Ok(kept) => kept.is_some_and(|kept| kept.revoked_at.is_none()),
        // A store that cannot answer for the moment is no reason to throw out every watcher.
        Err(_) => true,
    }
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
