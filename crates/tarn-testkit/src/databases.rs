//! Database servers for tests: each on a free port of loopback, in a folder of its own that is gone afterwards.
//!
//! A server ends when its test does, also when the test's process is killed: a shell beside it waits for that process to close
//! its end of a pipe, and then kills the server.

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use crate::moto::cache;

/// The user and the password of every server of a test.
const USER: &str = "tarn";
const PASSWORD: &str = "p@ss/wörd";
const PASSWORD_ENCODED: &str = "p%40ss%2Fw%C3%B6rd";
/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(120);
/// Nobody, as whom PostgreSQL runs when the tests are run by root, which it refuses.
const NOBODY: u32 = 65_534;

/// Starts `$@`, tells its process id, and kills it when standard input ends.
const WATCHDOG: &str = r#""$@" </dev/null >"$LOG" 2>&1 & server=$!; echo $server; cat >/dev/null; kill -9 $server; wait $server 2>/dev/null"#;

/// A kind of database server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// MySQL itself; Debian has it in its unstable branch, from where `tests/set-up` unpacks it.
    Mysql,
    /// MariaDB.
    Mariadb,
    /// PostgreSQL.
    Postgres,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Mysql, Self::Mariadb, Self::Postgres];

    /// Whether it speaks MySQL's protocol.
    pub fn is_mysql(self) -> bool {
        self != Self::Postgres
    }
}

/// Certificates for a server on loopback: an authority, the server's own, and its key.
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// Makes an authority and a certificate for `localhost`.
    ///
    /// # Errors
    /// When `openssl` is missing or fails.
    pub fn new() -> Result<Self> {
        let folder = TempDir::new()?;
        open_up(folder.path())?;
        let script = "set -e
            openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj '/CN=test authority'
            openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj '/CN=localhost'
            printf 'subjectAltName=DNS:localhost' > san
            openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile san
            chmod 644 *.pem; chmod 600 server.key";
        let output = Command::new("sh").args(["-c", script]).current_dir(folder.path()).output()?;
        if !output.status.success() {
            bail!("no certificates: {}", String::from_utf8_lossy(&output.stderr));
        }
        if is_root() {
            std::os::unix::fs::chown(folder.path().join("server.key"), Some(NOBODY), Some(NOBODY))?;
        }
        Ok(Self { folder })
    }

    /// A file of them: `ca.pem`, `server.pem` or `server.key`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A running server with an empty database `mart`.
pub struct Database {
    kind: Kind,
    folder: TempDir,
    port: u16,
    arguments: Vec<String>,
    watchdog: Option<Child>,
    server: u32,
}

impl Database {
    /// Starts a server.
    ///
    /// # Errors
    /// When it is not installed (`tests/set-up` does that) or does not start.
    pub fn start(kind: Kind) -> Result<Self> {
        Self::start_with(kind, &[])
    }

    /// Starts a server with arguments of its own.
    ///
    /// # Errors
    /// As for [`Database::start`].
    pub fn start_with(kind: Kind, arguments: &[&str]) -> Result<Self> {
        // In memory where that can be: a test syncs its databases hundreds of times.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory)? } else { TempDir::new()? };
        open_up(folder.path())?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut database = Self { kind, folder, port, arguments, watchdog: None, server: 0 };
        database.install()?;
        database.run()?;
        database.make_database()?;
        Ok(database)
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What a lake's `tarn.yaml` says.
    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// What a deployed lake's `tarn.yaml` says: the password is elsewhere.
    pub fn url_without_password(&self) -> String {
        self.url().replacen(&format!(":{PASSWORD_ENCODED}"), "", 1)
    }

    /// The password of every server of a test.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// The same server behind another port of loopback.
    pub fn url_at(&self, port: u16) -> String {
        let scheme = if self.kind.is_mysql() { "mysql" } else { "postgresql" };
        format!("{scheme}://{USER}:{PASSWORD_ENCODED}@127.0.0.1:{port}/mart")
    }

    /// Runs statements by the database's own program; returns what it prints: rows with tabs between values.
    ///
    /// # Errors
    /// With the program's words.
    pub fn sql(&self, sql: &str) -> Result<String> {
        let mut command = match self.kind {
            Kind::Postgres => {
                let mut command = Command::new("psql");
                let url = format!("postgresql://{USER}:{PASSWORD_ENCODED}@127.0.0.1:{}/mart", self.port);
                command.args(["-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", &url, "-c", sql]);
                command
            }
            _ => {
                let mut command = self.mysql_client()?;
                command.args(["-N", "-B", "--raw", "-u", USER, &format!("-p{PASSWORD}"), "mart", "-e", sql]);
                command
            }
        };
        let output = command.stdin(Stdio::null()).output()?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?.trim_end_matches('\n').to_owned())
    }

