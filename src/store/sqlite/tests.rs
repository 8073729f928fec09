//! The store on real files.

use std::{os::unix::fs::PermissionsExt, sync::mpsc, time::Duration};

use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

use super::{MIGRATIONS, Store, verify_audit};
use crate::{
    access::{Role, Sites, TokenHash},
    alarm::{
        Alarm, AlarmKind, AlarmSighting, AlarmState, LiftState, Step,
        escalation::{Escalation, LadderStep, default_ladder},
    },
    base::{
        AlarmId, CameraId, DeviceId, NormPoint, NormRect, OrderKey, Polygon, Secret, SiteId, TokenId, TrackId, Wall,
    },
    camera::{CameraUri, Transport},
    detect::Label,
    device::{Control, DeviceKind, Epoch, OrderSeq, OrderState},
    store::{
        AlarmCursor, AlarmFilter, CameraRecord, DeviceRecord, Event, Gap, NewEvent, OrderRecord, Overrides, Retention,
        StoreError, TokenRecord, Write, wire,
    },
};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn open(folder: &TempDir) -> Store {
    Store::open(folder.path()).expect("the store opens")
}

fn event(at: i64) -> Write {
    Write::Event(NewEvent {
        at: Wall(at),
        kind: "test",
        camera: None,
        device: None,
        alarm: None,
        data: json!({ "at": at }),
    })
}

fn seqs(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.seq).collect()
}

fn camera(id: u128) -> CameraRecord {
    let uri = CameraUri::from_parts("rtsp://10.0.0.7/live".into(), Some("root".into()), Some(Secret::new("p@ss 云")));
    let point = |x, y| NormPoint { x, y };
    CameraRecord {
        id: CameraId::from_u128(id),
        name: "一号楼 电梯".to_owned(),
        uri,
        pipeline: "elevator".to_owned(),
        site: Some("north".parse().expect("a slug")),
        building: Some("三号楼".to_owned()),
        transport: Transport::Udp,
        zone: Some(Polygon::new(vec![point(0.1, 0.2), point(0.9, 0.2), point(0.333_333_34, 0.9)]).expect("a zone")),
        devices: vec![DeviceId::from_u128(7), DeviceId::from_u128(8)],
        schedule: Some(json!({ "time_zone": "Asia/Shanghai", "windows": [] })),
        overrides: Overrides {
            min_score: Some(0.45),
            hold_score: Some(0.7),
            confirm: Some((3, 5)),
            clear_after: Some(Duration::from_millis(2500)),
            cooldown: Some(Duration::from_secs(20)),
            margin: Some(0.1),
        },
        decode: Some("software-h264".to_owned()),
        enabled: true,
        version: 1,
        created_at: Wall(1),
        updated_at: Wall(2),
    }
}

fn device(id: u128) -> DeviceRecord {
    DeviceRecord {
        id: DeviceId::from_u128(id),
        name: "lift".to_owned(),
        kind: DeviceKind::Lift,
        control: Control::Controlled,
        site: None,
        building: Some("B".to_owned()),
        token: TokenHash::from_bytes([5; 32]),
        version: 1,
        created_at: Wall(1),
        updated_at: Wall(1),
    }
}

fn alarm(id: u128, raised_at: i64, state: AlarmState) -> Alarm {
    Alarm {
        id: AlarmId::from_u128(id),
        kind: AlarmKind::EbikeInLift,
        state,
        camera: Some(CameraId::from_u128(id % 2)),
        device: Some(DeviceId::from_u128(3)),
        sighting: Some(AlarmSighting {
            track: TrackId(9),
            label: Label::new("ebike"),
            score: 0.87,
            rect: NormRect { x0: 0.1, y0: 0.2, x1: 0.3, y1: 0.4 },
        }),
        raised_at: Wall(raised_at),
        cleared_at: Some(Wall(raised_at + 5)),
        lift: LiftState::Holding,
        escalated: true,
        escalations: Vec::new(),
        note: Some("looked".to_owned()),
        actor: Some("guard".to_owned()),
        timeline: vec![
            Step { at: Wall(raised_at), name: "captured", device: None, detail: String::new() },
            Step {
                at: Wall(raised_at),
                name: "ordered",
                device: Some(DeviceId::from_u128(3)),
                detail: "lift.stop".to_owned(),
            },
        ],
    }
}

