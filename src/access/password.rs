//! Passwords that people choose: which are taken, and their slow hash (Argon2id, RFC 9106). Not here: where hashes are
//! kept; threads (a hash takes tens of milliseconds and 19 MiB: callers leave the async threads for it).

use std::fmt;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc},
};

use crate::base::Secret;

/// The fewest and most characters of a password. Length is what counts (NIST SP 800-63B); the most bounds the work.
const LEAST: usize = 8;
const MOST: usize = 256;

/// Why a password is not taken, or could not be hashed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("a password has {LEAST} to {MOST} characters: three or four words are easy to keep in mind")]
    Length,
    #[error("a password that is the name, or one character again and again, is guessed at once")]
    Guessable,
    #[error("this is not an Argon2 hash: {0}")]
    NotAHash(String),
    #[error("hashing failed: {0}")]
    Hashing(String),
}

/// The hash of a password with its salt and parameters, in PHC text form.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Whether `password` is taken for somebody called `name`.
///
/// # Errors
/// It is too short, too long, or guessed at once.
pub fn check_password(name: &str, password: &Secret) -> Result<(), PasswordError> {
    let text = password.expose();
    if !(LEAST..=MOST).contains(&text.chars().take(MOST + 1).count()) {
        return Err(PasswordError::Length);
    }
    let first = text.chars().next();
    if text.to_lowercase() == name.to_lowercase() || text.chars().all(|c| Some(c) == first) {
        return Err(PasswordError::Guessable);
    }
    Ok(())
}

impl PasswordHash {
    /// Hashes with today's parameters: Argon2id, 19 MiB, two passes, one lane (OWASP, Password Storage Cheat Sheet).
    ///
    /// # Errors
    /// The memory is not there.
    pub fn of(password: &Secret, salt: &[u8; 16]) -> Result<Self, PasswordError> {
        let hash: phc::PasswordHash = Argon2::default()
            .hash_password_with_salt(password.expose().as_bytes(), salt)
            .map_err(|e| PasswordError::Hashing(e.to_string()))?;
        Ok(Self(hash.to_string()))
    }

    /// Whether `password` is the one.
    #[must_use]
    pub fn matches(&self, password: &Secret) -> bool {
        phc::PasswordHash::new(&self.0)
            .is_ok_and(|hash| Argon2::default().verify_password(password.expose().as_bytes(), &hash).is_ok())
    }

    /// The same work as [`PasswordHash::matches`], for a name that nobody has: the answer takes as long.
    pub fn match_nothing(password: &Secret) {
        drop(Self::of(password, &[0; 16]));
    }

    /// What the store keeps.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads what the store kept.
    ///
    /// # Errors
    /// It is no such hash.
    pub fn parse(text: String) -> Result<Self, PasswordError> {
        phc::PasswordHash::new(&text).map_err(|e| PasswordError::NotAHash(e.to_string()))?;
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_hash_only() {
        let (good, wrong) = (Secret::new("云梯 keeps bikes out"), Secret::new("云梯 keeps bikes ouT"));
        let hash = PasswordHash::of(&good, &[7; 16]).expect("hashed");
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
        assert!(hash.matches(&good));
        assert!(!hash.matches(&wrong));
        assert_eq!(PasswordHash::parse(hash.as_str().to_owned()), Ok(hash.clone()));
        assert_ne!(PasswordHash::of(&good, &[8; 16]), Ok(hash.clone()), "salted");
        assert_eq!(format!("{hash:?}"), "…");
        assert!(PasswordHash::parse("plain".to_owned()).is_err());
    }

    #[test]
    fn short_long_and_guessable_passwords_are_refused() {
        for (name, password, expected) in [
            ("guard", "1234567", Err(PasswordError::Length)),
            ("guard", "电瓶车禁止入内", Err(PasswordError::Length)),
            ("guard", "电瓶车禁止入内!", Ok(())),
            ("guard", "12345678", Ok(())),
            ("guard", "aaaaaaaaaaa", Err(PasswordError::Guessable)),
            ("Wang Wei 1", "wang wei 1", Err(PasswordError::Guessable)),
            ("guard", &"x1".repeat(128), Ok(())),
            ("guard", &"x1".repeat(129), Err(PasswordError::Length)),
        ] {
            assert_eq!(check_password(name, &Secret::new(password)), expected, "{password:.20}");
        }
    }
}
