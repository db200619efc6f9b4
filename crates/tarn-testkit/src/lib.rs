//! Fixtures, a scratch lake and servers for tests.
