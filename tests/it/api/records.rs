//! Histories and the cockpit: filters, the table for spreadsheets, and every number recounted from the alarms.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use yunti::{
    access::Role,
    alarm::{Alarm, AlarmKind, AlarmState, LiftState, Step},
    base::{AlarmId, CameraId, DeviceId, Wall},
    store::Write,
};

use super::support::{Server, answer, problem};

/// 2026-11-01 00:00 UTC, a Sunday.
const BEGIN: i64 = 1_793_491_200_000;
const HOUR: i64 = 3_600_000;

/// 90 alarms over 30 days of cameras in two buildings of `north`, one at `south`, and of a lift's trouble.
async fn history(server: &Server) -> (Vec<CameraId>, DeviceId) {
    let mut cameras = Vec::new();
    for (site, building) in [("north", "1"), ("north", "2"), ("south", "1")] {
        let camera = json!({ "name": format!("{site} {building}"), "uri": "rtsp://10.0.0.7/", "pipeline": "elevator",
            "site": site, "building": building });
        let (status, made) = server.call(Method::POST, "/api/v1/cameras", Some(camera)).await;
        assert_eq!((status, &made["building"]), (StatusCode::CREATED, &json!(building)), "{made}");
        cameras.push(made["id"].as_str().expect("an id").parse().expect("an id"));
    }
    let lift = json!({ "name": "=lift", "kind": "lift", "site": "north", "building": "2" });
    let (code, lift) = server.call(Method::POST, "/api/v1/devices", Some(lift)).await;
    assert_eq!(code, StatusCode::CREATED, "{lift}");
    let lift: DeviceId = lift["id"].as_str().expect("an id").parse().expect("an id");
    let states = [AlarmState::Resolved, AlarmState::FalseAlarm, AlarmState::Raised, AlarmState::Acknowledged];
    let writes = (0..90_i64).map(|n| {
        let trouble = n % 10 == 9;
        let at = BEGIN + n * 8 * HOUR + n * 60_000;
        let state = states[usize::try_from(n * n % 7).expect("small") % 4];
        let step = |name, at| Step { at: Wall(at), name, device: None, detail: String::new() };
        let mut timeline = vec![step("captured", at - 40), step("confirmed", at)];
        if n % 3 != 0 && !trouble {
            timeline.push(step("holding", at + 100 + n));
        }
        if state != AlarmState::Raised {
            timeline.push(step("acknowledged", at + 10_000 + 100 * n));
        }
        Write::Alarm(Box::new(Alarm {
            id: AlarmId::fresh(),
            kind: if trouble { AlarmKind::DeviceTrouble } else { AlarmKind::EbikeInLift },
            state,
            camera: (!trouble).then(|| cameras[usize::try_from(n % 3).expect("small")]),
            device: trouble.then_some(lift),
            sighting: None,
            raised_at: Wall(at),
            cleared_at: None,
            lift: LiftState::None,
            escalated: false,
            escalations: Vec::new(),
            note: (n == 5).then(|| "=1+1, \"a pram\"\n推车".to_owned()),
            actor: None,
            timeline,
        }))
    });
    server.store.write(writes.collect()).await.expect("written");
    (cameras, lift)
}

/// Every alarm that fits, page by page, whole.
async fn recount(server: &Server, filter: &str) -> Vec<Value> {
    let (mut alarms, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("/api/v1/alarms?limit=7&{filter}{cursor}")).await;
        for item in page["items"].as_array().expect("items") {
            alarms.push(server.get(&format!("/api/v1/alarms/{}", item["id"].as_str().expect("an id"))).await);
        }
        let Some(next) = page["next"].as_str() else { return alarms };
        cursor = format!("&cursor={next}");
    }
}

fn step_ms(alarm: &Value, name: &str) -> Option<i64> {
    let steps = alarm["timeline"].as_array().expect("a timeline");
    steps.iter().find(|step| step["name"] == name).map(|step| ms(&step["at"]))
}

fn ms(at: &Value) -> i64 {
    at.as_str().expect("a time").parse::<jiff::Timestamp>().expect("RFC 3339").as_millisecond()
}

/// The smallest that at least `percent` of the values do not exceed.
fn percentile(mut values: Vec<i64>, percent: usize) -> Value {
    values.sort_unstable();
    (1..=values.len()).find(|n| n * 100 >= values.len() * percent).map_or(Value::Null, |n| json!(values[n - 1]))
}

