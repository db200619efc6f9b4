//! Lambda's Runtime API on loopback: it starts a function's program, hands it events and collects its answers.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::http::Message;

/// How long a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(90);

/// What a function answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The response's bytes.
    Response(Vec<u8>),
    /// The invocation failed.
    Error {
        /// `errorType` of the answer.
        error_type: String,
        /// `errorMessage` of the answer.
        message: String,
    },
}

impl Reply {
    /// The response.
    #[track_caller]
    pub fn response(self) -> Vec<u8> {
        match self {
            Self::Response(bytes) => bytes,
            Self::Error { error_type, message } => panic!("the invocation failed: {error_type}: {message}"),
        }
    }

    /// The response as JSON.
    #[track_caller]
    pub fn json(self) -> Value {
        let bytes = self.response();
        serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&bytes)))
    }

    /// Type and message of the error.
    #[track_caller]
    pub fn error(self) -> (String, String) {
        match self {
            Self::Error { error_type, message } => (error_type, message),
            Self::Response(bytes) => panic!("the invocation succeeded: {}", String::from_utf8_lossy(&bytes)),
        }
    }
}

/// A function under a Runtime API of its own. The program ends when this is dropped.
pub struct RuntimeApi {
    process: Child,
    events: Sender<Event>,
    replies: Receiver<Reply>,
    cold_start: Duration,
    lines: Arc<Mutex<Vec<String>>>,
    next_id: u64,
}

struct Event {
    request_id: String,
    body: Vec<u8>,
    timeout: Duration,
}

/// What the connections' threads share.
struct Shared {
    events: Mutex<Receiver<Event>>,
    replies: Sender<Reply>,
    polled: Sender<Instant>,
}

impl RuntimeApi {
    /// Starts a program of the workspace as a function with these settings, and waits until it polls for the first event.
    ///
    /// # Errors
    /// When it was not built, or ends before it polls; what it said then is part of the error.
    pub fn start(name: &str, settings: &[(&str, &str)]) -> Result<Self> {
        Self::start_program(&crate::program(name)?, settings)
    }

