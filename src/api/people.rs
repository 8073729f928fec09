//! People: add, list, change, remove, and what they are granted. A password goes in and never comes out.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    ApiState,
    caller::{Caller, ManagePeople},
    extract::{self, Body, Id, IfMatch, etag},
    problem::Problem,
    sites, time,
    tokens::role,
};
use crate::{
    access::{Grant, Grants, check_password},
    base::{PersonId, Secret, clock},
    store::{NewEvent, PersonRecord, StoreError, Write},
};

/// A role, and where it is held.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Grant)]
pub(super) struct GrantWire {
    /// `viewer`, `operator`, `integrator` or `admin`.
    role: String,
    /// The slug of a site; every site when null.
    site: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPerson)]
pub(super) struct NewPersonWire {
    /// 1 to 100 characters; nobody else's, whatever the case.
    name: String,
    /// 8 to 256 characters.
    password: String,
    grants: Vec<GrantWire>,
}

/// Changes to a person: what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PersonChange)]
pub(super) struct PersonChangeWire {
    name: Option<String>,
    /// Ends every session of the person.
    password: Option<String>,
    /// Replaces all of them; open pages see it at once.
    grants: Option<Vec<GrantWire>>,
    /// True: may not log in, and every session ends.
    disabled: Option<bool>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Person)]
pub(super) struct PersonWire {
    id: String,
    name: String,
    grants: Vec<GrantWire>,
    disabled: bool,
    /// Also the `ETag`.
    version: u64,
    created_at: String,
    /// To the minute.
    last_seen: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PersonList)]
pub(super) struct ListWire {
    items: Vec<PersonWire>,
}

impl From<&Grant> for GrantWire {
    fn from(grant: &Grant) -> Self {
        Self { role: grant.role.name().to_owned(), site: grant.site.as_ref().map(ToString::to_string) }
    }
}

impl From<&PersonRecord> for PersonWire {
    fn from(person: &PersonRecord) -> Self {
        Self {
            id: person.id.to_string(),
            name: person.name.clone(),
            grants: person.grants.iter().map(GrantWire::from).collect(),
            disabled: person.disabled,
            version: person.version,
            created_at: time::text(person.created_at),
            last_seen: person.last_seen.map(time::text),
        }
    }
}

fn grants(wires: &[GrantWire]) -> Result<Grants, Problem> {
    if !(1..=Grants::MOST).contains(&wires.len()) {
        return Err(Problem::invalid("grants", format!("1 to {}; to grant nothing, set `disabled`", Grants::MOST)));
    }
    let grant = |wire: &GrantWire| {
        let site = wire.site.as_deref().map(sites::slug).transpose()?;
        Ok(Grant { role: role("grants.role", &wire.role)?, site })
    };
    wires.iter().map(grant).collect::<Result<Vec<_>, Problem>>().map(Grants::new)
}

/// A password that may be taken for somebody called `name`.
pub(super) fn password(field: &str, name: &str, text: String) -> Result<Secret, Problem> {
    let password = Secret::new(text);
    check_password(name, &password).map_err(|e| Problem::invalid(field, e))?;
    Ok(password)
}

fn told(kind: &'static str, person: &PersonRecord) -> Write {
    let data = json!({ "person": person.id.to_string(), "name": person.name });
    Write::Event(NewEvent::new(clock::wall(), kind, data))
}

/// What the audit log keeps: no password.
fn audited(person: &PersonRecord) -> Value {
    let grants: Vec<_> = person.grants.iter().map(GrantWire::from).collect();
    json!({ "name": person.name, "grants": grants, "disabled": person.disabled })
}

fn unknown() -> Problem {
    Problem::not_found("nobody has this id")
}

fn refused(error: StoreError, seen: &IfMatch) -> Problem {
    match error {
        StoreError::Exists => Problem::conflict("somebody has this name already, whatever the case"),
        StoreError::Missing => unknown(),
        other => seen.conflict(other),
    }
}

fn answer(status: StatusCode, person: &PersonRecord) -> Response {
    (status, etag(person.version), Json(PersonWire::from(person))).into_response()
}

#[utoipa::path(get, path = "/api/v1/people", tag = "people",
    responses((status = 200, description = "Everybody, oldest first", body = ListWire)))]
