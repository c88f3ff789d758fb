//! The targets, a file a subject.

pub(crate) mod callback;
pub(crate) mod client_settings;
mod device;
pub(crate) mod id_token;
pub(crate) mod lab;
pub(crate) mod proof;
pub(crate) mod renewal;
pub(crate) mod responses;
pub(crate) mod stored_record;
