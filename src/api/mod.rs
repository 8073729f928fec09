//! The HTTP side: a file per resource, wire twins, problems (RFC 9457), events, device sockets, OpenAPI.
