//! An authorization server and an API for tests.
