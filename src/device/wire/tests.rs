//! Frames and payloads: what is read, what is refused and how, and that nothing panics.

use proptest::prelude::*;
use serde_json::json;

use super::{
    ErrorCode::{
        FormationViolation, MessageTypeNotSupported, NotImplemented, PropertyConstraintViolation, RpcFrameworkError,
        TypeConstraintViolation,
    },
    *,
};
use crate::{
    base::{AlarmId, Mono, OrderKey, Wall},
    device::{
        Epoch, LiftMode, OrderSeq, Verb,
        protocol::{
            AnswerStatus, DeviceCall, Doors, Hello, OrderAnswer, OrderCall, OrderReport, Reading, ReadingValue,
            Reported, Status, Welcome,
        },
    },
};

#[test]
fn frames_are_read_or_refused_with_a_reason() {
    let check = |text: &str, code: ErrorCode, words: &str, id: Option<&str>| {
        let bad = Frame::parse(text).expect_err(text);
        assert_eq!(bad.error.code, code, "{text}: {}", bad.error);
        assert!(bad.error.text.contains(words), "{text}: {}", bad.error);
        assert_eq!(bad.id.as_ref().map(CallId::as_str), id, "{text}");
    };
    check("", RpcFrameworkError, "not a frame", None);
    check("hello", RpcFrameworkError, "not a frame", None);
    check("{}", RpcFrameworkError, "JSON array", None);
    check("[]", RpcFrameworkError, "second part", None);
    check("[2]", RpcFrameworkError, "second part", None);
    check("[2,7,\"Hello\",{}]", RpcFrameworkError, "second part", None);
    check("[2,\"\",\"Hello\",{}]", RpcFrameworkError, "1 to 36", None);
    check(&format!("[2,\"{}\",\"Hello\",{{}}]", "x".repeat(37)), RpcFrameworkError, "1 to 36", None);
    check("[2,\"a b\",\"Hello\",{}]", RpcFrameworkError, "printable", None);
    check("[2,\"1\",\"Hello\"]", FormationViolation, "a call is", Some("1"));
    check("[2,\"1\",\"Hello\",{},1]", FormationViolation, "a call is", Some("1"));
    check("[2,\"1\",\"Hello\",[]]", FormationViolation, "a call is", Some("1"));
    check("[2,\"1\",5,{}]", FormationViolation, "a call is", Some("1"));
    check("[3,\"1\"]", FormationViolation, "a result is", Some("1"));
    check("[3,\"1\",7]", FormationViolation, "a result is", Some("1"));
    check("[4,\"1\",\"X\"]", FormationViolation, "an error is", Some("1"));
    check("[4,\"1\",\"X\",\"y\",7]", FormationViolation, "an error is", Some("1"));
    check("[5,\"1\",{}]", MessageTypeNotSupported, "2 (call)", Some("1"));
    check("[2.5,\"1\",{}]", MessageTypeNotSupported, "2 (call)", Some("1"));
    check("[2,\"1\",\"State\",{\"floor\":\"1\",\"floor\":\"2\"}]", RpcFrameworkError, "`floor` is there twice", None);
    check(&format!("[2,\"1\",\"X\",{}1{}]", "[".repeat(9), "]".repeat(9)), RpcFrameworkError, "nested deeper", None);
    check(&"[".repeat(10_000), RpcFrameworkError, "nested deeper", None);
    check("[2,\"1\",\"X\",{}] tail", RpcFrameworkError, "not a frame", None);
    check("[2,\"1\",\"X\",{\"n\":1e999}]", RpcFrameworkError, "not a frame", None);
    check(&format!("[2,\"1\",\"X\",{{\"t\":\"{}\"}}]", "x".repeat(MAX_FRAME)), RpcFrameworkError, "at most", None);
    assert!(Frame::parse("[3,\"1\",7]").expect_err("bad").is_answer);
    assert!(!Frame::parse("[2,\"1\",7]").expect_err("bad").is_answer);
}

