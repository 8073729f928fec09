//! Sites: list, add, rename, remove. One that a camera or device names for the first time is there by itself.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    ApiState,
    caller::{Caller, ManageCameras, Need, Watch},
    extract::{self, Body, Id, IfMatch, etag},
    problem::Problem,
    time,
};
use crate::{
    base::{SiteId, clock},
    store::{NewEvent, SiteRecord, StoreError, Write},
};

/// A site to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSite)]
pub(super) struct NewSiteWire {
    /// A slug: 1 to 64 characters, lower-case letters of any script, digits, `-` and `_`.
    id: String,
    /// 1 to 100 characters; the slug when left out.
    name: Option<String>,
}

/// Changes to a site: what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SiteChange)]
pub(super) struct SiteChangeWire {
    name: Option<String>,
}

/// A site: a compound, a court, a gatehouse.
#[derive(Serialize, ToSchema)]
#[schema(as = Site)]
pub(super) struct SiteWire {
    id: String,
    name: String,
    /// Also the `ETag`.
    version: u64,
    created_at: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SiteList)]
pub(super) struct ListWire {
    items: Vec<SiteWire>,
}

impl From<&SiteRecord> for SiteWire {
    fn from(site: &SiteRecord) -> Self {
        Self {
            id: site.id.to_string(),
            name: site.name.clone(),
            version: site.version,
            created_at: time::text(site.created_at),
        }
    }
}

/// A site's slug as it comes in a body's `site`.
pub(super) fn slug(text: &str) -> Result<SiteId, Problem> {
    text.trim().parse().map_err(|e| {
        let near: String = text.chars().take(200).collect();
        let hint = SiteId::slug_of(&near).map(|slug| format!("; for example `{slug}`")).unwrap_or_default();
        Problem::invalid("site", format!("{e}{hint}"))
    })
}

fn unknown() -> Problem {
    Problem::not_found("no site has this id")
}

/// The site of this slug, if the caller may do `N` to it.
pub(super) async fn site<N: Need>(caller: &Caller<N>, state: &ApiState, id: SiteId) -> Result<SiteRecord, Problem> {
    caller.at(Some(&id), unknown)?;
    state.store.site(id).await?.ok_or_else(unknown)
}

fn answer(status: StatusCode, site: &SiteRecord) -> Response {
    (status, etag(site.version), Json(SiteWire::from(site))).into_response()
}

fn told(kind: &'static str, id: &SiteId, name: Option<&str>) -> Write {
    Write::Event(NewEvent::new(clock::wall(), kind, json!({ "id": id.as_str(), "name": name })))
}

#[utoipa::path(get, path = "/api/v1/sites", tag = "sites",
    responses((status = 200, description = "The caller's sites, oldest first", body = ListWire)))]
pub(super) async fn list(caller: Caller<Watch>, State(state): State<ApiState>) -> Result<Json<ListWire>, Problem> {
    let (all, seen) = (state.store.sites().await?, caller.sites());
    let items = all.iter().filter(|site| seen.contains(Some(&site.id))).map(SiteWire::from);
    Ok(Json(ListWire { items: items.collect() }))
}

#[utoipa::path(post, path = "/api/v1/sites", tag = "sites", request_body = NewSiteWire,
    responses((status = 201, description = "Added; needs an integrator of every site", body = SiteWire)))]
pub(super) async fn create(
    caller: Caller<ManageCameras>,
    State(state): State<ApiState>,
    Body(new): Body<NewSiteWire>,
) -> Result<Response, Problem> {
    caller.everywhere()?;
    let id: SiteId = new.id.trim().parse().map_err(|e| Problem::invalid("id", e))?;
    let name = extract::text("name", new.name.as_deref().unwrap_or(id.as_str()), 100)?;
    let site = SiteRecord { id, name, version: 1, created_at: clock::wall() };
    let audit = caller.audit("site.create", &site.id, json!({ "name": site.name }));
    let also = vec![audit, told("site.added", &site.id, Some(&site.name))];
    state.store.insert_site(site.clone(), also).await.map_err(|error| match error {
        StoreError::Exists => Problem::conflict(format!("there is a site `{}` already", site.id)),
        other => other.into(),
    })?;
    let location = [(header::LOCATION, format!("/api/v1/sites/{}", site.id))];
    Ok((location, answer(StatusCode::CREATED, &site)).into_response())
}

#[utoipa::path(get, path = "/api/v1/sites/{id}", tag = "sites", params(("id" = String, Path)),
    responses((status = 200, description = "The site; its ETag is for If-Match", body = SiteWire)))]
pub(super) async fn one(
    caller: Caller<Watch>,
    State(state): State<ApiState>,
    Id(id): Id<SiteId>,
) -> Result<Response, Problem> {
    Ok(answer(StatusCode::OK, &site(&caller, &state, id).await?))
}

#[utoipa::path(patch, path = "/api/v1/sites/{id}", tag = "sites",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "the ETag you read; 412 if it was changed since")),
    request_body = SiteChangeWire, responses((status = 200, description = "Changed", body = SiteWire)))]
pub(super) async fn change(
    caller: Caller<ManageCameras>,
    State(state): State<ApiState>,
    Id(id): Id<SiteId>,
    seen: IfMatch,
    Body(change): Body<SiteChangeWire>,
) -> Result<Response, Problem> {
    let mut site = site(&caller, &state, id).await?;
    seen.check(site.version)?;
    if let Some(name) = change.name {
        site.name = extract::text("name", &name, 100)?;
        let audit = caller.audit("site.change", &site.id, json!({ "name": site.name }));
        let also = vec![audit, told("site.changed", &site.id, Some(&site.name))];
        site = state.store.update_site(site, also).await.map_err(|error| seen.conflict(error))?;
    }
    Ok(answer(StatusCode::OK, &site))
}

#[utoipa::path(delete, path = "/api/v1/sites/{id}", tag = "sites",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "the ETag you read; 412 if it was changed since")),
    responses((status = 204, description = "Removed; needs an integrator of every site. 409 while anything names it")))]
pub(super) async fn remove(
    caller: Caller<ManageCameras>,
    State(state): State<ApiState>,
    Id(id): Id<SiteId>,
    IfMatch(version): IfMatch,
) -> Result<StatusCode, Problem> {
    caller.at(Some(&id), unknown)?;
    caller.everywhere()?;
    let also = vec![caller.audit("site.remove", &id, json!({})), told("site.removed", &id, None)];
    state.store.delete_site(id, version, also).await.map_err(|error| match error {
        StoreError::Missing => unknown(),
        other => other.into(),
    })?;
    Ok(StatusCode::NO_CONTENT)
}
