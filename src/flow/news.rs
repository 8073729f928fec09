//! Events and records for watchers and the store, made from what the desk decided. Not here: when they are told.
//!
//! Each event's `data` holds the kind's own fields; docs/rest.md lists them.

use serde_json::{Value, json};

use super::control::DeviceStatus;
use crate::{
    alarm::{Act, Alarm, book::Change, escalation::LadderStep},
    base::{AlarmId, CameraId, DeviceId, NormRect, Now},
    camera::PhaseReport,
    device::{Order, OrderChange, Reading, protocol::ReadingValue},
    rule::{Finding, Sighting},
    store::{Named, NewEvent, OrderRecord, Write},
};

/// `alarm.raised`, `alarm.updated` or `alarm.cleared`.
pub(super) fn alarm(what: Change, alarm: &Alarm, now: Now) -> NewEvent {
    let kind = match what {
        Change::Raised => "alarm.raised",
        Change::Updated => "alarm.updated",
        Change::Cleared => "alarm.cleared",
    };
    let mut data = json!({
        "alarm_kind": alarm.kind.wire(),
        "state": alarm.state.name(),
        "lift": alarm.lift.wire(),
        "raised_at_ms": alarm.raised_at.0,
        "cleared_at_ms": alarm.cleared_at.map(|w| w.0),
        "escalated": alarm.escalated,
        "actor": alarm.actor,
        "note": alarm.note,
    });
    if let Some(seen) = &alarm.sighting {
        data["sighting"] = json!({
            "track": seen.track.0,
            "label": seen.label.as_str(),
            "score": seen.score,
            "box": corners(seen.rect),
        });
    }
    if let Some(step) = alarm.timeline.last() {
        data["step"] =
            json!({ "name": step.name, "detail": step.detail, "device": step.device.map(|d| d.to_string()) });
    }
    NewEvent { at: now.wall, kind, camera: alarm.camera, device: alarm.device, alarm: Some(alarm.id), data }
}

/// `alarm.escalated`: it waited for a person too long.
pub(super) fn escalated(
    alarm: AlarmId,
    camera: Option<CameraId>,
    device: Option<DeviceId>,
    step: &LadderStep,
    now: Now,
) -> NewEvent {
    NewEvent {
        at: now.wall,
        kind: "alarm.escalated",
        camera,
        device,
        alarm: Some(alarm),
        data: json!({
            "when": step.when.wire(),
            "after_s": step.after.as_secs(),
            "sound": step.sound.wire(),
            "tell": step.tell,
            "text": step.text,
        }),
    }
}

/// `alarm.snapshot`: the picture is there.
pub(super) fn snapshot(alarm: AlarmId, camera: CameraId, now: Now) -> NewEvent {
    NewEvent {
        at: now.wall,
        kind: "alarm.snapshot",
        camera: Some(camera),
        device: None,
        alarm: Some(alarm),
        data: json!({ "href": format!("/api/v1/alarms/{alarm}/snapshot") }),
    }
}

/// `alarm.clip`: the clip is there.
pub(super) fn clip(alarm: AlarmId, camera: CameraId, now: Now) -> NewEvent {
    NewEvent {
        at: now.wall,
        kind: "alarm.clip",
        camera: Some(camera),
        device: None,
        alarm: Some(alarm),
        data: json!({ "href": format!("/api/v1/alarms/{alarm}/clip") }),
    }
}

/// `camera.phase`.
pub(super) fn phase(report: &PhaseReport) -> NewEvent {
    NewEvent {
        at: report.since,
        kind: "camera.phase",
        camera: Some(report.camera),
        device: None,
        alarm: None,
        data: json!({ "phase": report.phase.name(), "reason": report.reason }),
    }
}

/// `face.seen`: a face at a gate, once per track.
pub(super) fn face(finding: &Finding, seen: &Sighting, now: Now) -> NewEvent {
    NewEvent {
        at: now.wall_of(finding.stamps.captured),
        kind: "face.seen",
        camera: Some(finding.camera),
        device: None,
        alarm: None,
        data: json!({ "track": seen.track.0, "score": seen.score, "box": corners(seen.rect), "frame": finding.seq.0 }),
    }
}

/// `device.state`: connected, gone, or something it said of itself.
pub(super) fn device(status: &DeviceStatus, cause: &str, now: Now) -> NewEvent {
    NewEvent {
        at: now.wall,
        kind: "device.state",
        camera: None,
        device: Some(status.device),
        alarm: None,
        data: json!({
            "online": status.online,
            "cause": cause,
            "mode": status.mode.map(Named::wire),
            "doors": status.doors,
            "floor": status.floor,
            "moving": status.moving,
        }),
    }
}

/// `device.reading`: a temperature, a card, …
pub(super) fn reading(device: DeviceId, reading: &Reading, now: Now) -> NewEvent {
    let value = match &reading.value {
        ReadingValue::Number(number) => json!(number),
        ReadingValue::Text(text) => json!(text),
    };
    NewEvent {
        at: now.wall,
        kind: "device.reading",
        camera: None,
        device: Some(device),
        alarm: None,
        data: json!({ "reading": reading.kind, "value": value, "unit": reading.unit }),
    }
}

/// `order.state`: what is truly known of an order.
pub(super) fn order(change: &OrderChange) -> NewEvent {
    let request = &change.order.request;
    NewEvent {
        at: change.at,
        kind: "order.state",
        camera: None,
        device: Some(request.device),
        alarm: request.alarm,
        data: json!({
            "key": change.order.key.to_string(),
            "verb": request.verb.name(),
            "state": change.state.wire(),
            "cause": change.cause,
        }),
    }
}

/// An order's row.
pub(super) fn order_record(change: &OrderChange) -> OrderRecord {
    let request = &change.order.request;
    OrderRecord {
        key: change.order.key,
        epoch: change.order.epoch,
        seq: change.order.seq,
        device: request.device,
        alarm: request.alarm,
        verb: request.verb.name(),
        state: change.state,
        cause: change.cause.clone(),
        at: change.at,
    }
}

/// The audit line of an order.
pub(super) fn order_audit(order: &Order, now: Now) -> Write {
    let request = &order.request;
    Write::Audit {
        at: now.wall,
        actor: "yunti".to_owned(),
        act: format!("order.{}", request.verb.name()),
        subject: request.device.to_string(),
        detail: json!({
            "key": order.key.to_string(),
            "epoch": order.epoch.0,
            "seq": order.seq.0,
            "alarm": request.alarm.map(|alarm| alarm.to_string()),
        }),
    }
}

/// The audit line of a person's act.
pub(super) fn act_audit(alarm: AlarmId, act: Act, actor: String, note: Option<&str>, now: Now) -> Write {
    let act = match act {
        Act::Acknowledge => "alarm.acknowledge",
        Act::Resolve => "alarm.resolve",
        Act::FalseAlarm => "alarm.false_alarm",
    };
    Write::Audit {
        at: now.wall,
        actor,
        act: act.to_owned(),
        subject: alarm.to_string(),
        detail: json!({ "note": note }),
    }
}

fn corners(r: NormRect) -> Value {
    json!([r.x0, r.y0, r.x1, r.y1])
}
