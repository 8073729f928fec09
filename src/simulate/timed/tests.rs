//! Voice box, light and gate in stories.

use super::*;
use crate::device::{Epoch, protocol::OrderCall};

fn order(seq: u64, verb: Verb, at: u64) -> Input {
    Input::Order(Received {
        order: OrderCall {
            key: OrderKey::from_u128(u128::from(seq)),
            epoch: Epoch(1),
            seq: OrderSeq(seq),
            verb,
            expires_in: Duration::from_secs(1),
            clock: Mono(0),
            alarm: None,
        },
        at: Mono::from_ms(at),
        age: Duration::ZERO,
    })
}

fn said(outputs: Vec<Output>) -> Vec<String> {
    outputs
        .into_iter()
        .filter_map(|output| match output {
            Output::Answer(answer) => Some(format!("{:?}", answer.status).to_lowercase()),
            Output::Report { report, seq } => Some(format!("!{} {}", report.what.name(), seq.0)),
            Output::Shown(shown) => Some(format!("={}", shown.state)),
            Output::Status(_) => None,
        })
        .collect()
}

fn check(kind: DeviceKind, story: Vec<(u64, Input, &[&str])>) {
    let mut device = TimedMachine::new(kind, Memory::default());
    for (at, input, want) in story {
        let what = format!("{at} ms: {input:?}");
        assert_eq!(said(device.step(input, Mono::from_ms(at))), want, "{what}");
    }
}

#[test]
fn each_does_its_work_for_its_time() {
    let play = || Verb::VoicePlay { text: "请将电动车推出电梯".to_owned(), lang: "zh".to_owned(), repeat: 2 };
    check(
        DeviceKind::Voice,
        vec![
            (0, order(1, play(), 0), &["accepted", "=playing"]),
            (100, order(1, play(), 100), &["duplicate"]),
            (200, order(2, play(), 200), &["accepted", "!done 1", "=playing"]),
            (2899, Input::Tick, &[]),
            (2900, Input::Tick, &["!done 2", "=idle"]),
            (3000, order(3, Verb::LiftRelease, 3000), &["refused", "=refused"]),
        ],
    );
    check(
        DeviceKind::Light,
        vec![
            (0, order(1, Verb::LightFlash { seconds: 2 }, 0), &["accepted", "=flashing"]),
            (2000, Input::Tick, &["!done 1", "=idle"]),
        ],
    );
    check(
        DeviceKind::Gate,
        vec![
            (0, order(1, Verb::GateOpen { seconds: 3 }, 0), &["accepted", "=open"]),
            (3000, Input::Tick, &["!done 1", "=closed"]),
            (
                4000,
                order(2, Verb::GateDeny { reason: "not known".to_owned() }, 4000),
                &["accepted", "!done 2", "=denied"],
            ),
        ],
    );
}

#[test]
fn leaving_is_always_free() {
    check(
        DeviceKind::Gate,
        vec![
            (0, order(1, Verb::GateDeny { reason: "not known".to_owned() }, 0), &["accepted", "!done 1", "=denied"]),
            (1, Input::Control(Control::Exit), &["=open"]),
            (5001, Input::Tick, &["=closed"]),
            // An order that would close earlier does not: the longer time stays.
            (6000, order(2, Verb::GateOpen { seconds: 1 }, 6000), &["accepted", "=open"]),
            (6100, Input::Control(Control::Exit), &[]),
            (7000, Input::Tick, &[]),
            (11_100, Input::Tick, &["!done 2", "=closed"]),
        ],
    );
}
