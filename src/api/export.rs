//! The alarm history as a table for spreadsheets. Not here: which alarms (`alarms.rs` reads the same filters).

use std::collections::HashMap;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use super::{
    ApiState,
    alarms::ExportQuery,
    caller::{Caller, Watch},
    extract::Params,
    problem::Problem,
    time,
};
use crate::store::{KeptAlarm, Named};

/// The most alarms in one table.
const MOST: usize = 100_000;
/// Read from the store at a time.
const PAGE: usize = 500;

const COLUMNS: [&str; 17] = [
    "id",
    "kind",
    "state",
    "site",
    "building",
    "camera",
    "camera_name",
    "device",
    "device_name",
    "label",
    "score",
    "raised_at",
    "cleared_at",
    "lift",
    "escalated",
    "actor",
    "note",
];

/// Names of cameras and devices that are still registered.
struct Names {
    cameras: HashMap<String, String>,
    devices: HashMap<String, String>,
}

#[utoipa::path(get, path = "/api/v1/alarms/export.csv", tag = "alarms", params(ExportQuery),
    responses((status = 200, description = "The alarms that fit, newest first, at most 100,000, as CSV (RFC 4180, UTF-8 with byte order mark)",
        content_type = "text/csv", body = String)))]
pub(super) async fn csv(
    caller: Caller<Watch>,
    State(state): State<ApiState>,
    Params(query): Params<ExportQuery>,
) -> Result<Response, Problem> {
    let filter = query.filter(caller.sites())?;
    let names = Names {
        cameras: state.store.cameras().await?.into_iter().map(|c| (c.id.to_string(), c.name)).collect(),
        devices: state.store.devices().await?.into_iter().map(|d| (d.id.to_string(), d.name)).collect(),
    };
    // The mark tells spreadsheets that it is UTF-8: without it Chinese names come out wrong.
    let mut table = csv::Writer::from_writer(Vec::from("\u{feff}"));
    let broken = |error: csv::Error| Problem::internal(format!("writing the table: {error}"));
    table.write_record(COLUMNS).map_err(broken)?;
    let (mut cursor, mut count) = (None, 0);
    loop {
        let page = state.store.alarms(filter.clone(), cursor, PAGE.min(MOST - count)).await?;
        count += page.items.len();
        for kept in &page.items {
            table.write_record(line(kept, &names)).map_err(broken)?;
        }
        cursor = page.next;
        if cursor.is_none() || count >= MOST {
            break;
        }
    }
    let table = table.into_inner().map_err(|e| Problem::internal(format!("writing the table: {e}")))?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"yunti-alarms.csv\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, table).into_response())
}

fn line(kept: &KeptAlarm, names: &Names) -> [String; COLUMNS.len()] {
    let alarm = &kept.alarm;
    let (camera, device) = (alarm.camera.map(|id| id.to_string()), alarm.device.map(|id| id.to_string()));
    let name = |of: &HashMap<String, String>, id: &Option<String>| id.as_ref().and_then(|id| of.get(id)).cloned();
    let seen = alarm.sighting.as_ref();
    [
        alarm.id.to_string(),
        alarm.kind.wire().to_owned(),
        alarm.state.wire().to_owned(),
        kept.site.as_ref().map(ToString::to_string).unwrap_or_default(),
        harmless(kept.building.clone().unwrap_or_default()),
        camera.clone().unwrap_or_default(),
        harmless(name(&names.cameras, &camera).unwrap_or_default()),
        device.clone().unwrap_or_default(),
        harmless(name(&names.devices, &device).unwrap_or_default()),
        seen.map(|s| s.label.to_string()).unwrap_or_default(),
        seen.map(|s| format!("{:.3}", s.score)).unwrap_or_default(),
        time::text(alarm.raised_at),
        alarm.cleared_at.map(time::text).unwrap_or_default(),
        alarm.lift.wire().to_owned(),
        alarm.escalated.to_string(),
        harmless(alarm.actor.clone().unwrap_or_default()),
        harmless(alarm.note.clone().unwrap_or_default()),
    ]
}

/// A text that no spreadsheet takes for a formula (OWASP, CSV injection): what people typed is preceded by an apostrophe
/// where it begins like one.
fn harmless(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_typed_is_no_formula() {
        for (text, expected) in [
            ("", ""),
            ("a pram", "a pram"),
            ("=HYPERLINK(\"http://x\")", "'=HYPERLINK(\"http://x\")"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("a=b", "a=b"),
        ] {
            assert_eq!(harmless(text.to_owned()), expected);
        }
    }
}
