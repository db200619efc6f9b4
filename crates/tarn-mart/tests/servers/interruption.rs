//! Whatever breaks off: readers see the old rows or the new ones, and the next load comes to the new ones.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use mysql_async::prelude::Queryable as _;
use tarn_pipeline::ports::{Load, LoadMode};
use tarn_testkit::{Cut, CuttingProxy, Database, Kind};
use tokio::task::JoinHandle;

use crate::world::{World, mart_at, merge};

on_each_server!(
    a_killed_loader_leaves_nothing,
    a_cut_connection_is_taken_up_again,
    a_killed_server_is_waited_for,
    a_reader_in_the_way_is_waited_for,
);

/// Kills of each mode; the whole proof takes 50 (`TARN_TEST_KILLS=50`).
fn kills() -> u32 {
    std::env::var("TARN_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// Numbers that differ from run to run; told, so that a failure can be repeated with `TARN_TEST_SEED`.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        let given = std::env::var("TARN_TEST_SEED").ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or_else(|| {
            use std::hash::{BuildHasher as _, Hasher as _};
            std::hash::RandomState::new().build_hasher().finish()
        });
        println!("TARN_TEST_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end.max(1)
    }
}

const ROWS: i64 = 40_000;
const QUESTION: &str = "select concat(count(*), '|', sum(id), '|', min(name), '|', max(name)) from ";

/// Asks again and again, over one connection, until told to stop; gives all the different answers.
struct Reader {
    is_over: Arc<AtomicBool>,
    task: JoinHandle<Result<BTreeSet<String>>>,
}

impl Reader {
    fn start(world: &World) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, url, question) =
            (Arc::clone(&is_over), world.database.url(), format!("{QUESTION}{}", world.quoted()));
        let is_mysql = world.is_mysql();
        let task = world.runtime.spawn(async move {
            let mut seen = BTreeSet::new();
            if is_mysql {
                let mut connection = mysql_async::Conn::from_url(&url).await?;
                while !over.load(Ordering::Acquire) {
                    let answer: Option<String> = connection.query_first(&question).await?;
                    seen.insert(answer.context("no answer")?);
                }
            } else {
                let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
                let driver = tokio::spawn(connection);
                while !over.load(Ordering::Acquire) {
                    seen.insert(client.query_one(&question, &[]).await?.get(0));
                }
                driver.abort();
            }
            Ok(seen)
        });
        Self { is_over, task }
    }

    fn end(self, world: &World) -> Result<BTreeSet<String>> {
        self.is_over.store(true, Ordering::Release);
        world.runtime.block_on(self.task)?
    }
}

/// What a load of `new.parquet` over `old.parquet` is in each mode: its name for the program, and the rows after it.
fn modes() -> Vec<(&'static str, LoadMode, String)> {
    let state = |rows: i64, sum: i64, names: &str| format!("{rows}|{sum}|{names}");
    let (old, new) = (0..ROWS, ROWS / 2..2 * ROWS);
    let (old_sum, new_sum): (i64, i64) = (old.clone().sum(), new.clone().sum());
    vec![
        ("replace", LoadMode::Replace, state(new.end - new.start, new_sum, "new|new")),
        ("merge:id", merge(&["id"]), state(2 * ROWS, (0..2 * ROWS).sum(), "new|old")),
        ("append", LoadMode::Append, state(ROWS + new.end - new.start, old_sum + new_sum, "new|old")),
    ]
}

fn old_load(world: &World) -> Load {
    let mut load = world.load_of("r1", LoadMode::Replace, &[crate::world::file("old.parquet", &[])]);
    load.force = true;
    load.options.key = vec!["id".to_owned()];
    load
}

/// What a reader sees.
fn seen(world: &World) -> String {
    world.sql(&format!("{QUESTION}%T"))
}

fn prepare(world: &World) -> String {
    world.numbers("old.parquet", 0..ROWS, "old");
    // Out of order, so that a half of the rows is no half of the keys.
    let count = 2 * ROWS - ROWS / 2;
    world.numbers("new.parquet", (0..count).map(|index| ROWS / 2 + index * 7_919 % count), "new");
    let sum: i64 = (0..ROWS).sum();
    format!("{ROWS}|{sum}|old|old")
}

fn a_killed_loader_leaves_nothing(world: &World) -> Result<()> {
    let old = prepare(world);
    let mut chance = Chance::new();
    for (mode, load_mode, new) in modes() {
        let mut original = old_load(world);
        if mode == "append" {
            original.options.key.clear();
        }
        let load = world.load_of("r2", load_mode, &[crate::world::file("new.parquet", &[])]);
        let columns = "id:bigint;name:string";
        let program = || world.program(&world.database.url(), "r2", mode, columns, "", &["new.parquet"]);
        world.load(&original)?;
        let started = Instant::now();
        assert!(program().stdout(Stdio::null()).status()?.success());
        let whole = started.elapsed();
        assert_eq!(seen(world), new, "{mode}");
        for _ in 0..kills() {
            world.load(&original)?;
            assert_eq!(seen(world), old, "{mode}");
            let reader = Reader::start(world);
            let mut child = program().stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
            std::thread::sleep(Duration::from_micros(chance.below(u64::try_from(whole.as_micros())?)));
            child.kill()?;
            child.wait()?;
            // The server still undoes what the process left; readers go on meanwhile.
            world.load(&load)?;
            assert_eq!(seen(world), new, "{mode}");
            assert_eq!((world.leftovers().as_str(), world.loaded().as_deref()), ("0", Some("r2")));
            let seen = reader.end(world)?;
            assert!(seen.iter().all(|state| *state == old || *state == new), "{mode}: {seen:?}");
        }
    }
    Ok(())
}

