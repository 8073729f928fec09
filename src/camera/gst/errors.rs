//! From `GStreamer`'s error messages to reasons for people. Not here: anything it says, word by word, that could
//! hold a password.

use gstreamer as gst;

use crate::camera::{CameraUri, Failure};

/// Why a receive pipeline failed.
pub(super) fn classify(error: &gst::glib::Error, debug: &str, uri: &CameraUri) -> Failure {
    let host = || uri.host().unwrap_or_else(|| uri.shown());
    let text = format!("{} {debug}", error.message()).to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|w| text.contains(w));
    // Names in brackets are those of `GResourceError` and `GstRTSPStatusCode`; texts are those of GLib's socket client.
    if error.matches(gst::ResourceError::NotAuthorized) || says(&["unauthorized", "(401)", "(403)"]) {
        Failure::Unauthorised
    } else if uri.file().is_some()
        && (error.matches(gst::ResourceError::NotFound) || error.matches(gst::ResourceError::OpenRead))
    {
        Failure::NoFile(uri.shown())
    } else if says(&["failed to connect"]) {
        // No more is told; `diagnose` finds out.
        Failure::Unreachable(host())
    } else if error.matches(gst::ResourceError::NotFound) || says(&["not found", "(404)"]) {
        Failure::NotFound
    } else if says(&["timed out", "timeout"]) {
        Failure::Unreachable(host())
    } else if error.matches(gst::StreamError::TypeNotFound)
        || error.matches(gst::StreamError::WrongType)
        || error.matches(gst::StreamError::CodecNotFound)
        || says(&["no supported stream", "don't have a decoder", "contains no"])
    {
        Failure::NoVideo
    } else {
        Failure::Other(uri.redact(error.message()))
    }
}
