//! What a failed exchange means for the one question that matters: can the server have acted?

use std::error::Error;
use std::io;

use crate::ports::TransportError;

/// Judges by where in the exchange it failed, never by an error's text.
pub(super) fn classify(error: &reqwest::Error) -> TransportError {
    if error.is_builder() {
        TransportError::InvalidRequest
    } else if !error.is_connect() {
        // Also an error of TLS: once a connection stands, the request may have been read before it broke.
        TransportError::NoAnswer
    } else if is_of_tls(error) {
        TransportError::Tls
    } else {
        // Look-up, connection, time-out of either, or a connection lost in the handshake.
        TransportError::Unreachable
    }
}

/// Whether `rustls` judged the server. Its errors travel inside an [`io::Error`], which does not name what it carries as
/// its source.
fn is_of_tls(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let carried = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if error.is::<rustls::Error>() || carried.is_some_and(|carried| is_of_tls(carried)) {
            return true;
        }
        next = error.source();
    }
    false
}
