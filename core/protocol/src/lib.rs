//! OAuth 2 and OpenID Connect for native apps, without input or output.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
