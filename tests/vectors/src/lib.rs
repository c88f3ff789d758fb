//! Conformance cases as data, and their runner.
//!
//! A case says what an issuer does wrong, or does otherwise than most, what a client is told to do, what has to come out,
//! and which requests the issuer must have seen. It is played through the drivers of all languages; they may not differ.
//! The cases stand in the folder `cases`, whose form is explained in this crate's README.

pub mod case;
pub mod compare;
pub mod driver;
pub mod lines;
pub mod play;
pub mod results;