#[test]
fn calls_of_devices_are_read_or_refused_with_a_reason() {
    let key = OrderKey::from_u128(7);
    let check = |action: &str, payload: Value, want: Result<(), (ErrorCode, &str)>| match (
        parse_device_call(action, payload.clone()),
        want,
    ) {
        (Ok(_), Ok(())) => {}
        (Err(error), Err((code, words))) => {
            assert_eq!(error.code, code, "{action} {payload}: {error}");
            assert!(error.text.contains(words), "{action} {payload}: {error}");
        }
        (got, want) => panic!("{action} {payload}: {got:?}, wanted {want:?}"),
    };
    let hello = json!({ "vendor": "v", "model": "m", "firmware": "1" });
    let with = |name: &str, value: Value| {
        let mut payload = hello.clone();
        payload[name] = value;
        payload
    };
    check("Hello", hello.clone(), Ok(()));
    check("Hello", with("mode", json!("fire")), Ok(()));
    check("Hello", with("mode", json!("party")), Err((PropertyConstraintViolation, "mode: must be one of normal")));
    check("Hello", with("mode", json!(1)), Err((TypeConstraintViolation, "mode")));
    check("Hello", with("vendor", json!("")), Err((PropertyConstraintViolation, "vendor: must have 1 to 64")));
    check("Hello", with("vendor", json!("a\nb")), Err((PropertyConstraintViolation, "control characters")));
    check("Hello", with("colour", json!("red")), Err((FormationViolation, "unknown field `colour`")));
    check("Hello", with("capabilities", json!(["a"])), Ok(()));
    check("Hello", with("capabilities", json!(vec!["a"; 33])), Err((PropertyConstraintViolation, "at most 32")));
    check("Hello", with("capabilities", json!([3])), Err((TypeConstraintViolation, "capabilities[0]")));
    check("Hello", json!({}), Err((FormationViolation, "missing field `vendor`")));
    check("Heartbeat", json!({}), Ok(()));
    check("Heartbeat", json!({ "x": 1 }), Err((FormationViolation, "unknown field")));
    check("State", json!({}), Ok(()));
    check("State", json!({ "doors": "ajar" }), Err((PropertyConstraintViolation, "doors")));
    check("State", json!({ "moving": "no" }), Err((TypeConstraintViolation, "moving")));
    check("State", json!({ "floor": "x".repeat(65) }), Err((PropertyConstraintViolation, "floor")));
    let state = |seq: Value, state: &str| json!({ "key": key.to_string(), "seq": seq, "state": state });
    check("OrderState", state(json!(3), "holding"), Ok(()));
    check("OrderState", state(json!(3), "accepted"), Err((PropertyConstraintViolation, "state")));
    check("OrderState", state(json!(-3), "done"), Err((PropertyConstraintViolation, "seq")));
    check("OrderState", state(json!(1_u64 << 53), "done"), Err((PropertyConstraintViolation, "at most")));
    check("OrderState", json!({ "key": "7", "seq": 1, "state": "done" }), Err((PropertyConstraintViolation, "UUID")));
    check("Reading", json!({ "kind": "temperature", "value": 21.5, "unit": "°C" }), Ok(()));
    check("Reading", json!({ "kind": "card", "value": "04A1" }), Ok(()));
    check("Reading", json!({ "kind": "card", "value": null }), Err((TypeConstraintViolation, "value")));
    check("Reading", json!({ "kind": "card", "value": [1] }), Err((TypeConstraintViolation, "value")));
    check("Reboot", json!({}), Err((NotImplemented, "\"Reboot\" is not known")));
}

