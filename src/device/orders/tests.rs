//! The life of orders in tables, and that no sequence of events makes an illegal step.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const LIFT: DeviceId = DeviceId::from_u128(1);
const OTHER: DeviceId = DeviceId::from_u128(2);

fn stop() -> Verb {
    Verb::LiftStop { lease: Duration::from_secs(3) }
}

fn request(verb: Verb) -> OrderRequest {
    OrderRequest { device: LIFT, alarm: None, verb, expires_in: Duration::from_secs(1) }
}

/// What happens to one order.
#[derive(Debug, Clone, Copy)]
enum Event {
    Handed(Result<(), Undeliverable>),
    Heard(Reported),
    Down,
    Tick,
}
use Event::{Down, Handed, Heard, Tick};

/// Events of one order at their times in ms, and the states that are told.
fn check(verb: Verb, events: &[(u64, Event)], want: &[OrderState]) {
    let mut book = OrderBook::new(Epoch(1));
    let order = book.issue(request(verb), Now::from_ms(0));
    let mut told = Vec::new();
    for &(at, event) in events {
        let now = Now::from_ms(at);
        let changes = match event {
            Handed(result) => book.handed(order.key, result, now),
            Heard(what) => book.heard(LIFT, OrderReport { key: order.key, what, cause: None }, now),
            Down => book.link_down(LIFT, now),
            Tick => book.tick(now),
        };
        assert!(changes.iter().all(|change| change.order == order));
        told.extend(changes.into_iter().map(|change| change.state));
    }
    assert_eq!(told, want, "{events:?}");
}

#[test]
fn an_order_is_told_as_it_truly_is() {
    use OrderState::{Accepted, Done, Expired, Holding, Offline, Refused, Released, Sent, TimedOut};
    let sent = (0, Handed(Ok(())));
    // As it should be.
    check(
        stop(),
        &[sent, (5, Heard(Reported::Accepted)), (900, Heard(Reported::Holding)), (2000, Heard(Reported::Released))],
        &[Sent, Accepted, Holding, Released],
    );
    check(
        Verb::LightFlash { seconds: 5 },
        &[sent, (5, Heard(Reported::Accepted)), (5005, Heard(Reported::Done))],
        &[Sent, Accepted, Done],
    );
    // Never sent.
    check(stop(), &[(0, Handed(Err(Undeliverable::Offline)))], &[Offline]);
    check(stop(), &[(0, Handed(Err(Undeliverable::Expired)))], &[Expired]);
    check(stop(), &[(0, Handed(Err(Undeliverable::Full)))], &[Refused]);
    check(stop(), &[(0, Handed(Err(Undeliverable::AlarmOnly)))], &[Refused]);
    check(stop(), &[sent, (10, Heard(Reported::Expired)), (20, Heard(Reported::Accepted))], &[Sent, Expired]);
    check(stop(), &[(2000, Tick)], &[Expired]);
    // Refused is over.
    check(stop(), &[sent, (5, Heard(Reported::Refused)), (6, Heard(Reported::Holding))], &[Sent, Refused]);
    // No answer: told once; a late word is still believed, and its lease judged.
    check(stop(), &[sent, (999, Tick), (1000, Tick), (2000, Tick), (9000, Tick)], &[Sent, TimedOut]);
    check(
        stop(),
        &[sent, (1000, Tick), (1200, Heard(Reported::Accepted)), (1300, Heard(Reported::Holding)), (4700, Tick)],
        &[Sent, TimedOut, Accepted, Holding, Expired],
    );
    check(stop(), &[sent, (1000, Tick), (9000, Tick), (9001, Heard(Reported::Accepted))], &[Sent, TimedOut]);
    // The link went down before the answer; and while held: the lease is judged by the server.
    check(stop(), &[sent, (100, Down), (200, Tick), (9000, Tick)], &[Sent, Offline]);
    check(
        stop(),
        &[sent, (5, Heard(Reported::Accepted)), (9, Heard(Reported::Holding)), (100, Down), (3504, Tick), (3505, Tick)],
        &[Sent, Accepted, Holding, Expired],
    );
    check(
        stop(),
        &[sent, (5, Heard(Reported::Accepted)), (3000, Heard(Reported::Expired)), (3505, Tick)],
        &[Sent, Accepted, Expired],
    );
    // A mode that outranks: free, and told so.
    check(
        stop(),
        &[sent, (5, Heard(Reported::Accepted)), (9, Heard(Reported::Holding)), (20, Heard(Reported::Overridden))],
        &[Sent, Accepted, Holding, Released],
    );
    // The report overtakes the answer; words twice.
    check(
        stop(),
        &[sent, (5, Heard(Reported::Holding)), (6, Heard(Reported::Accepted)), (7, Heard(Reported::Holding))],
        &[Sent, Accepted, Holding],
    );
    // Words before it was handed over are not believed.
    check(stop(), &[(0, Heard(Reported::Holding)), sent], &[Sent]);
    // A voice box cannot hold.
    check(
        Verb::LightFlash { seconds: 1 },
        &[sent, (5, Heard(Reported::Accepted)), (6, Heard(Reported::Holding)), (200_000, Tick)],
        &[Sent, Accepted, TimedOut],
    );
    check(stop(), &[sent, (5, Heard(Reported::Accepted)), (6, Heard(Reported::Failed))], &[Sent, Accepted, Refused]);
}