#[tokio::test]
async fn each_server_run_is_an_epoch_and_only_one_runs() {
    let folder = folder();
    let first = open(&folder);
    let Epoch(epoch) = first.epoch();
    assert!(epoch > 1_700_000_000, "a new database begins at the time now, in seconds: {epoch}");
    assert_eq!(Store::open(folder.path()).err(), Some(StoreError::Locked(folder.path().to_owned())));

    let beside = Store::open_shared(folder.path()).expect("a tool beside the server");
    assert_eq!(beside.epoch(), first.epoch());
    beside.write(vec![event(1)]).await.expect("a tool writes while the server runs");
    drop(beside);
    drop(first);

    assert_eq!(open(&folder).epoch(), Epoch(epoch + 1));
    assert_eq!(open(&folder).epoch(), Epoch(epoch + 2));
    let mode = std::fs::metadata(folder.path().join("yunti.db")).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the database holds the cameras' passwords");
}

#[tokio::test]
async fn an_empty_folder_gets_the_schema_and_a_newer_one_is_refused() {
    let folder = folder();
    let inner = folder.path().join("a/b");
    drop(Store::open(&inner).expect("folders are made"));
    let db = Connection::open(inner.join("yunti.db")).expect("the file");
    let version =
        |db: &Connection| db.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0)).expect("a number");
    let known = i64::try_from(MIGRATIONS.len()).expect("few");
    assert_eq!(version(&db), known);
    let mode: String = db.query_row("PRAGMA journal_mode", [], |row| row.get(0)).expect("a word");
    assert_eq!(mode, "wal");

    db.pragma_update(None, "user_version", known + 1).expect("set");
    assert!(matches!(Store::open(&inner).err(), Some(StoreError::Newer { .. })));
    assert_eq!(version(&db), known + 1, "what is refused is left alone");
}

#[tokio::test]
async fn many_writers_get_places_without_a_hole_and_everything_is_kept() {
    let folder = folder();
    let store = open(&folder);
    let writers = (0..300).map(|i| {
        let store = store.clone();
        tokio::spawn(async move { store.write(vec![event(i), event(1000 + i)]).await.expect("written") })
    });
    let mut all = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        let events = writer.await.expect("the task ends");
        assert_eq!(events[1].seq, events[0].seq + 1, "a batch stays together");
        assert_eq!(events[1].data["at"], events[1].at.0);
        all.extend(seqs(&events));
    }
    all.sort_unstable();
    assert_eq!(all, (1..=600).collect::<Vec<_>>());
    assert_eq!(*store.last_seq().borrow(), 600);
    drop(store);
    let page = open(&folder).events_after(0, 1000).await.expect("read");
    assert_eq!((page.gap, seqs(&page.events)), (None, all));
}

#[tokio::test]
async fn what_waits_together_is_one_transaction() {
    let folder = folder();
    let store = open(&folder);
    // The writer is held by a first job, in a group of its own, until two more wait.
    let (go, held) = mpsc::sync_channel::<()>(1);
    let (started, running) = tokio::sync::oneshot::channel();
    let gate = {
        let store = store.clone();
        tokio::spawn(async move {
            let wait = move |_: &mut super::worker::Tx<'_>| {
                let _ = started.send(());
                let _ = held.recv();
                Ok(())
            };
            store.change(wait).await
        })
    };
    running.await.expect("the writer runs it");
    let waiting = || store.inner.write.max_capacity() - store.inner.write.capacity();
    let count = |db: &Connection| db.query_row("SELECT count(*) FROM events", [], |row| row.get::<_, i64>(0));
    let outside = Connection::open(folder.path().join("yunti.db")).expect("another reader");
    let first = {
        let store = store.clone();
        tokio::spawn(async move { store.write(vec![event(1)]).await })
    };
    while waiting() < 1 {
        tokio::task::yield_now().await;
    }
    let second = {
        let store = store.clone();
        tokio::spawn(async move { store.change(move |tx| Ok((count(tx.db)?, count(&outside)?))).await })
    };
    while waiting() < 2 {
        tokio::task::yield_now().await;
    }
    go.send(()).expect("the writer waits");
    gate.await.expect("ends").expect("runs");
    assert_eq!(seqs(&first.await.expect("ends").expect("written")), [1]);
    let (within, outside) = second.await.expect("ends").expect("read");
    assert_eq!((within, outside), (1, 0), "the first's event is seen within the group, not yet outside it");
}

