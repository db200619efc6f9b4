//! As much HTTP/1.1 as a test's servers and requests need: bodies of a known length, connections that stay open.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// A request or a response: its first line, its headers in lower case, its body.
pub(crate) struct Message {
    pub(crate) start: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Reads one message; `None` when the other side has closed the connection.
    pub(crate) fn read(reader: &mut BufReader<TcpStream>) -> Result<Option<Self>> {
        let mut start = String::new();
        if reader.read_line(&mut start)? == 0 {
            return Ok(None);
        }
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut message = Self { start: start.trim_end().to_owned(), headers, body: Vec::new() };
        if message.header("transfer-encoding").is_some() {
            bail!("a chunked body: {}", message.start);
        }
        let length = message.header("content-length").map(str::parse).transpose()?.unwrap_or(0);
        message.body.resize(length, 0);
        reader.read_exact(&mut message.body)?;
        Ok(Some(message))
    }
}

/// Sends one request on a connection of its own; answers status and body.
pub(crate) fn request(
    port: u16,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut reader = BufReader::new(stream);
    let mut answer = Message::read(&mut reader)?.context("the server closed the connection")?;
    if answer.header("content-length").is_none() {
        reader.read_to_end(&mut answer.body)?;
    }
    let status = answer.start.split(' ').nth(1).context("no status")?.parse()?;
    Ok((status, answer.body))
}
