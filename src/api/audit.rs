//! The audit log: who did what to which thing, newest first.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{
    ApiState,
    alarms::page_limit,
    caller::{Caller, ReadAudit},
    extract::Params,
    problem::Problem,
    time,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// 1 to 200 lines; 50 when left out.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<u64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AuditPage)]
pub(super) struct PageWire {
    items: Vec<LineWire>,
    next: Option<u64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AuditLine)]
pub(super) struct LineWire {
    id: u64,
    at: String,
    actor: String,
    act: String,
    subject: String,
    #[schema(value_type = Object)]
    detail: Value,
    /// SHA-256 over this line and all before it; `yunti audit verify` follows the chain.
    hash: String,
}

#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, description = "Lines of the audit log, newest first", body = PageWire)))]
pub(super) async fn list(
    _: Caller<ReadAudit>,
    State(state): State<ApiState>,
    Params(query): Params<AuditQuery>,
) -> Result<Json<PageWire>, Problem> {
    let limit = page_limit(query.limit)?;
    let lines = state.store.audit(query.cursor, limit).await?;
    let next = lines.last().filter(|_| lines.len() == limit).map(|line| line.id);
    let items = lines.into_iter().map(|line| LineWire {
        id: line.id,
        at: time::text(line.at),
        actor: line.actor,
        act: line.act,
        subject: line.subject,
        detail: line.detail,
        hash: line.hash.to_string(),
    });
    Ok(Json(PageWire { items: items.collect(), next }))
}