#[tokio::test]
async fn a_refused_change_leaves_nothing_and_harms_no_other() {
    let folder = folder();
    let store = open(&folder);
    store.insert_camera(camera(1), vec![event(1)]).await.expect("kept");
    let (refused, fine) = tokio::join!(store.insert_camera(camera(1), vec![event(2)]), store.write(vec![event(3)]));
    assert!(matches!(refused, Err(StoreError::Database(_))), "{refused:?}");
    assert_eq!(seqs(&fine.expect("written")), [2], "the place of the refused event is given to the next");
    let page = store.events_after(0, 10).await.expect("read");
    assert_eq!(page.events.iter().map(|e| e.at.0).collect::<Vec<_>>(), [1, 3]);
}

#[tokio::test]
async fn a_batch_that_fails_halfway_is_not_kept_at_all() {
    let folder = folder();
    let store = open(&folder);
    // An alarm that cannot be written: its own row is forbidden by a trigger.
    Connection::open(folder.path().join("yunti.db"))
        .expect("the file")
        .execute_batch("CREATE TRIGGER no BEFORE INSERT ON alarms BEGIN SELECT raise(ABORT, 'no alarms today'); END")
        .expect("set");
    let batch = vec![event(1), Write::Alarm(Box::new(alarm(1, 10, AlarmState::Raised))), event(2)];
    let refused = store.write(batch).await;
    assert!(matches!(&refused, Err(StoreError::Database(cause)) if cause.contains("no alarms today")), "{refused:?}");
    assert_eq!(*store.last_seq().borrow(), 0);
    assert!(store.events_after(0, 10).await.expect("read").events.is_empty());
    assert_eq!(seqs(&store.write(vec![event(3)]).await.expect("written")), [1]);
}

#[tokio::test]
async fn pruned_events_are_an_explicit_gap_and_places_are_never_given_twice() {
    let folder = folder();
    let store = open(&folder);
    store.write((0..10).map(event).collect()).await.expect("written");
    let retention = |before| Retention { events_before: Wall(before), alarms_before: Wall(0), audit_before: Wall(0) };
    assert_eq!(store.prune(retention(4)).await.expect("pruned").events, 4);
    drop(store);

    let store = open(&folder);
    for (after, gap, first) in [
        (0, Some(Gap { from: 1, to: 4 }), Some(5)),
        (2, Some(Gap { from: 3, to: 4 }), Some(5)),
        (4, None, Some(5)),
        (9, None, Some(10)),
        (10, None, None),
        (99, Some(Gap { from: 1, to: 10 }), None),
    ] {
        let page = store.events_after(after, 3).await.expect("read");
        assert_eq!((page.gap, page.events.first().map(|e| e.seq)), (gap, first), "after {after}");
        assert!(page.events.len() <= 3);
    }
    store.prune(retention(1000)).await.expect("pruned");
    drop(store);

    let store = open(&folder);
    assert_eq!(store.events_after(3, 5).await.expect("read").gap, Some(Gap { from: 4, to: 10 }));
    assert_eq!(seqs(&store.write(vec![event(1)]).await.expect("written")), [11]);
    let page = store.events_after(3, 5).await.expect("read");
    assert_eq!((page.gap, seqs(&page.events)), (Some(Gap { from: 4, to: 10 }), vec![11]));
}

#[tokio::test]
async fn a_camera_reads_back_whole_and_the_slower_change_loses() {
    let folder = folder();
    let store = open(&folder);
    let id = CameraId::from_u128(1);
    store.insert_camera(camera(1), vec![]).await.expect("kept");
    let read = store.camera(id).await.expect("read").expect("there");
    assert_eq!(read, camera(1));
    assert_eq!(read.uri.password().map(Secret::expose), Some("p@ss 云"));

    let renamed = store.update_camera(CameraRecord { name: "A".into(), ..read.clone() }, vec![]).await.expect("kept");
    assert_eq!(renamed.version, 2);
    let slower = store.update_camera(CameraRecord { name: "B".into(), ..read }, vec![event(1)]).await;
    assert_eq!(slower, Err(StoreError::Conflict { current: 2 }));
    assert_eq!(store.delete_camera(id, Some(1), vec![]).await, Err(StoreError::Conflict { current: 2 }));
    assert_eq!(store.cameras().await.expect("read"), [renamed]);
    assert_eq!(*store.last_seq().borrow(), 0, "the loser's event is not kept");
    store.delete_camera(id, Some(2), vec![]).await.expect("gone");
    assert_eq!(store.delete_camera(id, None, vec![]).await, Err(StoreError::Missing));
    assert_eq!(store.update_camera(camera(1), vec![]).await, Err(StoreError::Missing));
    assert_eq!(store.camera(id).await, Ok(None));
}