#[test]
fn orders_are_read_or_refused_with_a_reason() {
    let order = json!({
        "key": OrderKey::from_u128(1).to_string(), "epoch": 4, "seq": 9, "verb": "lift.stop", "lease_ms": 3000,
        "expires_in_ms": 1000, "clock_ms": 12, "params": {},
    });
    let check = |changes: Value, want: Result<(), &str>| {
        let mut payload = order.clone();
        for (name, value) in changes.as_object().expect("an object") {
            payload[name] = value.clone();
        }
        payload.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        match (parse_order(payload.clone()), want) {
            (Ok(_), Ok(())) => {}
            (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{payload}: {error}"),
            (got, want) => panic!("{payload}: {got:?}, wanted {want:?}"),
        }
    };
    check(json!({}), Ok(()));
    check(json!({ "added_later": true }), Ok(()));
    check(json!({ "lease_ms": null }), Err("lease_ms"));
    check(json!({ "lease_ms": 99 }), Err("100 to 10000"));
    check(json!({ "lease_ms": 60_000 }), Err("100 to 10000"));
    check(json!({ "expires_in_ms": 0 }), Err("expires_in_ms"));
    check(json!({ "verb": "lift.release" }), Err("lease_ms"));
    check(json!({ "verb": "lift.release", "lease_ms": null }), Ok(()));
    check(json!({ "verb": "lift.halt", "lease_ms": null }), Err("\"lift.halt\" is not known"));
    check(json!({ "verb": "gate.open", "lease_ms": null }), Err("params"));
    check(json!({ "verb": "gate.open", "lease_ms": null, "params": { "seconds": 0 } }), Err("1 to 3600"));
    check(json!({ "verb": "gate.open", "lease_ms": null, "params": { "seconds": 5 } }), Ok(()));
    check(json!({ "verb": "light.flash", "lease_ms": null, "params": { "seconds": "5" } }), Err("params.seconds"));
    check(json!({ "alarm_id": "alm-1" }), Err("alarm_id"));
}

fn words() -> impl Strategy<Value = String> {
    "[a-z0-9 °中]{1,40}"
}

fn key() -> impl Strategy<Value = OrderKey> {
    any::<u128>().prop_map(OrderKey::from_u128)
}

fn call() -> impl Strategy<Value = DeviceCall> {
    let mode = proptest::option::of(proptest::sample::select(&LiftMode::ALL[..]));
    let doors = proptest::option::of(proptest::sample::select(vec![
        Doors::Open,
        Doors::Opening,
        Doors::Closing,
        Doors::Closed,
    ]));
    let what = proptest::sample::select(vec![
        Reported::Holding,
        Reported::Released,
        Reported::Expired,
        Reported::Overridden,
        Reported::Done,
        Reported::Failed,
    ]);
    let value = prop_oneof![(-1e9..1e9_f64).prop_map(ReadingValue::Number), words().prop_map(ReadingValue::Text),];
    prop_oneof![
        Just(DeviceCall::Heartbeat),
        (words(), words(), words(), proptest::collection::vec(words(), 0..5), mode.clone()).prop_map(
            |(vendor, model, firmware, capabilities, mode)| {
                DeviceCall::Hello(Hello { vendor, model, firmware, capabilities, mode })
            }
        ),
        (mode, doors, proptest::option::of(words()), any::<Option<bool>>(), proptest::option::of(words())).prop_map(
            |(mode, doors, floor, moving, state)| DeviceCall::State(Status { mode, doors, floor, moving, state })
        ),
        (key(), 0..1_u64 << 53, what, proptest::option::of(words())).prop_map(|(key, seq, what, cause)| {
            DeviceCall::OrderState { report: OrderReport { key, what, cause }, seq: OrderSeq(seq) }
        }),
        (words(), value, proptest::option::of(words())).prop_map(|(kind, value, unit)| DeviceCall::Reading(Reading {
            kind,
            value,
            unit
        })),
    ]
}

fn verb() -> impl Strategy<Value = Verb> {
    prop_oneof![
        (100..=10_000_u64).prop_map(|ms| Verb::LiftStop { lease: std::time::Duration::from_millis(ms) }),
        Just(Verb::LiftRelease),
        (words(), words(), 1..=20_u8).prop_map(|(text, lang, repeat)| Verb::VoicePlay { text, lang, repeat }),
        (1..=3600_u16).prop_map(|seconds| Verb::LightFlash { seconds }),
        (1..=3600_u16).prop_map(|seconds| Verb::GateOpen { seconds }),
        words().prop_map(|reason| Verb::GateDeny { reason }),
    ]
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,200}") {
        let _ = Frame::parse(&text);
    }

    #[test]
    fn no_json_makes_the_reader_panic(text in "[\\[\\]{}\",:0-9a-z.eE+-]{0,120}") {
        let _ = Frame::parse(&format!("[2,\"1\",\"State\",{text}"));
        let _ = Frame::parse(&format!("[2,\"1\",\"Hello\",{{\"vendor\":{text}}}]"));
    }

    #[test]
    fn no_payload_makes_a_reader_panic(
        action in proptest::sample::select(vec!["Hello", "Heartbeat", "State", "OrderState", "Reading", "?"]),
        name in proptest::sample::select(vec!["vendor", "mode", "key", "seq", "value", "params", "lease_ms", "verb"]),
        number in any::<f64>(), text in ".{0,80}",
    ) {
        for value in [json!(number), json!(text), json!([text]), json!({ "x": number }), json!(null)] {
            let payload = json!({ name: value });
            let _ = parse_device_call(action, payload.clone());
            let _ = parse_order(payload.clone());
            let _ = parse_order_answer(payload.clone());
            let _ = parse_welcome(payload);
        }
    }

    #[test]
    fn a_call_reads_back(call in call()) {
        let (action, payload) = write_device_call(&call);
        let text = Frame::Call { id: CallId::numbered(1), action: action.to_owned(), payload }.write();
        let Ok(Frame::Call { action, payload, .. }) = Frame::parse(&text) else { panic!("{text}") };
        prop_assert_eq!(parse_device_call(&action, payload), Ok(call));
    }

    #[test]
    fn an_order_reads_back(
        key in key(), epoch in 0..1_u64 << 53, seq in 0..1_u64 << 53, verb in verb(), expires in 1..600_000_u64,
        clock in 0..1_u64 << 53, alarm in any::<Option<u128>>(),
    ) {
        let order = OrderCall {
            key, epoch: Epoch(epoch), seq: OrderSeq(seq), verb,
            expires_in: std::time::Duration::from_millis(expires), clock: Mono::from_ms(clock),
            alarm: alarm.map(AlarmId::from_u128),
        };
        prop_assert_eq!(parse_order(write_order(&order)), Ok(order));
    }
}

