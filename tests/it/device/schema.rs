//! The schemas, the examples of the document and what is really sent agree.

use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

use jsonschema::Validator;
use serde_json::Value;
use yunti::{
    device::{Control, DeviceKind, OrderState, Verb},
    simulate::SimulatedDevice,
};

use super::support::{Bench, SHORT, lift, quick_lift};

fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs")
}

fn schema(name: &str) -> Validator {
    let path = docs().join("schemas/device").join(format!("{name}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let schema: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
    jsonschema::validator_for(&schema).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn errors(validator: &Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|error| error.to_string()).collect()
}

/// Holds a frame against the schemas; `asked` is the action that a result answers.
fn check(frame: &Value, asked: Option<&str>) -> String {
    let found = errors(&schema("frame"), frame);
    assert!(found.is_empty(), "{frame}: {found:?}");
    let (name, payload) = match frame[0].as_u64() {
        Some(2) => (frame[2].as_str().expect("an action").to_owned(), &frame[3]),
        Some(3) => (format!("{}.result", asked.expect("a result answers something")), &frame[2]),
        _ => return "error".to_owned(),
    };
    let found = errors(&schema(&name), payload);
    assert!(found.is_empty(), "{name} {payload}: {found:?}");
    name
}

#[test]
fn the_examples_of_the_document_are_valid() {
    let text = fs::read_to_string(docs().join("device-protocol.md")).expect("the document");
    let mut seen = BTreeSet::new();
    for block in text.split("\n```json").skip(1) {
        let (info, rest) = block.split_once('\n').expect("a block");
        let (body, _) = rest.split_once("\n```").expect("a closed block");
        let frame: Value = serde_json::from_str(body).unwrap_or_else(|e| panic!("{body}: {e}"));
        seen.insert(check(&frame, info.trim().strip_prefix("result=")));
    }
    // Every schema has an example, so no message is left untold.
    let all: BTreeSet<String> = fs::read_dir(docs().join("schemas/device"))
        .expect("the schemas")
        .map(|entry| entry.expect("an entry").path().file_stem().expect("a name").to_string_lossy().into_owned())
        .filter(|name| name != "frame")
        .collect();
    assert_eq!(seen, all);
    for verb in ["lift.stop", "lift.release", "voice.play", "light.flash", "gate.open", "gate.deny"] {
        assert!(text.contains(&format!("\"verb\":\"{verb}\"")), "no example of {verb}");
    }
}

#[test]
fn the_schemas_refuse_what_the_server_refuses() {
    let refuses = |name: &str, payload: Value| {
        assert!(!errors(&schema(name), &payload).is_empty(), "{name} takes {payload}");
        let read = match name {
            "Order" => yunti::device::wire::parse_order(payload.clone()).map(|_| ()),
            "Order.result" => yunti::device::wire::parse_order_answer(payload.clone()).map(|_| ()),
            name => yunti::device::wire::parse_device_call(name, payload.clone()).map(|_| ()),
        };
        assert!(read.is_err(), "{name}: the reader takes {payload}");
    };
    let json = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    refuses("Hello", json(r#"{"vendor":"","model":"m","firmware":"1"}"#));
    refuses("Hello", json(r#"{"vendor":"v","model":"m","firmware":"1","mode":"party"}"#));
    refuses("Hello", json(r#"{"vendor":"v","model":"m","firmware":"1","colour":"red"}"#));
    refuses("Heartbeat", json(r#"{"x":1}"#));
    refuses("State", json(r#"{"doors":"ajar"}"#));
    refuses("OrderState", json(r#"{"key":"1","seq":1,"state":"done"}"#));
    refuses("Reading", json(r#"{"kind":"card","value":[]}"#));
    refuses("Order.result", json(r#"{"status":"perhaps"}"#));
    let key = "01981c2e-5b1a-7c44-9a53-0d3f5a2b9c01";
    let order = |rest: &str| json(&format!(r#"{{"key":"{key}","epoch":1,"seq":1,"clock_ms":1,{rest}}}"#));
    refuses("Order", order(r#""verb":"lift.stop","expires_in_ms":1,"params":{}"#));
    refuses("Order", order(r#""verb":"lift.stop","lease_ms":60000,"expires_in_ms":1,"params":{}"#));
    refuses("Order", order(r#""verb":"lift.release","lease_ms":3000,"expires_in_ms":1,"params":{}"#));
    refuses("Order", order(r#""verb":"gate.open","expires_in_ms":1,"params":{"seconds":0}"#));
    refuses("Order", order(r#""verb":"lift.halt","expires_in_ms":1,"params":{}"#));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_really_sent_is_valid() {
    let bench = Bench::start(3).await;
    let device = lift(&bench, Control::Controlled);
    let sim = SimulatedDevice::spawn(DeviceKind::Lift, quick_lift(&bench)).expect("starts");
    bench.up(device.id).await;
    let stop = bench.order(device, Verb::LiftStop { lease: Duration::from_secs(5) }, SHORT);
    bench.reached(&stop, OrderState::Holding).await;
    sim.control("mode fire".parse().expect("a control")).await;
    bench.reached(&stop, OrderState::Released).await;
    let release = bench.order(device, Verb::LiftRelease, SHORT);
    bench.reached(&release, OrderState::Done).await;
    let voice = bench.admit("voice", 2, DeviceKind::Voice, Control::AlarmOnly);
    let _box = SimulatedDevice::spawn(DeviceKind::Voice, bench.args("voice")).expect("starts");
    bench.up(voice.id).await;
    let play = Verb::VoicePlay { text: "请将电动车推出电梯".to_owned(), lang: "zh-CN".to_owned(), repeat: 1 };
    let order = bench.order(voice, play, SHORT);
    bench.reached(&order, OrderState::Done).await;
    bench.heard("\"Heartbeat\"").await;
    let gate = bench.admit("gate", 3, DeviceKind::Gate, Control::AlarmOnly);
    let _gate = SimulatedDevice::spawn(DeviceKind::Gate, bench.args("gate")).expect("starts");
    bench.up(gate.id).await;
    for verb in [Verb::GateDeny { reason: "not known here".to_owned() }, Verb::GateOpen { seconds: 1 }] {
        let order = bench.order(gate, verb, SHORT);
        bench.reached(&order, OrderState::Done).await;
    }
    let (heard, said) = bench.frames();
    let parse = |text: &String| serde_json::from_str::<Value>(text).expect("JSON");
    let mut seen = BTreeSet::new();
    for frame in heard.iter().map(parse) {
        // The server's one call is Order.
        seen.insert(check(&frame, Some("Order")));
    }
    for frame in said.iter().map(parse) {
        if frame[0] == 3 {
            let payload = &frame[2];
            let asked = match (payload.get("epoch"), payload.get("clock_ms")) {
                (Some(_), _) => "Hello",
                (None, Some(_)) => "Heartbeat",
                (None, None) => "State",
            };
            seen.insert(check(&frame, Some(asked)));
        } else {
            seen.insert(check(&frame, None));
        }
    }
    let want = [
        "Heartbeat",
        "Heartbeat.result",
        "Hello",
        "Hello.result",
        "Order",
        "Order.result",
        "OrderState",
        "State",
        "State.result",
    ];
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), want);
}