#[tokio::test]
async fn a_removed_device_leaves_every_camera() {
    let folder = folder();
    let store = open(&folder);
    store.insert_device(device(7), vec![]).await.expect("kept");
    store.insert_camera(camera(1), vec![]).await.expect("kept");
    let id = DeviceId::from_u128(7);
    assert_eq!(store.device(id).await, Ok(Some(device(7))));
    store.delete_device(id, Some(1), vec![]).await.expect("gone");
    let left = store.camera(CameraId::from_u128(1)).await.expect("read").expect("there");
    assert_eq!((left.devices, left.version), (vec![DeviceId::from_u128(8)], 2));
    assert_eq!(store.devices().await, Ok(vec![]));
}

#[tokio::test]
async fn a_token_is_revoked_once_and_for_all() {
    let folder = folder();
    let store = open(&folder);
    let token = TokenRecord {
        id: TokenId::from_u128(1),
        name: "guard".to_owned(),
        role: Role::Operator,
        hash: TokenHash::from_bytes([1; 32]),
        site: Some("south".parse().expect("a slug")),
        created_at: Wall(1),
        expires_at: Some(Wall(100)),
        revoked_at: None,
        last_used: None,
    };
    assert_eq!([1, 99, 100].map(|at| token.is_valid(Wall(at))), [true, true, false]);
    store.insert_token(token.clone(), vec![]).await.expect("kept");
    store.touch_token(token.id, Wall(5)).await.expect("kept");
    store.revoke_token(token.id, Wall(6), vec![]).await.expect("revoked");
    store.revoke_token(token.id, Wall(9), vec![]).await.expect("revoked before");
    let expected = TokenRecord { revoked_at: Some(Wall(6)), last_used: Some(Wall(5)), ..token };
    assert_eq!(store.token(expected.id).await, Ok(Some(expected.clone())));
    assert_eq!(store.tokens().await, Ok(vec![expected]));
    assert_eq!(store.revoke_token(TokenId::from_u128(2), Wall(6), vec![]).await, Err(StoreError::Missing));
}

#[tokio::test]
async fn alarms_read_back_whole_and_page_without_loss_or_double() {
    let folder = folder();
    let store = open(&folder);
    let state = |id: u128| {
        [AlarmState::Raised, AlarmState::Acknowledged, AlarmState::Resolved, AlarmState::FalseAlarm][id as usize % 4]
    };
    // Three alarms share each time.
    let alarms: Vec<Alarm> = (0..20).map(|id| alarm(id, i64::try_from(id / 3).expect("small"), state(id))).collect();
    store.write(alarms.iter().cloned().map(|a| Write::Alarm(Box::new(a))).collect()).await.expect("written");
    assert_eq!(store.alarm(AlarmId::from_u128(5)).await, Ok(Some(alarms[5].clone())));
    assert_eq!(store.alarm(AlarmId::from_u128(50)).await, Ok(None));

    let camera = Some(CameraId::from_u128(1));
    for (filter, expected) in [
        (AlarmFilter::default(), 20),
        (AlarmFilter { camera, ..AlarmFilter::default() }, 10),
        (AlarmFilter { states: vec![AlarmState::Raised], ..AlarmFilter::default() }, 5),
        (AlarmFilter { states: vec![AlarmState::Raised, AlarmState::FalseAlarm], ..AlarmFilter::default() }, 10),
        (AlarmFilter { since: Some(Wall(5)), ..AlarmFilter::default() }, 5),
        (AlarmFilter { camera, states: vec![AlarmState::Raised], ..AlarmFilter::default() }, 0),
        (AlarmFilter { sites: Sites::Only(["north".parse().expect("a slug")].into()), ..AlarmFilter::default() }, 0),
        (AlarmFilter { sites: Sites::Only([].into()), ..AlarmFilter::default() }, 0),
    ] {
        let mut seen: Vec<Alarm> = Vec::new();
        let mut cursor: Option<AlarmCursor> = None;
        loop {
            let page = store.alarms(filter.clone(), cursor, 4).await.expect("read");
            assert!(page.items.len() <= 4);
            seen.extend(page.items.into_iter().map(|kept| kept.alarm));
            // The cursor goes out as text and comes back.
            match page.next {
                Some(next) => cursor = Some(next.to_string().parse().expect("a cursor")),
                None => break,
            }
        }
        let keys: Vec<_> = seen.iter().map(|a| (a.raised_at, a.id)).collect();
        assert!(keys.is_sorted_by(|a, b| a > b), "newest first, each once: {keys:?}");
        assert_eq!(seen.len(), expected, "{filter:?}");
    }
    assert_eq!(store.open_alarms().await.expect("read").len(), 10);

    let retention = Retention { events_before: Wall(0), alarms_before: Wall(1000), audit_before: Wall(0) };
    assert_eq!(store.prune(retention).await.expect("pruned").alarms.len(), 10);
    let left = store.alarms(AlarmFilter::default(), None, 100).await.expect("read").items;
    assert_eq!(left.len(), 10);
    assert!(left.iter().all(|a| !a.alarm.state.is_closed()), "open alarms stay, whatever their age");
}

