//! H.264 and H.265 access units as cameras send them (Annex B byte streams) taken apart for MP4: parameter sets into
//! the file's head, slices with their lengths into samples. Not here: boxes (`mp4.rs`), decoding.

use crate::{
    base::Size,
    camera::{Codec, Packet},
};

/// The longest parameter set, and the most of one kind, that the decoder configuration records can hold.
const SET_MOST: usize = u16::MAX as usize;
const SETS_MOST: usize = 16;

/// What a decoder must know before the first sample. Two streams with equal configurations can be joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Config {
    pub(super) codec: Codec,
    pub(super) size: Size,
    /// H.265 only.
    pub(super) vps: Vec<Vec<u8>>,
    /// Not empty; each at least 4 bytes (H.264) or 15 (H.265).
    pub(super) sps: Vec<Vec<u8>>,
    /// Not empty.
    pub(super) pps: Vec<Vec<u8>>,
}

/// A NAL unit's use in an MP4 file (ITU-T H.264 table 7-1, H.265 table 7-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Vps,
    Sps,
    Pps,
    /// Says nothing that the container does not say: delimiters, ends, filler.
    Filler,
    /// Slices, SEI and the rest: goes into the sample.
    Content,
}

fn kind(codec: Codec, nal: &[u8]) -> Kind {
    let first = nal.first().copied().unwrap_or(0);
    match codec {
        Codec::H264 => match first & 0x1F {
            7 => Kind::Sps,
            8 => Kind::Pps,
            9..=12 => Kind::Filler,
            _ => Kind::Content,
        },
        Codec::H265 => match (first >> 1) & 0x3F {
            32 => Kind::Vps,
            33 => Kind::Sps,
            34 => Kind::Pps,
            35..=38 => Kind::Filler,
            _ => Kind::Content,
        },
    }
}

impl Config {
    /// The configuration that a key frame brings; `None` if it brings none, or one that is cut short.
    #[must_use]
    pub(super) fn of(packet: &Packet) -> Option<Self> {
        let size = packet.size.filter(|size| size.width <= 65_535 && size.height <= 65_535)?;
        let mut config = Self { codec: packet.codec, size, vps: vec![], sps: vec![], pps: vec![] };
        for nal in nals(&packet.data) {
            let sets = match kind(packet.codec, nal) {
                Kind::Vps => &mut config.vps,
                Kind::Sps => &mut config.sps,
                Kind::Pps => &mut config.pps,
                Kind::Filler | Kind::Content => continue,
            };
            if nal.len() <= SET_MOST && sets.len() < SETS_MOST && !sets.iter().any(|set| set == nal) {
                sets.push(nal.to_vec());
            }
        }
        let least = if packet.codec == Codec::H264 { 4 } else { 15 };
        let whole = !config.pps.is_empty() && !config.sps.is_empty() && config.sps.iter().all(|s| s.len() >= least);
        whole.then_some(config)
    }

    /// The codec's name for browsers (RFC 6381), e.g. `avc1.64001f`; H.264 only.
    #[must_use]
    pub(super) fn name(&self) -> Option<String> {
        match (self.codec, self.sps.first().map(Vec::as_slice)) {
            (Codec::H264, Some([_, profile, compatibility, level, ..])) => {
                Some(format!("avc1.{profile:02x}{compatibility:02x}{level:02x}"))
            }
            _ => None,
        }
    }
}

/// Appends the access unit as an MP4 sample: each NAL unit after its length in four bytes, without parameter sets,
/// delimiters and filler. Gives the bytes appended.
pub(super) fn append_sample(codec: Codec, stream: &[u8], to: &mut Vec<u8>) -> usize {
    let before = to.len();
    to.reserve(stream.len() + 16);
    for nal in nals(stream).filter(|nal| kind(codec, nal) == Kind::Content) {
        let Ok(length) = u32::try_from(nal.len()) else { continue };
        to.extend_from_slice(&length.to_be_bytes());
        to.extend_from_slice(nal);
    }
    to.len() - before
}

/// The NAL units of a byte stream, without start codes and trailing zeros (ITU-T H.264 and H.265, annex B).
pub(super) fn nals(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = start_code(stream).and_then(|at| stream.get(at + 3..));
    std::iter::from_fn(move || {
        loop {
            let from = rest?;
            let end = start_code(from);
            rest = end.and_then(|at| from.get(at + 3..));
            let nal = from.get(..end.unwrap_or(from.len())).unwrap_or_default();
            let length = nal.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            if length > 0 {
                return nal.get(..length);
            }
        }
    })
}

