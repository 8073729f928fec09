//! Alarms: list, one with its timeline and orders, the three acts, the picture.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    ApiState,
    caller::{ActOnAlarms, Caller, SeePictures, Watch},
    clips,
    escalation::TakenWire,
    extract::{self, Id, OptionalBody, Params},
    problem::Problem,
    time,
};
use crate::{
    access::Sites,
    alarm::{Act, AlarmSighting},
    base::{AlarmId, SiteId},
    flow::sights,
    media::{self, BoxMark, Colour},
    store::{AlarmFilter, KeptAlarm, Named, OrderRecord},
};

const LIMIT: usize = 50;
const LIMIT_MOST: usize = 200;
const NOTE_MOST: usize = 1000;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// `raised`, `acknowledged`, `resolved`, `false_alarm`, or several with commas; all when left out.
    state: Option<String>,
    /// `ebike_in_lift`, `device_trouble`, or both with a comma; all when left out.
    kind: Option<String>,
    /// Only alarms of this camera.
    camera: Option<String>,
    /// Only alarms of this device.
    device: Option<String>,
    /// Only alarms of this site.
    site: Option<String>,
    /// Raised at this time (RFC 3339) or later.
    since: Option<String>,
    /// Raised before this time.
    until: Option<String>,
    /// 1 to 200 alarms on a page; 50 when left out.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// The list's filters without its pages.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportQuery {
    /// `raised`, `acknowledged`, `resolved`, `false_alarm`, or several with commas; all when left out.
    state: Option<String>,
    /// `ebike_in_lift`, `device_trouble`, or both with a comma; all when left out.
    kind: Option<String>,
    /// Only alarms of this camera.
    camera: Option<String>,
    /// Only alarms of this device.
    device: Option<String>,
    /// Only alarms of this site.
    site: Option<String>,
    /// Raised at this time (RFC 3339) or later.
    since: Option<String>,
    /// Raised before this time.
    until: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AlarmPage)]
pub(super) struct PageWire {
    items: Vec<AlarmWire>,
    /// Give it as `cursor` for the next page; null on the last.
    next: Option<String>,
}

/// An alarm in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = Alarm)]
pub(super) struct AlarmWire {
    id: String,
    /// `ebike_in_lift` or `device_trouble`.
    kind: &'static str,
    /// `raised`, `acknowledged`, `resolved` or `false_alarm`.
    state: &'static str,
    camera: Option<String>,
    device: Option<String>,
    /// Of its camera, or else its device, when it was raised.
    site: Option<String>,
    /// Likewise.
    building: Option<String>,
    /// What was seen.
    label: Option<String>,
    score: Option<f32>,
    /// Where: x0, y0, x1, y1 in fractions of the picture.
    #[serde(rename = "box")]
    rect: Option<[f32; 4]>,
    raised_at: String,
    /// When the e-bike was out again; null while it is in.
    cleared_at: Option<String>,
    /// What the lift is known to be doing: `none` (no controlled lift), `ordered`, `accepted`, `holding`, `released`,
    /// `expired`, `refused`, `timed_out`, `offline`.
    lift: &'static str,
    /// The lift was released because it had stood for the longest allowed time: a person must go there.
    escalated: bool,
    /// Steps of the site's escalation list that were taken because it waited for a person too long.
    escalations: Vec<TakenWire>,
    note: Option<String>,
    /// Who acted on it last.
    actor: Option<String>,
    /// Where its picture is; the picture comes a moment after the alarm.
    snapshot: String,
}

/// An alarm, whole.
#[derive(Serialize, ToSchema)]
#[schema(as = AlarmDetail)]
pub(super) struct DetailWire {
    #[serde(flatten)]
    alarm: AlarmWire,
    timeline: Vec<StepWire>,
    orders: Vec<OrderWire>,
    /// Where its clip is; null while there is none: it comes about six seconds after the alarm.
    clip: Option<String>,
}

/// One thing that happened.
#[derive(Serialize, ToSchema)]
#[schema(as = AlarmStep)]
pub(super) struct StepWire {
    at: String,
    /// `captured`, `decoded`, `inferred`, `confirmed`, `ordered`, `accepted`, `released`, `acknowledged`, …
    name: &'static str,
    device: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
}

/// An order to a device, its newest known state.
#[derive(Serialize, ToSchema)]
#[schema(as = Order)]
pub(super) struct OrderWire {
    key: String,
    epoch: u64,
    seq: u64,
    device: String,
    verb: &'static str,
    /// `sent`, `accepted`, `holding`, `released`, `done`, `expired`, `refused`, `timed_out` or `offline`.
    state: &'static str,
    cause: Option<String>,
    at: String,
}

/// What a person says to an act; may be left out.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
#[schema(as = ActNote)]
pub(super) struct NoteWire {
    /// At most 1000 characters.
    #[serde(default)]
    note: Option<String>,
}

