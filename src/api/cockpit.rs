//! The cockpit: what was kept out, where and when, how quickly; each number is a recount of the alarms.

use std::time::Duration;

use axum::{Json, extract::State};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    ApiState,
    caller::{Caller, Watch},
    extract::Params,
    problem::Problem,
    time,
};
use crate::{
    access::Sites,
    alarm::tally::{Fact, Spread, Tally, tally},
    base::{SiteId, Wall, clock},
    store::{CameraRecord, DeviceRecord},
};

/// Looked back over when nothing is said.
const DAYS: i64 = 30;
const DAY_MS: i64 = 86_400_000;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CockpitQuery {
    /// Only this site.
    site: Option<String>,
    /// From this time (RFC 3339) on; 30 days before `until` when left out.
    since: Option<String>,
    /// Until before this time; now when left out.
    until: Option<String>,
    /// Hours and days by the clock of this time zone, an IANA name; UTC when left out.
    tz: Option<String>,
}

/// What alarms add up to. `by_…` count the entries kept out.
#[derive(Serialize, ToSchema)]
#[schema(as = Cockpit)]
pub(super) struct CockpitWire {
    since: String,
    until: String,
    /// E-bike alarms that no one called false.
    kept_out: usize,
    /// Lifts that are watched: cameras that watch for vehicles.
    lifts: usize,
    /// The day of the first of the entries kept out; null when there is none.
    sentence_since: Option<String>,
    alarms: CountsWire,
    /// False alarms over all that were closed, 0 to 1; null when none was.
    false_share: Option<f64>,
    /// Capture of the confirming frame to the lift's report that it stays.
    time_to_stop_ms: SpreadWire,
    /// Raised to a person's first act.
    time_to_acknowledge_ms: SpreadWire,
    by_site: Vec<SiteCountWire>,
    by_building: Vec<BuildingCountWire>,
    by_camera: Vec<CameraCountWire>,
    /// 24 numbers, from midnight.
    by_hour: Vec<usize>,
    /// 7 numbers, Monday first.
    by_weekday: Vec<usize>,
    /// Days without one are left out.
    by_day: Vec<DayCountWire>,
    camera_uptime: Vec<CameraUptimeWire>,
    device_uptime: Vec<DeviceUptimeWire>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CockpitAlarms)]
pub(super) struct CountsWire {
    total: usize,
    /// Raised or acknowledged.
    open: usize,
    acknowledged: usize,
    resolved: usize,
    false_alarm: usize,
}

/// Nearest-rank percentiles of what was measured; null of nothing.
#[derive(Serialize, ToSchema)]
#[schema(as = CockpitTimes)]
pub(super) struct SpreadWire {
    count: usize,
    p50: Option<u64>,
    p95: Option<u64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CockpitSite)]
pub(super) struct SiteCountWire {
    site: Option<String>,
    count: usize,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CockpitBuilding)]
pub(super) struct BuildingCountWire {
    site: Option<String>,
    building: Option<String>,
    count: usize,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CockpitCamera)]
pub(super) struct CameraCountWire {
    camera: String,
    /// Null when it was removed.
    name: Option<String>,
    site: Option<String>,
    count: usize,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CockpitDay)]
pub(super) struct DayCountWire {
    date: String,
    count: usize,
}

/// The share of the known time in which the camera was live.
#[derive(Serialize, ToSchema)]
#[schema(as = CockpitCameraUptime)]
pub(super) struct CameraUptimeWire {
    camera: String,
    name: String,
    /// 0 to 1; null when nothing is known.
    share: Option<f64>,
}

/// The share of the known time in which the device was connected.
#[derive(Serialize, ToSchema)]
#[schema(as = CockpitDeviceUptime)]
pub(super) struct DeviceUptimeWire {
    device: String,
    name: String,
    /// 0 to 1; null when nothing is known.
    share: Option<f64>,
}

struct Window {
    since: Wall,
    until: Wall,
    zone: TimeZone,
    sites: Sites,
}

impl CockpitQuery {
    fn window(&self, sites: Sites) -> Result<Window, Problem> {
        let at = |name: &str, text: &Option<String>| {
            text.as_deref()
                .map(|text| time::parse(text).map_err(|e| Problem::malformed(format!("{name}: {e}"))))
                .transpose()
        };
        let until = at("until", &self.until)?.unwrap_or_else(clock::wall);
        let since = at("since", &self.since)?.unwrap_or(Wall(until.0.saturating_sub(DAYS * DAY_MS)));
        if since >= until {
            return Err(Problem::malformed("since must lie before until"));
        }
        let name = self.tz.as_deref().unwrap_or("UTC");
        let zone = TimeZone::get(name).map_err(|_| {
            Problem::malformed(format!("tz `{name:.40}` is not a time zone: give an IANA name such as Asia/Shanghai"))
        })?;
        let sites = match self.site.as_deref() {
            None => sites,
            Some(text) => {
                let site: SiteId = text.parse().map_err(|e| Problem::malformed(format!("site is {e}")))?;
                sites.and(Sites::Only([site].into()))
            }
        };
        Ok(Window { since, until, zone, sites })
    }
}

