//! A camera's packets for those who read along: the ring and a bell. Each reader has its own place in the ring and
//! nothing of its own beside it: one that falls behind skips to the newest key frame, and neither the camera nor
//! another reader waits for it. Not here: what a reader does with packets.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::watch;

use super::{Packet, feed::lock, packet::Ring};
use crate::base::Mono;

/// As much is handed to a reader at once, in bytes, and at least one packet.
const HANDFUL: usize = 1 << 20;

/// The packets of one camera, from its start to its stop; cheap to clone.
#[derive(Clone)]
pub struct Tap(Arc<Inner>);

struct Inner {
    ring: Mutex<Ring>,
    bell: watch::Sender<Bell>,
}

/// What is rung with each packet.
#[derive(Debug, Clone, Copy, Default)]
struct Bell {
    /// The place after the newest packet.
    end: u64,
    stopped: bool,
}

/// One who reads along.
pub struct Reader {
    tap: Tap,
    bell: watch::Receiver<Bell>,
    next: u64,
}

/// What a reader gets at once.
#[derive(Debug, Default)]
pub struct Taken {
    /// In order. After a skip the first is a key frame.
    pub packets: Vec<Packet>,
    /// Packets that the reader was too slow for.
    pub skipped: u64,
}

impl Tap {
    pub(super) fn new(span: Duration, max_bytes: usize) -> Self {
        Self(Arc::new(Inner {
            ring: Mutex::new(Ring::new(span, max_bytes)),
            bell: watch::Sender::new(Bell::default()),
        }))
    }

    /// Takes a packet and wakes the readers; never blocks.
    pub(super) fn push(&self, packet: Packet) {
        let end = {
            let mut ring = lock(&self.0.ring);
            ring.push(packet);
            ring.places().end
        };
        self.0.bell.send_replace(Bell { end, stopped: false });
    }

    /// A new connection begins: what was kept of the last one does not go on into it.
    pub(super) fn clear(&self) {
        lock(&self.0.ring).clear();
    }

    /// The camera was stopped: readers get what is there, and then the end.
    pub(super) fn stop(&self) {
        self.0.bell.send_modify(|bell| bell.stopped = true);
    }

    /// Whether its camera was stopped: nothing more comes.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.bell.borrow().stopped
    }

    /// Reads along from the newest key frame on.
    #[must_use]
    pub fn read(&self) -> Reader {
        self.reader(|ring| ring.newest_key(|_| true).unwrap_or(ring.places().end))
    }

    /// Reads along from the newest key frame that had arrived by `then`; from the oldest one if none had.
    #[must_use]
    pub fn read_since(&self, then: Mono) -> Reader {
        self.reader(|ring| ring.newest_key(|packet| packet.arrived <= then).unwrap_or(ring.places().start))
    }

    /// Every packet at hand, beginning at a key frame.
    #[must_use]
    pub fn recent(&self) -> Vec<Packet> {
        lock(&self.0.ring).packets().cloned().collect()
    }

    fn reader(&self, place: impl FnOnce(&Ring) -> u64) -> Reader {
        // The bell first: a packet that comes in between is rung for.
        let bell = self.0.bell.subscribe();
        let next = place(&lock(&self.0.ring));
        Reader { tap: self.clone(), bell, next }
    }
}

impl Reader {
    /// Waits until there is something to take; false when the camera was stopped and everything was taken. May be
    /// cancelled: nothing is lost.
    pub async fn ready(&mut self) -> bool {
        loop {
            let bell = *self.bell.borrow_and_update();
            if bell.end > self.next {
                return true;
            }
            if bell.stopped || self.bell.changed().await.is_err() {
                return false;
            }
        }
    }