impl AlarmWire {
    fn new(kept: &KeptAlarm) -> Self {
        let alarm = &kept.alarm;
        let seen = alarm.sighting.as_ref();
        Self {
            id: alarm.id.to_string(),
            kind: alarm.kind.wire(),
            state: alarm.state.wire(),
            camera: alarm.camera.map(|id| id.to_string()),
            device: alarm.device.map(|id| id.to_string()),
            site: kept.site.as_ref().map(ToString::to_string),
            building: kept.building.clone(),
            label: seen.map(|s| s.label.as_str().to_owned()),
            score: seen.map(|s| s.score),
            rect: seen.map(|s| [s.rect.x0, s.rect.y0, s.rect.x1, s.rect.y1]),
            raised_at: time::text(alarm.raised_at),
            cleared_at: alarm.cleared_at.map(time::text),
            lift: alarm.lift.wire(),
            escalated: alarm.escalated,
            escalations: alarm.escalations.iter().map(TakenWire::from).collect(),
            note: alarm.note.clone(),
            actor: alarm.actor.clone(),
            snapshot: format!("/api/v1/alarms/{}/snapshot", alarm.id),
        }
    }
}

impl DetailWire {
    fn new(kept: &KeptAlarm, orders: Vec<OrderRecord>, clip: Option<String>) -> Self {
        let timeline = kept.alarm.timeline.iter().map(|step| StepWire {
            at: time::text(step.at),
            name: step.name,
            device: step.device.map(|id| id.to_string()),
            detail: step.detail.clone(),
        });
        let orders = orders.into_iter().map(|order| OrderWire {
            key: order.key.to_string(),
            epoch: order.epoch.0,
            seq: order.seq.0,
            device: order.device.to_string(),
            verb: order.verb,
            state: order.state.wire(),
            cause: order.cause,
            at: time::text(order.at),
        });
        Self { alarm: AlarmWire::new(kept), timeline: timeline.collect(), orders: orders.collect(), clip }
    }
}

impl ListQuery {
    fn filters(self) -> ExportQuery {
        let Self { state, kind, camera, device, site, since, until, .. } = self;
        ExportQuery { state, kind, camera, device, site, since, until }
    }
}

impl ExportQuery {
    /// What is asked for, of what lies at `sites`.
    pub(super) fn filter(&self, sites: Sites) -> Result<AlarmFilter, Problem> {
        let at = |name: &str, text: &Option<String>| {
            text.as_deref()
                .map(|text| time::parse(text).map_err(|e| Problem::malformed(format!("{name}: {e}"))))
                .transpose()
        };
        let asked: Option<SiteId> = id("site", self.site.as_ref())?;
        Ok(AlarmFilter {
            states: names("state", self.state.as_ref())?,
            kinds: names("kind", self.kind.as_ref())?,
            camera: id("camera", self.camera.as_ref())?,
            device: id("device", self.device.as_ref())?,
            since: at("since", &self.since)?,
            until: at("until", &self.until)?,
            sites: asked.map_or(sites.clone(), |site| sites.and(Sites::Only([site].into()))),
        })
    }
}

/// The values of names with commas between them; none of an empty text.
fn names<T: Named>(field: &str, text: Option<&String>) -> Result<Vec<T>, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Vec::new()) };
    let of = |name: &str| {
        T::of_wire(name.trim()).ok_or_else(|| {
            let known = T::all_names();
            Problem::malformed(format!("{field} `{name:.40}` is not known: give {known}, or several with commas"))
        })
    };
    text.split(',').map(of).collect()
}

fn id<T: std::str::FromStr>(field: &str, text: Option<&String>) -> Result<Option<T>, Problem>
where
    T::Err: std::fmt::Display,
{
    text.map(|text| text.parse().map_err(|e| Problem::malformed(format!("{field} is {e}")))).transpose()
}

/// A page's length within its limits.
pub(super) fn page_limit(limit: Option<usize>) -> Result<usize, Problem> {
    match limit {
        None => Ok(LIMIT),
        Some(limit) if (1..=LIMIT_MOST).contains(&limit) => Ok(limit),
        Some(limit) => Err(Problem::malformed(format!("limit is 1 to {LIMIT_MOST}, not {limit}"))),
    }
}

#[utoipa::path(get, path = "/api/v1/alarms", tag = "alarms", params(ListQuery),
    responses((status = 200, description = "Alarms, newest first", body = PageWire)))]
pub(super) async fn list(
    caller: Caller<Watch>,
    State(state): State<ApiState>,
    Params(query): Params<ListQuery>,
) -> Result<Json<PageWire>, Problem> {
    let limit = page_limit(query.limit)?;
    let cursor = query
        .cursor
        .as_deref()
        .map(|text| text.parse().map_err(|e| Problem::malformed(format!("cursor is {e}"))))
        .transpose()?;
    let page = state.store.alarms(query.filters().filter(caller.sites())?, cursor, limit).await?;
    Ok(Json(PageWire {
        items: page.items.iter().map(AlarmWire::new).collect(),
        next: page.next.map(|cursor| cursor.to_string()),
    }))
}

