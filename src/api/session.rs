//! Logging in and out in a browser, one's own password, and the set-up of the first person.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    ApiState,
    caller::{Identity, Key, Known},
    cookie::{self, Address},
    extract::{self, Body, IfMatch},
    people::{GrantWire, password},
    problem::Problem,
    tokens::random,
};
use crate::{
    access::{Grants, Permission, Role, TokenHash, secret_text, session},
    base::{PersonId, Secret, clock},
    store::{PersonRecord, SessionRecord, StoreError, Write},
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LogIn)]
pub(super) struct LogInWire {
    name: String,
    password: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetUp)]
pub(super) struct SetupWire {
    /// What the link that was printed at the first start has after `#setup=`.
    secret: String,
    /// Of the first administrator: 1 to 100 characters.
    name: String,
    /// 8 to 256 characters.
    password: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasswordChange)]
pub(super) struct PasswordWire {
    old: String,
    /// 8 to 256 characters.
    new: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SetUpState)]
pub(super) struct SetupState {
    /// There is nobody yet: open the link that the server printed.
    needed: bool,
}

/// Who one is, and what one may do.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct SessionWire {
    /// Null for a token.
    person: Option<String>,
    name: String,
    grants: Vec<GrantWire>,
    /// What is allowed at some site at least.
    permissions: Vec<&'static str>,
    /// To be sent as X-Yunti-CSRF with each change; empty for a token, which needs none.
    csrf: String,
}

impl From<&Identity> for SessionWire {
    fn from(who: &Identity) -> Self {
        let held = Permission::ALL.into_iter().filter(|permission| who.grants.somewhere(*permission));
        Self {
            person: who.person().map(|id| id.to_string()),
            name: who.name.clone(),
            grants: who.grants.iter().map(GrantWire::from).collect(),
            permissions: held.map(Permission::name).collect(),
            csrf: match &who.key {
                Key::Token(_) => String::new(),
                Key::Session { csrf, .. } => csrf.clone(),
            },
        }
    }
}

/// A new session of a person: its secret, its record.
fn begin(person: PersonId) -> Result<(Secret, SessionRecord), Problem> {
    let secret = secret_text(&random()?);
    let now = clock::wall();
    let record = SessionRecord { hash: TokenHash::of(&secret), person, created_at: now, last_used: now };
    Ok((secret, record))
}

fn identity(person: &PersonRecord, secret: &Secret, session: SessionRecord) -> Identity {
    let key = Key::Session { session, csrf: session::csrf_proof(secret) };
    Identity { key, name: person.name.clone(), grants: person.grants.clone() }
}

impl ApiState {
    fn session_answer(&self, status: StatusCode, who: &Identity, secret: &Secret) -> Response {
        let cookie = [(header::SET_COOKIE, cookie::give(secret, self.secure))];
        (status, cookie, Json(SessionWire::from(who))).into_response()
    }
}

fn refuse_foreign(headers: &HeaderMap) -> Result<(), Problem> {
    if cookie::is_foreign(headers) {
        return Err(Problem::forbidden("this comes from another server's page"));
    }
    Ok(())
}

#[utoipa::path(get, path = "/api/v1/setup", tag = "session", security(()),
    responses((status = 200, description = "Whether the first administrator is still to be made", body = SetupState)))]
pub(super) async fn setup_state(State(state): State<ApiState>) -> Result<Json<SetupState>, Problem> {
    let needed = state.login.setup_is_offered() && state.store.people().await?.is_empty();
    Ok(Json(SetupState { needed }))
}

#[utoipa::path(post, path = "/api/v1/setup", tag = "session", security(()), request_body = SetupWire,
    responses(
        (status = 201, description = "The first administrator is made and logged in", body = SessionWire),
        (status = 410, description = "It was done before", content_type = "application/problem+json")))]
pub(super) async fn set_up(
    State(state): State<ApiState>,
    headers: HeaderMap,
    Address(address): Address,
    Body(wire): Body<SetupWire>,
) -> Result<Response, Problem> {
    refuse_foreign(&headers)?;
    let used = || Problem::gone("the set-up was done before: log in, or ask an administrator for an account");
    if !state.store.people().await?.is_empty() {
        return Err(used());
    }
    let attempt = state.login.begin("", address)?;
    if !state.login.is_setup(&Secret::new(wire.secret)) {
        return Err(Problem::unauthorised(
            "this is not the link of this start: open the one that the server printed last, it is new at each start",
        ));
    }
    state.login.succeeded(attempt);
    let name = extract::text("name", &wire.name, 100)?;
    let password = password("password", &name, wire.password)?;
    let person = PersonRecord {
        id: PersonId::fresh(),
        name,
        password: state.login.hash_of(password).await?,
        grants: Grants::one(Role::Admin, None),
        disabled: false,
        version: 1,
        created_at: clock::wall(),
        last_seen: Some(clock::wall()),
    };
    let (secret, session) = begin(person.id)?;
    let who = identity(&person, &secret, session);
    let detail = json!({ "name": person.name, "address": address.to_string() });
    let also = vec![who.audit("setup", &person.id, detail)];
    state.store.insert_first_person(person, session, also).await.map_err(|error| match error {
        StoreError::Exists => used(),
        other => other.into(),
    })?;
    state.login.setup_is_done();
    Ok(state.session_answer(StatusCode::CREATED, &who, &secret))
}