#[utoipa::path(get, path = "/api/v1/stats/cockpit", tag = "system", params(CockpitQuery),
    responses((status = 200, description = "What alarms add up to, at the caller's sites", body = CockpitWire)))]
pub(super) async fn cockpit(
    caller: Caller<Watch>,
    State(state): State<ApiState>,
    Params(query): Params<CockpitQuery>,
) -> Result<Json<CockpitWire>, Problem> {
    let window = query.window(caller.sites())?;
    let facts = state.store.alarm_facts(window.since, window.until, window.sites.clone()).await?;
    let (live, online) = state.store.uptimes(window.since, window.until.min(clock::wall())).await?;
    let mut cameras = state.store.cameras().await?;
    let mut devices = state.store.devices().await?;
    let names = |id| cameras.iter().find(|camera: &&CameraRecord| camera.id == id);
    let sum = tally(&facts, &window.zone);
    let by_camera = sum
        .by_camera
        .iter()
        .map(|(&id, &count)| CameraCountWire {
            camera: id.to_string(),
            name: names(id).map(|camera| camera.name.clone()),
            site: site_of(&facts, id),
            count,
        })
        .collect();
    cameras.retain(|camera| window.sites.contains(camera.site.as_ref()));
    devices.retain(|device: &DeviceRecord| window.sites.contains(device.site.as_ref()));
    let watches_vehicles = |camera: &&CameraRecord| {
        state.pipelines.get(&camera.pipeline).is_some_and(|p| matches!(p.rule.watch, crate::rule::Watch::Vehicle(_)))
    };
    let camera_uptime = cameras.iter().map(|camera| CameraUptimeWire {
        camera: camera.id.to_string(),
        name: camera.name.clone(),
        share: live.get(&camera.id).and_then(|uptime| uptime.share()),
    });
    let device_uptime = devices.iter().map(|device| DeviceUptimeWire {
        device: device.id.to_string(),
        name: device.name.clone(),
        share: online.get(&device.id).and_then(|uptime| uptime.share()),
    });
    Ok(Json(CockpitWire {
        lifts: cameras.iter().filter(watches_vehicles).count(),
        camera_uptime: camera_uptime.collect(),
        device_uptime: device_uptime.collect(),
        by_camera,
        ..CockpitWire::counts(&sum, &window)
    }))
}

fn site_of(facts: &[Fact], camera: crate::base::CameraId) -> Option<String> {
    facts.iter().rfind(|fact| fact.camera == Some(camera)).and_then(|fact| fact.site.as_ref()).map(ToString::to_string)
}

impl CockpitWire {
    /// What follows from the alarms alone.
    fn counts(sum: &Tally, window: &Window) -> Self {
        Self {
            since: time::text(window.since),
            until: time::text(window.until),
            kept_out: sum.kept_out,
            lifts: 0,
            sentence_since: sum.by_day.keys().next().cloned(),
            alarms: CountsWire {
                total: sum.total,
                open: sum.raised + sum.acknowledged,
                acknowledged: sum.acknowledged,
                resolved: sum.resolved,
                false_alarm: sum.false_alarms,
            },
            false_share: sum.false_share,
            time_to_stop_ms: (&sum.to_stop).into(),
            time_to_acknowledge_ms: (&sum.to_acknowledge).into(),
            by_site: sum
                .by_site
                .iter()
                .map(|(site, &count)| SiteCountWire { site: site.as_ref().map(ToString::to_string), count })
                .collect(),
            by_building: sum
                .by_building
                .iter()
                .map(|((site, building), &count)| BuildingCountWire {
                    site: site.as_ref().map(ToString::to_string),
                    building: building.clone(),
                    count,
                })
                .collect(),
            by_camera: Vec::new(),
            by_hour: sum.by_hour.to_vec(),
            by_weekday: sum.by_weekday.to_vec(),
            by_day: sum.by_day.iter().map(|(date, &count)| DayCountWire { date: date.clone(), count }).collect(),
            camera_uptime: Vec::new(),
            device_uptime: Vec::new(),
        }
    }
}

impl From<&Spread> for SpreadWire {
    fn from(spread: &Spread) -> Self {
        let ms = |time: Option<Duration>| time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        Self { count: spread.count, p50: ms(spread.p50), p95: ms(spread.p95) }
    }
}