#[tokio::test]
async fn an_order_is_one_row_with_its_newest_state_and_goes_with_its_alarm() {
    let folder = folder();
    let store = open(&folder);
    let id = AlarmId::from_u128(1);
    let order = |key: u128, seq, state| OrderRecord {
        key: OrderKey::from_u128(key),
        epoch: Epoch(3),
        seq: OrderSeq(seq),
        device: DeviceId::from_u128(2),
        alarm: Some(id),
        verb: "lift.stop",
        state,
        cause: Some("fire".to_owned()),
        at: Wall(5),
    };
    let closed = alarm(1, 1, AlarmState::Resolved);
    let batch = vec![
        Write::Alarm(Box::new(closed)),
        Write::Order(order(2, 2, OrderState::Sent)),
        Write::Order(order(1, 1, OrderState::Sent)),
        Write::Order(order(1, 1, OrderState::Refused)),
    ];
    store.write(batch).await.expect("written");
    let expected = vec![order(1, 1, OrderState::Refused), order(2, 2, OrderState::Sent)];
    assert_eq!(store.orders_of(id).await, Ok(expected));
    let retention = Retention { events_before: Wall(0), alarms_before: Wall(6), audit_before: Wall(0) };
    let pruned = store.prune(retention).await.expect("pruned");
    assert_eq!((pruned.alarms, pruned.orders), (vec![id], 2));
    assert_eq!(store.orders_of(id).await, Ok(vec![]));
}

#[tokio::test]
async fn the_audit_log_reads_newest_first() {
    let folder = folder();
    let store = open(&folder);
    let line = |n: i64| Write::Audit {
        at: Wall(n),
        actor: "guard".to_owned(),
        act: "alarm.resolve".to_owned(),
        subject: format!("alm-{n}"),
        detail: json!({ "n": n }),
    };
    store.write((1..=5).map(line).collect()).await.expect("written");
    let page = store.audit(None, 2).await.expect("read");
    assert_eq!(page.iter().map(|l| l.at.0).collect::<Vec<_>>(), [5, 4]);
    let rest = store.audit(Some(page[1].id), 10).await.expect("read");
    assert_eq!(rest.iter().map(|l| l.subject.as_str()).collect::<Vec<_>>(), ["alm-3", "alm-2", "alm-1"]);
}

#[tokio::test]
async fn a_closed_store_says_so_and_had_kept_what_it_promised() {
    let folder = folder();
    let store = open(&folder);
    let writing = {
        let store = store.clone();
        tokio::spawn(async move { store.write(vec![event(1)]).await })
    };
    writing.await.expect("ends").expect("written");
    assert!(store.is_up());
    let closing = store.clone();
    tokio::task::spawn_blocking(move || closing.close()).await.expect("closed");
    assert!(!store.is_up());
    assert_eq!(store.write(vec![event(2)]).await, Err(StoreError::Closed));
    assert_eq!(store.alarm(AlarmId::from_u128(1)).await, Err(StoreError::Closed));
    drop(store);
    assert_eq!(seqs(&open(&folder).events_after(0, 9).await.expect("read").events), [1]);
}

