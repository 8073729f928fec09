//! The README's own commands, run as they stand: what a new integrator copies must work.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::world::{World, text};

/// The shell blocks of the README.
fn blocks() -> Vec<String> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("README.md");
    readme.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect()
}

fn bash(script: &str, token: &str) -> Value {
    let ran = Command::new("bash").args(["-euc", script]).env("TOKEN", token).output().expect("bash runs");
    assert!(ran.status.success(), "{script}\n{}", String::from_utf8_lossy(&ran.stderr));
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    serde_json::from_str(&said).unwrap_or_else(|e| panic!("{script}\nanswered no JSON ({e}): {said}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn its_curl_commands_register_a_lift_and_a_camera() {
    let world = World::start("");
    let block = blocks().into_iter().find(|b| b.starts_with("API=")).expect("a block that sets API");
    let block = block.replace("http://127.0.0.1:8080", &world.base);
    let (setting, commands) = block.split_once("\ncurl").expect("curl commands");
    let mut commands = commands.split("\ncurl").map(|command| format!("{setting}\ncurl{command}"));

    let lift = bash(&commands.next().expect("a lift"), &world.token);
    assert_eq!(lift["control"], "B", "{lift}");
    let id = text(&lift["id"]);
    let camera = bash(&commands.next().expect("a camera").replace("dev-…", &id), &world.token);
    assert_eq!(camera["devices"][0], id.as_str(), "{camera}");
    assert_eq!(camera["has_credentials"], true, "{camera}");
    assert!(!camera.to_string().contains("password"), "{camera}");
    let alarms = bash(&commands.next().expect("the alarms"), &world.token);
    assert!(alarms["items"].is_array(), "{alarms}");
    assert!(commands.next().is_none(), "a command that this test does not know");
}
