//! Token texts: `yt_<id>_<secret>` for people and programs, `yd_<id>_<secret>` for devices.
//!
//! The id finds the row; the secret is 256 random bits, of which only the SHA-256 is kept (a slow hash is for
//! passwords that people choose; nobody guesses 256 bits). The prefixes let secret scanners find a leaked token.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::base::{DeviceId, Secret, TokenId};

const PERSON: &str = "yt_";
const DEVICE: &str = "yd_";
/// Characters of 32 bytes in base64url without padding.
const SECRET_LEN: usize = 43;
const ID_LEN: usize = 32;

/// Why a text is not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("not a Yunti token: it begins with `yt_` (made by POST /api/v1/tokens or `yunti token create`)")]
    NotAToken,
    #[error("this is a device's token (`yd_…`): it opens only the device socket; use an API token (`yt_…`)")]
    DeviceToken,
    #[error("this is an API token (`yt_…`): a device connects with the token shown when it was registered (`yd_…`)")]
    PersonToken,
}

/// SHA-256 of a token's secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash kept in the store.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What the store keeps.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash of a token's secret part.
    #[must_use]
    pub fn of(secret: &Secret) -> Self {
        Self(Sha256::digest(secret.expose().as_bytes()).into())
    }

    /// Whether `secret` is the one; takes the same time whatever differs.
    #[must_use]
    pub fn matches(&self, secret: &Secret) -> bool {
        self.0.ct_eq(&Self::of(secret).0).into()
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A person's or program's token, read but not yet verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonKey {
    pub id: TokenId,
    pub secret: Secret,
}

/// A device's token, read but not yet verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceKey {
    pub id: DeviceId,
    pub secret: Secret,
}

/// Either kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bearer {
    Person(PersonKey),
    Device(DeviceKey),
}

impl Bearer {
    /// Reads a token text.
    ///
    /// # Errors
    /// The text is not of either form.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        let (prefix, rest) = text.split_at_checked(PERSON.len()).ok_or(TokenError::NotAToken)?;
        let (id, rest) = rest.split_at_checked(ID_LEN).ok_or(TokenError::NotAToken)?;
        let secret = rest.strip_prefix('_').ok_or(TokenError::NotAToken)?;
        let letters = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if secret.len() != SECRET_LEN || !secret.bytes().all(letters) {
            return Err(TokenError::NotAToken);
        }
        let secret = Secret::new(secret);
        match prefix {
            PERSON => {
                let id = format!("{}-{id}", TokenId::PREFIX).parse().map_err(|_| TokenError::NotAToken)?;
                Ok(Self::Person(PersonKey { id, secret }))
            }
            DEVICE => {
                let id = format!("{}-{id}", DeviceId::PREFIX).parse().map_err(|_| TokenError::NotAToken)?;
                Ok(Self::Device(DeviceKey { id, secret }))
            }
            _ => Err(TokenError::NotAToken),
        }
    }
}

impl PersonKey {
    /// Reads a person's token.
    ///
    /// # Errors
    /// Not a token, or a device's.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        match Bearer::parse(text)? {
            Bearer::Person(key) => Ok(key),
            Bearer::Device(_) => Err(TokenError::DeviceToken),
        }
    }

    /// A new token of `id` from 32 random bytes.
    #[must_use]
    pub fn new(id: TokenId, random: &[u8; 32]) -> Self {
        Self { id, secret: secret_text(random) }
    }

    /// The whole token, as it is shown once.
    #[must_use]
    pub fn text(&self) -> Secret {
        text(PERSON, &self.id.to_string(), &self.secret)
    }
}

impl DeviceKey {
    /// Reads a device's token.
    ///
    /// # Errors
    /// Not a token, or a person's.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        match Bearer::parse(text)? {
            Bearer::Device(key) => Ok(key),
            Bearer::Person(_) => Err(TokenError::PersonToken),
        }
    }

    /// A new token of `id` from 32 random bytes.
    #[must_use]
    pub fn new(id: DeviceId, random: &[u8; 32]) -> Self {
        Self { id, secret: secret_text(random) }
    }

    /// The whole token, as it is shown once.
    #[must_use]
    pub fn text(&self) -> Secret {
        text(DEVICE, &self.id.to_string(), &self.secret)
    }
}

/// The secret part of a token from 32 random bytes.
#[must_use]
pub fn secret_text(random: &[u8; 32]) -> Secret {
    Secret::new(URL_SAFE_NO_PAD.encode(random))
}

fn text(prefix: &str, id: &str, secret: &Secret) -> Secret {
    let hex = id.split_once('-').map_or(id, |(_, hex)| hex);
    Secret::new(format!("{prefix}{hex}_{}", secret.expose()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_is_known_by_its_hash_only() {
        for byte in [0, 63, 255] {
            let key = PersonKey::new(TokenId::from_u128(7), &[byte; 32]);
            let text = key.text();
            assert_eq!(PersonKey::parse(text.expose()), Ok(key.clone()));
            assert_eq!(DeviceKey::parse(text.expose()), Err(TokenError::PersonToken));
            let hash = TokenHash::of(&key.secret);
            assert!(hash.matches(&key.secret));
            assert!(!hash.matches(&secret_text(&[1; 32])));
            assert!(!format!("{key:?}{hash:?}").contains(key.secret.expose()));
        }
        let device = DeviceKey::new(DeviceId::from_u128(8), &[9; 32]);
        assert_eq!(DeviceKey::parse(device.text().expose()), Ok(device.clone()));
        assert_eq!(PersonKey::parse(device.text().expose()), Err(TokenError::DeviceToken));
    }

    #[test]
    fn what_is_not_a_token_is_refused() {
        let good = PersonKey::new(TokenId::from_u128(7), &[3; 32]).text();
        let good = good.expose();
        let cut = &good[..good.len() - 1];
        let long = format!("{good}A");
        let odd = good.replace("yt_", "yx_");
        let chinese = format!("yt_{}", "云".repeat(26));
        let spaced = format!("{cut} ");
        for text in ["", "yt_", "yt", "云", cut, &long, &odd, &chinese, &spaced, &"a".repeat(10_000)] {
            assert_eq!(PersonKey::parse(text), Err(TokenError::NotAToken), "{text:.40}");
        }
    }
}
