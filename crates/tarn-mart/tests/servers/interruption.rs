//! Whatever breaks off: readers see the old rows or the new ones, and the next load comes to the new ones.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use mysql_async::prelude::Queryable as _;
use tarn_pipeline::ports::{Column, GoneRows, Load, LoadMode, VersionFile};
use tarn_testkit::{Cut, CuttingProxy, Database, Kind};
use tokio::task::JoinHandle;

use crate::world::{World, by_day, file, mart_at, merge};

on_each_server!(
    a_killed_loader_leaves_nothing,
    a_cut_connection_is_taken_up_again,
    a_lost_answer_is_looked_up,
    a_connection_that_hangs_is_given_up,
    a_connection_that_hangs_at_both_ends_is_given_up,
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
/// Rows of a partition that is not loaded.
const OTHERS: i64 = 1_000;
const COLUMNS: &str = "id:bigint;name:string";
const KEYS: &str = "day:string";

/// What a reader asks: how many rows there are, their keys, the new among them, and a sum over all bytes of all rows.
fn question(world: &World) -> String {
    let row = "concat_ws(',', id, name, day)";
    let bytes = if world.is_mysql() {
        format!("sum(crc32({row}))")
    } else {
        format!("sum(('x' || substr(md5({row}), 1, 8))::bit(32)::bigint)")
    };
    let new = "sum(case when name = 'new' then id else 0 end)";
    format!("select concat(count(*), '|', sum(id), '|', {new}, '|', {bytes}) from {}", world.quoted())
}

/// Asks again and again until told to stop; gives all the different answers.
struct Reader {
    is_over: Arc<AtomicBool>,
    task: JoinHandle<Result<BTreeSet<String>>>,
}

impl Reader {
    /// Over one connection, which must not fail.
    fn start(world: &World) -> Self {
        Self::of(world, &world.database.url(), false)
    }

    /// From a server that may be away.
    fn of(world: &World, url: &str, may_fail: bool) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, url, question) = (Arc::clone(&is_over), url.to_owned(), question(world));
        let is_mysql = world.is_mysql();
        let task = world.runtime.spawn(async move {
            let mut seen = BTreeSet::new();
            while !over.load(Ordering::Acquire) {
                let read = async {
                    if is_mysql {
                        read_mysql(&url, &question, &over, &mut seen).await
                    } else {
                        read_postgres(&url, &question, &over, &mut seen).await
                    }
                };
                match read.await {
                    Err(error) if !may_fail => return Err(error),
                    _ => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
            Ok(seen)
        });
        Self { is_over, task }
    }

    /// Ends it; it must have seen nothing but the old rows and the new ones.
    fn end(self, world: &World, mode: &Mode) -> Result<()> {
        self.is_over.store(true, Ordering::Release);
        let seen = world.runtime.block_on(self.task)??;
        assert!(!seen.is_empty(), "{}: nothing was read", mode.name);
        assert!(seen.iter().all(|state| *state == mode.old || *state == mode.new), "{}: {seen:?}", mode.name);
        Ok(())
    }
}

async fn read_mysql(url: &str, question: &str, over: &AtomicBool, seen: &mut BTreeSet<String>) -> Result<()> {
    let mut connection = mysql_async::Conn::from_url(url).await?;
    while !over.load(Ordering::Acquire) {
        let answer: Option<String> = connection.query_first(question).await?;
        seen.insert(answer.context("no answer")?);
    }
    Ok(())
}

async fn read_postgres(url: &str, question: &str, over: &AtomicBool, seen: &mut BTreeSet<String>) -> Result<()> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    let driver = tokio::spawn(connection);
    while !over.load(Ordering::Acquire) {
        seen.insert(client.query_one(question, &[]).await?.get(0));
    }
    driver.abort();
    Ok(())
}

/// A load of new rows over old ones.
struct Mode {
    name: &'static str,
    /// As the program is told it.
    argument: &'static str,
    file: &'static str,
    original: Load,
    load: Load,
    /// What readers see before and after it.
    old: String,
    new: String,
}

