//! Encoded access units and the ring that keeps the latest of them. Not here: where they come from, decoding.

use std::{collections::VecDeque, fmt, ops::Range, time::Duration};

use bytes::Bytes;

use crate::base::{CameraId, Mono, Size};

/// How a camera's video is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    H264,
    H265,
}

impl Codec {
    /// All codecs that can be received.
    pub const ALL: [Self; 2] = [Self::H264, Self::H265];

    /// The name on the wire and in decode chains.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::H265 => "h265",
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One access unit (a whole encoded picture, Annex B byte stream) of one camera.
#[derive(Clone)]
pub struct Packet {
    pub camera: CameraId,
    pub codec: Codec,
    /// Which connection of the camera it came by; `pts` begins anew with each.
    pub connection: u64,
    /// The picture's size, as soon as the stream tells it.
    pub size: Option<Size>,
    /// The receiver's own buffer; a clone shares it.
    pub data: Bytes,
    /// Presentation time since the connection began.
    pub pts: Duration,
    /// Decoding can begin here.
    pub key: bool,
    /// When its last byte was at hand.
    pub arrived: Mono,
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.key { " key" } else { "" };
        write!(f, "{} {}{key} {:?} {} B", self.camera, self.codec, self.pts, self.data.len())
    }
}

/// The packets of the last seconds, beginning at a key frame, and always those since the newest key frame
/// while they fit: what clips, the live view and waking up begin with. Bounded by time and by bytes. Each packet has
/// a place, a number that grows by one and never goes back.
#[derive(Debug)]
pub struct Ring {
    packets: VecDeque<Packet>,
    /// The place of the first packet.
    first: u64,
    bytes: usize,
    span: Duration,
    max_bytes: usize,
}

impl Ring {
    /// A ring that keeps `span` of packets, in at most `max_bytes`.
    #[must_use]
    pub const fn new(span: Duration, max_bytes: usize) -> Self {
        Self { packets: VecDeque::new(), first: 0, bytes: 0, span, max_bytes }
    }

    /// Takes a packet; drops whole groups of pictures that are no longer needed. Without a key frame to begin
    /// with, a packet is of no use and is not kept.
    pub fn push(&mut self, packet: Packet) {
        if self.packets.is_empty() && !packet.key {
            return;
        }
        let oldest_wanted = packet.arrived - self.span;
        self.bytes += packet.data.len();
        self.packets.push_back(packet);
        // The first group may go when the second already covers the span, or when the ring is too large.
        while let Some(second) = self.packets.iter().skip(1).position(|p| p.key).map(|at| at + 1) {
            let covered = self.packets.get(second).is_some_and(|p| p.arrived <= oldest_wanted);
            if !covered && self.bytes <= self.max_bytes {
                break;
            }
            self.bytes -= self.packets.drain(..second).map(|p| p.data.len()).sum::<usize>();
            self.first += places(second);
        }
        if self.bytes > self.max_bytes {
            // One group alone is larger than all that may be kept: begin anew at the next key frame.
            self.clear();
        }
    }

    /// Forgets everything, as after a reconnection.
    pub fn clear(&mut self) {
        self.first += places(self.packets.len());
        self.packets.clear();
        self.bytes = 0;
    }

    /// Every packet at hand, oldest first; the first is a key frame.
    pub fn packets(&self) -> impl Iterator<Item = &Packet> {
        self.packets.iter()
    }

    /// The places at hand; the end is the place of the packet to come.
    #[must_use]
    pub fn places(&self) -> Range<u64> {
        self.first..self.first + places(self.packets.len())
    }

    /// The packets from `place` on, as far as they are at hand.
    pub fn from(&self, place: u64) -> impl Iterator<Item = &Packet> {
        let skip = usize::try_from(place.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.packets.iter().skip(skip)
    }

    /// The place of the newest key frame that fits.
    pub fn newest_key(&self, fits: impl Fn(&Packet) -> bool) -> Option<u64> {
        self.packets.iter().rposition(|p| p.key && fits(p)).map(|at| self.first + places(at))
    }

    /// The newest packet.
    #[must_use]
    pub fn newest(&self) -> Option<&Packet> {
        self.packets.back()
    }

    /// Bytes held.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

fn places(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds one packet per 100 ms, `K` a key frame, of `size` bytes; gives the places kept and those since the key.
    fn check(stream: &str, size: usize, span_ms: u64, max_bytes: usize, kept: &[u64], since_key: &[u64]) {
        let mut ring = Ring::new(Duration::from_millis(span_ms), max_bytes);
        for (at, kind) in (0_u64..).zip(stream.chars()) {
            ring.push(Packet {
                camera: CameraId::from_u128(1),
                codec: Codec::H264,
                connection: 1,
                size: None,
                data: vec![0; size].into(),
                pts: Duration::from_millis(at * 100),
                key: kind == 'K',
                arrived: Mono::from_ms(1000 + at * 100),
            });
            assert!(ring.bytes() <= max_bytes, "{stream} at {at}");
        }
        let places = |p: &Packet| u64::try_from(p.pts.as_millis()).unwrap() / 100;
        assert_eq!(ring.packets().map(places).collect::<Vec<_>>(), kept, "{stream}");
        let newest_key = ring.newest_key(|_| true).unwrap_or(ring.places().end);
        assert_eq!(ring.from(newest_key).map(places).collect::<Vec<_>>(), since_key, "{stream}");
        assert_eq!(ring.places().end - ring.places().start, kept.len() as u64, "{stream}");
    }

    #[test]
    fn the_ring_keeps_whole_groups_within_its_bounds() {
        check("ppKpp", 1, 1000, 100, &[2, 3, 4], &[2, 3, 4]);
        check("KppKppKpp", 1, 200, 100, &[6, 7, 8], &[6, 7, 8]);
        check("KppKppKpp", 1, 300, 100, &[3, 4, 5, 6, 7, 8], &[6, 7, 8]);
        check("KppKppKpp", 10, 60_000, 60, &[3, 4, 5, 6, 7, 8], &[6, 7, 8]);
        check("KppppppppKp", 10, 60_000, 50, &[9, 10], &[9, 10]);
        check("Kpppppppp", 10, 60_000, 50, &[], &[]);
        check("Kpppppppp", 1, 100, 50, &[0, 1, 2, 3, 4, 5, 6, 7, 8], &[0, 1, 2, 3, 4, 5, 6, 7, 8]);
    }
}
