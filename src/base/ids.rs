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

id!(
    /// A person who logs in: `per-…`.
    PersonId, "per", "a person"
);

/// A site (a compound, a court, a gatehouse): a slug that people choose, such as `north-court` or `北区`.
///
/// 1 to 64 characters: lower-case letters of any script, digits, `-` and `_`; the first is a letter or digit.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SiteId(String);

/// A text that is not a site's slug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a site's slug: 1 to {} characters, lower-case letters, digits, `-` and `_`, such as `north-court`",
    SiteId::MOST
)]
pub struct SiteIdError;

impl SiteId {
    /// The most characters of a slug.
    pub const MOST: usize = 64;

    /// The slug as it is kept and shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The slug nearest to a free text: lower case, everything else than letters and digits becomes one `-`.
    #[must_use]
    pub fn slug_of(text: &str) -> Option<Self> {
        let mut slug = String::new();
        for c in text.chars().flat_map(char::to_lowercase) {
            if Self::is_letter(c) || (c == '_' && !slug.is_empty()) {
                slug.push(c);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        let slug: String = slug.trim_end_matches('-').chars().take(Self::MOST).collect();
        slug.parse().ok()
    }

    fn is_letter(c: char) -> bool {
        c.is_alphanumeric() && !c.is_uppercase()
    }
}

impl fmt::Display for SiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SiteId {
    type Err = SiteIdError;

    fn from_str(text: &str) -> Result<Self, SiteIdError> {
        let fits = (1..=Self::MOST).contains(&text.chars().take(Self::MOST + 1).count())
            && text.starts_with(Self::is_letter)
            && text.chars().all(|c| Self::is_letter(c) || c == '-' || c == '_');
        if fits { Ok(Self(text.to_owned())) } else { Err(SiteIdError) }
    }
}

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

    #[test]
    fn a_site_is_a_slug() {
        for (text, good) in [
            ("north", true),
            ("north-court_2", true),
            ("北区", true),
            ("1号楼", true),
            ("", false),
            ("North", false),
            ("north court", false),
            ("-north", false),
            ("a/b", false),
            ("a.b", false),
            (&"x".repeat(64), true),
            (&"x".repeat(65), false),
        ] {
            assert_eq!(text.parse::<SiteId>().is_ok(), good, "{text}");
        }
        for (text, slug) in [
            (" North Court #3 ", Some("north-court-3")),
            ("北区 1号楼", Some("北区-1号楼")),
            ("a.b/c", Some("a-b-c")),
            ("__x", Some("x")),
            ("!?", None),
            ("", None),
        ] {
            assert_eq!(SiteId::slug_of(text).as_ref().map(SiteId::as_str), slug, "{text}");
        }
        assert_eq!(SiteId::slug_of(&"云 ".repeat(100)).map(|s| s.as_str().chars().count()), Some(64));
    }
}
