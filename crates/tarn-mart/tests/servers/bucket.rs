//! Rows by way of the bucket, which Aurora MySQL reads by itself.
//!
//! Between the loader and a real server stands what Aurora has and other servers have not: the statement that reads an object of a
//! bucket, which here becomes one that reads a file of the server's own disk. All the rest of it, and the rows, are the server's matter.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::Result;
use async_trait::async_trait;
use bytes::Bytes;
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::{
    LoadMode, LoadOutcome, MartError, Object, ObjectError, ObjectReader, ObjectStore, ObjectWriter,
};
use tarn_testkit::{Database, Kind};

use crate::folder::Folder;
use crate::world::{World, mart_at, merge, refused};

on_each_server!(rows_take_the_way_of_the_bucket, what_the_server_refuses_leaves_nothing_there, other_servers_say_so);

const BUCKET: &str = "s3://lake/";

/// A bucket: what lies in a folder, and what is written there.
struct Bucket {
    files: Folder,
    written: Arc<Mutex<Vec<String>>>,
}

struct Writing {
    key: Key,
    path: PathBuf,
    file: File,
}

impl Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl ObjectWriter for Writing {
    fn finish(self: Box<Self>) -> Result<(), ObjectError> {
        let failed = |source| ObjectError::Io { key: self.key.clone(), action: "written", source };
        fs::rename(self.path.with_extension("unfinished"), &self.path).map_err(failed)
    }
}

impl Bucket {
    fn path(&self, key: &Key) -> PathBuf {
        self.files.0.join(key.as_str())
    }
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), ObjectError> {
        self.files.put(key, bytes).await
    }

    async fn get(&self, key: &Key) -> Result<Bytes, ObjectError> {
        self.files.get(key).await
    }

    async fn list(&self, prefix: &Key) -> Result<Vec<Object>, ObjectError> {
        self.files.list(prefix).await
    }

    async fn delete(&self, keys: &[Key]) -> Result<(), ObjectError> {
        for key in keys {
            match fs::remove_file(self.path(key)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(ObjectError::Io { key: key.clone(), action: "deleted", source: error });
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn create(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        let failed = |source| ObjectError::Io { key: key.clone(), action: "written", source };
        let path = self.path(key);
        fs::create_dir_all(path.parent().unwrap()).map_err(failed)?;
        let file = File::create(path.with_extension("unfinished")).map_err(failed)?;
        self.written.lock().unwrap().push(key.as_str().to_owned());
        Ok(Box::new(Writing { key: key.clone(), path, file }))
    }

    fn open(&self, key: &Key) -> Result<Box<dyn ObjectReader>, ObjectError> {
        self.files.open(key)
    }

    fn uri(&self, key: &Key) -> String {
        format!("{BUCKET}{key}")
    }

    fn key_of(&self, uri: &str) -> Option<Key> {
        uri.strip_prefix(BUCKET).map(Key::new)
    }
}

/// A port that leads to a server, and knows the statement.
struct Aurora {
    port: u16,
    /// Statements that read the bucket.
    loads: Arc<AtomicU32>,
    /// How many of them, the first ones, end with their connection.
    cut: Arc<AtomicU32>,
}

impl Aurora {
    fn before(port: u16, folder: &Path) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let aurora = Self { port: listener.local_addr()?.port(), loads: Arc::default(), cut: Arc::default() };
        let (loads, cut, folder) = (Arc::clone(&aurora.loads), Arc::clone(&aurora.cut), folder.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let (mut answers, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || io::copy(&mut answers, &mut back));
                let (loads, cut, folder) = (Arc::clone(&loads), Arc::clone(&cut), folder.clone());
                std::thread::spawn(move || translate(client, server, &folder, &loads, &cut));
            }
        });
        Ok(aurora)
    }
}

