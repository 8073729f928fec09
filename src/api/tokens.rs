//! API tokens: make, list, revoke. The secret is shown once, when it is made.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    ApiState,
    caller::{Caller, ManageTokens},
    extract::{self, Body, Id},
    problem::Problem,
    sites, time,
};
use crate::{
    access::{PersonKey, Role, TokenHash},
    base::{SiteId, TokenId, clock},
    store::TokenRecord,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewToken)]
pub(super) struct NewTokenWire {
    /// Whose it is or what uses it; 1 to 100 characters. Shown in the audit log and beside alarms.
    name: String,
    /// `viewer`, `operator`, `integrator` or `admin`.
    role: String,
    /// The slug of the site at which it holds the role; everywhere when left out.
    site: Option<String>,
    /// It opens nothing from then on (RFC 3339); never when left out.
    expires_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
pub(super) struct TokenWire {
    id: String,
    name: String,
    role: &'static str,
    /// Everywhere when null.
    site: Option<String>,
    created_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    /// To the minute.
    last_used: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CreatedToken)]
pub(super) struct CreatedWire {
    #[serde(flatten)]
    record: TokenWire,
    /// Shown only now.
    token: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TokenList)]
pub(super) struct ListWire {
    items: Vec<TokenWire>,
}

impl From<&TokenRecord> for TokenWire {
    fn from(token: &TokenRecord) -> Self {
        Self {
            id: token.id.to_string(),
            name: token.name.clone(),
            role: token.role.name(),
            site: token.site.as_ref().map(ToString::to_string),
            created_at: time::text(token.created_at),
            expires_at: token.expires_at.map(time::text),
            revoked_at: token.revoked_at.map(time::text),
            last_used: token.last_used.map(time::text),
        }
    }
}

/// A role as it is named in a body's `field`.
pub(super) fn role(field: &str, name: &str) -> Result<Role, Problem> {
    Role::of_name(name).ok_or_else(|| Problem::invalid(field, "one of viewer, operator, integrator, admin"))
}

/// 32 bytes from the system's random source.
pub(super) fn random() -> Result<[u8; 32], Problem> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| Problem::internal(format!("the system gave no random bytes: {e}")))?;
    Ok(bytes)
}

#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = NewTokenWire,
    responses((status = 201, description = "Made; the token is shown only now", body = CreatedWire)))]
pub(super) async fn create(
    caller: Caller<ManageTokens>,
    State(state): State<ApiState>,
    Body(new): Body<NewTokenWire>,
) -> Result<impl IntoResponse, Problem> {
    let name = extract::text("name", &new.name, 100)?;
    let role = role("role", &new.role)?;
    let site = new.site.as_deref().map(sites::slug).transpose()?;
    let at = clock::wall();
    let expires_at = match new.expires_at.as_deref().map(time::parse).transpose() {
        Err(error) => return Err(Problem::invalid("expires_at", error)),
        Ok(Some(end)) if end <= at => return Err(Problem::invalid("expires_at", "this is past already")),
        Ok(end) => end,
    };
    let key = PersonKey::new(TokenId::fresh(), &random()?);
    let record = TokenRecord {
        id: key.id,
        name,
        role,
        site,
        hash: TokenHash::of(&key.secret),
        created_at: at,
        expires_at,
        revoked_at: None,
        last_used: None,
    };
    let detail = json!({
        "name": record.name,
        "role": role.name(),
        "site": record.site.as_ref().map(SiteId::as_str),
        "expires_at": record.expires_at.map(time::text),
    });
    let audit = caller.audit("token.create", &record.id, detail);
    state.store.insert_token(record.clone(), vec![audit]).await?;
    let body = CreatedWire { record: (&record).into(), token: key.text().expose().to_owned() };
    Ok((StatusCode::CREATED, [(header::LOCATION, format!("/api/v1/tokens/{}", record.id))], Json(body)))
}

#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens",
    responses((status = 200, description = "Every token, without its secret", body = ListWire)))]
pub(super) async fn list(_: Caller<ManageTokens>, State(state): State<ApiState>) -> Result<Json<ListWire>, Problem> {
    let tokens = state.store.tokens().await?;
    Ok(Json(ListWire { items: tokens.iter().map(TokenWire::from).collect() }))
}

#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "tokens", params(("id" = String, Path)),
    responses((status = 204, description = "Revoked; it opens nothing from now on, and its event sockets are closed")))]
pub(super) async fn revoke(
    caller: Caller<ManageTokens>,
    State(state): State<ApiState>,
    Id(id): Id<TokenId>,
) -> Result<StatusCode, Problem> {
    let audit = caller.audit("token.revoke", &id, json!({}));
    state.store.revoke_token(id, clock::wall(), vec![audit]).await?;
    state.tell_access_changed();
    Ok(StatusCode::NO_CONTENT)
}