#[utoipa::path(get, path = "/api/v1/alarms/{id}", tag = "alarms", params(("id" = String, Path)),
    responses((status = 200, description = "The alarm with its timeline and orders", body = DetailWire)))]
pub(super) async fn one(
    caller: Caller<Watch>,
    State(state): State<ApiState>,
    Id(id): Id<AlarmId>,
) -> Result<Json<DetailWire>, Problem> {
    let kept = caller.alarm(&state, id).await?;
    let orders = state.store.orders_of(id).await?;
    let clip = clips::address(&state, id).await;
    Ok(Json(DetailWire::new(&kept, orders, clip)))
}

#[utoipa::path(post, path = "/api/v1/alarms/{id}/acknowledge", tag = "alarms", params(("id" = String, Path)),
    request_body = Option<NoteWire>,
    responses((status = 200, description = "Someone has seen it and is on it", body = DetailWire)))]
pub(super) async fn acknowledge(
    caller: Caller<ActOnAlarms>,
    State(state): State<ApiState>,
    Id(id): Id<AlarmId>,
    OptionalBody(note): OptionalBody<NoteWire>,
) -> Result<Json<DetailWire>, Problem> {
    act(&caller, &state, id, Act::Acknowledge, note).await
}

#[utoipa::path(post, path = "/api/v1/alarms/{id}/resolve", tag = "alarms", params(("id" = String, Path)),
    request_body = Option<NoteWire>,
    responses((status = 200, description = "Closed; a lift that is held is released", body = DetailWire)))]
pub(super) async fn resolve(
    caller: Caller<ActOnAlarms>,
    State(state): State<ApiState>,
    Id(id): Id<AlarmId>,
    OptionalBody(note): OptionalBody<NoteWire>,
) -> Result<Json<DetailWire>, Problem> {
    act(&caller, &state, id, Act::Resolve, note).await
}

#[utoipa::path(post, path = "/api/v1/alarms/{id}/false-alarm", tag = "alarms", params(("id" = String, Path)),
    request_body = Option<NoteWire>,
    responses((status = 200, description = "Closed as false; a lift that is held is released at once, and this track stops it no more", body = DetailWire)))]
pub(super) async fn false_alarm(
    caller: Caller<ActOnAlarms>,
    State(state): State<ApiState>,
    Id(id): Id<AlarmId>,
    OptionalBody(note): OptionalBody<NoteWire>,
) -> Result<Json<DetailWire>, Problem> {
    act(&caller, &state, id, Act::FalseAlarm, note).await
}

async fn act(
    caller: &Caller<ActOnAlarms>,
    state: &ApiState,
    id: AlarmId,
    act: Act,
    NoteWire { note }: NoteWire,
) -> Result<Json<DetailWire>, Problem> {
    let kept = caller.alarm(state, id).await?;
    let note = match note.as_deref().map(str::trim) {
        None | Some("") => None,
        Some(note) => Some(extract::text("note", &note.replace(['\r', '\n', '\t'], " "), NOTE_MOST)?),
    };
    let alarm = state.live.act(id, act, caller.who.name.clone(), note).await?;
    let orders = state.store.orders_of(id).await?;
    let clip = clips::address(state, id).await;
    Ok(Json(DetailWire::new(&KeptAlarm { alarm, ..kept }, orders, clip)))
}

/// How an alarm's picture is wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SnapshotQuery {
    /// As the camera saw it, without the box.
    #[serde(default)]
    plain: bool,
}

#[utoipa::path(get, path = "/api/v1/alarms/{id}/snapshot", tag = "alarms", params(("id" = String, Path), SnapshotQuery),
    responses((status = 200, description = "The picture, with its box unless it is wanted plain", content_type = "image/jpeg", body = Vec<u8>)))]
pub(super) async fn snapshot(
    caller: Caller<SeePictures>,
    State(state): State<ApiState>,
    Id(id): Id<AlarmId>,
    Params(query): Params<SnapshotQuery>,
) -> Result<Response, Problem> {
    let kept = caller.alarm(&state, id).await?;
    match tokio::fs::read(media::alarm_picture(&state.media_dir, id)).await {
        Ok(plain) => {
            let bytes = match kept.alarm.sighting {
                Some(sighting) if !query.plain => sights::encoded(move || media::marked(&plain, &[mark(&sighting)]))
                    .await
                    .map_err(Problem::internal)?,
                _ => plain.into(),
            };
            let kind = [
                (header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
                (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
            ];
            Ok((kind, bytes).into_response())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Problem::not_found(
            "this alarm has no picture (yet): one about a device has none; one about an e-bike has it within a second",
        )),
        Err(error) => Err(Problem::internal(error)),
    }
}

fn mark(sighting: &AlarmSighting) -> BoxMark {
    let text = format!("{} {:.0}%", sighting.label, sighting.score * 100.0);
    BoxMark { rect: sighting.rect, text, colour: Colour::RED }
}