    /// Kills the server, as a power cut would.
    ///
    /// # Errors
    /// When it cannot be.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut watchdog) = self.watchdog.take() {
            drop(watchdog.stdin.take());
            watchdog.wait()?;
        }
        Ok(())
    }

    /// Starts a killed server again, on the same port and data.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self) -> Result<()> {
        let _ = std::fs::remove_file(self.data().join("postmaster.pid"));
        self.run()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    fn mysql_client(&self) -> Result<Command> {
        let mut command = match self.kind {
            Kind::Mysql => unpacked("usr/bin/mysql")?,
            _ => Command::new("mariadb"),
        };
        command.args(["--no-defaults", "--default-character-set=utf8mb4"]);
        command.arg(format!("--socket={}", self.socket().display()));
        Ok(command)
    }

    /// Servers that start remove what others left in a folder that they share, so each has its own.
    fn own_temporary(&self) -> Result<String> {
        let folder = self.folder.path().join("tmp");
        std::fs::create_dir_all(&folder)?;
        Ok(format!("--tmpdir={}", folder.display()))
    }

    fn install(&self) -> Result<()> {
        let data = self.data();
        let mut command = match self.kind {
            Kind::Postgres => {
                let mut command = as_nobody("initdb");
                command
                    .args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"])
                    .arg(&data);
                command
            }
            Kind::Mariadb => {
                let mut command = Command::new("mariadb-install-db");
                command.args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal"]);
                command.arg(format!("--datadir={}", data.display())).args(self.as_root());
                command.arg(self.own_temporary()?);
                command
            }
            Kind::Mysql => {
                let mut command = unpacked("usr/sbin/mysqld")?;
                command.args(["--no-defaults", "--initialize-insecure"]).args(self.as_root());
                command.arg(self.own_temporary()?);
                command.arg(format!("--datadir={}", data.display()));
                command.arg(format!("--basedir={}", unpacked_folder()?.join("usr").display()));
                command
            }
        };
        let output = command.stdin(Stdio::null()).output().with_context(|| missing(self.kind))?;
        if !output.status.success() {
            bail!("{:?} cannot be set up: {}", self.kind, String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        let started = Instant::now();
        loop {
            match self.run_once() {
                // The children of a server that was killed hold its memory for another moment.
                Err(error) if started.elapsed() < PATIENCE && error.to_string().contains("still in use") => {
                    std::thread::sleep(Duration::from_millis(200));
                }
                ended => return ended,
            }
        }
    }

    fn run_once(&mut self) -> Result<()> {
        let data = self.data();
        let mut server = match self.kind {
            Kind::Postgres => {
                let mut command = as_nobody("postgres");
                command.arg("-D").arg(&data).arg("-k").arg(self.folder.path());
                command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-c", "max_wal_size=4GB"]);
                // Its shared memory goes with its folder: a server that is killed leaves it.
                command.args(["-c", "dynamic_shared_memory_type=mmap"]);
                command
            }
            _ => {
                let mut command =
                    if self.kind == Kind::Mysql { unpacked("usr/sbin/mysqld")? } else { Command::new("mariadbd") };
                command.arg("--no-defaults").args(self.as_root());
                command.arg(format!("--datadir={}", data.display()));
                command.arg(format!("--socket={}", self.socket().display()));
                command.arg(format!("--port={}", self.port));
                command.arg(self.own_temporary()?);
                command.args(["--bind-address=127.0.0.1", "--local-infile=1", "--secure-file-priv="]);
                command.args([
                    "--skip-log-bin",
                    "--innodb-buffer-pool-size=256M",
                    "--skip-name-resolve",
                    "--performance-schema=OFF",
                ]);
                if self.kind == Kind::Mysql {
                    command.arg(format!("--basedir={}", unpacked_folder()?.join("usr").display()));
                    command.arg("--mysqlx=OFF");
                }
                command
            }
        };
        server.args(&self.arguments);
        let mut watchdog = Command::new("sh");
        watchdog.args(["-c", WATCHDOG, "sh"]).arg(server.get_program()).args(server.get_args());
        let log = self.folder.path().join("log");
        let mut watchdog =
            watchdog.env("LOG", &log).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        BufReader::new(watchdog.stdout.take().context("no stdout")?).read_line(&mut line)?;
        self.server = line.trim().parse()?;
        self.watchdog = Some(watchdog);
        let started = Instant::now();
        while !self.answers() {
            if started.elapsed() > PATIENCE || !Path::new(&format!("/proc/{}", self.server)).exists() {
                bail!("{:?} did not start: {}", self.kind, std::fs::read_to_string(&log).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Whether a question is answered: a port that is open is not enough.
    fn answers(&self) -> bool {
        if TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            return false;
        }
        self.administer("SELECT 1").is_ok()
    }

    /// Runs a statement as the server's superuser, outside of the mart's database.
    ///
    /// # Errors
    /// With the program's words.
    pub fn administer(&self, sql: &str) -> Result<()> {
        let mut command = match self.kind {
            Kind::Postgres => {
                let mut command = Command::new("psql");
                command.args([
                    "-X",
                    "-q",
                    "-h",
                    "127.0.0.1",
                    "-p",
                    &self.port.to_string(),
                    "-U",
                    "postgres",
                    "-d",
                    "postgres",
                ]);
                command.args(["-v", "ON_ERROR_STOP=1", "-c", sql]);
                command
            }
            _ => {
                let mut command = self.mysql_client()?;
                command.args(["-u", "root", "-e", sql]);
                command
            }
        };
        let output = command.stdin(Stdio::null()).output()?;
        if output.status.success() { Ok(()) } else { bail!("{}", String::from_utf8_lossy(&output.stderr)) }
    }

    fn make_database(&self) -> Result<()> {
        if self.kind == Kind::Postgres {
            self.administer(&format!("CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'"))?;
            self.administer(&format!("CREATE DATABASE mart OWNER {USER}"))?;
            // From now on a password is asked for.
            std::fs::write(
                self.data().join("pg_hba.conf"),
                "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n",
            )?;
            return self.administer("SELECT pg_reload_conf()");
        }
        self.administer(&format!(
            "CREATE DATABASE mart CHARACTER SET utf8mb4; CREATE USER {USER}@'%' IDENTIFIED BY '{PASSWORD}'; \
             GRANT ALL ON mart.* TO {USER}@'%'"
        ))?;
        Ok(())
    }

    fn as_root(&self) -> Option<&'static str> {
        is_root().then_some("--user=root")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // It may have ended already, which is as well.
        let _ = self.kill();
    }
}

fn missing(kind: Kind) -> String {
    let package = match kind {
        Kind::Postgres => "postgresql",
        Kind::Mariadb => "mariadb-server",
        Kind::Mysql => "mysql-server-core",
    };
    format!("there is no {kind:?} ({package}); run the tests with `make test`, which installs it")
}

/// Where `tests/set-up` unpacked MySQL.
fn unpacked_folder() -> Result<PathBuf> {
    let folder = cache()?.join("mysql/root");
    if folder.join("usr/sbin/mysqld").is_file() { Ok(folder) } else { bail!(missing(Kind::Mysql)) }
}

/// A program of the unpacked MySQL, started by the libraries that were unpacked with it.
fn unpacked(program: &str) -> Result<Command> {
    let folder = unpacked_folder()?;
    let libraries = folder.join("usr/lib/x86_64-linux-gnu");
    let mut command = Command::new(libraries.join("ld-linux-x86-64.so.2"));
    command.arg("--library-path").arg(&libraries).arg(folder.join(program));
    Ok(command)
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn as_nobody(program: &str) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups", program]);
    command
}

/// Lets a server that runs as somebody else into a folder.
pub(crate) fn open_up(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?;
    if is_root() {
        std::os::unix::fs::chown(folder, Some(NOBODY), Some(NOBODY))?;
    }
    Ok(())
}
