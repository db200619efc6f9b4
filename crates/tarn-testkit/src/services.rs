//! Services of AWS on a port of loopback, as tests ask them: without the SDK, which is what is tested.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::http::request;

/// The region of everything in tests.
pub const REGION: &str = "us-east-1";

/// Services that listen on one port.
#[derive(Debug)]
pub struct Services {
    port: u16,
}

impl Services {
    /// Starts a server that prints the port it listens on; its standard input is held open, since it ends with it.
    pub(crate) fn start(server: &mut Command, name: &str) -> Result<(Child, Self)> {
        let mut process = server.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().context("no stdout")?).read_line(&mut line)?;
        match line.trim().parse().with_context(|| format!("{name} did not start: `{line}`")) {
            Ok(port) => Ok((process, Self { port })),
            Err(error) => {
                let _ = process.kill();
                let _ = process.wait();
                Err(error)
            }
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What `AWS_ENDPOINT_URL` is to be.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Makes a bucket.
    ///
    /// # Errors
    /// When it is refused.
    pub fn create_bucket(&self, bucket: &str) -> Result<()> {
        self.s3("PUT", &format!("/{bucket}"), b"").map(|_| ())
    }

    /// Removes a bucket with all that is in it.
    ///
    /// # Errors
    /// When it is refused.
    pub fn delete_bucket(&self, bucket: &str) -> Result<()> {
        for key in self.keys(bucket, "")? {
            self.s3("DELETE", &format!("/{bucket}/{}", encoded(&key)), b"")?;
        }
        self.s3("DELETE", &format!("/{bucket}"), b"").map(|_| ())
    }

    /// Writes an object.
    ///
    /// # Errors
    /// When it is refused.
    pub fn put(&self, bucket: &str, key: &str, body: &[u8]) -> Result<()> {
        self.s3("PUT", &format!("/{bucket}/{}", encoded(key)), body).map(|_| ())
    }

    /// Reads an object.
    ///
    /// # Errors
    /// When there is none.
    pub fn get(&self, bucket: &str, key: &str) -> Result<Vec<u8>> {
        self.s3("GET", &format!("/{bucket}/{}", encoded(key)), b"")
    }

    /// The keys with this prefix, at most a thousand.
    ///
    /// # Errors
    /// When the bucket cannot be listed.
    pub fn keys(&self, bucket: &str, prefix: &str) -> Result<Vec<String>> {
        let answer = self.s3("GET", &format!("/{bucket}?list-type=2&prefix={}", encoded(prefix)), b"")?;
        let text = String::from_utf8(answer)?;
        let keys = text.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
        Ok(keys.map(|key| key.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")).collect())
    }

    /// Makes a delivery stream for direct puts that delivers into a bucket, under `<stream>/`.
    ///
    /// # Errors
    /// When it is refused.
    pub fn create_delivery_stream(&self, stream: &str, bucket: &str) -> Result<()> {
        let body = json!({
            "DeliveryStreamName": stream,
            "DeliveryStreamType": "DirectPut",
            "ExtendedS3DestinationConfiguration": {
                "RoleARN": "arn:aws:iam::123456789012:role/test",
                "BucketARN": format!("arn:aws:s3:::{bucket}"),
                "Prefix": format!("{stream}/"),
            },
        });
        self.call("firehose", "Firehose_20150804.CreateDeliveryStream", &body).map(|_| ())
    }

    /// Calls a service that speaks JSON.
    ///
    /// # Errors
    /// With the service's answer, when it refuses.
    pub fn call(&self, service: &str, target: &str, body: &Value) -> Result<Value> {
        let credential = format!("AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request");
        let authorization = format!("{credential}, SignedHeaders=host, Signature=0");
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", target),
        ];
        let (status, answer) = request(self.port, "POST", "/", &headers, body.to_string().as_bytes())?;
        if status != 200 {
            bail!("{target}: {status}: {}", String::from_utf8_lossy(&answer));
        }
        Ok(serde_json::from_slice(&answer)?)
    }

    /// Calls a service whose operations are paths, with JSON; the answer may be empty.
    ///
    /// # Errors
    /// With the service's answer, when it refuses.
    pub fn rest(&self, service: &str, method: &str, path: &str, body: &Value) -> Result<Value> {
        let credential = format!("AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request");
        let authorization = format!("{credential}, SignedHeaders=host, Signature=0");
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        let (status, answer) = request(self.port, method, path, &headers, body.to_string().as_bytes())?;
        if !(200..300).contains(&status) {
            bail!("{service}{path}: {status}: {}", String::from_utf8_lossy(&answer));
        }
        Ok(if answer.is_empty() { Value::Null } else { serde_json::from_slice(&answer)? })
    }

    /// Calls a service that takes forms and answers in XML, as RDS does.
    ///
    /// # Errors
    /// With the service's answer, when it refuses.
    pub fn form(&self, service: &str, fields: &[(&str, &str)]) -> Result<String> {
        let credential = format!("AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request");
        let authorization = format!("{credential}, SignedHeaders=host, Signature=0");
        let headers =
            [("authorization", authorization.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let (status, answer) = request(self.port, "POST", "/", &headers, body.join("&").as_bytes())?;
        let answer = String::from_utf8(answer)?;
        if status != 200 {
            bail!("{service}: {status}: {answer}");
        }
        Ok(answer)
    }

    /// Calls a function with an event and waits; what it answers.
    ///
    /// # Errors
    /// With what it says, when it fails.
    pub fn invoke(&self, function: &str, event: &str) -> Result<Value> {
        let credential = format!("AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/lambda/aws4_request");
        let authorization = format!("{credential}, SignedHeaders=host, Signature=0");
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let (status, answer) =
            request(self.port, "POST", &path, &[("authorization", &authorization)], event.as_bytes())?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or(Value::Null);
        if status != 200 || answer.get("errorType").is_some() {
            bail!("{function}: {status}: {answer}");
        }
        Ok(answer)
    }

    fn s3(&self, method: &str, path: &str, body: &[u8]) -> Result<Vec<u8>> {
        let credential = format!("AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/s3/aws4_request");
        let authorization = format!("{credential}, SignedHeaders=host, Signature=0");
        let (status, answer) = request(self.port, method, path, &[("authorization", &authorization)], body)?;
        if !(200..300).contains(&status) {
            bail!("{method} {path}: {status}: {}", String::from_utf8_lossy(&answer));
        }
        Ok(answer)
    }
}

fn encoded(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte);
    key.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