fn a_cut_connection_is_taken_up_again(world: &World) -> Result<()> {
    let old = prepare(world);
    let proxy = CuttingProxy::to(world.database.port())?;
    let mart = mart_at(&world.database.url_at(proxy.port()))?;
    let mut chance = Chance::new();
    for (mode, load_mode, new) in modes() {
        let mut original = old_load(world);
        if mode == "append" {
            original.options.key.clear();
        }
        let load = world.load_of("r2", load_mode, &[crate::world::file("new.parquet", &[])]);
        world.load(&original)?;
        let before = proxy.sent();
        world.runtime.block_on(mart.load(&load, world.objects(), &|_| {}))?;
        let bytes = proxy.sent() - before;
        for _ in 0..kills() {
            world.load(&original)?;
            let cuts = proxy.cuts();
            let reader = Reader::start(world);
            // The farewell is of no interest, and not always sent.
            proxy.set(Cut::After(chance.below(bytes - bytes / 20)));
            let outcome = world.runtime.block_on(mart.load(&load, world.objects(), &|_| {}))?;
            assert_eq!(proxy.cuts(), cuts + 1, "it was not cut");
            assert_eq!((outcome.rows, outcome.repeated), (u64::try_from(ROWS + ROWS / 2)?, false));
            assert_eq!(seen(world), new, "{mode}");
            let seen = reader.end(world)?;
            assert!(seen.iter().all(|state| *state == old || *state == new), "{mode}: {seen:?}");
        }
        proxy.set(Cut::Never);
    }
    Ok(())
}

fn a_killed_server_is_waited_for(world: &World) -> Result<()> {
    let kind = world.kind();
    let mut server = Database::start(kind)?;
    let mut chance = Chance::new();
    let url = server.url();
    for (mode, load_mode, new) in modes().into_iter().take(if kills() > 10 { 3 } else { 2 }) {
        let (old, mart, objects) = (prepare(world), mart_at(&url)?, world.objects());
        let load = world.load_of("r2", load_mode, &[crate::world::file("new.parquet", &[])]);
        let original = old_load(world);
        let started = Instant::now();
        world.runtime.block_on(mart.load(&original, Arc::clone(&objects), &|_| {}))?;
        let whole = started.elapsed();
        let question = format!("{QUESTION}{}", world.quoted());
        let loading = world.runtime.spawn(async move {
            let outcome = mart.load(&load, objects, &|_| {}).await;
            (outcome, mart)
        });
        std::thread::sleep(Duration::from_micros(chance.below(u64::try_from(whole.as_micros())?)));
        server.kill()?;
        server.restart()?;
        let seen = server.sql(&question)?;
        assert!(seen == old || seen == new, "{mode}: {seen}");
        let (outcome, _) = world.runtime.block_on(loading)?;
        assert_eq!(outcome?.rows, u64::try_from(ROWS + ROWS / 2)?);
        assert_eq!(server.sql(&question)?, new, "{mode}");
    }
    Ok(())
}

/// A change of a table waits for its readers, and new readers behind it: so it gives up after seconds, and comes again.
fn a_reader_in_the_way_is_waited_for(world: &World) -> Result<()> {
    world.load(&world.load_of("r1", LoadMode::Replace, &[world.numbers("a.parquet", 0..10, "a")]))?;
    let load = world.load_of("r2", LoadMode::Replace, &[world.numbers("b.parquet", 0..20, "b")]);
    let (url, table, is_mysql) = (world.database.url(), world.quoted(), world.kind() != Kind::Postgres);
    let seconds = world.runtime.block_on(async {
        let started = Instant::now();
        let open = format!("select count(*) from {table}");
        let load = async { mart_at(&url)?.load(&load, world.objects(), &|_| {}).await };
        if is_mysql {
            let mut connection = mysql_async::Conn::from_url(&url).await?;
            connection.query_drop("start transaction").await?;
            connection.query_drop(open).await?;
            let hold = async {
                tokio::time::sleep(Duration::from_secs(7)).await;
                connection.query_drop("commit").await
            };
            let (loaded, held) = tokio::join!(load, hold);
            held?;
            loaded?;
        } else {
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
            let driver = tokio::spawn(connection);
            client.batch_execute(&format!("begin; {open}")).await?;
            let hold = async {
                tokio::time::sleep(Duration::from_secs(7)).await;
                client.batch_execute("commit").await
            };
            let (loaded, held) = tokio::join!(load, hold);
            held?;
            loaded?;
            driver.abort();
        }
        anyhow::Ok(started.elapsed().as_secs())
    })?;
    assert!(seconds >= 7, "{seconds}");
    assert_eq!(world.state(), "20|1|190|b|b");
    Ok(())
}
