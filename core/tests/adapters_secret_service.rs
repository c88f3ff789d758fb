//! The Secret Service store against the service on the session bus.
