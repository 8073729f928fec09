//! The audit log's chain: each line's hash covers the line and the hash of the line before it, so that a line cannot be
//! changed, taken out or slipped in unseen. Not here: where lines are kept, who writes them.
//!
//! Whoever can write the whole database can also make the whole chain anew. What they cannot do is end with the hash that
//! `yunti audit verify` showed before: keep it elsewhere.

use std::fmt;

use sha2::{Digest, Sha256};

/// The hash of a line and of all before it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChainHash([u8; 32]);

/// A line as it is hashed: exactly what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainLine<'a> {
    pub id: u64,
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    pub actor: &'a str,
    pub act: &'a str,
    pub subject: &'a str,
    /// JSON, as it is kept, letter by letter.
    pub detail: &'a str,
}

impl ChainHash {
    /// Before the first line.
    pub const START: Self = Self([0; 32]);

    /// What the store keeps.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash that the store kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// SHA-256 over this hash, the line's numbers (big-endian), and each of its texts after its length in bytes.
    #[must_use]
    pub fn then(&self, line: &ChainLine<'_>) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"yunti audit 1\0");
        hash.update(self.0);
        hash.update(line.id.to_be_bytes());
        hash.update(line.at.to_be_bytes());
        for text in [line.actor, line.act, line.subject, line.detail] {
            hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(text.as_bytes());
        }
        Self(hash.finalize().into())
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: ChainLine<'_> =
        ChainLine { id: 7, at: 1000, actor: "guard", act: "alarm.resolve", subject: "alm-1", detail: "{}" };

    #[test]
    fn every_part_of_a_line_and_all_before_it_count() {
        let hash = ChainHash::START.then(&LINE);
        assert_eq!(hash, ChainHash::START.then(&LINE));
        assert_eq!(ChainHash::from_bytes(*hash.as_bytes()), hash);
        assert_eq!(hash.to_string().len(), 64);
        let others = [
            hash.then(&LINE),
            ChainHash::START.then(&ChainLine { id: 8, ..LINE }),
            ChainHash::START.then(&ChainLine { at: 1001, ..LINE }),
            ChainHash::START.then(&ChainLine { actor: "other", ..LINE }),
            ChainHash::START.then(&ChainLine { act: "alarm.raise", ..LINE }),
            ChainHash::START.then(&ChainLine { subject: "alm-2", ..LINE }),
            ChainHash::START.then(&ChainLine { detail: "{ }", ..LINE }),
            // A letter that moves from one field to the next is a change too.
            ChainHash::START.then(&ChainLine { actor: "guar", act: "dalarm.resolve", ..LINE }),
        ];
        for other in others {
            assert_ne!(hash, other);
        }
    }

    /// The form is fixed: a log of today must be verifiable in ten years.
    #[test]
    fn the_form_does_not_change() {
        let expected = "ac2cacc7f0737783ed4b24dd6f7685d0e46808ed67fa38a602cba265d40e21eb";
        assert_eq!(ChainHash::START.then(&LINE).to_string(), expected);
    }
}