#[tokio::test]
async fn alarms_and_events_keep_the_site_of_their_time() {
    let folder = folder();
    let store = open(&folder);
    let slug = |text: &str| text.parse::<SiteId>().expect("a slug");
    let mut lift = DeviceRecord { site: Some(slug("south")), ..device(3) };
    store.insert_device(lift.clone(), vec![]).await.expect("kept");
    store.insert_camera(camera(1), vec![]).await.expect("kept");
    let names: Vec<_> = store.sites().await.expect("read").into_iter().map(|site| (site.id, site.name)).collect();
    assert_eq!(names, [(slug("south"), "south".to_owned()), (slug("north"), "north".to_owned())], "made when named");

    let about = |alarm: Option<u128>, camera: Option<u128>, device: Option<u128>| {
        Write::Event(NewEvent {
            at: Wall(1),
            kind: "test",
            alarm: alarm.map(AlarmId::from_u128),
            camera: camera.map(CameraId::from_u128),
            device: device.map(DeviceId::from_u128),
            data: json!({}),
        })
    };
    // An alarm of camera 1; one of device 3 alone; the event comes before its alarm in the batch, as the desk writes it.
    let of_device = Alarm { camera: None, ..alarm(4, 2, AlarmState::Raised) };
    let batch = vec![
        about(Some(5), None, Some(3)),
        Write::Alarm(Box::new(alarm(5, 1, AlarmState::Raised))),
        Write::Alarm(Box::new(of_device)),
        about(None, Some(1), None),
        about(None, None, Some(3)),
        about(Some(4), None, None),
        about(None, Some(9), None),
        about(None, None, None),
    ];
    let sites = |events: &[Event]| -> Vec<Option<String>> {
        events.iter().map(|event| event.site.as_ref().map(ToString::to_string)).collect()
    };
    let events = store.write(batch).await.expect("written");
    let (north, south) = (Some("north".to_owned()), Some("south".to_owned()));
    assert_eq!(sites(&events), [&north, &north, &south, &south, &None, &None].map(Clone::clone));
    let from_the_database = Connection::open(folder.path().join("yunti.db")).expect("opens");
    let page = super::events::after(&from_the_database, 0, 6, 100).expect("read");
    assert_eq!(page.events, events, "from the database as from memory");

    // What moves takes its old alarms nowhere.
    lift.site = Some(slug("west"));
    store.update_device(lift, vec![]).await.expect("kept");
    let kept = store.kept_alarm(AlarmId::from_u128(4)).await.expect("read").expect("kept");
    assert_eq!(kept.site, Some(slug("south")));
    let count = async |site: &str| store.count_open_alarms(Sites::Only([slug(site)].into())).await.expect("read");
    assert_eq!((count("north").await, count("south").await, count("west").await), (1, 1, 0));
    assert_eq!(store.count_open_alarms(Sites::All).await, Ok(2));

    // The event of a removal still knows where it was.
    store.delete_camera(CameraId::from_u128(1), None, vec![about(None, Some(1), None)]).await.expect("removed");
    let last = store.events_after(events.last().expect("some").seq, 9).await.expect("read").events;
    assert_eq!(sites(&last), [north]);

    assert_eq!(store.delete_site(slug("west"), None, vec![]).await, Err(StoreError::InUse("1 devices".to_owned())));
    store.delete_site(slug("north"), None, vec![]).await.expect("nothing names it any more");
    assert_eq!(store.delete_site(slug("north"), None, vec![]).await, Err(StoreError::Missing));
}

