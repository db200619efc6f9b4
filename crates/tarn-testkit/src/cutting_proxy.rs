//! A way to a server that breaks: connections through it are cut after so many bytes.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use anyhow::Result;

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Nothing: it goes through.
    Never,
    /// It is cut after the client sent so many bytes, counted over all connections; then the way is whole again.
    After(u64),
}

/// A port of loopback that leads to another one.
pub struct CuttingProxy {
    port: u16,
    /// Bytes until the next cut; negative when there is none to come.
    left: Arc<AtomicI64>,
    cuts: Arc<AtomicU64>,
    sent: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
}

impl CuttingProxy {
    /// Leads to a port of loopback.
    ///
    /// # Errors
    /// When no port is free.
    pub fn to(port: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let proxy = Self {
            port: listener.local_addr()?.port(),
            left: Arc::new(AtomicI64::new(-1)),
            cuts: Arc::default(),
            sent: Arc::default(),
            is_over: Arc::default(),
        };
        let (left, cuts, sent) = (Arc::clone(&proxy.left), Arc::clone(&proxy.cuts), Arc::clone(&proxy.sent));
        let is_over = Arc::clone(&proxy.is_over);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if is_over.load(Ordering::Acquire) {
                    return;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let _ = server.set_nodelay(true);
                let _ = client.set_nodelay(true);
                let (Ok(from_client), Ok(to_server)) = (client.try_clone(), server.try_clone()) else { continue };
                let (left, cuts, sent) = (Arc::clone(&left), Arc::clone(&cuts), Arc::clone(&sent));
                std::thread::spawn(move || pass(from_client, to_server, Some((&left, &cuts, &sent))));
                std::thread::spawn(move || pass(server, client, None));
            }
        });
        Ok(proxy)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What becomes of the bytes from now on.
    pub fn set(&self, cut: Cut) {
        let left = match cut {
            Cut::Never => -1,
            Cut::After(bytes) => i64::try_from(bytes).unwrap_or(i64::MAX),
        };
        self.left.store(left, Ordering::Release);
    }

    /// How often it was cut.
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Acquire)
    }

    /// Bytes that clients sent so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Acquire)
    }
}

impl Drop for CuttingProxy {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        // The listener looks at it when the next one knocks.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, cut: Option<(&AtomicI64, &AtomicU64, &AtomicU64)>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length) = from.read(&mut buffer) {
        if length == 0 {
            break;
        }
        if let Some((left, cuts, sent)) = cut {
            sent.fetch_add(length as u64, Ordering::AcqRel);
            let bytes = i64::try_from(length).unwrap_or(i64::MAX);
            let before = left.load(Ordering::Acquire);
            if before >= 0 && before < bytes {
                left.store(-1, Ordering::Release);
                cuts.fetch_add(1, Ordering::AcqRel);
                let _ = to.write_all(&buffer[..usize::try_from(before).unwrap_or(0)]);
                break;
            }
            if before >= 0 {
                left.fetch_sub(bytes, Ordering::AcqRel);
            }
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
