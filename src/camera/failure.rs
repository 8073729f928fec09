//! Why a camera gives no pictures, in words a person can act on. Not here: how it was found out.

use std::time::Duration;

/// Why a connection could not be made, or ended. Texts never hold a user name or a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("refused: nothing listens at {0}; check address and port, and that the camera is on")]
    Refused(String),
    #[error("unreachable: no way to {0}; check the address and the network")]
    Unreachable(String),
    #[error("unauthorised: the camera wants another user name or password")]
    Unauthorised,
    #[error("not found: the camera has no stream at this path")]
    NotFound,
    #[error("no file: {0} is missing or not readable")]
    NoFile(String),
    #[error("no video: the stream holds no video")]
    NoVideo,
    #[error("unsupported codec: the camera sends {0}; set it to H.264 or H.265")]
    UnsupportedCodec(String),
    #[error("tls: the camera's certificate is not trusted by this machine, or it speaks no TLS")]
    Tls,
    #[error("timeout: no picture within {:.1} s", .0.as_secs_f32())]
    Timeout(Duration),
    #[error("ended: the camera closed the connection")]
    Ended,
    #[error("silent: nothing came for {:.1} s", .0.as_secs_f32())]
    Silent(Duration),
    #[error("damaged: data comes, but for {:.1} s it held no picture that can be decoded", .0.as_secs_f32())]
    Damaged(Duration),
    #[error("no decoder: nothing on this machine decodes {codec}: {reason}")]
    NoDecoder { codec: String, reason: String },
    #[error("failed: {0}")]
    Other(String),
}

impl Failure {
    /// A short stable name for the API: `refused`, `unauthorised`, `not_found`, `no_video`, `timeout`, …
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Unreachable(_) => "unreachable",
            Self::Unauthorised => "unauthorised",
            Self::NotFound | Self::NoFile(_) => "not_found",
            Self::NoVideo => "no_video",
            Self::UnsupportedCodec(_) => "unsupported_codec",
            Self::Tls => "tls",
            Self::Timeout(_) => "timeout",
            Self::Ended => "ended",
            Self::Silent(_) => "silent",
            Self::Damaged(_) => "damaged",
            Self::NoDecoder { .. } => "no_decoder",
            Self::Other(_) => "failed",
        }
    }
}
