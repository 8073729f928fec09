//! Newtypes for ids: no bare integer or string crosses a room. Not here: where ids are kept.

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// A text that is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not {article} id: expected `{prefix}-` and 32 hexadecimal digits, as the API returned it")]
pub struct IdError {
    article: &'static str,
    prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $article:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// What this kind of id begins with in text.
            pub const PREFIX: &'static str = $prefix;

            /// A new id, never seen before; ids made later sort later.
            #[must_use]
            pub fn fresh() -> Self {
                Self(Uuid::now_v7())
            }

            /// A fixed id, for tables in tests.
            #[must_use]
            pub const fn from_u128(value: u128) -> Self {
                Self(Uuid::from_u128(value))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "-{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let error = IdError { article: $article, prefix: $prefix };
                let hex = text.strip_prefix(concat!($prefix, "-")).ok_or_else(|| error.clone())?;
                if hex.len() != 32 {
                    return Err(error);
                }
                Uuid::try_parse(hex).map(Self).map_err(|_| error)
            }
        }
    };
}

id!(
    /// A registered camera: `cam-…`.
    CameraId, "cam", "a camera"
);
id!(
    /// A registered device (lift, voice box, light, gate): `dev-…`.
    DeviceId, "dev", "a device"
);
id!(
    /// An alarm: `alm-…`.
    AlarmId, "alm", "an alarm"
);
id!(
    /// An API token's public name: `tok-…`. The secret part is never kept.
    TokenId, "tok", "a token"
);

/// An order's idempotency key, at most 36 characters on the wire: a hyphenated UUID.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderKey(Uuid);

impl OrderKey {
    /// A new key, never seen before.
    #[must_use]
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }

    /// A fixed key, for tables in tests.
    #[must_use]
    pub const fn from_u128(value: u128) -> Self {
        Self(Uuid::from_u128(value))
    }
}

impl fmt::Display for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.hyphenated(), f)
    }
}

impl fmt::Debug for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for OrderKey {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::try_parse(text).map(Self)
    }
}

/// A frame's place in its camera's stream since the server started; grows by one per decoded frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FrameSeq(pub u64);

/// A track's number within its camera since the server started; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrackId(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_what_it_writes_and_refuses_its_neighbours() {
        let camera = CameraId::fresh();
        assert_eq!(camera.to_string().parse(), Ok(camera));
        assert!(camera.to_string().parse::<DeviceId>().is_err());
        for text in ["", "cam-", "cam-xyz", "cam-0123", "0123"] {
            assert!(text.parse::<CameraId>().is_err(), "{text}");
        }
        assert!(OrderKey::fresh().to_string().len() <= 36);
    }
}
