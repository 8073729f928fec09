//! One TOML file for the server's own settings; unknown keys are refused. Not here: cameras, devices and
//! people (they live in the store and change by REST while the server runs).

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use crate::{camera::CameraLimits, flow::keeper::KeepSettings};

/// Everything `yunti serve` is told by its file and its flags.
#[derive(Debug, Clone)]
pub struct Config {
    pub listen: SocketAddr,
    /// Database, snapshots and clips.
    pub data: PathBuf,
    pub inference: InferenceConfig,
    pub cameras: CameraLimits,
    /// How long and how much is kept.
    pub keep: KeepSettings,
    /// Folder of pipeline files that replaces the built-in ones.
    pub pipelines: Option<PathBuf>,
    /// Folder of decode chains that replaces the built-in ones.
    pub decode: Option<PathBuf>,
    pub log: LogFormat,
    /// The certificate to serve HTTPS with; HTTP without.
    pub tls: Option<TlsConfig>,
}

/// Certificate chain and key, PEM.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// Where models and the ONNX Runtime library are, and how they are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InferenceConfig {
    /// `libonnxruntime.so`; found beside the binary or under `.deps` when not given.
    pub library: Option<PathBuf>,
    /// Folders of model folders.
    pub models: Vec<PathBuf>,
    /// Execution providers in order of preference; what does not work is skipped with its reason.
    pub providers: Vec<String>,
    /// Engine threads per model; 0: one per core on a CPU, one per accelerator.
    pub engines: usize,
    /// How long a batch may wait for company on an accelerator; a CPU never waits.
    pub window: Duration,
    /// A frame older than this is dropped and counted, never inferred.
    pub deadline: Duration,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path}: {message}")]
    Parse { path: PathBuf, message: String },
    #[error("{path}: {key} = {value} is out of range: {expected}")]
    Range { path: PathBuf, key: &'static str, value: f64, expected: &'static str },
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            data: PathBuf::from("data"),
            inference: InferenceConfig {
                library: None,
                models: vec![PathBuf::from("models")],
                providers: ["tensorrt", "cuda", "openvino", "cpu"].map(str::to_owned).to_vec(),
                engines: 0,
                window: Duration::from_millis(10),
                deadline: Duration::from_millis(500),
            },
            cameras: CameraLimits {
                watchdog: Duration::from_secs(2),
                connect: Duration::from_secs(10),
                back_off_max: Duration::from_secs(30),
                ring_span: Duration::from_secs(6),
                ring_bytes: 16 << 20,
            },
            keep: KeepSettings::default(),
            pipelines: None,
            decode: None,
            log: LogFormat::Text,
            tls: None,
        }
    }
}

impl Config {
    /// Reads `path`; what the file leaves out keeps its default.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, has an unknown key or a value out of range.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let file: FileWire = toml::from_str(text)
            .map_err(|e| ConfigError::Parse { path: path.to_owned(), message: e.to_string().trim_end().to_owned() })?;
        let mut config = Self::default();
        set(&mut config.listen, file.listen);
        set(&mut config.data, file.data);
        config.pipelines = file.pipelines;
        config.decode = file.decode;
        set(&mut config.log, file.log);
        config.tls = file.tls;
        let inference = file.inference;
        config.inference.library = inference.library;
        set(&mut config.inference.models, inference.models);
        set(&mut config.inference.providers, inference.providers);
        set(&mut config.inference.engines, inference.engines);
        let seconds = |key, value: Option<f64>, least: f64, most: f64, expected, to: &mut Duration| match value {
            Some(value) if !(least..=most).contains(&value) => {
                Err(ConfigError::Range { path: path.to_owned(), key, value, expected })
            }
            Some(value) => {
                *to = Duration::from_secs_f64(value);
                Ok(())
            }
            None => Ok(()),
        };
        let (i, c) = (&mut config.inference, &mut config.cameras);
        let window = inference.window_ms.map(|ms| ms / 1000.0);
        let deadline = inference.deadline_ms.map(|ms| ms / 1000.0);
        seconds("inference.window_ms", window, 0.0, 0.02, "0 to 20", &mut i.window)?;
        seconds("inference.deadline_ms", deadline, 0.05, 5.0, "50 to 5000", &mut i.deadline)?;
        seconds("cameras.watchdog_s", file.cameras.watchdog_s, 0.5, 30.0, "0.5 to 30", &mut c.watchdog)?;
        seconds("cameras.connect_s", file.cameras.connect_s, 1.0, 60.0, "1 to 60", &mut c.connect)?;
        seconds("cameras.back_off_max_s", file.cameras.back_off_max_s, 0.1, 30.0, "0.1 to 30", &mut c.back_off_max)?;
        seconds("cameras.ring_s", file.cameras.ring_s, 6.0, 120.0, "6 to 120", &mut c.ring_span)?;
        if let Some(mb) = file.cameras.ring_mb {
            if !(1..=1024).contains(&mb) {
                let (path, value) = (path.to_owned(), f64::from(mb));
                return Err(ConfigError::Range { path, key: "cameras.ring_mb", value, expected: "1 to 1024" });
            }
            c.ring_bytes = usize::try_from(mb).unwrap_or(usize::MAX >> 20) << 20;
        }
        file.keep.onto(&mut config.keep, path)?;
        Ok(config)
    }
}