/// Where the next `00 00 01` begins.
fn start_code(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match *bytes.get(at..at + 3)? {
            [0, 0, 1] => return Some(at),
            // No start code can begin at these three; at the first two.
            [_, _, third] if third > 1 => at += 3,
            [_, second, _] if second > 0 => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::base::{CameraId, Mono};

    fn check(stream: &[u8], expected: &[&[u8]]) {
        assert_eq!(nals(stream).collect::<Vec<_>>(), expected, "{stream:?}");
    }

    #[test]
    fn a_byte_stream_falls_into_its_units() {
        check(&[], &[]);
        check(&[0, 0, 1], &[]);
        check(&[7, 7, 7], &[]);
        check(&[0, 0, 1, 9], &[&[9]]);
        check(&[0, 0, 0, 1, 9, 0, 0, 1, 0, 0, 1, 5, 1, 2], &[&[9], &[5, 1, 2]]);
        check(&[0, 0, 1, 7, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0, 1, 6, 0, 1, 1, 0], &[&[7, 1], &[8], &[6, 0, 1, 1]]);
        check(&[0, 0, 1, 5, 0, 1, 0, 0, 3, 1, 0, 0, 1, 1], &[&[5, 0, 1, 0, 0, 3, 1], &[1]]);
    }

    proptest! {
        #[test]
        fn any_units_come_back_as_they_were(units in prop::collection::vec(prop::collection::vec(4_u8.., 1..40), 0..9)) {
            let stream: Vec<u8> = units.iter().flat_map(|u| [&[0, 0, 0, 1], u.as_slice()].concat()).collect();
            prop_assert_eq!(nals(&stream).map(<[u8]>::to_vec).collect::<Vec<_>>(), units);
        }

        #[test]
        fn no_bytes_do_harm(bytes in prop::collection::vec(0_u8..3, 0..60)) {
            let plain = (0..bytes.len()).find(|at| bytes[*at..].starts_with(&[0, 0, 1]));
            prop_assert_eq!(start_code(&bytes), plain);
            prop_assert!(nals(&bytes).all(|nal| !nal.is_empty()));
        }
    }

    fn packet(codec: Codec, units: &[&[u8]], size: Option<Size>) -> Packet {
        Packet {
            camera: CameraId::from_u128(1),
            codec,
            connection: 1,
            size,
            data: units.iter().flat_map(|unit| [&[0, 0, 0, 1], *unit].concat()).collect::<Vec<u8>>().into(),
            pts: Duration::ZERO,
            key: true,
            arrived: Mono(0),
        }
    }

    #[test]
    fn parameter_sets_go_into_the_head_and_slices_into_the_sample() {
        let size = Some(Size { width: 1280, height: 720 });
        let (sps, pps) = ([0x67, 0x64, 0x00, 0x1F, 0xAC], [0x68, 0xEE]);
        let key = packet(Codec::H264, &[&[9, 0xF0], &sps, &pps, &sps, &[6, 5, 1], &[0x65, 1, 2, 3]], size);
        let config = Config::of(&key).unwrap();
        assert_eq!((config.sps.clone(), config.pps.clone()), (vec![sps.to_vec()], vec![pps.to_vec()]));
        assert_eq!(config.name().as_deref(), Some("avc1.64001f"));
        let mut sample = Vec::new();
        assert_eq!(append_sample(Codec::H264, &key.data, &mut sample), 15);
        assert_eq!(sample, [0, 0, 0, 3, 6, 5, 1, 0, 0, 0, 4, 0x65, 1, 2, 3]);
        for cut in [packet(Codec::H264, &[&sps, &[0x65]], size), packet(Codec::H264, &[&sps[..3], &pps], size)] {
            assert_eq!(Config::of(&cut), None);
        }
        assert_eq!(Config::of(&packet(Codec::H264, &[&sps, &pps], None)), None);
        let high = packet(Codec::H265, &[&[0x40, 1], &[0x42; 20], &[0x44, 1], &[0x26, 1, 9]], size);
        let config = Config::of(&high).unwrap();
        assert_eq!((config.vps.len(), config.sps.len(), config.pps.len()), (1, 1, 1));
        assert_eq!(config.name(), None);
    }
}
