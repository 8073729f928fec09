//! Metric names and tracing set-up: the only room that names `metrics`. Not here: what is worth counting (the callers know).

pub mod log;

use std::{fmt::Display, time::Duration};

use metrics::{counter, gauge, histogram};
pub use metrics_exporter_prometheus::PrometheusHandle;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

/// Upper bounds of the time histograms, in seconds.
const SECONDS: [f64; 14] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.2, 0.3, 0.5, 0.8, 1.5, 5.0];
const BATCHES: [f64; 8] = [1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 16.0, 32.0];

/// Installs the process-wide recorder; call once, before anything is counted.
///
/// # Errors
/// Fails when a recorder is installed already.
pub fn install() -> Result<PrometheusHandle, metrics_exporter_prometheus::BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Full("yunti_batch_size".to_owned()), &BATCHES)?
        .install_recorder()
}

/// What happened to a frame: `in`, `analysed`, `displaced`, `expired`, `corrupt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameFate {
    /// Decoded and offered.
    In,
    /// Inferred.
    Analysed,
    /// Replaced by a newer one before it was inferred.
    Displaced,
    /// Older than its deadline when its turn came.
    Expired,
    /// Not decodable.
    Corrupt,
}

/// Counts one frame of `camera`.
pub fn frame(camera: impl Display, fate: FrameFate) {
    let fate = match fate {
        FrameFate::In => "in",
        FrameFate::Analysed => "analysed",
        FrameFate::Displaced => "displaced",
        FrameFate::Expired => "expired",
        FrameFate::Corrupt => "corrupt",
    };
    counter!("yunti_frames_total", "camera" => camera.to_string(), "fate" => fate).increment(1);
}

/// Time between two decoded pictures of `camera` on one connection.
pub fn frame_gap(camera: impl Display, gap: Duration) {
    histogram!("yunti_frame_gap_seconds", "camera" => camera.to_string()).record(gap.as_secs_f64());
}

/// Time one stage took: `decode`, `wait`, `tensor`, `infer`, `second_look`, `frame_to_confirmed`, `frame_to_accepted`, `store`.
pub fn stage(stage: &'static str, took: Duration) {
    histogram!("yunti_stage_seconds", "stage" => stage).record(took.as_secs_f64());
}

/// First confirming frame captured → device accepted the stop.
pub fn frame_to_accepted(took: Duration) {
    histogram!("yunti_frame_to_accepted_seconds").record(took.as_secs_f64());
}

/// Pictures in one inference.
#[expect(clippy::cast_precision_loss, reason = "batches are small")]
pub fn batch(size: usize) {
    histogram!("yunti_batch_size").record(size as f64);
}

/// A camera's phase: 1 for `phase`, 0 for the others.
pub fn camera_phase(camera: impl Display, phase: &str, all: &[&'static str]) {
    for name in all {
        let value = if *name == phase { 1.0 } else { 0.0 };
        gauge!("yunti_camera_phase", "camera" => camera.to_string(), "phase" => *name).set(value);
    }
}

/// Whether a device is connected.
pub fn device_up(device: impl Display, up: bool) {
    gauge!("yunti_device_up", "device" => device.to_string()).set(if up { 1.0 } else { 0.0 });
}

/// Counts an order reaching a state.
pub fn order(verb: &'static str, state: &'static str) {
    counter!("yunti_orders_total", "verb" => verb, "state" => state).increment(1);
}

/// Counts an alarm raised.
pub fn alarm(kind: &str) {
    counter!("yunti_alarms_total", "kind" => kind.to_owned()).increment(1);
}
