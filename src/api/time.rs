//! Times on the wire: RFC 3339, UTC, milliseconds, such as `2026-11-24T06:30:00.000Z`.

use jiff::Timestamp;

use crate::base::Wall;

/// A time as it is written.
pub(super) fn text(at: Wall) -> String {
    Timestamp::from_millisecond(at.0).map_or_else(|_| String::new(), |at| format!("{at:.3}"))
}

/// A time as it is read: RFC 3339 with any offset.
pub(super) fn parse(text: &str) -> Result<Wall, String> {
    let at: Timestamp = text.parse().map_err(|_| {
        format!(
            "`{text:.40}` is not a time: give RFC 3339, such as 2026-11-24T06:30:00Z (a + in an address is written %2B)"
        )
    })?;
    Ok(Wall(at.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back_what_was_written() {
        assert_eq!(text(Wall(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(Wall(1_795_501_800_123)), "2026-11-24T06:30:00.123Z");
        assert_eq!(parse("2026-11-24T06:30:00.123Z"), Ok(Wall(1_795_501_800_123)));
        assert_eq!(parse("2026-11-24T14:30:00.123+08:00"), Ok(Wall(1_795_501_800_123)));
        for wrong in ["", "yesterday", "1795501800123", "2026-11-24"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
