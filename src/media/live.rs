//! The live view's stream for one watcher: the camera's own packets as fragmented MP4 (Media Source Extensions), one
//! fragment per picture, on a time line without a gap. Not here: sockets, where packets come from.

use std::{collections::VecDeque, time::Duration};

use super::{
    annexb::{self, Config},
    mp4::{self, BoxError, Sample},
    order::{Order, TICKS, USUAL},
};
use crate::{
    base::{Mono, Size},
    camera::Packet,
};

/// A longer pause between two pictures is cut to the usual distance: the watcher would only fall behind by it.
const LONGEST: i64 = TICKS as i64;

/// So many pictures back, a scene still finds its place.
const PLACES: usize = 128;

/// What a watcher is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// The stream begins, or goes on in another form: `ftyp` and `moov`.
    Init { codec: String, size: Size, bytes: Vec<u8> },
    /// One picture: `moof` and `mdat`.
    Fragment(Vec<u8>),
}

/// The stream so far. See the module.
///
/// Each picture is decoded at the end of the one before, and takes as long as the distance between the two: a fragment
/// never waits for the packet after it, and the decoding times have no gap, which browsers would fill only at the next
/// key frame (Media Source Extensions, coded frame processing, step 6).
#[derive(Debug, Default)]
pub struct LiveStream {
    config: Option<Config>,
    connection: Option<u64>,
    order: Order,
    /// The decoding time of the packet before, in the camera's ticks.
    last: Option<i64>,
    /// Where the time line ends, in ticks.
    end: i64,
    fragments: u32,
    /// When packets arrived, and when they are shown on the time line, in ticks.
    places: VecDeque<(Mono, i64)>,
}

impl LiveStream {
    /// What the next packets lead to. Nothing, before the first key frame with a whole configuration, and of packets
    /// in a codec other than H.264.
    ///
    /// # Errors
    /// A stream that does not fit into MP4 boxes.
    pub fn push(&mut self, packets: &[Packet]) -> Result<Vec<Piece>, BoxError> {
        let mut pieces = Vec::with_capacity(packets.len());
        for (at, packet) in packets.iter().enumerate() {
            if self.connection != Some(packet.connection) {
                self.connection = Some(packet.connection);
                self.config = None;
            }
            if packet.key
                && let Some(config) = Config::of(packet).filter(|config| self.config.as_ref() != Some(config))
                && let Some(codec) = config.name()
            {
                let bytes = mp4::init(&config)?;
                pieces.push(Piece::Init { codec, size: config.size, bytes });
                self.config = Some(config);
                self.skip();
            }
            if self.config.is_none() {
                continue;
            }
            let pts = ticks(packet.pts);
            if self.last.is_none() {
                let known: Vec<i64> = packets.iter().skip(at).map(|p| ticks(p.pts)).collect();
                self.order = Order::knowing(&known);
            }
            pieces.push(Piece::Fragment(self.fragment(packet, pts)?));
        }
        Ok(pieces)
    }

    fn fragment(&mut self, packet: &Packet, pts: i64) -> Result<Vec<u8>, BoxError> {
        let dts = self.order.next(pts);
        let usual = USUAL.cast_signed();
        let step = self.last.map_or(usual, |last| dts - last);
        let step = if (1..=LONGEST).contains(&step) { step } else { usual };
        // Shown one step after it is decoded, or later where pictures change their order.
        let after = (pts - dts + step).clamp(-LONGEST * 16, LONGEST * 16);
        let begin = self.end;
        self.last = Some(dts);
        self.end += step;
        self.fragments = self.fragments.wrapping_add(1);
        self.places.push_back((packet.arrived, begin + after));
        if self.places.len() > PLACES {
            self.places.pop_front();
        }
        let sample = Sample {
            duration: u32::try_from(step).unwrap_or(TICKS),
            shown_after: i32::try_from(after).unwrap_or(0),
            key: packet.key,
            bytes: 0,
        };
        mp4::fragment(self.fragments, begin.unsigned_abs(), sample, |to| {
            annexb::append_sample(packet.codec, &packet.data, to)
        })
    }

    /// The watcher was shown something else: the next key frame brings an init again.
    pub fn restart(&mut self) {
        self.config = None;
    }

    /// Packets were left out: the time line goes on without a gap at the next one.
    pub fn skip(&mut self) {
        self.last = None;
    }

    /// When the picture whose packet arrived at `captured` is shown, in seconds on the time line.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "2^53 ticks are three thousand years")]
    pub fn place_of(&self, captured: Mono) -> Option<f64> {
        let place = self.places.iter().rev().find(|(arrived, _)| *arrived == captured)?.1;
        Some(place as f64 / f64::from(TICKS))
    }
}

/// In ticks.
pub(super) fn ticks(time: Duration) -> i64 {
    i64::try_from(time.as_nanos() * u128::from(TICKS) / 1_000_000_000).unwrap_or(i64::MAX / 2)
}
