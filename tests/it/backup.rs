//! `yunti backup` of a running server, `yunti restore`, and a server that goes on from there.

use std::{fs, path::Path, process::Command};

use serde_json::json;

use crate::world::{World, ebike_clip, text, until};

/// Runs the product's command line; its exit status and everything it said.
fn yunti(dir: &Path, args: &[&str]) -> (bool, String) {
    let ran = Command::new(env!("CARGO_BIN_EXE_yunti")).args(args).current_dir(dir).output().expect("it runs");
    let said = [ran.stdout, ran.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    (ran.status.success(), said)
}

#[tokio::test]
async fn a_backup_of_a_running_server_restores_to_what_it_was() {
    let mut world = World::start("");
    let dir = world.dir.path().to_owned();
    let clip = dir.join("ebike.mp4");
    ebike_clip(&clip, |_| true);
    let (_camera_server, uri) = world.rtsp(&clip, "127.0.0.1:0");
    let (lift, _lift_process) = world.device("lift", Some("B")).await;
    let camera = world.camera(&uri, &[&lift], json!({})).await;
    let alarm = text(&world.alarm("alarm", |a| a["kind"] == "ebike_in_lift").await["id"]);
    let picture = dir.join(format!("data/media/alarms/{alarm}.jpg"));
    until("the alarm's picture", async || picture.exists().then_some(())).await;
    let kept = fs::read(&picture).expect("the picture");

    // While it runs, the lift is held and events are written.
    let (done, said) = yunti(&dir, &["backup", "saved", "--data", "data"]);
    assert!(done, "{said}");
    assert_eq!(
        fs::read_dir(&dir)
            .expect("folder")
            .filter(|e| e.as_ref().is_ok_and(|e| e.file_name().to_string_lossy().ends_with(".part")))
            .count(),
        0
    );
    let before = world.get(&format!("/cameras/{camera}")).await;

    // Not over a backup, not over data that are there.
    let (done, said) = yunti(&dir, &["backup", "saved", "--data", "data"]);
    assert!(!done && said.contains("give a new folder"), "{said}");
    let (done, said) = yunti(&dir, &["restore", "saved", "--data", "data"]);
    assert!(!done && said.contains("holds a database"), "{said}");

    // One changed byte is found, and nothing appears.
    let saved_picture = dir.join(format!("saved/media/alarms/{alarm}.jpg"));
    let mut changed = kept.clone();
    changed[100] ^= 1;
    fs::write(&saved_picture, &changed).expect("changed");
    let (done, said) = yunti(&dir, &["restore", "saved", "--data", "fresh"]);
    assert!(!done && said.contains("damaged") && said.contains(&alarm), "{said}");
    assert!(!dir.join("fresh").exists());
    fs::write(&saved_picture, &kept).expect("mended");

    world.server.signal(nix::sys::signal::Signal::SIGKILL);
    world.server.wait();
    fs::rename(dir.join("data"), dir.join("lost")).expect("the disk is lost");
    let (done, said) = yunti(&dir, &["restore", "saved", "--data", "data"]);
    assert!(done, "{said}");
    assert_eq!(fs::read(&picture).expect("the picture"), kept);
    world.restart();
    let after = world.get(&format!("/cameras/{camera}")).await;
    for same in ["name", "uri", "pipeline", "devices", "version", "created_at"] {
        assert_eq!(after[same], before[same], "{same}");
    }
    assert_eq!(text(&world.get(&format!("/alarms/{alarm}")).await["id"]), alarm);
    // The device's token still opens its socket, and the lift takes orders of the restored server: its epoch is newer.
    world.online(&lift).await;
    until("the lift held again by the restored server", async || {
        (world.get(&format!("/alarms/{alarm}")).await["lift"] == "holding").then_some(())
    })
    .await;
}

#[test]
fn what_is_no_backup_is_refused_in_words() {
    let dir = tempfile::TempDir::new().expect("a folder");
    for (content, part) in [
        (None, "manifest.json"),
        (Some("{}"), "form"),
        (Some(r#"{"form": 9, "made_at": 0, "files": []}"#), "form is 9"),
        (Some(r#"{"form": 1, "made_at": 0, "files": []}"#), "no database"),
        (
            Some(r#"{"form": 1, "made_at": 0, "files": [{"path": "../etc/passwd", "bytes": 1, "sha256": ""}]}"#),
            "outside",
        ),
        (
            Some(r#"{"form": 1, "made_at": 0, "files": [{"path": "yunti.db", "bytes": 1, "sha256": ""}]}"#),
            "cannot be read",
        ),
    ] {
        let folder = dir.path().join("saved");
        fs::create_dir_all(&folder).expect("a folder");
        if let Some(content) = content {
            fs::write(folder.join("manifest.json"), content).expect("written");
        }
        let (done, said) = yunti(dir.path(), &["restore", "saved", "--data", "fresh"]);
        assert!(!done && said.contains(part), "{content:?}: {said}");
        assert!(!dir.path().join("fresh").exists());
    }
    let (done, said) = yunti(dir.path(), &["backup", "copy", "--data", "nowhere"]);
    assert!(!done && said.contains("data folder of a server"), "{said}");
    assert!(!dir.path().join("copy").exists() && !dir.path().join("nowhere").exists());
}