#[tokio::test]
async fn sites_that_were_free_texts_become_slugs() {
    let folder = folder();
    let db = Connection::open(folder.path().join("yunti.db")).expect("opens");
    db.execute_batch(MIGRATIONS[0]).expect("the first schema");
    db.pragma_update(None, "user_version", 1).expect("set");
    let site = |id: u128, site: &str| {
        db.execute(
            "INSERT INTO devices VALUES (?1, 'd', 'lift', 'A', ?2, x'00', 1, ?3, 1)",
            rusqlite::params![DeviceId::from_u128(id).to_string(), site, i64::try_from(id).expect("small")],
        )
        .expect("kept");
    };
    for (id, text) in [(1, "North Court"), (2, "north court"), (3, "北区"), (4, "!!")] {
        site(id, text);
    }
    db.execute("UPDATE devices SET token_hash = zeroblob(32)", []).expect("kept");
    let of_device = Alarm { camera: None, ..alarm(1, 1, AlarmState::Raised) };
    let values = [of_device.id.to_string(), wire::alarm_body(&of_device).expect("JSON")];
    db.execute("INSERT INTO alarms VALUES (?1, 'raised', NULL, 1, 0, ?2)", values).expect("kept");
    drop(db);

    let store = open(&folder);
    let of = |site: Option<SiteId>| site.map(|site| site.to_string());
    let devices = store.devices().await.expect("read").into_iter().map(|device| of(device.site)).collect::<Vec<_>>();
    assert_eq!(devices, [Some("north-court"), Some("north-court"), Some("北区"), None].map(|s| s.map(str::to_owned)));
    let sites = store.sites().await.expect("read").into_iter().map(|s| (s.id.to_string(), s.name)).collect::<Vec<_>>();
    assert_eq!(sites, [("north-court", "North Court"), ("北区", "北区")].map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert_eq!(store.count_open_alarms(Sites::Only(["北区".parse().expect("a slug")].into())).await, Ok(1));
    assert_eq!(store.alarms_to_escalate(Wall(i64::MAX)).await.expect("read").len(), 1, "its times were worked out");
}

#[tokio::test]
async fn an_alarm_is_to_be_escalated_once_a_step_of_its_sites_list_is_due() {
    let folder = folder();
    let store = open(&folder);
    let site: SiteId = "north".parse().expect("a slug");
    store.insert_camera(camera(1), vec![]).await.expect("kept");
    let check = async |at: i64, due: bool, what: &str| {
        let alarms = store.alarms_to_escalate(Wall(at)).await.expect("read");
        assert_eq!(alarms.len(), usize::from(due), "{what}");
        assert!(alarms.iter().all(|kept| kept.site.as_ref() == Some(&site)), "{what}");
    };
    let put = async |steps: &[LadderStep]| {
        store.put_ladder(site.clone(), steps.to_vec(), None, Wall(0), vec![]).await.expect("kept");
    };
    let keep = async |alarm: &Alarm| {
        store.write(vec![Write::Alarm(Box::new(alarm.clone()))]).await.expect("written");
    };
    let mut alarm = Alarm { cleared_at: None, escalated: false, ..alarm(1, 1_000, AlarmState::Raised) };
    keep(&alarm).await;
    check(60_999, false, "the server's own list").await;
    check(61_000, true, "the server's own list").await;
    let step = LadderStep { after: Duration::from_secs(5), ..default_ladder()[0].clone() };
    put(std::slice::from_ref(&step)).await;
    check(5_999, false, "a list of the site's").await;
    check(6_000, true, "a list of the site's").await;
    alarm.escalations.push(Escalation { at: Wall(6_000), step });
    keep(&alarm).await;
    check(i64::MAX, false, "taken").await;
    put(&default_ladder()).await;
    check(61_000, true, "another list").await;
    alarm.state = AlarmState::Resolved;
    keep(&alarm).await;
    check(i64::MAX, false, "closed").await;
}

fn audit_line(at: i64) -> Write {
    Write::Audit {
        at: Wall(at),
        actor: "guard".to_owned(),
        act: "alarm.resolve".to_owned(),
        subject: format!("alm-{at}"),
        detail: json!({ "note": "一辆婴儿车" }),
    }
}

#[tokio::test]
async fn a_line_of_the_audit_log_that_was_changed_taken_out_or_put_in_is_found() {
    for (meddle, broken) in [
        ("", None),
        ("UPDATE audit SET subject = 'alm-9' WHERE id = 3", Some(3)),
        ("UPDATE audit SET detail = '{}' WHERE id = 1", Some(1)),
        ("UPDATE audit SET at = at + 1 WHERE id = 6", Some(6)),
        ("UPDATE audit SET hash = x'00' WHERE id = 4", Some(4)),
        ("UPDATE audit SET subject = 'x', hash = zeroblob(32) WHERE id = 2", Some(2)),
        ("DELETE FROM audit WHERE id = 1", Some(2)),
        ("DELETE FROM audit WHERE id = 3", Some(4)),
        ("DELETE FROM audit WHERE id >= 5", Some(5)),
        ("DELETE FROM audit", Some(1)),
        // Lines change places.
        ("UPDATE audit SET id = 10 WHERE id = 2; UPDATE audit SET id = 2 WHERE id = 3", Some(2)),
        ("INSERT INTO audit SELECT 7, at, actor, act, subject, detail, hash FROM audit WHERE id = 6", Some(7)),
    ] {
        let folder = folder();
        let store = open(&folder);
        store.write((1..=4).map(audit_line).collect()).await.expect("written");
        store.write((5..=6).map(audit_line).collect()).await.expect("written");
        let newest = store.audit(None, 1).await.expect("read")[0].hash;
        let db = Connection::open(folder.path().join("yunti.db")).expect("opens");
        db.execute_batch(meddle).expect("meddled with");
        let check = verify_audit(folder.path()).expect("readable");
        assert_eq!(check.broken.as_ref().map(|b| b.line), broken, "{meddle}: {check:?}");
        if broken.is_none() {
            assert_eq!((check.lines, check.first, check.last, check.head), (6, Some(1), 6, newest));
        }
        // Whatever was done to it, the server goes on.
        store.write(vec![audit_line(7)]).await.expect("written");
    }
    assert!(matches!(verify_audit(folder().path()), Err(StoreError::Open { .. })));
}

#[tokio::test]
async fn a_pruned_audit_log_can_be_verified_from_where_it_begins() {
    let folder = folder();
    let store = open(&folder);
    let verify = || verify_audit(folder.path()).expect("readable");
    assert_eq!((verify().lines, verify().broken), (0, None));
    let prune = async |before: i64| {
        let retention = Retention { events_before: Wall(0), alarms_before: Wall(0), audit_before: Wall(before) };
        store.prune(retention).await.expect("pruned").audit
    };
    // The clock was set back once: line 4 is older than line 3, and stays as long as line 3 does.
    store.write([1, 2, 9, 3, 10, 11].map(audit_line).to_vec()).await.expect("written");
    assert_eq!(prune(5).await, 2);
    assert_eq!((verify().lines, verify().first, verify().broken), (4, Some(3), None));
    assert_eq!(prune(5).await, 0);
    store.write(vec![audit_line(12)]).await.expect("written");
    assert_eq!(prune(1000).await, 5);
    assert_eq!((verify().lines, verify().last, verify().broken), (0, 7, None));
    store.write((13..=15).map(audit_line).collect()).await.expect("written");
    assert_eq!((verify().lines, verify().first, verify().broken), (3, Some(8), None));
    let db = Connection::open(folder.path().join("yunti.db")).expect("opens");
    db.execute("DELETE FROM audit WHERE id = 8", []).expect("meddled with");
    assert_eq!(verify().broken.map(|b| b.line), Some(9), "not pruned: taken out");
    db.execute("DELETE FROM audit_anchor", []).expect("meddled with");
    assert!(verify().broken.is_some());
}

#[tokio::test]
async fn lines_from_before_the_chain_are_chained() {
    let folder = folder();
    let db = Connection::open(folder.path().join("yunti.db")).expect("opens");
    db.execute_batch(MIGRATIONS[0]).expect("the first schema");
    db.pragma_update(None, "user_version", 1).expect("set");
    for at in 1..=3 {
        db.execute("INSERT INTO audit (at, actor, act, subject, detail) VALUES (?1, 'a', 'b', 'c', '{}')", [at])
            .expect("kept");
    }
    assert!(matches!(verify_audit(folder.path()), Err(StoreError::Open { .. })));
    let store = open(&folder);
    store.write(vec![audit_line(4)]).await.expect("written");
    let check = verify_audit(folder.path()).expect("readable");
    assert_eq!((check.lines, check.broken), (4, None));
    db.execute("UPDATE audit SET actor = 'x' WHERE id = 2", []).expect("meddled with");
    assert_eq!(verify_audit(folder.path()).expect("readable").broken.map(|b| b.line), Some(2));
}
