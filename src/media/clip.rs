//! An alarm's clip: the camera's own packets as an ordinary MP4 file whose head comes first, so that it plays while it
//! is loaded and can be sought in. Nothing is encoded anew. Not here: which packets, where the file lies.

use std::time::Duration;

use super::{
    annexb::{self, Config},
    live::ticks,
    mp4::{self, BoxError, Sample},
    order::{Order, TICKS, USUAL},
};
use crate::camera::Packet;

/// Why there is no clip.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClipError {
    #[error("there is no key frame to begin with")]
    NoKeyFrame,
    #[error(transparent)]
    Boxes(#[from] BoxError),
}

/// A clip, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clip {
    pub bytes: Vec<u8>,
    pub pictures: usize,
    pub length: Duration,
}

/// The packets as a file, from the first key frame on. Where the camera connected anew, the pause is kept; where the
/// stream then has another form (codec, size, parameter sets), the clip ends.
///
/// # Errors
/// No key frame with a whole configuration; a stream that does not fit into MP4 boxes.
pub fn clip(packets: &[Packet]) -> Result<Clip, ClipError> {
    let begin = packets.iter().position(|p| p.key && Config::of(p).is_some()).ok_or(ClipError::NoKeyFrame)?;
    let packets = packets.get(begin..).unwrap_or_default();
    let config = packets.first().and_then(Config::of).ok_or(ClipError::NoKeyFrame)?;
    let same = |p: &&Packet| p.codec == config.codec && (!p.key || Config::of(p).is_none_or(|other| other == config));
    let packets: Vec<&Packet> = packets.iter().take_while(same).collect();
    let shown = shown(&packets);

    let mut order = Order::knowing(&shown);
    let decoded: Vec<i64> = shown.iter().map(|pts| order.next(*pts)).collect();
    let mut data = Vec::with_capacity(packets.iter().map(|p| p.data.len() + 16).sum());
    let mut samples = Vec::with_capacity(packets.len());
    for (at, (packet, (pts, dts))) in packets.iter().zip(shown.iter().zip(&decoded)).enumerate() {
        let before = samples.last().map_or(USUAL, |s: &Sample| u64::from(s.duration));
        let step = decoded.get(at + 1).map_or(before.cast_signed(), |next| next - dts);
        let bytes = annexb::append_sample(packet.codec, &packet.data, &mut data);
        samples.push(Sample {
            duration: u32::try_from(step).unwrap_or(1),
            shown_after: i32::try_from(pts - dts).unwrap_or(0),
            key: packet.key,
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
        });
    }
    let mut bytes = mp4::head(&config, &samples)?;
    bytes.append(&mut data);
    let length = samples.iter().map(|s| u64::from(s.duration)).sum::<u64>();
    Ok(Clip { bytes, pictures: samples.len(), length: Duration::from_micros(length * 100 / 9) })
}

/// A packet whose own time and whose arrival differ by more than this, from the packet before, comes by another clock.
const OTHER_CLOCK: i64 = TICKS as i64;

/// When each packet is shown, in ticks since the first: by its own time within a connection, by its arrival from one
/// to the next, and where the stream's clock was set.
fn shown(packets: &[&Packet]) -> Vec<i64> {
    let mut offset = 0;
    let mut before: Option<&Packet> = None;
    let mut times = Vec::with_capacity(packets.len());
    for packet in packets {
        let pts = ticks(packet.pts);
        let expected =
            before.map_or(0, |b| times.last().copied().unwrap_or(0) + ticks(packet.arrived.since(b.arrived)));
        let set = pts + offset - expected;
        if before.is_none_or(|b| b.connection != packet.connection) || set.abs() > OTHER_CLOCK {
            offset = expected - pts;
        }
        times.push(pts + offset);
        before = Some(packet);
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::{CameraId, Mono},
        camera::Codec,
    };

    /// Packets of (connection, own time, arrival) in ms; when they are shown, in ms.
    fn check(packets: &[(u64, u64, u64)], expected: &[i64]) {
        let packets: Vec<Packet> = packets
            .iter()
            .map(|(connection, pts, arrived)| Packet {
                camera: CameraId::from_u128(1),
                codec: Codec::H264,
                connection: *connection,
                size: None,
                data: bytes::Bytes::new(),
                pts: Duration::from_millis(*pts),
                key: false,
                arrived: Mono::from_ms(*arrived),
            })
            .collect();
        let shown = shown(&packets.iter().collect::<Vec<_>>());
        assert_eq!(shown.iter().map(|ticks| ticks / 90).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn packets_are_shown_by_their_own_time_and_across_clocks_by_their_arrival() {
        check(&[(1, 500, 1000), (1, 540, 1060), (1, 580, 1080)], &[0, 40, 80]);
        check(&[(1, 500, 1000), (1, 540, 1040), (2, 0, 4040), (2, 40, 4085)], &[0, 40, 3040, 3080]);
        // B-frames are no other clock; one that is set back, or ahead, is.
        check(&[(1, 500, 1000), (1, 620, 1040), (1, 540, 1080), (1, 580, 1120)], &[0, 120, 40, 80]);
        check(&[(1, 9000, 1000), (1, 9040, 1040), (1, 100, 1080), (1, 140, 1120)], &[0, 40, 80, 120]);
        check(&[(1, 0, 1000), (1, 40, 1040), (1, 9000, 1080), (1, 9040, 1120)], &[0, 40, 80, 120]);
    }
}
