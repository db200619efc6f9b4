//! Tests of the whole system; each suite is a folder beside this one.
