//! People log in and out: sessions, passwords, limits, the first set-up.

use std::{collections::BTreeMap, time::Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use yunti::{
    access::{Grants, Role, secret_text},
    api::SocketLimits,
    base::{Secret, Wall, clock},
    command::person,
    store::SessionRecord,
};

use super::support::{Server, answer, problem};

const PASSWORD: &str = "correct horse";

async fn add(server: &Server, name: &str, role: Role) -> String {
    let grants = Grants::one(role, None);
    person::create_in(&server.store, name, &Secret::new(PASSWORD), grants, "test").await.expect("made").to_string()
}

async fn try_log_in(server: &Server, name: &str, password: &str) -> (StatusCode, Value) {
    answer(server.bare(Method::POST, "/api/v1/session").json(&json!({ "name": name, "password": password }))).await
}

async fn by_cookie(server: &Server, cookie: &str, path: &str) -> StatusCode {
    server.bare(Method::GET, path).header("cookie", cookie).send().await.expect("an answer").status()
}

#[tokio::test]
async fn a_person_logs_in_and_out() {
    let server = Server::start().await;
    let id = add(&server, "王伟", Role::Operator).await;
    let log_in = server.bare(Method::POST, "/api/v1/session").json(&json!({ "name": " 王伟 ", "password": PASSWORD }));
    let response = log_in.send().await.expect("an answer");
    let set = response.headers()["set-cookie"].to_str().expect("text").to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Secure"), "not over TLS: {set}");
    let cookie = set.split(';').next().expect("a pair").to_owned();
    let session: Value = response.json().await.expect("JSON");
    assert_eq!((&session["person"], &session["name"]), (&json!(id), &json!("王伟")));
    assert_eq!(session["grants"], json!([{ "role": "operator", "site": null }]));
    assert_eq!(session["permissions"], json!(["watch", "see_pictures", "act_on_alarms"]));
    let csrf = session["csrf"].as_str().expect("a proof");

    let (status, again) = answer(server.bare(Method::GET, "/api/v1/session").header("cookie", &cookie)).await;
    assert_eq!((status, &again), (StatusCode::OK, &session));
    let (_, by_token) = server.call(Method::GET, "/api/v1/session", None).await;
    assert_eq!((&by_token["person"], &by_token["csrf"]), (&Value::Null, &json!("")));

    let mut watcher = server.page_socket("/api/v1/events", &cookie, "yunti.events.v1").await.expect("connects");
    let alarm = server.alarm(1).await;
    assert_eq!(watcher.next().await.expect("an event")["kind"], "alarm.raised");
    let act = server.bare(Method::POST, &format!("/api/v1/alarms/{alarm}/acknowledge"));
    let (status, acted) = answer(act.header("cookie", &cookie).header("x-yunti-csrf", csrf)).await;
    assert_eq!((status, &acted["actor"]), (StatusCode::OK, &json!("王伟")));

    let out = server.bare(Method::DELETE, "/api/v1/session").header("cookie", &cookie).header("x-yunti-csrf", csrf);
    let response = out.send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert!(response.headers()["set-cookie"].to_str().expect("text").contains("Max-Age=0"));
    assert_eq!(by_cookie(&server, &cookie, "/api/v1/session").await, 401);
    assert_eq!(watcher.close_code().await, Some(1008));
    let (status, _) = server.call(Method::DELETE, "/api/v1/session", None).await;
    assert_eq!(status, StatusCode::CONFLICT, "a token has no session");

    let audit = server.get("/api/v1/audit?limit=4").await;
    let lines = audit["items"].as_array().expect("items");
    let acts: Vec<_> = lines.iter().map(|line| (line["actor"].as_str(), line["act"].as_str())).collect();
    assert_eq!(acts[..2], [(Some("王伟"), Some("session.end")), (Some("王伟"), Some("session.begin"))]);
    assert_eq!(lines[1]["detail"]["address"], "127.0.0.1");
    assert_eq!(lines[1]["detail"]["by"], id.as_str());
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_told_alike_and_take_as_long() {
    let server = Server::start().await;
    let disabled = add(&server, "gone", Role::Viewer).await;
    let change = json!({ "disabled": true });
    server.call(Method::PATCH, &format!("/api/v1/people/{disabled}"), Some(change)).await;
    add(&server, "guard", Role::Viewer).await;
    let mut took: BTreeMap<&str, Vec<u128>> = BTreeMap::new();
    let mut said = vec![problem(try_log_in(&server, "gone", PASSWORD).await)];
    // In turn, so that a busy moment falls on both: the quickest of each is what the work takes.
    for _ in 0..5 {
        for name in ["guard", "nobody"] {
            let began = Instant::now();
            said.push(problem(try_log_in(&server, name, "wrong horse").await));
            took.entry(name).or_default().push(began.elapsed().as_micros());
        }
    }
    said.dedup();
    assert_eq!(said, [(401, "name or password is wrong".to_owned())]);
    // Without the work an unknown name would take a hundredth.
    let least = |name: &str| *took[name].iter().min().expect("some");
    assert!(least("nobody") * 8 > least("guard"), "an unknown name is told by its haste: {took:?}");
    let audit = server.get("/api/v1/audit?limit=12").await;
    let refused = audit["items"].as_array().expect("items").iter().filter(|l| l["act"] == "session.refused").count();
    assert_eq!(refused, 11);
    assert!(!audit.to_string().contains("horse"), "no password is kept");
}

#[tokio::test]
async fn guessing_is_slowed_down_and_nobody_is_locked_out_for_ever() {
    let server = Server::start().await;
    add(&server, "guard", Role::Viewer).await;
    add(&server, "other", Role::Viewer).await;
    for _ in 0..6 {
        assert_eq!(try_log_in(&server, "guard", "wrong horse").await.0, StatusCode::UNAUTHORIZED);
    }
    let body = json!({ "name": "GUARD", "password": PASSWORD });
    let response = server.bare(Method::POST, "/api/v1/session").json(&body).send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS, "even with the right one, whatever the case");
    let wait: u64 = response.headers()["retry-after"].to_str().expect("text").parse().expect("seconds");
    assert_eq!(wait, 1);
    assert_eq!(try_log_in(&server, "other", PASSWORD).await.0, StatusCode::OK, "another name does not wait");
    tokio::time::sleep(std::time::Duration::from_secs(wait)).await;
    assert_eq!(try_log_in(&server, "guard", PASSWORD).await.0, StatusCode::OK);
    assert_eq!(try_log_in(&server, "guard", "wrong horse").await.0, StatusCode::UNAUTHORIZED, "forgiven");
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions() {
    // The watcher reads nothing while passwords are hashed: it must not be taken for gone meanwhile.
    let server = Server::start_with(|state| state.sockets = SocketLimits::default()).await;
    let id = add(&server, "guard", Role::Viewer).await;
    let (here, csrf) = server.log_in("guard", PASSWORD).await;
    let (elsewhere, _) = server.log_in("guard", PASSWORD).await;
    let change = |old: &str, new: &str| {
        let request = server.bare(Method::POST, "/api/v1/session/password");
        answer(request.header("cookie", &here).header("x-yunti-csrf", &csrf).json(&json!({ "old": old, "new": new })))
    };
    assert_eq!(problem(change("wrong horse", "new battery").await).0, 422);
    assert_eq!(problem(change(PASSWORD, "short").await).0, 422);
    assert_eq!(change(PASSWORD, "new battery").await.0, StatusCode::NO_CONTENT);
    assert_eq!(by_cookie(&server, &here, "/api/v1/session").await, 200);
    assert_eq!(by_cookie(&server, &elsewhere, "/api/v1/session").await, 401);
    assert_eq!(try_log_in(&server, "guard", PASSWORD).await.0, StatusCode::UNAUTHORIZED);

    // An administrator's change ends all of them, and so do disabling and removing.
    let path = format!("/api/v1/people/{id}");
    for (method, body) in [
        (Method::PATCH, Some(json!({ "password": "newer battery" }))),
        (Method::PATCH, Some(json!({ "disabled": true }))),
        (Method::DELETE, None),
    ] {
        server.call(Method::PATCH, &path, Some(json!({ "disabled": false, "password": "newer battery" }))).await;
        let (cookie, _) = server.log_in("guard", "newer battery").await;
        let mut watcher = server.page_socket("/api/v1/events", &cookie, "").await.expect("connects");
        let (status, answer) = server.call(method.clone(), &path, body.clone()).await;
        assert!(status.is_success(), "{method} {body:?}: {answer}");
        assert_eq!(by_cookie(&server, &cookie, "/api/v1/session").await, 401, "{method} {body:?}");
        assert_eq!(watcher.close_code().await, Some(1008), "{method} {body:?}");
    }
}

#[tokio::test]
async fn people_are_added_changed_and_removed() {
    let server = Server::start().await;
    let people = "/api/v1/people";
    let new = |name: &str, password: &str, grants: Value| {
        let body = json!({ "name": name, "password": password, "grants": grants });
        server.call(Method::POST, people, Some(body))
    };
    let viewer = json!([{ "role": "viewer", "site": "north" }]);
    for (name, password, grants, expected) in [
        ("", PASSWORD, viewer.clone(), 422),
        ("guard", "short", viewer.clone(), 422),
        ("guard one", "Guard One", viewer.clone(), 422),
        ("guard", PASSWORD, json!([]), 422),
        ("guard", PASSWORD, json!([{ "role": "king", "site": null }]), 422),
        ("guard", PASSWORD, json!([{ "role": "viewer", "site": "North" }]), 422),
        ("guard", PASSWORD, viewer.clone(), 201),
        ("GUARD", PASSWORD, viewer.clone(), 409),
    ] {
        let (status, answer) = new(name, password, grants).await;
        assert_eq!(status.as_u16(), expected, "{name}: {answer}");
    }
    let list = server.get(people).await;
    let guard = &list["items"][0];
    assert_eq!((&guard["name"], &guard["grants"], &guard["last_seen"]), (&json!("guard"), &viewer, &Value::Null));
    assert!(!list.to_string().contains("argon2"), "{list}");

    // Grants change at once, for an open page too.
    let (cookie, _) = server.log_in("guard", PASSWORD).await;
    let (_, boss) = new("boss", PASSWORD, json!([{ "role": "admin", "site": null }])).await;
    assert_eq!(by_cookie(&server, &cookie, people).await, 403);
    let path = format!("{people}/{}", guard["id"].as_str().expect("an id"));
    let admin = json!({ "grants": [{ "role": "admin", "site": null }] });
    assert_eq!(server.call(Method::PATCH, &path, Some(admin)).await.0, 200);
    assert_eq!(by_cookie(&server, &cookie, people).await, 200);
    assert!(server.get(people).await["items"][0]["last_seen"].is_string());

    // Somebody who may manage people is always left.
    let boss = format!("{people}/{}", boss["id"].as_str().expect("an id"));
    assert_eq!(server.call(Method::DELETE, &boss, None).await.0, StatusCode::NO_CONTENT);
    for body in [json!({ "disabled": true }), json!({ "grants": [{ "role": "admin", "site": "north" }] })] {
        assert_eq!(problem(server.call(Method::PATCH, &path, Some(body)).await).0, 409);
    }
    assert_eq!(problem(server.call(Method::DELETE, &path, None).await).0, 409);
    assert_eq!(by_cookie(&server, &cookie, people).await, 200, "nothing was changed");
    assert_eq!(problem(server.call(Method::DELETE, &boss, None).await).0, 404);
}

#[tokio::test]
async fn sessions_end_by_rest_and_by_age_and_are_few() {
    let server = Server::start().await;
    let id = add(&server, "guard", Role::Viewer).await.parse().expect("an id");
    let now = clock::wall().0;
    let hour = 3_600_000;
    let begin = async |n: u8, created: i64, used: i64| {
        let secret = secret_text(&[n; 32]);
        let hash = yunti::access::TokenHash::of(&secret);
        let session = SessionRecord { hash, person: id, created_at: Wall(created), last_used: Wall(used) };
        server.store.insert_session(session, vec![]).await.expect("kept");
        format!("yunti_session={}", secret.expose())
    };
    for (n, created, used, status) in [
        (1, now - hour, now - hour, 200),
        (2, now - 20 * hour, now - 13 * hour, 401),
        (3, now - 100 * hour, now - hour, 200),
        (4, now - 169 * hour, now, 401),
    ] {
        let cookie = begin(n, created, used).await;
        assert_eq!(by_cookie(&server, &cookie, "/api/v1/session").await, status, "{created} {used}");
    }
    let oldest = begin(50, now - 5, now - 5).await;
    for n in 51..82 {
        begin(n, now, now).await;
    }
    assert_eq!(by_cookie(&server, &oldest, "/api/v1/session").await, 200, "32 are kept");
    begin(82, now + 1, now).await;
    assert_eq!(by_cookie(&server, &oldest, "/api/v1/session").await, 401, "33 are not");
}

#[tokio::test]
async fn the_first_administrator_is_made_by_the_link_once() {
    let secret = Secret::new("the secret of the link");
    let offered = secret.clone();
    let server = Server::start_with(move |state| state.offer_setup(&offered)).await;
    let needed = async || server.get("/api/v1/setup").await["needed"].clone();
    assert_eq!(needed().await, true);
    let set_up = |secret: &str, password: &str| {
        let body = json!({ "secret": secret, "name": "boss", "password": password });
        answer(server.bare(Method::POST, "/api/v1/setup").json(&body))
    };
    assert_eq!(problem(set_up("another", PASSWORD).await).0, 401);
    assert_eq!(problem(set_up(secret.expose(), "short").await).0, 422);
    let foreign = server.bare(Method::POST, "/api/v1/setup").header("origin", "http://evil.example");
    let body = json!({ "secret": secret.expose(), "name": "evil", "password": PASSWORD });
    assert_eq!(problem(answer(foreign.json(&body)).await).0, 403);
    // Two at once: one wins.
    let both = futures_util::future::join(set_up(secret.expose(), PASSWORD), set_up(secret.expose(), PASSWORD)).await;
    let mut statuses = [both.0.0.as_u16(), both.1.0.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 410]);
    assert_eq!(needed().await, false);
    assert_eq!(problem(set_up(secret.expose(), PASSWORD).await).0, 410);
    let (cookie, _) = server.log_in("Boss", PASSWORD).await;
    assert_eq!(by_cookie(&server, &cookie, "/api/v1/people").await, 200);
    assert_eq!(server.get("/api/v1/people").await["items"].as_array().expect("items").len(), 1);
}

#[tokio::test]
async fn without_an_offered_link_nobody_sets_up() {
    let server = Server::start().await;
    assert_eq!(server.get("/api/v1/setup").await["needed"], false);
    let body = json!({ "secret": "", "name": "boss", "password": PASSWORD });
    assert_eq!(problem(answer(server.bare(Method::POST, "/api/v1/setup").json(&body)).await).0, 401);
}
