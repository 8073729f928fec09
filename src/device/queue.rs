//! The short queue before one device's socket. Not here: sockets, time.
//!
//! A `lift.release` jumps it, and takes the stops before it out of it; a newer stop takes out an older one.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::{Order, Verb};

#[derive(Debug, Default)]
struct Inner {
    orders: VecDeque<Order>,
    overtaken: Vec<Order>,
}

/// Bounded; a full one refuses.
#[derive(Debug)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    changed: Notify,
    capacity: usize,
}

/// The queue is full: the order was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self { inner: Mutex::default(), changed: Notify::new(), capacity: capacity.max(1) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an order in; never waits.
    pub(super) fn push(&self, order: Order) -> Result<(), Full> {
        {
            let mut inner = self.lock();
            let is_release = order.request.verb == Verb::LiftRelease;
            if is_release || order.request.verb.lease().is_some() {
                let (stops, kept) = inner.orders.drain(..).partition(|o| o.request.verb.lease().is_some());
                inner.orders = kept;
                let stops: VecDeque<Order> = stops;
                inner.overtaken.extend(stops);
            }
            if inner.orders.len() >= self.capacity || inner.overtaken.len() >= self.capacity * 4 {
                return Err(Full);
            }
            if is_release {
                inner.orders.push_front(order);
            } else {
                inner.orders.push_back(order);
            }
        }
        self.changed.notify_one();
        Ok(())
    }

    /// The next order to send.
    pub(super) fn pop(&self) -> Option<Order> {
        self.lock().orders.pop_front()
    }

    /// Orders that a newer one made pointless, to be reported.
    pub(super) fn take_overtaken(&self) -> Vec<Order> {
        std::mem::take(&mut self.lock().overtaken)
    }

    /// Whether the next order is a release.
    pub(super) fn is_urgent(&self) -> bool {
        self.lock().orders.front().is_some_and(|order| order.request.verb == Verb::LiftRelease)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().orders.is_empty()
    }

    /// Something was pushed since the last call.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}
