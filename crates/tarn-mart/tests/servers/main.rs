//! Loads into real servers: MySQL, MariaDB and PostgreSQL, started by the tests.
//!
//! Each test is there once for each kind of server, in a module named after it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs, reason = "tests")]

/// One test for each of the functions, on each kind of server.
macro_rules! on_each_server {
    ($($test:ident),* $(,)?) => {
        on_each_server!(@kind mysql, Mysql, $($test),*);
        on_each_server!(@kind mariadb, Mariadb, $($test),*);
        on_each_server!(@kind postgres, Postgres, $($test),*);
    };
    (@kind $module:ident, $kind:ident, $($test:ident),*) => {
        mod $module {
            $(
                #[test]
                fn $test() -> anyhow::Result<()> {
                    super::$test(&crate::world::World::new(tarn_testkit::Kind::$kind)?)
                }
            )*
        }
    };
}

mod bucket;
mod changing;
mod drift;
#[path = "../../examples/load/folder.rs"]
mod folder;
mod full_disk;
mod interruption;
mod large;
mod memory;
mod modes;
mod reach;
mod refusals;
mod round_trip;
mod world;
