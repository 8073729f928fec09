//! The house keeps its order: a room uses only the rooms before it, and a foreign technology has one home.

use std::{
    fs,
    path::{Path, PathBuf},
};

const ROOMS: [&str; 19] = [
    "base",
    "telemetry",
    "frame",
    "detect",
    "infer",
    "track",
    "rule",
    "device",
    "alarm",
    "access",
    "camera",
    "media",
    "store",
    "flow",
    "simulate",
    "api",
    "dashboard",
    "command",
    "config",
];

/// Crate → the files or folders that may name it.
const HOMES: [(&str, &[&str]); 12] = [
    ("gstreamer", &["camera/gst", "simulate/camera"]),
    ("ort", &["infer/onnx"]),
    ("rusqlite", &["store/sqlite"]),
    ("metrics", &["telemetry/"]),
    ("mp4_atom", &["media/mp4.rs"]),
    ("tracing_subscriber", &["telemetry/"]),
    ("axum", &["api/", "dashboard/", "server"]),
    ("tokio_tungstenite", &["simulate/"]),
    ("tokio_rustls", &["server", "simulate/"]),
    ("argon2", &["access/password"]),
    ("clap", &["main.rs"]),
    ("anyhow", &["main.rs", "server", "demo"]),
];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src is readable") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// Path below `src/` and the code lines (comments left out) of every source file.
fn files() -> Vec<(String, Vec<String>)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&src, &mut paths);
    assert!(paths.len() > 20, "the sources were not found");
    paths
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("source is readable");
            let name = path.strip_prefix(&src).expect("below src").to_string_lossy().into_owned();
            (name, text.lines().filter(|l| !l.trim_start().starts_with("//")).map(str::to_owned).collect())
        })
        .collect()
}

fn place(room: &str) -> Option<usize> {
    ROOMS.iter().position(|r| *r == room)
}

/// The rooms that a line names through `crate::`, also inside a `use crate::{a::…, b::…}` group's own line.
fn named_rooms(lines: &[String]) -> Vec<(usize, String)> {
    let text = lines.join("\n");
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let line = text[..at].matches('\n').count();
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 1;
            let mut word = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 1 && (c.is_alphanumeric() || c == '_') {
                    word.push(c);
                } else if !word.is_empty() {
                    // Only the first segment of each path at depth 1 is a room; later ones follow "::".
                    if c == ':' || c == ',' || c == '}' {
                        found.push((line, std::mem::take(&mut word)));
                    }
                    word.clear();
                }
                if depth == 0 {
                    break;
                }
            }
        } else {
            let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            found.push((line, word));
        }
    }
    found
}

#[test]
fn a_room_uses_only_the_rooms_before_it() {
    let mut seen = 0;
    let mut wrong = Vec::new();
    for (file, lines) in files() {
        let room = file.split(['/', '.']).next().unwrap_or_default().to_owned();
        let Some(own) = place(&room) else { continue };
        for (_, named) in named_rooms(&lines) {
            if let Some(used) = place(&named) {
                seen += 1;
                if used > own {
                    wrong.push(format!("{file} uses {named}, which comes after {room}"));
                }
            }
        }
    }
    assert!(seen > 50, "only {seen} uses were found: the reader of this test is broken");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_foreign_technology_has_one_home() {
    let mut wrong = Vec::new();
    for (file, lines) in files() {
        for (name, homes) in HOMES {
            if homes.iter().any(|home| file.starts_with(home)) {
                continue;
            }
            let names = |l: &String| {
                l.trim_start().starts_with(&format!("use {name}"))
                    && !l.trim_start()[4 + name.len()..].starts_with(|c: char| c.is_alphanumeric())
                    || l.contains(&format!(" {name}::"))
                    || l.contains(&format!("({name}::"))
                    || l.contains(&format!("<{name}::"))
            };
            if let Some(line) = lines.iter().find(|l| names(l)) {
                wrong.push(format!("{file} names {name}: {}", line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&src, &mut paths);
    for path in paths {
        let text = fs::read_to_string(&path).expect("source is readable");
        assert!(text.starts_with("//!"), "{} does not open with //!", path.display());
    }
}
