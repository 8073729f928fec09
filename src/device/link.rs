//! The device sockets of this server: who is connected, handing orders over, hearing what devices say.
