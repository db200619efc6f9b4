//! Servers that are not reached, not trusted, or not as they usually are.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use async_trait::async_trait;
use tarn_pipeline::ports::{Credentials, LoadMode, MartError, Passwords};
use tarn_testkit::{Certificates, Database, Kind};

use crate::world::{World, mart_at, merge, refused};

on_each_server!(
    a_wrong_password_is_told_without_it,
    a_password_that_was_changed_is_fetched_anew,
    nobody_answers,
    certificates_are_verified,
    questions_only_read,
    inserts_take_the_place_of_a_forbidden_bulk_loader,
);

fn load_at(world: &World, url: &str) -> Result<tarn_pipeline::ports::LoadOutcome, MartError> {
    let load = world.load_of("r1", LoadMode::Replace, &[world.numbers("a.parquet", 0..10, "a")]);
    world.runtime.block_on(mart_at(url)?.load(&load, world.objects(), &|_| {}))
}

fn a_wrong_password_is_told_without_it(world: &World) -> Result<()> {
    let url = world.database.url();
    let error = refused(load_at(world, &url.replace("p%40ss", "hunter2")), "does not accept the user and the password");
    assert!(!format!("{error:?}").contains("hunter2") && !error.retryable);
    refused(load_at(world, &url.replace("/mart", "/other")), "other");
    Ok(())
}

/// A place in which the password was changed after it was read.
struct Changed {
    asked: AtomicU32,
    password: String,
}

#[async_trait]
impl Passwords for Changed {
    async fn credentials(&self, anew: bool) -> Result<Credentials, MartError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let password = if anew { self.password.clone() } else { "old".to_owned() };
        Ok(Credentials { user: Some("tarn".to_owned()), password })
    }
}

fn a_password_that_was_changed_is_fetched_anew(world: &World) -> Result<()> {
    let passwords = Arc::new(Changed { asked: AtomicU32::new(0), password: "p@ss/wörd".to_owned() });
    let url = world.database.url().replace("tarn:p%40ss%2Fw%C3%B6rd@", "nobody@");
    let mart = tarn_mart::open_server(&url, Some(passwords.clone()))?;
    assert_eq!(world.runtime.block_on(mart.loaded(&world.table))?, None);
    assert_eq!(passwords.asked.load(Ordering::Relaxed), 2);
    Ok(())
}

fn nobody_answers(world: &World) -> Result<()> {
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("{}?connect_timeout=1", world.database.url_at(silent.local_addr()?.port()));
    let error = refused(load_at(world, &url), "did not answer within 1 s");
    assert!(error.retryable);
    let port = silent.local_addr()?.port();
    drop(silent);
    assert!(refused(load_at(world, &world.database.url_at(port)), "cannot be reached").retryable);
    Ok(())
}

fn certificates_are_verified(world: &World) -> Result<()> {
    let certificates = Certificates::new()?;
    let file = |name: &str| certificates.file(name).display().to_string();
    let arguments: Vec<String> = if world.is_mysql() {
        vec![format!("--ssl-cert={}", file("server.pem")), format!("--ssl-key={}", file("server.key"))]
    } else {
        [
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", file("server.pem")),
            format!("ssl_key_file={}", file("server.key")),
        ]
        .into_iter()
        .flat_map(|setting| ["-c".to_owned(), setting])
        .collect()
    };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let server = Database::start_with(world.kind(), &arguments)?;
    let by_name = server.url().replace("127.0.0.1", "localhost");
    let authority = file("ca.pem");
    load_at(world, &format!("{by_name}?tls=verify&ca={authority}"))?;
    let unproven = "could not prove who it is";
    // Its authority is none of the system's; its name is not the address; another authority is not its own.
    refused(load_at(world, &format!("{by_name}?tls=verify")), unproven);
    refused(load_at(world, &format!("{}?tls=verify&ca={authority}", server.url())), unproven);
    let other = Certificates::new()?;
    refused(load_at(world, &format!("{by_name}?tls=verify&ca={}", other.file("ca.pem").display())), unproven);
    refused(
        load_at(world, &format!("{by_name}?tls=verify&ca=/nowhere.pem")),
        "the authorities in `/nowhere.pem` cannot be read",
    );
    Ok(())
}

fn questions_only_read(world: &World) -> Result<()> {
    let load = world.load_of("r1", LoadMode::Replace, &[world.numbers("a.parquet", 0..3, "a")]);
    world.load(&load)?;
    let ask = |sql: &str| tarn_mart::query(&world.database.url(), Path::new("/"), &sql.replace("%T", &world.quoted()));
    let answer = ask("select id, name, null as nothing from %T order by id")?;
    assert_eq!(answer.columns, ["id", "name", "nothing"]);
    assert_eq!(answer.rows[2], [Some("2".to_owned()), Some("a".to_owned()), None]);
    for sql in ["delete from %T", "drop table %T", "create table x (a int)"] {
        let error = ask(sql).unwrap_err();
        assert!(error.message.contains("cannot write"), "{sql}: {}", error.message);
    }
    assert!(ask("select 1; commit; drop table %T").is_err());
    assert!(ask("selec").is_err());
    assert_eq!(world.sql("select count(*) from %T"), "3");
    Ok(())
}

fn inserts_take_the_place_of_a_forbidden_bulk_loader(world: &World) -> Result<()> {
    if world.kind() == Kind::Postgres {
        return Ok(());
    }
    let server = Arc::new(Database::start_with(world.kind(), &["--local-infile=0"])?);
    let mut other = World::on(server)?;
    other.load(&other.load_of("r1", merge(&["id"]), &[other.numbers("a.parquet", 0..30_000, "a'\\\n\t🍣")]))?;
    other.load(&other.load_of("r2", merge(&["id"]), &[other.numbers("b.parquet", 10_000..40_000, "b")]))?;
    assert_eq!(other.sql("select count(*), sum(id), sum(name = 'a''\\\\\\n\\t🍣') from %T"), "40000\t799980000\t10000");
    let twice = other.load_of("r3", merge(&["id"]), &[other.numbers("c.parquet", [7, 7], "x")]);
    refused(other.load(&twice), "Duplicate entry");
    other.table.push_str("_edges");
    crate::round_trip::round_trip(&other)
}
