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
    time,
};
use crate::{
    access::{PersonKey, Role, TokenHash},
    base::{TokenId, clock},
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
}

#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
pub(super) struct TokenWire {
    id: String,
    name: String,
    role: &'static str,
    created_at: String,
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
            created_at: time::text(token.created_at),
            revoked_at: token.revoked_at.map(time::text),
            last_used: token.last_used.map(time::text),
        }
    }
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
    let role = Role::of_name(&new.role)
        .ok_or_else(|| Problem::invalid("role", "one of viewer, operator, integrator, admin"))?;
    let key = PersonKey::new(TokenId::fresh(), &random()?);
    let record = TokenRecord {
        id: key.id,
        name,
        role,
        hash: TokenHash::of(&key.secret),
        created_at: clock::wall(),
        revoked_at: None,
        last_used: None,
    };
    let audit = caller.audit("token.create", &record.id, json!({ "name": record.name, "role": role.name() }));
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
    Ok(StatusCode::NO_CONTENT)
}