    /// The next packets, about a mebibyte at most. A reader more than `lag` behind the newest packet skips to the
    /// newest key frame, if that lies ahead; one that lost the ring's end goes on at the ring's beginning.
    pub fn take(&mut self, lag: Duration) -> Taken {
        let ring = lock(&self.tap.0.ring);
        let mut from = self.next.max(ring.places().start);
        let behind = match (ring.newest(), ring.from(from).next()) {
            (Some(newest), Some(next)) => newest.arrived.since(next.arrived),
            _ => Duration::ZERO,
        };
        if behind > lag {
            from = ring.newest_key(|_| true).map_or(from, |key| key.max(from));
        }
        let mut bytes = 0;
        let packets: Vec<Packet> = ring
            .from(from)
            .take_while(|packet| {
                let fits = bytes == 0 || bytes + packet.data.len() <= HANDFUL;
                bytes += packet.data.len().max(1);
                fits
            })
            .cloned()
            .collect();
        let skipped = from - self.next;
        self.next = from + u64::try_from(packets.len()).unwrap_or(u64::MAX);
        Taken { packets, skipped }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::{base::CameraId, camera::Codec};

    /// A packet of `size` bytes that comes at `at` tenths of a second.
    fn packet(at: u64, key: bool, size: usize) -> Packet {
        Packet {
            camera: CameraId::from_u128(1),
            codec: Codec::H264,
            connection: 1,
            size: None,
            data: vec![0; size].into(),
            pts: Duration::from_millis(at * 100),
            key,
            arrived: Mono::from_ms(10_000 + at * 100),
        }
    }

    fn places(taken: &Taken) -> Vec<u128> {
        taken.packets.iter().map(|p| p.pts.as_millis() / 100).collect()
    }

    #[test]
    fn a_reader_begins_at_the_newest_key_frame_and_gets_each_packet_once() {
        let tap = Tap::new(Duration::from_secs(60), 1 << 20);
        let mut early = tap.read();
        assert_eq!(early.ready().now_or_never(), None, "nothing yet");
        for at in 0..25 {
            tap.push(packet(at, at % 10 == 0, 10));
        }
        let mut reader = tap.read();
        assert_eq!(reader.ready().now_or_never(), Some(true));
        let taken = reader.take(Duration::from_secs(9));
        assert_eq!((places(&taken), taken.skipped), ((20..25).collect(), 0));
        assert_eq!(reader.ready().now_or_never(), None);
        tap.push(packet(25, false, 10));
        assert_eq!(reader.ready().now_or_never(), Some(true));
        assert_eq!(places(&reader.take(Duration::from_secs(9))), [25]);
        assert_eq!(places(&early.take(Duration::from_secs(9))), (0..26).collect::<Vec<_>>());
        // Five seconds back: the key frame at or before.
        assert_eq!(places(&tap.read_since(Mono::from_ms(11_500)).take(Duration::MAX))[..2], [10, 11]);
        assert_eq!(places(&tap.read_since(Mono::from_ms(0)).take(Duration::MAX))[..2], [0, 1]);
        tap.push(packet(26, false, 10));
        tap.stop();
        assert_eq!(reader.ready().now_or_never(), Some(true), "what is there comes before the end");
        assert_eq!(places(&reader.take(Duration::MAX)), [26]);
        assert_eq!(reader.ready().now_or_never(), Some(false));
    }

    #[test]
    fn a_slow_reader_skips_to_the_newest_key_frame_and_is_told() {
        let tap = Tap::new(Duration::from_secs(60), 1 << 20);
        tap.push(packet(0, true, 10));
        let mut reader = tap.read();
        assert_eq!(places(&reader.take(Duration::from_secs(2))), [0]);
        for at in 1..48 {
            tap.push(packet(at, at % 10 == 0, 10));
        }
        let taken = reader.take(Duration::from_secs(2));
        assert_eq!((places(&taken), taken.skipped), ((40..48).collect(), 39));
        // One whose packets have left the ring goes on with what is there.
        let small = Tap::new(Duration::from_secs(1), 1 << 20);
        small.push(packet(0, true, 10));
        let mut reader = small.read();
        for at in 1..48 {
            small.push(packet(at, at % 10 == 0, 10));
        }
        let taken = reader.take(Duration::from_secs(600));
        assert_eq!((places(&taken), taken.skipped), ((30..48).collect(), 30));
        // So does one whose camera has connected anew.
        small.clear();
        small.push(packet(48, true, 10));
        let taken = reader.take(Duration::from_secs(600));
        assert_eq!((places(&taken), taken.skipped), (vec![48], 0));
    }

    #[test]
    fn much_is_taken_in_handfuls() {
        let tap = Tap::new(Duration::from_secs(60), 64 << 20);
        for at in 0..4 {
            tap.push(packet(at, at == 0, HANDFUL * 2 / 3));
        }
        let mut reader = tap.read();
        for at in 0..4 {
            assert_eq!(places(&reader.take(Duration::from_secs(600))), [at]);
        }
    }
}
