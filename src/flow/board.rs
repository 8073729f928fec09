//! What is shown of devices right now: written by the desk, read by the API. Not here: history (the store).

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::control::DeviceStatus;
use crate::{
    base::{DeviceId, Wall},
    device::protocol::{Hello, Status},
};

/// The devices' newest known state.
#[derive(Default)]
pub(super) struct Board {
    devices: Mutex<HashMap<DeviceId, DeviceStatus>>,
}

impl Board {
    /// A device's state; `None` if it never connected since the start.
    pub(super) fn device(&self, device: DeviceId) -> Option<DeviceStatus> {
        self.devices().get(&device).cloned()
    }

    /// A device connected and said who it is.
    pub(super) fn device_up(&self, device: DeviceId, hello: &Hello, at: Wall) -> DeviceStatus {
        let status = DeviceStatus {
            device,
            online: true,
            since: at,
            vendor: Some(hello.vendor.clone()),
            model: Some(hello.model.clone()),
            firmware: Some(hello.firmware.clone()),
            mode: hello.mode,
            doors: None,
            floor: None,
            moving: None,
            state: None,
        };
        self.devices().insert(device, status.clone());
        status
    }

    /// A device is gone: what it last said is no longer known to be true.
    pub(super) fn device_down(&self, device: DeviceId, at: Wall) -> DeviceStatus {
        let mut devices = self.devices();
        let status = devices.entry(device).or_insert_with(|| DeviceStatus::unknown(device, at));
        *status = DeviceStatus {
            vendor: status.vendor.take(),
            model: status.model.take(),
            firmware: status.firmware.take(),
            ..DeviceStatus::unknown(device, at)
        };
        status.clone()
    }

    /// A device told its state; what it left out stays.
    pub(super) fn device_state(&self, device: DeviceId, state: &Status, at: Wall) -> DeviceStatus {
        let mut devices = self.devices();
        let status = devices.entry(device).or_insert_with(|| DeviceStatus::unknown(device, at));
        status.online = true;
        keep(&mut status.mode, state.mode);
        keep(&mut status.doors, state.doors.map(|d| d.name().to_owned()));
        keep(&mut status.floor, state.floor.clone());
        keep(&mut status.moving, state.moving);
        status.clone()
    }

    /// A device is no longer registered.
    pub(super) fn device_forgotten(&self, device: DeviceId) {
        self.devices().remove(&device);
    }

    fn devices(&self) -> MutexGuard<'_, HashMap<DeviceId, DeviceStatus>> {
        // A panic elsewhere leaves plain data: still the newest that is known.
        self.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep<T>(slot: &mut Option<T>, news: Option<T>) {
    if news.is_some() {
        *slot = news;
    }
}

impl DeviceStatus {
    fn unknown(device: DeviceId, since: Wall) -> Self {
        Self {
            device,
            online: false,
            since,
            vendor: None,
            model: None,
            firmware: None,
            mode: None,
            doors: None,
            floor: None,
            moving: None,
            state: None,
        }
    }
}