pub(super) async fn list(_: Caller<ManagePeople>, State(state): State<ApiState>) -> Result<Json<ListWire>, Problem> {
    let people = state.store.people().await?;
    Ok(Json(ListWire { items: people.iter().map(PersonWire::from).collect() }))
}

#[utoipa::path(post, path = "/api/v1/people", tag = "people", request_body = NewPersonWire,
    responses((status = 201, description = "Added; may log in by name and password", body = PersonWire)))]
pub(super) async fn create(
    caller: Caller<ManagePeople>,
    State(state): State<ApiState>,
    Body(new): Body<NewPersonWire>,
) -> Result<Response, Problem> {
    let name = extract::text("name", &new.name, 100)?;
    let grants = grants(&new.grants)?;
    let password = password("password", &name, new.password)?;
    let person = PersonRecord {
        id: PersonId::fresh(),
        name,
        password: state.login.hash_of(password).await?,
        grants,
        disabled: false,
        version: 1,
        created_at: clock::wall(),
        last_seen: None,
    };
    let also = vec![caller.audit("person.create", &person.id, audited(&person)), told("person.added", &person)];
    state.store.insert_person(person.clone(), also).await.map_err(|e| refused(e, &IfMatch(None)))?;
    let location = [(header::LOCATION, format!("/api/v1/people/{}", person.id))];
    Ok((location, answer(StatusCode::CREATED, &person)).into_response())
}

#[utoipa::path(get, path = "/api/v1/people/{id}", tag = "people", params(("id" = String, Path)),
    responses((status = 200, description = "The person, without password; the ETag is for If-Match", body = PersonWire)))]
pub(super) async fn one(
    _: Caller<ManagePeople>,
    State(state): State<ApiState>,
    Id(id): Id<PersonId>,
) -> Result<Response, Problem> {
    let person = state.store.person(id).await?.ok_or_else(unknown)?;
    Ok(answer(StatusCode::OK, &person))
}

#[utoipa::path(patch, path = "/api/v1/people/{id}", tag = "people",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "the ETag you read; 412 if it was changed since")),
    request_body = PersonChangeWire, responses(
        (status = 200, description = "Changed", body = PersonWire),
        (status = 409, description = "The name is somebody else's; or nobody would be left who may manage people", content_type = "application/problem+json")))]
pub(super) async fn change(
    caller: Caller<ManagePeople>,
    State(state): State<ApiState>,
    Id(id): Id<PersonId>,
    seen: IfMatch,
    Body(change): Body<PersonChangeWire>,
) -> Result<Response, Problem> {
    let mut person = state.store.person(id).await?.ok_or_else(unknown)?;
    seen.check(person.version)?;
    if let Some(name) = change.name {
        person.name = extract::text("name", &name, 100)?;
    }
    if let Some(wires) = change.grants {
        person.grants = grants(&wires)?;
    }
    if let Some(disabled) = change.disabled {
        person.disabled = disabled;
    }
    let new_password = change.password.is_some();
    if let Some(text) = change.password {
        person.password = state.login.hash_of(password("password", &person.name, text)?).await?;
    }
    let mut detail = audited(&person);
    detail["password_changed"] = new_password.into();
    let also = vec![caller.audit("person.change", &id, detail), told("person.changed", &person)];
    let kept = state.store.update_person(person, new_password, None, also).await.map_err(|e| refused(e, &seen))?;
    state.tell_access_changed();
    Ok(answer(StatusCode::OK, &kept))
}

#[utoipa::path(delete, path = "/api/v1/people/{id}", tag = "people",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "the ETag you read; 412 if it was changed since")),
    responses((status = 204, description = "Removed; every session of the person has ended")))]
pub(super) async fn remove(
    caller: Caller<ManagePeople>,
    State(state): State<ApiState>,
    Id(id): Id<PersonId>,
    seen: IfMatch,
) -> Result<StatusCode, Problem> {
    let person = state.store.person(id).await?.ok_or_else(unknown)?;
    let also = vec![caller.audit("person.remove", &id, audited(&person)), told("person.removed", &person)];
    state.store.delete_person(id, seen.0, also).await.map_err(|e| refused(e, &seen))?;
    state.tell_access_changed();
    Ok(StatusCode::NO_CONTENT)
}