/// Passes packets on: three bytes of length, one of order, and what they say.
fn translate(mut client: TcpStream, mut server: TcpStream, folder: &Path, loads: &AtomicU32, cut: &AtomicU32) {
    let statement = format!("\u{3}LOAD DATA FROM S3 '{BUCKET}");
    let mut pass = || -> io::Result<()> {
        loop {
            let mut head = [0; 4];
            client.read_exact(&mut head)?;
            let mut packet = vec![0; u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize];
            client.read_exact(&mut packet)?;
            if let Some(rest) = packet.strip_prefix(statement.as_bytes()) {
                loads.fetch_add(1, Ordering::AcqRel);
                let file = format!("\u{3}LOAD DATA INFILE '{}/", folder.display());
                packet = [file.as_bytes(), rest].concat();
            }
            let length = u32::try_from(packet.len()).unwrap().to_le_bytes();
            server.write_all(&[length[0], length[1], length[2], head[3]])?;
            server.write_all(&packet)?;
            if packet.starts_with(b"\x03LOAD DATA INFILE") && cut.load(Ordering::Acquire) > 0 {
                cut.fetch_sub(1, Ordering::AcqRel);
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
        }
    };
    let _ = pass();
    let _ = client.shutdown(std::net::Shutdown::Both);
    let _ = server.shutdown(std::net::Shutdown::Both);
}

/// A server that reads files, and the way to it.
fn aurora(kind: Kind) -> Result<(World, Aurora)> {
    let server = Arc::new(Database::start_with(kind, &["--secure-file-priv=", "--local-infile=0"])?);
    let user = server.sql("select current_user()")?.replace('@', "'@'");
    server.administer(&format!("grant file on *.* to '{user}'"))?;
    let world = World::on(server)?;
    let aurora = Aurora::before(world.database.port(), world.folder.path())?;
    Ok((world, aurora))
}

fn load(world: &World, aurora: &Aurora, load: &tarn_pipeline::ports::Load) -> Result<LoadOutcome, MartError> {
    let mart = mart_at(&format!("{}?load=s3", world.database.url_at(aurora.port)))?;
    let bucket = Bucket { files: Folder(world.folder.path().to_owned()), written: Arc::default() };
    let written = Arc::clone(&bucket.written);
    let outcome = world.runtime.block_on(mart.load(load, Arc::new(bucket), &|_| {}));
    let written = written.lock().unwrap();
    assert!(!written.is_empty() && written.iter().all(|key| key.starts_with(&format!("mart/{}/", load.run))));
    assert_eq!(fs::read_dir(world.folder.path().join("mart").join(load.run.as_str())).unwrap().count(), 0);
    outcome
}

fn rows_take_the_way_of_the_bucket(world: &World) -> Result<()> {
    if !world.is_mysql() {
        let url = format!("{}?load=s3", world.database.url());
        let error = mart_at(&url).err().unwrap();
        assert!(error.message.contains("only Aurora MySQL"), "{}", error.message);
        return Ok(());
    }
    let (other, aurora) = aurora(world.kind())?;
    let (first, second) =
        (other.numbers("a.parquet", 0..30_000, "a'\\\n\t🍣"), other.numbers("b.parquet", 10_000..40_000, "b"));
    load(&other, &aurora, &other.load_of("r1", LoadMode::Replace, &[first]))?;
    // A connection that is lost while the server reads takes nothing with it.
    aurora.cut.store(1, Ordering::Release);
    let merging = other.load_of("r2", merge(&["id"]), &[second]);
    assert_eq!(load(&other, &aurora, &merging)?.rows, 30_000);
    assert_eq!(other.sql("select count(*), sum(id), sum(name = 'a''\\\\\\n\\t🍣') from %T"), "40000\t799980000\t10000");
    assert_eq!((aurora.loads.load(Ordering::Acquire), other.leftovers().as_str()), (3, "0"));
    Ok(())
}

fn what_the_server_refuses_leaves_nothing_there(world: &World) -> Result<()> {
    if !world.is_mysql() {
        return Ok(());
    }
    let (other, aurora) = aurora(world.kind())?;
    load(&other, &aurora, &other.load_of("r1", merge(&["id"]), &[other.numbers("a.parquet", 0..10, "a")]))?;
    let before = other.state();
    let twice = other.load_of("r2", LoadMode::Replace, &[other.numbers("b.parquet", [7, 8, 7], "b")]);
    let mut keyed = twice.clone();
    keyed.options.key = vec!["id".to_owned()];
    let error = refused(load(&other, &aurora, &keyed), "Duplicate entry");
    assert!(error.hint.unwrap().contains("audit `unique`"));
    assert_eq!(other.state(), before);
    Ok(())
}

fn other_servers_say_so(world: &World) -> Result<()> {
    if !world.is_mysql() {
        return Ok(());
    }
    let load = world.load_of("r1", LoadMode::Replace, &[world.numbers("a.parquet", 0..10, "a")]);
    let mart = mart_at(&format!("{}?load=s3", world.database.url()))?;
    // MySQL knows the statement and has no right for it, MariaDB does not know it.
    let says = if world.kind() == Kind::Mysql { "does not let the user load from S3" } else { "error 1064" };
    let bucket = || Bucket { files: Folder(world.folder.path().to_owned()), written: Arc::default() };
    let error = refused(world.runtime.block_on(mart.load(&load, Arc::new(bucket()), &|_| {})), says);
    assert!(error.hint.unwrap().contains("AWS_LOAD_S3_ACCESS"));
    refused(world.runtime.block_on(mart.load(&load, world.objects(), &|_| {})), "the lake is not there");
    Ok(())
}