fn set<T>(to: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *to = value;
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FileWire {
    listen: Option<SocketAddr>,
    data: Option<PathBuf>,
    pipelines: Option<PathBuf>,
    decode: Option<PathBuf>,
    log: Option<LogFormat>,
    tls: Option<TlsConfig>,
    inference: InferenceWire,
    cameras: CamerasWire,
    keep: KeepWire,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct InferenceWire {
    library: Option<PathBuf>,
    models: Option<Vec<PathBuf>>,
    providers: Option<Vec<String>>,
    engines: Option<usize>,
    window_ms: Option<f64>,
    deadline_ms: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CamerasWire {
    watchdog_s: Option<f64>,
    connect_s: Option<f64>,
    back_off_max_s: Option<f64>,
    ring_s: Option<f64>,
    ring_mb: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct KeepWire {
    alarms_days: Option<f64>,
    events_days: Option<f64>,
    audit_days: Option<f64>,
    media_days: Option<f64>,
    media_gb: Option<f64>,
    free_gb: Option<f64>,
}

impl KeepWire {
    fn onto(&self, keep: &mut KeepSettings, path: &Path) -> Result<(), ConfigError> {
        let checked = |key, value: Option<f64>, least: f64, most: f64, expected| match value {
            Some(value) if !(least..=most).contains(&value) => {
                Err(ConfigError::Range { path: path.to_owned(), key, value, expected })
            }
            value => Ok(value),
        };
        let days = |key, value, to: &mut Duration| {
            let value = checked(key, value, 1.0, 36_500.0, "1 to 36500 days")?;
            set(to, value.map(|days| Duration::from_secs_f64(days * 86_400.0)));
            Ok(())
        };
        days("keep.alarms_days", self.alarms_days, &mut keep.alarms)?;
        days("keep.events_days", self.events_days, &mut keep.events)?;
        days("keep.audit_days", self.audit_days, &mut keep.audit)?;
        days("keep.media_days", self.media_days, &mut keep.media.age)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked: 0 to 1e6 gigabytes")]
        let bytes = |gb: f64| (gb * 1e9) as u64;
        set(&mut keep.media.bytes, checked("keep.media_gb", self.media_gb, 0.1, 1e6, "0.1 to 1000000")?.map(bytes));
        set(&mut keep.media.free, checked("keep.free_gb", self.free_gb, 0.0, 1e6, "0 to 1000000")?.map(bytes));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(Path::new("yunti.toml"), text)
    }

    #[test]
    fn what_is_left_out_keeps_its_default() {
        let config = parse("listen = '0.0.0.0:9000'\n[cameras]\nwatchdog_s = 1.5\n").unwrap();
        assert_eq!(config.listen.port(), 9000);
        assert_eq!(config.cameras.watchdog, Duration::from_millis(1500));
        assert_eq!(config.cameras.connect, Config::default().cameras.connect);
    }

    #[test]
    fn a_wrong_file_is_refused_with_the_place_and_the_way_out() {
        for (text, part) in [
            ("lissten = '0.0.0.0:1'", "lissten"),
            ("[cameras]\nwatchdog_s = 900", "0.5 to 30"),
            ("[cameras]\nwatchdog_s = nan", "0.5 to 30"),
            ("[cameras]\nring_s = 2", "6 to 120"),
            ("[cameras]\nring_mb = 0", "1 to 1024"),
            ("[inference]\nwindow_ms = 'soon'", "window_ms"),
            ("[keep]\nmedia_days = 0", "1 to 36500"),
            ("[keep]\nmedia_gb = inf", "media_gb"),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains("yunti.toml") && message.contains(part), "{message}");
        }
    }
}
