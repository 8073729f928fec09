//! The API over real sockets: a real listener, a real store, real HTTP and WebSocket clients. What lies behind the API
//! (cameras running, lifts moving) is stood in for by `support::Fake`, which keeps what it is told.

mod access;
mod contract;
mod events;
mod hostile;
mod login;
mod records;
mod rest;
mod sites;
mod support;