fn counts<'a>(alarms: &[&'a Value], key: impl Fn(&'a Value) -> Value) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for alarm in alarms {
        *counts.entry(key(alarm).to_string()).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn each_number_of_the_cockpit_is_a_recount_of_the_alarms() {
    let server = Server::start().await;
    history(&server).await;
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").expect("a zone");
    for (filter, window) in [
        ("", "&since=2026-10-01T00:00:00Z&until=2026-12-31T00:00:00Z"),
        ("site=north&", "&since=2026-11-05T00:00:00Z&until=2026-11-20T00:00:00Z"),
        ("site=south&", "&since=2026-11-05T00:00:00Z&until=2026-11-05T00:00:01Z"),
    ] {
        let cockpit = server.get(&format!("/api/v1/stats/cockpit?{filter}tz=Asia/Shanghai{window}")).await;
        let all = recount(&server, &format!("{filter}kind=ebike_in_lift{window}")).await;
        let in_state = |state: &str| all.iter().filter(|a| a["state"] == state).count();
        let kept: Vec<&Value> = all.iter().filter(|a| a["state"] != "false_alarm").collect();
        assert_eq!(cockpit["alarms"]["total"], all.len());
        assert_eq!(cockpit["alarms"]["open"], in_state("raised") + in_state("acknowledged"));
        for state in ["acknowledged", "resolved", "false_alarm"] {
            assert_eq!(cockpit["alarms"][state], in_state(state), "{state}");
        }
        assert_eq!(cockpit["kept_out"], kept.len());
        assert_eq!(cockpit["lifts"], if filter.is_empty() { 3 } else { 1 + usize::from(filter.contains("north")) });
        let closed = u32::try_from(in_state("resolved") + in_state("false_alarm")).expect("few");
        let wrong = u32::try_from(in_state("false_alarm")).expect("few");
        let share = if closed == 0 { Value::Null } else { json!(f64::from(wrong) / f64::from(closed)) };
        assert_eq!(cockpit["false_share"], share);

        for (name, from, to) in
            [("time_to_stop_ms", "captured", "holding"), ("time_to_acknowledge_ms", "confirmed", "acknowledged")]
        {
            let times: Vec<i64> = all.iter().filter_map(|a| Some(step_ms(a, to)? - step_ms(a, from)?)).collect();
            assert_eq!(cockpit[name]["count"], times.len(), "{name}");
            assert_eq!(cockpit[name]["p50"], percentile(times.clone(), 50), "{name}");
            assert_eq!(cockpit[name]["p95"], percentile(times, 95), "{name}");
        }

        let shown = |list: &str, key: &dyn Fn(&Value) -> Value| -> BTreeMap<String, usize> {
            let items = cockpit[list].as_array().expect("a list").iter();
            items
                .map(|i| (key(i).to_string(), usize::try_from(i["count"].as_u64().expect("a count")).expect("few")))
                .collect()
        };
        assert_eq!(shown("by_site", &|i| i["site"].clone()), counts(&kept, |a| a["site"].clone()));
        assert_eq!(
            shown("by_building", &|i| json!([i["site"], i["building"]])),
            counts(&kept, |a| json!([a["site"], a["building"]]))
        );
        assert_eq!(shown("by_camera", &|i| i["camera"].clone()), counts(&kept, |a| a["camera"].clone()));
        let at = |a: &Value| zone.to_datetime(jiff::Timestamp::from_millisecond(ms(&a["raised_at"])).expect("a time"));
        assert_eq!(shown("by_day", &|i| i["date"].clone()), counts(&kept, |a| json!(at(a).date().to_string())));
        for hour in 0..24 {
            let count = kept.iter().filter(|a| at(a).hour() == i8::try_from(hour).expect("small")).count();
            assert_eq!(cockpit["by_hour"][hour], count, "hour {hour}");
        }
        for day in 0..7 {
            let on = |a: &Value| at(a).weekday().to_monday_zero_offset() == i8::try_from(day).expect("small");
            assert_eq!(cockpit["by_weekday"][day], kept.iter().filter(|a| on(a)).count(), "day {day}");
        }
        let first = kept.iter().map(|a| at(a).date().to_string()).min();
        assert_eq!(cockpit["sentence_since"], json!(first));
    }
}

#[tokio::test]
async fn the_cockpit_counts_only_what_the_caller_may_see() {
    let server = Server::start().await;
    history(&server).await;
    let window = "since=2026-10-01T00:00:00Z&until=2026-12-31T00:00:00Z";
    let south = server.token_at(Role::Viewer, Some("south")).await;
    let path = format!("/api/v1/stats/cockpit?{window}");
    let (status, seen) = answer(server.bare(Method::GET, &path).bearer_auth(&south)).await;
    assert_eq!(status, StatusCode::OK);
    let own = server.get(&format!("{path}&site=south")).await;
    assert_eq!(seen, own);
    assert!(seen["alarms"]["total"].as_u64() > Some(0) && seen["device_uptime"] == json!([]), "{seen}");
    let (_, none) = answer(server.bare(Method::GET, &format!("{path}&site=north")).bearer_auth(&south)).await;
    assert_eq!(none["alarms"]["total"], 0);
    for (query, part) in [
        ("tz=Mars", "Asia/Shanghai"),
        ("since=2026-12-01T00:00:00Z&until=2026-11-01T00:00:00Z", "before until"),
        ("site=A%20B", "site"),
        ("since=yesterday", "RFC 3339"),
        ("days=3", "days"),
    ] {
        let (code, detail) =
            problem(answer(server.request(Method::GET, &format!("/api/v1/stats/cockpit?{query}"))).await);
        assert!(code == 400 && detail.contains(part), "{query}: {code} {detail}");
    }
}

#[tokio::test]
async fn filters_narrow_the_history_and_its_table() {
    let server = Server::start().await;
    let (cameras, lift) = history(&server).await;
    let every = recount(&server, "").await;
    assert_eq!(every.len(), 90);
    let camera = cameras[1].to_string();
    for filter in [
        "kind=device_trouble".to_owned(),
        "kind=ebike_in_lift,device_trouble&state=resolved".to_owned(),
        "site=south".to_owned(),
        format!("device={lift}"),
        format!("camera={camera}&state=raised,false_alarm"),
        "since=2026-11-10T00:00:00Z&until=2026-11-12T00:00:00Z".to_owned(),
    ] {
        let fits = |a: &&Value| {
            filter.split('&').all(|part| {
                let (key, value) = part.split_once('=').expect("a pair");
                match key {
                    "since" => ms(&a["raised_at"]) >= ms(&json!(value)),
                    "until" => ms(&a["raised_at"]) < ms(&json!(value)),
                    key => value.split(',').any(|value| a[key] == value),
                }
            })
        };
        let expected: Vec<&Value> = every.iter().filter(fits).map(|a| &a["id"]).collect();
        assert!(!expected.is_empty() && expected.len() < 90, "{filter} tells nothing");
        let found = recount(&server, &format!("{filter}&")).await;
        assert_eq!(found.iter().map(|a| &a["id"]).collect::<Vec<_>>(), expected, "{filter}");
        let table = server
            .request(Method::GET, &format!("/api/v1/alarms/export.csv?{filter}"))
            .send()
            .await
            .expect("an answer");
        assert_eq!(table.headers()["content-type"], "text/csv; charset=utf-8");
        let table = table.text().await.expect("text");
        let mut rows = csv::Reader::from_reader(table.trim_start_matches('\u{feff}').as_bytes());
        let ids: Vec<Value> = rows.records().map(|row| json!(&row.expect("a row")[0])).collect();
        assert_eq!(ids.iter().collect::<Vec<_>>(), expected, "{filter}");
    }
    let whole = server.request(Method::GET, "/api/v1/alarms/export.csv").send().await.expect("an answer");
    let whole = whole.text().await.expect("text");
    assert!(whole.starts_with('\u{feff}') && whole.contains("\"'=1+1, \"\"a pram\"\"\n推车\""), "{whole}");
    assert!(whole.contains(",'=lift,"), "a name that begins like a formula");
    for (query, part) in
        [("kind=fire", "ebike_in_lift"), ("device=5", "device"), ("until=now", "until"), ("limit=1", "limit")]
    {
        let (code, detail) =
            problem(answer(server.request(Method::GET, &format!("/api/v1/alarms/export.csv?{query}"))).await);
        assert!(code == 400 && detail.contains(part), "{query}: {code} {detail}");
    }
}