    /// The same for a program anywhere.
    ///
    /// # Errors
    /// When it cannot be started, or ends before it polls.
    pub fn start_program(program: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let (events, taken) = mpsc::channel();
        let (answered, replies) = mpsc::channel();
        let (polled, first_poll) = mpsc::channel();
        let shared = Arc::new(Shared { events: Mutex::new(taken), replies: answered, polled });
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                // A connection that breaks is the program's end, which the test sees elsewhere.
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        let name = program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let started = Instant::now();
        let mut process = Command::new(program)
            .env_clear()
            .envs(environment(&name, &address))
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("`{}` cannot be started", program.display()))?;
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let stdout = process.stdout.take().context("no stdout")?;
        let kept = Arc::clone(&lines);
        let reading = std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        let mut api = Self { process, events, replies, cold_start: Duration::ZERO, lines, next_id: 1 };
        let deadline = Instant::now() + PATIENCE;
        loop {
            match first_poll.recv_timeout(Duration::from_millis(20)) {
                Ok(at) => {
                    api.cold_start = at.duration_since(started);
                    return Ok(api);
                }
                Err(_) if api.process.try_wait()?.is_some() => {
                    // The pipe is closed: what the program said is read to its end.
                    let _ = reading.join();
                    let told = api.replies.try_recv().ok();
                    bail!("`{name}` ended before it polled: {told:?}\n{}", api.log_text());
                }
                Err(_) if Instant::now() > deadline => bail!("`{name}` does not poll\n{}", api.log_text()),
                Err(_) => {}
            }
        }
    }

    /// From the start of the program to its first poll.
    pub fn cold_start(&self) -> Duration {
        self.cold_start
    }

    /// Hands over one event and waits for the answer.
    ///
    /// # Errors
    /// When the program ends, or does not answer.
    pub fn invoke(&mut self, event: impl Into<Vec<u8>>) -> Result<Reply> {
        let request_id = format!("request-{}", self.next_id);
        self.next_id += 1;
        self.events.send(Event { request_id, body: event.into(), timeout: PATIENCE })?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.replies.recv_timeout(Duration::from_millis(50)) {
                Ok(reply) => return Ok(reply),
                Err(_) if self.process.try_wait()?.is_some() => bail!("the function ended\n{}", self.log_text()),
                Err(_) if Instant::now() > deadline => bail!("the function does not answer\n{}", self.log_text()),
                Err(_) => {}
            }
        }
    }

    /// Hands over one event and kills the program after so long, whatever it is doing. Gives the answer if it came before.
    ///
    /// # Errors
    /// When the program cannot be killed.
    pub fn invoke_and_kill(mut self, event: impl Into<Vec<u8>>, after: Duration) -> Result<Option<Reply>> {
        self.events.send(Event { request_id: "killed".to_owned(), body: event.into(), timeout: PATIENCE })?;
        let reply = self.replies.recv_timeout(after).ok();
        self.process.kill()?;
        self.process.wait()?;
        Ok(reply)
    }

    /// Waits for the program's end; its exit code, if it was not killed.
    ///
    /// # Errors
    /// When it does not end.
    pub fn exit_code(&mut self) -> Result<Option<i32>> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.process.try_wait()? {
                return Ok(status.code());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("the function does not end\n{}", self.log_text())
    }

    /// The closing line of the last invocation.
    ///
    /// # Errors
    /// When it does not come.
    pub fn closing(&self) -> Result<Value> {
        let request_id = format!("request-{}", self.next_id - 1);
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let is_closing = |line: &Value| line["requestId"] == request_id.as_str() && line.get("_aws").is_some();
            if let Some(line) = self.log().into_iter().find(is_closing) {
                return Ok(line);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("no closing line of `{request_id}`\n{}", self.log_text())
    }

    /// What the function has logged up to now; every line must be JSON.
    #[track_caller]
    pub fn log(&self) -> Vec<Value> {
        self.settle();
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let parse = |line: &String| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        lines.iter().map(parse).collect()
    }

    /// What the function has logged up to now, as it stands.
    pub fn log_text(&self) -> String {
        self.settle();
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// What a function has written arrives a moment later: waits until no more comes, for two seconds at most.
    fn settle(&self) {
        let count = || self.lines.lock().unwrap_or_else(PoisonError::into_inner).len();
        let mut before = count();
        for _ in 0..40 {
            std::thread::sleep(Duration::from_millis(50));
            let now = count();
            if now == before && now > 0 {
                return;
            }
            before = now;
        }
    }

    /// Processor time that the function has used since it was started.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn cpu_time(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let (_, fields) = stat.rsplit_once(')').context("no stat")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let ticks = |place: usize| -> Result<u64> { Ok(fields.get(place).context("no field")?.parse()?) };
        // Fields 14 and 15 of proc(5), in hundredths of a second.
        Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
    }

    /// The most memory that the function has held, in bytes.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn peak_memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1024)
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        // It may have ended already, which is as well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What Lambda sets, and credentials that open nothing.
fn environment(name: &str, address: &str) -> BTreeMap<String, String> {
    let pairs = [
        ("AWS_LAMBDA_RUNTIME_API", address),
        ("AWS_LAMBDA_FUNCTION_NAME", name),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/test"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "test"),
        ("AWS_REGION", crate::REGION),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret-that-no-log-may-hold"),
        ("AWS_SESSION_TOKEN", "token-that-no-log-may-hold"),
        ("HOME", "/nonexistent"),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn serve(stream: TcpStream, shared: &Shared) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::with_capacity(1 << 20, stream);
    while let Some(request) = Message::read(&mut reader)? {
        let mut line = request.start.split(' ');
        let (method, path) = (line.next().unwrap_or_default(), line.next().unwrap_or_default());
        let place = path.strip_prefix("/2018-06-01/runtime/").unwrap_or_default();
        match (method, place) {
            ("GET", "invocation/next") => {
                // Only the first poll is waited for.
                let _ = shared.polled.send(Instant::now());
                let events = shared.events.lock().unwrap_or_else(PoisonError::into_inner);
                let Ok(event) = events.recv() else { return Ok(()) };
                drop(events);
                hand_over(&mut writer, &event)?;
            }
            ("POST", "init/error") => answer(&mut writer, &shared.replies, failed(&request))?,
            ("POST", place) if place.ends_with("/error") => answer(&mut writer, &shared.replies, failed(&request))?,
            ("POST", place) if place.ends_with("/response") => {
                answer(&mut writer, &shared.replies, Reply::Response(request.body))?;
            }
            _ => writer.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")?,
        }
    }
    Ok(())
}

fn failed(request: &Message) -> Reply {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    Reply::Error { error_type: text("errorType"), message: text("errorMessage") }
}

fn answer(writer: &mut TcpStream, replies: &Sender<Reply>, reply: Reply) -> Result<()> {
    writer.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")?;
    replies.send(reply)?;
    Ok(())
}

fn hand_over(writer: &mut TcpStream, event: &Event) -> Result<()> {
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH)? + event.timeout;
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nlambda-runtime-aws-request-id: {}\r\n\
         lambda-runtime-deadline-ms: {}\r\nlambda-runtime-invoked-function-arn: arn:aws:lambda:{}:123456789012:function:test\r\n\
         content-length: {}\r\n\r\n",
        event.request_id,
        deadline.as_millis(),
        crate::REGION,
        event.body.len()
    );
    writer.write_all(head.as_bytes())?;
    writer.write_all(&event.body)?;
    Ok(())
}
