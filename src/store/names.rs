//! Names on the wire and in the database of the domain's plain enums, both ways. Not here: which of them is when.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use crate::{
    alarm::{
        AlarmKind, AlarmState, LiftState,
        escalation::{Sound, Trigger},
    },
    camera::Transport,
    device::{Control, DeviceKind, LiftMode, OrderState},
};

/// A plain enum with a fixed name for each of its values.
pub trait Named: Sized + Copy + 'static {
    /// Every value with its name.
    const NAMES: &'static [(Self, &'static str)];

    /// The name on the wire.
    fn wire(self) -> &'static str;

    /// The value of a name.
    #[must_use]
    fn of_wire(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(value, _)| *value)
    }

    /// All names, for whoever gave another: `raised, acknowledged, …`.
    #[must_use]
    fn all_names() -> String {
        Self::NAMES.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// For types whose room names them: `name()` there is the one place.
macro_rules! named_by_their_room {
    ($($type:ident { $($value:ident),+ $(,)? })+) => {$(
        impl Named for $type {
            const NAMES: &'static [(Self, &'static str)] = &[$(($type::$value, $type::$value.name())),+];

            fn wire(self) -> &'static str {
                self.name()
            }
        }
    )+};
}

named_by_their_room! {
    AlarmState { Raised, Acknowledged, Resolved, FalseAlarm }
    DeviceKind { Lift, Voice, Light, Gate }
    LiftMode { Normal, Fire, Evacuation, Inspection, Earthquake, EmergencyPower, Independent, Unknown }
    OrderState { Sent, Accepted, Holding, Released, Done, Expired, Refused, TimedOut, Offline }
}

macro_rules! named {
    ($($type:ident { $($value:ident = $name:literal),+ $(,)? })+) => {$(
        impl Named for $type {
            const NAMES: &'static [(Self, &'static str)] = &[$(($type::$value, $name)),+];

            fn wire(self) -> &'static str {
                match self { $($type::$value => $name),+ }
            }
        }
    )+};
}

named! {
    Trigger {
        NotAcknowledged = "not_acknowledged", StillThere = "still_there", StopCapped = "stop_capped",
        DeviceOffline = "device_offline",
    }
    Sound { Chime = "chime", Urgent = "urgent", Siren = "siren" }
    AlarmKind { EbikeInLift = "ebike_in_lift", DeviceTrouble = "device_trouble" }
    LiftState {
        None = "none", Ordered = "ordered", Accepted = "accepted", Holding = "holding", Released = "released",
        Expired = "expired", Refused = "refused", TimedOut = "timed_out", Offline = "offline",
    }
    Transport { Tcp = "tcp", Udp = "udp" }
    Control { AlarmOnly = "A", Controlled = "B" }
}

/// The most names that are kept for the life of the process.
const KEPT_NAMES: usize = 1024;

/// A name read back as the `&'static str` that the domain uses for its fixed names (verbs, timeline steps).
/// They come from this program's own constants, of this or an earlier version, so there are few; each is kept once.
pub(super) fn fixed(name: &str) -> &'static str {
    static KEPT: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = kept.get_or_insert_default();
    if let Some(known) = kept.get(name) {
        return known;
    }
    if kept.len() >= KEPT_NAMES {
        return "other";
    }
    let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
    kept.insert(name);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Named + PartialEq + std::fmt::Debug>() {
        for (value, name) in T::NAMES {
            assert_eq!(value.wire(), *name);
            assert_eq!(T::of_wire(name), Some(*value));
        }
        assert_eq!(T::of_wire("no such name"), None);
    }

    #[test]
    fn every_name_reads_back() {
        check::<AlarmKind>();
        check::<AlarmState>();
        check::<LiftState>();
        check::<Transport>();
        check::<DeviceKind>();
        check::<Control>();
        check::<LiftMode>();
        check::<OrderState>();
        check::<Trigger>();
        check::<Sound>();
    }

    #[test]
    fn a_fixed_name_is_kept_once() {
        let text = String::from("captured");
        assert!(std::ptr::eq(fixed(&text), fixed("captured")));
    }
}
