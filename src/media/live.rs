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

/// A picture this much earlier than one before it is not one in another order: the stream's clock was set back.
const SET_BACK: i64 = TICKS as i64 / 2;

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
    /// The latest time at which a packet since then was to be shown.
    latest: i64,
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
            if self.last.is_some() && pts < self.latest - SET_BACK {
                self.skip();
            }
            if self.last.is_none() {
                self.latest = pts;
                self.order = Order::knowing(&in_one_piece(packets.get(at..).unwrap_or_default()));
            }
            self.latest = self.latest.max(pts);
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

/// When the packets are shown, up to where the stream's clock is set back.
fn in_one_piece(packets: &[Packet]) -> Vec<i64> {
    let mut latest = i64::MIN;
    let times = packets.iter().map(|p| ticks(p.pts)).take_while(|pts| {
        let set_back = *pts < latest.saturating_sub(SET_BACK);
        latest = latest.max(*pts);
        !set_back
    });
    times.collect()
}

/// In ticks.
pub(super) fn ticks(time: Duration) -> i64 {
    i64::try_from(time.as_nanos() * u128::from(TICKS) / 1_000_000_000).unwrap_or(i64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::CameraId,
        camera::Codec,
        media::mp4::tests::{config, read_fragment},
    };

    /// A packet of connection `connection`, shown at `ms`, that arrives 10 s and `ms` after the origin.
    fn packet(connection: u64, ms: u64, key: bool) -> Packet {
        let config = config();
        let (sps, pps) = (&config.sps[0], &config.pps[0]);
        let start = [0, 0, 0, 1].as_slice();
        let slice = if key { [0x65, 1] } else { [0x41, 2] };
        let data = if key {
            [start, sps.as_slice(), start, pps, start, &slice].concat()
        } else {
            [start, slice.as_slice()].concat()
        };
        Packet {
            camera: CameraId::from_u128(1),
            codec: Codec::H264,
            connection,
            size: Some(config.size),
            data: data.into(),
            pts: Duration::from_millis(ms),
            key,
            arrived: Mono::from_ms(10_000 + ms),
        }
    }

    /// For each piece `init`, or where it begins and ends on the line and when it is shown, in ms.
    fn line(pieces: &[Piece]) -> Vec<String> {
        let one = |piece: &Piece| match piece {
            Piece::Init { codec, .. } => format!("init {codec}"),
            Piece::Fragment(bytes) => {
                let (at, sample, data) = read_fragment(bytes);
                assert_eq!(data.len(), 6, "one slice and its length");
                let key = if sample.key { " key" } else { "" };
                let shown = i64::try_from(at).unwrap() + i64::from(sample.shown_after);
                format!("{}-{} {}{key}", at / 90, (at + u64::from(sample.duration)) / 90, shown / 90)
            }
        };
        pieces.iter().map(one).collect()
    }

    #[test]
    fn each_fragment_begins_where_the_one_before_ends() {
        let mut stream = LiveStream::default();
        let pieces = stream.push(&[packet(1, 500, false), packet(1, 540, true), packet(1, 580, false)]).unwrap();
        assert_eq!(line(&pieces), ["init avc1.64001f", "0-40 40 key", "40-80 80"]);
        // Uneven, as cameras are; a key frame with the same parameters begins nothing new.
        let pieces = stream.push(&[packet(1, 650, false), packet(1, 660, true)]).unwrap();
        assert_eq!(line(&pieces), ["80-150 150", "150-160 160 key"]);
        let place = |stream: &LiveStream, ms: u64| stream.place_of(Mono::from_ms(10_000 + ms));
        assert_eq!(place(&stream, 650), Some(0.15));
        assert_eq!(place(&stream, 500), None, "it was never sent");
        // A pause of five seconds is none on the line: nobody is to see it again.
        assert_eq!(line(&stream.push(&[packet(1, 5660, false)]).unwrap()), ["160-200 200"]);
        // Skipped packets leave no gap.
        stream.skip();
        assert_eq!(
            line(&stream.push(&[packet(1, 9000, true), packet(1, 9040, false)]).unwrap()),
            ["200-240 240 key", "240-280 280"]
        );
        // A new connection begins its times anew; the line goes on, after an init.
        let pieces = stream.push(&[packet(2, 0, false), packet(2, 40, true), packet(2, 80, false)]).unwrap();
        assert_eq!(line(&pieces), ["init avc1.64001f", "280-320 320 key", "320-360 360"]);
        stream.restart();
        assert_eq!(line(&stream.push(&[packet(2, 120, false), packet(2, 160, true)]).unwrap())[0], "init avc1.64001f");
    }

    #[test]
    fn a_change_of_the_stream_brings_an_init() {
        let mut stream = LiveStream::default();
        stream.push(&[packet(1, 0, true)]).unwrap();
        let larger = Packet { size: Some(Size { width: 1920, height: 1080 }), ..packet(1, 40, true) };
        assert_eq!(line(&stream.push(&[larger]).unwrap()), ["init avc1.64001f", "40-80 80 key"]);
        let other = Packet { codec: Codec::H265, ..packet(2, 80, true) };
        assert_eq!(LiveStream::default().push(&[other]).unwrap(), []);
    }

    #[test]
    fn a_clock_that_is_set_back_leaves_no_gap_and_no_crowd() {
        // All at once, as the first packets come, and one by one.
        let sent = [(2000, true), (2040, false), (100, false), (140, false), (180, false)];
        let packets: Vec<Packet> = sent.iter().map(|(ms, key)| packet(1, *ms, *key)).collect();
        let expected = ["0-40 40 key", "40-80 80", "80-120 120", "120-160 160", "160-200 200"];
        assert_eq!(line(&LiveStream::default().push(&packets).unwrap()[1..]), expected);
        let mut stream = LiveStream::default();
        let pieces: Vec<Piece> = packets.chunks(1).flat_map(|p| stream.push(p).unwrap()).collect();
        assert_eq!(line(&pieces[1..]), expected);
    }

    #[test]
    fn pictures_in_another_order_are_shown_in_theirs() {
        let mut stream = LiveStream::default();
        let sent = [(0, true), (120, false), (40, false), (80, false), (240, false), (160, false), (200, false)];
        let packets: Vec<Packet> = sent.iter().map(|(ms, key)| packet(1, *ms, *key)).collect();
        let pieces = stream.push(&packets).unwrap();
        assert_eq!(
            line(&pieces[1..]),
            ["0-40 80 key", "40-80 200", "80-120 120", "120-160 160", "160-200 320", "200-240 240", "240-280 280"]
        );
    }
}
