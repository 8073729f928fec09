//! Sessions of people in browsers: how long one lives, and the proof that a request comes from our own page.
//! Not here: cookies, where sessions are kept.
//!
//! A session's secret is 256 random bits in an `HttpOnly` cookie; the store knows only its SHA-256. The CSRF proof is
//! another hash of it: our page is told it, a foreign page cannot know it, and nothing leads from it back to the secret.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::base::{Secret, Wall};

/// A session that is not used for this long ends: a shift. An open page uses its session.
pub const IDLE: Duration = Duration::from_secs(12 * 3600);

/// A session ends this long after the log-in, however it is used.
pub const ABSOLUTE: Duration = Duration::from_secs(7 * 24 * 3600);

/// The most sessions of one person; the oldest ends when there is one more.
pub const MOST: usize = 32;

/// Whether a session that began and was last used then is alive at `now`.
#[must_use]
pub fn is_live(created: Wall, last_used: Wall, now: Wall) -> bool {
    now.0.saturating_sub(last_used.0) < ms(IDLE) && now.0.saturating_sub(created.0) < ms(ABSOLUTE)
}

fn ms(d: Duration) -> i64 {
    i64::try_from(d.as_millis()).unwrap_or(i64::MAX)
}

/// What a page of ours sends with each change, made from the session's secret.
#[must_use]
pub fn csrf_proof(secret: &Secret) -> String {
    let mut hash = Sha256::new();
    hash.update(b"yunti csrf 1\0");
    hash.update(secret.expose().as_bytes());
    URL_SAFE_NO_PAD.encode(hash.finalize())
}

/// Whether `given` is the session's proof; takes the same time whatever differs.
#[must_use]
pub fn is_csrf_proof(secret: &Secret, given: &str) -> bool {
    csrf_proof(secret).as_bytes().ct_eq(given.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_it_rests_and_when_it_is_old() {
        let hours = |h: i64| Wall(h * 3_600_000);
        for (created, used, now, live) in [
            (0, 0, 0, true),
            (0, 0, 11, true),
            (0, 0, 12, false),
            (0, 100, 111, true),
            (0, 100, 112, false),
            (0, 167, 167, true),
            (0, 168, 168, false),
            // A clock that was set back ends nobody's session.
            (10, 10, 5, true),
        ] {
            assert_eq!(is_live(hours(created), hours(used), hours(now)), live, "{created} {used} {now}");
        }
    }

    #[test]
    fn the_proof_is_the_sessions_own_and_is_not_the_secret() {
        let (one, other) = (Secret::new("one"), Secret::new("other"));
        assert!(is_csrf_proof(&one, &csrf_proof(&one)));
        for wrong in ["", "one", &csrf_proof(&other)] {
            assert!(!is_csrf_proof(&one, wrong), "{wrong}");
        }
    }
}