#[utoipa::path(post, path = "/api/v1/session", tag = "session", security(()), request_body = LogInWire,
    responses(
        (status = 200, description = "Logged in: the session's cookie is set", body = SessionWire),
        (status = 401, description = "Name or password is wrong", content_type = "application/problem+json"),
        (status = 429, description = "Too many attempts that failed; Retry-After says how long to wait", content_type = "application/problem+json")))]
pub(super) async fn log_in(
    State(state): State<ApiState>,
    headers: HeaderMap,
    Address(address): Address,
    Body(wire): Body<LogInWire>,
) -> Result<Response, Problem> {
    refuse_foreign(&headers)?;
    let name = extract::text("name", &wire.name, 100)?;
    let attempt = state.login.begin(&name, address)?;
    let person = state.store.person_named(&name).await?;
    let hash = person.as_ref().map(|person| person.password.clone());
    let matches = state.login.matches(hash, Secret::new(wire.password)).await?;
    let Some(person) = person.filter(|person| matches && !person.disabled) else {
        let refused = Write::Audit {
            at: clock::wall(),
            actor: name,
            act: "session.refused".to_owned(),
            subject: "session".to_owned(),
            detail: json!({ "address": address.to_string() }),
        };
        state.store.write(vec![refused]).await?;
        return Err(Problem::unauthorised("name or password is wrong"));
    };
    state.login.succeeded(attempt);
    let (secret, session) = begin(person.id)?;
    let who = identity(&person, &secret, session);
    let also = vec![who.audit("session.begin", &person.id, json!({ "address": address.to_string() }))];
    state.store.insert_session(session, also).await?;
    Ok(state.session_answer(StatusCode::OK, &who, &secret))
}

#[utoipa::path(get, path = "/api/v1/session", tag = "session",
    responses((status = 200, description = "Who one is, and what one may do; also with a token", body = SessionWire)))]
pub(super) async fn current(Known(who): Known) -> Json<SessionWire> {
    Json((&who).into())
}

#[utoipa::path(delete, path = "/api/v1/session", tag = "session",
    responses((status = 204, description = "Logged out; its event sockets are closed")))]
pub(super) async fn log_out(Known(who): Known, State(state): State<ApiState>) -> Result<Response, Problem> {
    let Key::Session { session, .. } = &who.key else {
        return Err(Problem::conflict("a token has no session: DELETE /api/v1/tokens/{id} revokes it"));
    };
    let also = vec![who.audit("session.end", &session.person, json!({}))];
    state.store.delete_session(session.hash, also).await?;
    state.tell_access_changed();
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie::take_away(state.secure))]).into_response())
}

#[utoipa::path(post, path = "/api/v1/session/password", tag = "session", request_body = PasswordWire,
    responses((status = 204, description = "Changed; every other session of one's own has ended")))]
pub(super) async fn change_password(
    Known(who): Known,
    State(state): State<ApiState>,
    Address(address): Address,
    Body(wire): Body<PasswordWire>,
) -> Result<StatusCode, Problem> {
    let Key::Session { session, .. } = &who.key else {
        return Err(Problem::conflict("a token has no password"));
    };
    let new = password("new", &who.name, wire.new)?;
    let attempt = state.login.begin(&who.name, address)?;
    let unknown = || Problem::unauthorised("this session has ended: log in again");
    let mut person = state.store.person(session.person).await?.ok_or_else(unknown)?;
    if !state.login.matches(Some(person.password.clone()), Secret::new(wire.old)).await? {
        let refused = who.audit("session.password.refused", &person.id, json!({ "address": address.to_string() }));
        state.store.write(vec![refused]).await?;
        return Err(Problem::invalid("old", "this is not the present password"));
    }
    state.login.succeeded(attempt);
    person.password = state.login.hash_of(new).await?;
    let also = vec![who.audit("session.password", &person.id, json!({}))];
    let kept = state.store.update_person(person, true, Some(session.hash), also).await;
    kept.map_err(|error| IfMatch(None).conflict(error))?;
    state.tell_access_changed();
    Ok(StatusCode::NO_CONTENT)
}
