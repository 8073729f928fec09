//! A site's escalation list: what happens when an alarm waits for a person too long.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    ApiState,
    caller::{Caller, ManageCameras, Watch},
    extract::{self, Body, Id, IfMatch, etag},
    problem::Problem,
    sites, time,
};
use crate::{
    alarm::escalation::{Escalation, LadderStep, Sound, Trigger, default_ladder},
    base::{SiteId, clock},
    store::Named,
};

const STEPS_MOST: usize = 20;
const TELL_MOST: usize = 20;
/// A day.
const AFTER_MOST: u64 = 86_400;

/// A site's list.
#[derive(Serialize, ToSchema)]
#[schema(as = EscalationList)]
pub(super) struct ListWire {
    steps: Vec<StepWire>,
    /// True when the site chose nothing: these are the server's own steps.
    is_default: bool,
}

/// A site's list, new.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewEscalationList)]
pub(super) struct NewListWire {
    /// At most 20; none: nothing is ever escalated.
    steps: Vec<StepWire>,
}

/// One step.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EscalationStep)]
pub(super) struct StepWire {
    /// `not_acknowledged`, `still_there`, `stop_capped` or `device_offline`.
    when: String,
    /// Seconds since the alarm was raised (for `stop_capped`: since the lift was released), 0 to 86400.
    after_s: u64,
    /// `chime`, `urgent` or `siren`.
    sound: String,
    /// Ids of the people to tell, at most 20.
    #[serde(default)]
    tell: Vec<String>,
    /// Shown to whoever looks; at most 200 characters.
    #[serde(default)]
    text: String,
}

/// A step that was taken.
#[derive(Serialize, ToSchema)]
#[schema(as = Escalation)]
pub(super) struct TakenWire {
    at: String,
    #[serde(flatten)]
    step: StepWire,
}

impl From<&LadderStep> for StepWire {
    fn from(step: &LadderStep) -> Self {
        Self {
            when: step.when.wire().to_owned(),
            after_s: step.after.as_secs(),
            sound: step.sound.wire().to_owned(),
            tell: step.tell.clone(),
            text: step.text.clone(),
        }
    }
}

impl From<&Escalation> for TakenWire {
    fn from(taken: &Escalation) -> Self {
        Self { at: time::text(taken.at), step: (&taken.step).into() }
    }
}

impl TryFrom<StepWire> for LadderStep {
    type Error = Problem;

    fn try_from(wire: StepWire) -> Result<Self, Problem> {
        fn named<T: Named>(field: &str, name: &str) -> Result<T, Problem> {
            T::of_wire(name).ok_or_else(|| Problem::invalid(field, format!("one of {}", T::all_names())))
        }
        if wire.after_s > AFTER_MOST {
            return Err(Problem::invalid("after_s", format!("0 to {AFTER_MOST} seconds")));
        }
        if wire.tell.len() > TELL_MOST {
            return Err(Problem::invalid("tell", format!("at most {TELL_MOST} people")));
        }
        let tell = wire.tell.iter().map(|id| extract::text("tell", id, 64)).collect::<Result<_, _>>()?;
        let text = if wire.text.trim().is_empty() { String::new() } else { extract::text("text", &wire.text, 200)? };
        Ok(Self {
            when: named::<Trigger>("when", &wire.when)?,
            after: Duration::from_secs(wire.after_s),
            sound: named::<Sound>("sound", &wire.sound)?,
            tell,
            text,
        })
    }
}

#[utoipa::path(get, path = "/api/v1/sites/{id}/escalation", tag = "sites", params(("id" = String, Path)),
    responses((status = 200, description = "What happens when an alarm of this site waits too long; its ETag is for If-Match", body = ListWire)))]
pub(super) async fn show(
    caller: Caller<Watch>,
    State(state): State<ApiState>,
    Id(id): Id<SiteId>,
) -> Result<Response, Problem> {
    sites::site(&caller, &state, id.clone()).await?;
    let ladder = state.store.ladder(id).await?;
    let is_default = ladder.is_none();
    let (steps, version) = ladder.unwrap_or_else(|| (default_ladder(), 0));
    let list = ListWire { steps: steps.iter().map(StepWire::from).collect(), is_default };
    Ok((etag(version), Json(list)).into_response())
}

#[utoipa::path(put, path = "/api/v1/sites/{id}/escalation", tag = "sites",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "the ETag you read; 412 if it was changed since")),
    request_body = NewListWire, responses((status = 200, description = "Kept; it holds from the next second on", body = ListWire)))]
pub(super) async fn put(
    caller: Caller<ManageCameras>,
    State(state): State<ApiState>,
    Id(id): Id<SiteId>,
    IfMatch(version): IfMatch,
    Body(new): Body<NewListWire>,
) -> Result<Response, Problem> {
    sites::site(&caller, &state, id.clone()).await?;
    if new.steps.len() > STEPS_MOST {
        return Err(Problem::invalid("steps", format!("at most {STEPS_MOST}")));
    }
    let steps = new.steps.into_iter().map(LadderStep::try_from).collect::<Result<Vec<_>, _>>()?;
    let shown: Vec<StepWire> = steps.iter().map(StepWire::from).collect();
    let audit = caller.audit("site.escalation", &id, json!({ "steps": shown }));
    let version = state.store.put_ladder(id, steps, version, clock::wall(), vec![audit]).await?;
    Ok((etag(version), Json(ListWire { steps: shown, is_default: false })).into_response())
}
