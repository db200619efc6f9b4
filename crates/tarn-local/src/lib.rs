//! The ports on a laptop.