fn report(order: &Order, what: Reported) -> OrderReport {
    OrderReport { key: order.key, what, cause: Some("why".to_owned()) }
}

#[test]
fn a_renewal_carries_the_stay_on() {
    let mut book = OrderBook::new(Epoch(2));
    let now = Now::from_ms(0);
    let first = book.issue(request(stop()), now);
    let second = book.issue(request(stop()), now);
    assert!(second.seq > first.seq);
    assert_eq!((first.epoch, second.epoch), (Epoch(2), Epoch(2)));
    assert_ne!(first.key, second.key);
    book.handed(first.key, Ok(()), now);
    book.heard(LIFT, report(&first, Reported::Holding), now);
    book.handed(second.key, Ok(()), now);
    let changes = book.heard(LIFT, report(&second, Reported::Accepted), Now::from_ms(1000));
    let told: Vec<_> = changes.iter().map(|change| (change.order.seq, change.state)).collect();
    assert_eq!(told, [(first.seq, OrderState::Done), (second.seq, OrderState::Accepted)]);
    // The first lease says nothing any more; the second one ends by the server's clock.
    assert!(book.tick(Now::from_ms(3600)).is_empty());
    assert_eq!(book.next_deadline(), Some(Mono::from_ms(4500)));
    assert_eq!(book.tick(Now::from_ms(4500)).len(), 1);
    assert_eq!(book.next_deadline(), None);
}

#[test]
fn a_device_speaks_only_of_its_own_orders() {
    let mut book = OrderBook::new(Epoch(1));
    let order = book.issue(request(stop()), Now::from_ms(0));
    book.handed(order.key, Ok(()), Now::from_ms(0));
    assert!(book.heard(OTHER, report(&order, Reported::Released), Now::from_ms(1)).is_empty());
    let unknown = OrderReport { key: OrderKey::from_u128(9), what: Reported::Done, cause: None };
    assert!(book.heard(LIFT, unknown, Now::from_ms(1)).is_empty());
    assert!(book.link_down(OTHER, Now::from_ms(1)).is_empty());
    let changes = book.heard(LIFT, report(&order, Reported::Refused), Now::from_ms(2));
    assert_eq!(changes[0].cause.as_deref(), Some("why"));
}

#[test]
fn the_book_does_not_grow_for_ever() {
    let mut book = OrderBook::new(Epoch(1));
    for at in 0..3 * MAX_OPEN as u64 {
        let order = book.issue(request(stop()), Now::from_ms(at));
        book.handed(order.key, Ok(()), Now::from_ms(at));
    }
    assert_eq!((book.open.len(), book.keys.len()), (MAX_OPEN, MAX_OPEN));
    book.tick(Now::from_ms(100_000));
    book.tick(Now::from_ms(200_000));
    assert_eq!((book.open.len(), book.keys.len()), (0, 0));
}

/// The steps that can be told, one after the other.
fn is_legal(from: Option<OrderState>, to: OrderState) -> bool {
    use OrderState::{Accepted, Done, Expired, Holding, Offline, Refused, Released, Sent, TimedOut};
    match from {
        None => matches!(to, Sent | Offline | Expired | Refused),
        Some(Sent) => matches!(to, Accepted | Refused | TimedOut | Offline | Expired),
        Some(TimedOut | Offline) => matches!(to, Accepted | Refused),
        Some(Accepted) => matches!(to, Holding | Released | Done | Expired | Refused | TimedOut),
        Some(Holding) => matches!(to, Released | Done | Expired | Refused),
        Some(Released | Done | Expired | Refused) => false,
    }
}

proptest! {
    #[test]
    fn only_legal_steps_are_told(
        events in proptest::collection::vec((0..4_usize, 0..14_u8, 0..900_u64), 1..60),
    ) {
        let mut book = OrderBook::new(Epoch(1));
        let mut at = 0;
        let mut orders = Vec::new();
        let mut last: HashMap<OrderKey, OrderState> = HashMap::new();
        for (which, what, pause) in events {
            at += pause;
            let now = Now::from_ms(at);
            if orders.len() <= which {
                let verb = if which == 3 { Verb::LiftRelease } else { stop() };
                orders.push(book.issue(request(verb), now));
                continue;
            }
            let order: &Order = &orders[which];
            let words = [
                Reported::Accepted, Reported::Refused, Reported::Duplicate, Reported::Holding, Reported::Released,
                Reported::Expired, Reported::Overridden, Reported::Done, Reported::Failed,
            ];
            let changes = match what {
                0..=8 => book.heard(LIFT, OrderReport { key: order.key, what: words[usize::from(what)], cause: None }, now),
                9 => book.link_down(LIFT, now),
                10 => book.handed(order.key, Err(Undeliverable::Offline), now),
                11 | 12 => book.handed(order.key, Ok(()), now),
                _ => book.tick(now),
            };
            for change in changes {
                let before = last.insert(change.order.key, change.state);
                prop_assert!(is_legal(before, change.state), "{before:?} to {:?}", change.state);
            }
        }
        // In the end nothing is left open.
        for step in 1..5_u64 {
            for change in book.tick(Now::from_ms(at + step * 200_000)) {
                let before = last.insert(change.order.key, change.state);
                prop_assert!(is_legal(before, change.state), "{before:?} to {:?}", change.state);
            }
        }
        prop_assert!(book.open.is_empty() && book.keys.is_empty());
    }
}