#[test]
fn answers_read_back() {
    for status in [AnswerStatus::Accepted, AnswerStatus::Refused, AnswerStatus::Duplicate] {
        for cause in [None, Some("mode fire".to_owned())] {
            let answer = OrderAnswer { status, cause };
            assert_eq!(parse_order_answer(write_order_answer(&answer)), Ok(answer));
        }
    }
    assert!(parse_order_answer(json!({ "status": "perhaps" })).is_err());
    assert!(parse_order_answer(json!({ "status": "accepted", "more": 1 })).is_err());
    let welcome = Welcome {
        heartbeat: std::time::Duration::from_secs(5),
        epoch: Epoch(3),
        server_time: Wall(1_700_000_000_000),
        clock: Mono::from_ms(3_600_500),
    };
    assert_eq!(parse_welcome(write_welcome(&welcome)), Ok(welcome));
    assert!(parse_welcome(json!({ "heartbeat_s": 0, "epoch": 1, "server_time": 1, "clock_ms": 1 })).is_err());
}

#[test]
fn what_a_pipeline_file_says_cannot_break_the_protocol() {
    let order = |verb: Verb| {
        parse_order(write_order(&OrderCall {
            key: OrderKey::from_u128(1),
            epoch: Epoch(1),
            seq: OrderSeq(1),
            verb,
            expires_in: std::time::Duration::from_hours(5),
            clock: Mono::from_ms(1),
            alarm: None,
        }))
    };
    let long = "长".repeat(5000);
    assert!(order(Verb::VoicePlay { text: long, lang: String::new(), repeat: 0 }).is_ok());
    assert!(order(Verb::LightFlash { seconds: 0 }).is_ok());
    assert!(order(Verb::GateDeny { reason: "\u{7}".to_owned() }).is_ok());
    assert!(order(Verb::LiftStop { lease: std::time::Duration::from_hours(1) }).is_ok());
}