impl Mode {
    fn program(&self, world: &World) -> std::process::Command {
        let (url, file) = (world.database.url(), format!("d1={}", self.file));
        let mut command = world.program(&url, "r2", self.argument, COLUMNS, KEYS, &[&file]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// The load itself, once, undisturbed; learns what readers see.
    fn learn(&mut self, world: &World) -> Result<()> {
        for (load, state) in [(&self.original, &mut self.old), (&self.load, &mut self.new)] {
            world.load(load)?;
            let seen = world.sql(&question(world));
            // What can be known without the database.
            assert!(seen.starts_with(state.as_str()), "{}: {seen} is not {state}", self.name);
            *state = seen;
        }
        Ok(())
    }
}

/// All modes, over the same old rows: those of `d1` are loaded, those of `d2` are not.
fn modes(world: &World) -> Vec<Mode> {
    world.numbers("old.parquet", 0..ROWS, "old");
    world.numbers("others.parquet", (0..OTHERS).map(|id| 10 * ROWS + id), "other");
    // Out of order, so that a half of the rows is no half of the keys.
    let count = 2 * ROWS - ROWS / 2;
    world.numbers("new.parquet", (0..count).map(|index| ROWS / 2 + index * 7_919 % count), "new");
    let others: Vec<i64> = (0..OTHERS).map(|id| 10 * ROWS + id).collect();
    let (old, new): (Vec<i64>, Vec<i64>) = ((0..ROWS).collect(), (ROWS / 2..2 * ROWS).collect());
    let state = |parts: &[&[i64]], new: i64| {
        let rows: usize = parts.iter().map(|part| part.len()).sum();
        format!("{rows}|{}|{new}|", parts.iter().copied().flatten().sum::<i64>())
    };
    let sum: i64 = new.iter().sum();
    let kept: Vec<i64> = (0..ROWS / 2).collect();
    let load = |run: &str, mode: LoadMode, files: &[VersionFile]| {
        let mut load = world.load_of(run, mode, files);
        load.partition_keys = vec![Column::new("day", "string")];
        load.partitions = vec![vec![Some("d1".to_owned())]];
        load
    };
    let days = [file("old.parquet", &[Some("d1")]), file("others.parquet", &[Some("d2")])];
    let mode = |name, argument, mode: LoadMode, gone, after: String| {
        let mut original = load("r1", LoadMode::Replace, &days);
        original.force = true;
        original.options.key = if name == "append" { vec![] } else { vec!["id".to_owned()] };
        let mut load = load("r2", mode, &[file("new.parquet", &[Some("d1")])]);
        load.options.gone = gone;
        Mode { name, argument, file: "new.parquet", original, load, old: state(&[&old, &others], 0), new: after }
    };
    let keep = GoneRows::default();
    world.numbers("rising.parquet", ROWS / 2..2 * ROWS, "new");
    let mut modes = vec![
        mode("replace", "replace", LoadMode::Replace, keep, state(&[&new], sum)),
        mode("merge", "merge:id", merge(&["id"]), keep, state(&[&kept, &new, &others], sum)),
        mode("append", "append", LoadMode::Append, keep, state(&[&old, &new, &others], sum)),
        mode("partition", "partition", by_day(), keep, state(&[&new, &others], sum)),
        mode("merge, gone", "merge_delete:id", merge(&["id"]), GoneRows::Delete, state(&[&new, &others], sum)),
        mode("merge in order", "merge:id", merge(&["id"]), keep, state(&[&kept, &new, &others], sum)),
    ];
    for mode in modes.iter_mut().filter(|mode| mode.name == "merge in order") {
        mode.file = "rising.parquet";
        mode.load.files = vec![file(mode.file, &[Some("d1")])];
    }
    modes
}

/// What a reader sees.
fn seen(world: &World) -> String {
    world.sql(&question(world))
}

fn a_killed_loader_leaves_nothing(world: &World) -> Result<()> {
    let mut chance = Chance::new();
    for mut mode in modes(world) {
        mode.learn(world)?;
        world.load(&mode.original)?;
        let started = Instant::now();
        assert!(mode.program(world).status()?.success());
        let whole = started.elapsed();
        assert_eq!(seen(world), mode.new, "{}", mode.name);
        for _ in 0..kills() {
            world.load(&mode.original)?;
            assert_eq!(seen(world), mode.old, "{}", mode.name);
            let reader = Reader::start(world);
            let mut child = mode.program(world).spawn()?;
            std::thread::sleep(Duration::from_micros(chance.below(u64::try_from(whole.as_micros())?)));
            child.kill()?;
            child.wait()?;
            // The server still undoes what the process left; readers go on meanwhile.
            world.load(&mode.load)?;
            assert_eq!(seen(world), mode.new, "{}", mode.name);
            assert_eq!((world.leftovers().as_str(), world.loaded().as_deref()), ("0", Some("r2")));
            reader.end(world, &mode)?;
        }
    }
    Ok(())
}

fn a_cut_connection_is_taken_up_again(world: &World) -> Result<()> {
    cut(world, CuttingProxy::sent, Cut::After)
}

/// The answer to the commit among them: the rows are there, and nobody was told.
fn a_lost_answer_is_looked_up(world: &World) -> Result<()> {
    cut(world, CuttingProxy::answered, Cut::AfterAnswers)
}

fn cut(world: &World, count: fn(&CuttingProxy) -> u64, after: fn(u64) -> Cut) -> Result<()> {
    let proxy = CuttingProxy::to(world.database.port())?;
    let mart = mart_at(&world.database.url_at(proxy.port()))?;
    let mut chance = Chance::new();
    for mut mode in modes(world) {
        mode.learn(world)?;
        world.load(&mode.original)?;
        let before = count(&proxy);
        world.runtime.block_on(mart.load(&mode.load, world.objects(), &|_| {}))?;
        let bytes = count(&proxy) - before;
        for _ in 0..kills() {
            world.load(&mode.original)?;
            let cuts = proxy.cuts();
            let reader = Reader::start(world);
            // The farewell is of no interest, and not always sent.
            proxy.set(after(chance.below(bytes - bytes / 20)));
            let outcome = world.runtime.block_on(mart.load(&mode.load, world.objects(), &|_| {}))?;
            assert_eq!(proxy.cuts(), cuts + 1, "it was not cut");
            assert_eq!((outcome.rows, outcome.repeated), (u64::try_from(ROWS + ROWS / 2)?, false));
            assert_eq!(seen(world), mode.new, "{}", mode.name);
            reader.end(world, &mode)?;
        }
        proxy.set(Cut::Never);
    }
    Ok(())
}

/// Nothing more comes, as from behind a firewall that forgot the connection; the server learns that it ended, and the loader does not.
fn a_connection_that_hangs_is_given_up(world: &World) -> Result<()> {
    hang(world, Cut::Stall)
}

/// Nobody learns that the connection ended: the server keeps for it what it locked, which the next try ends.
fn a_connection_that_hangs_at_both_ends_is_given_up(world: &World) -> Result<()> {
    hang(world, Cut::Silence)
}

/// Loads into a stage, and straight into the table where that is done; each hangs once.
fn hang(world: &World, after: fn(u64) -> Cut) -> Result<()> {
    let proxy = CuttingProxy::to(world.database.port())?;
    let mart = mart_at(&format!("{}?stall_timeout=2", world.database.url_at(proxy.port())))?;
    for (run, name, cuts) in [("r1", "a", 1), ("r2", "b", 2)] {
        let load = world.load_of(run, merge(&["id"]), &[world.numbers("a.parquet", 0..400_000, name)]);
        proxy.set(after(1_000_000));
        let started = Instant::now();
        let outcome = world.runtime.block_on(mart.load(&load, world.objects(), &|_| {}))?;
        let seconds = started.elapsed().as_secs();
        assert_eq!((outcome.rows, proxy.cuts()), (400_000, cuts));
        assert!((2..90).contains(&seconds), "{run}: {seconds} s");
        assert_eq!(world.state(), format!("400000|1|79999800000|{name}|{name}"));
        assert_eq!((world.leftovers().as_str(), world.loaded().as_deref()), ("0", Some(run)));
    }
    Ok(())
}

fn a_killed_server_is_waited_for(world: &World) -> Result<()> {
    let mut server = Database::start(world.kind())?;
    let mut chance = Chance::new();
    let url = server.url();
    let question = question(world);
    let mart = Arc::new(mart_at(&url)?);
    for mut mode in modes(world) {
        mode.learn(world)?;
        for _ in 0..kills().div_ceil(3) {
            world.runtime.block_on(mart.load(&mode.original, world.objects(), &|_| {}))?;
            assert_eq!(server.sql(&question)?, mode.old, "{}", mode.name);
            let reader = Reader::of(world, &url, true);
            let (mart, load, objects) = (Arc::clone(&mart), mode.load.clone(), world.objects());
            let loading = world.runtime.spawn(async move { mart.load(&load, objects, &|_| {}).await });
            std::thread::sleep(Duration::from_millis(chance.below(SERVER_KILLED_WITHIN)));
            server.kill()?;
            server.restart()?;
            let state = server.sql(&question)?;
            assert!(state == mode.old || state == mode.new, "{}: {state}", mode.name);
            let outcome = world.runtime.block_on(loading)??;
            // When it was done before the server ended, nothing had to be taken up.
            assert_eq!(outcome.rows, u64::try_from(ROWS + ROWS / 2)?, "{}", mode.name);
            assert_eq!(server.sql(&question)?, mode.new, "{}", mode.name);
            reader.end(world, &mode)?;
        }
    }
    Ok(())
}

/// A load of these rows takes about so many milliseconds.
const SERVER_KILLED_WITHIN: u64 = 800;

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
