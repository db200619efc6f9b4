//! A way to a server that breaks: connections through it are cut, or hang, after so many bytes.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;

/// What becomes of a connection; bytes are counted over all connections. Afterwards the way is whole again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Nothing: it goes through.
    Never,
    /// It is cut after clients sent so many bytes.
    After(u64),
    /// It is cut after servers sent so many bytes: what they answer is lost.
    AfterAnswers(u64),
    /// After clients sent so many bytes, the server is told that it ended, and the client is told nothing at all.
    Stall(u64),
    /// After clients sent so many bytes, nobody is told anything: both ends wait.
    Silence(u64),
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    ToServer,
    ToClient,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Passes,
    /// After so many more bytes.
    IsCut(usize),
    Stalls {
        after: usize,
        server_is_told: bool,
    },
}

#[derive(Default)]
struct Shared {
    cut: Mutex<Option<Cut>>,
    cuts: AtomicU64,
    sent: AtomicU64,
    answered: AtomicU64,
    is_over: AtomicBool,
}

impl Shared {
    /// What becomes of the next bytes on a way.
    fn fate(&self, way: Way, length: usize) -> Fate {
        let bytes = length as u64;
        let counter = if way == Way::ToServer { &self.sent } else { &self.answered };
        counter.fetch_add(bytes, Ordering::AcqRel);
        let mut cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        let left = match (&mut *cut, way) {
            (Some(Cut::After(left) | Cut::Stall(left) | Cut::Silence(left)), Way::ToServer) => left,
            (Some(Cut::AfterAnswers(left)), Way::ToClient) => left,
            _ => return Fate::Passes,
        };
        if *left >= bytes {
            *left -= bytes;
            return Fate::Passes;
        }
        let before = usize::try_from(*left).unwrap_or(0);
        self.cuts.fetch_add(1, Ordering::AcqRel);
        match cut.take() {
            Some(Cut::Stall(_)) => Fate::Stalls { after: before, server_is_told: true },
            Some(Cut::Silence(_)) => Fate::Stalls { after: before, server_is_told: false },
            _ => Fate::IsCut(before),
        }
    }
}

/// A port of loopback that leads to another one.
pub struct CuttingProxy {
    port: u16,
    shared: Arc<Shared>,
}

impl CuttingProxy {
    /// Leads to a port of loopback.
    ///
    /// # Errors
    /// When no port is free.
    pub fn to(port: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let proxy = Self { port: listener.local_addr()?.port(), shared: Arc::default() };
        let shared = Arc::clone(&proxy.shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.is_over.load(Ordering::Acquire) {
                    return;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let _ = server.set_nodelay(true);
                let _ = client.set_nodelay(true);
                let (Ok(from_client), Ok(to_server)) = (client.try_clone(), server.try_clone()) else { continue };
                let (there, back) = (Arc::clone(&shared), Arc::clone(&shared));
                let hangs = Arc::new(AtomicBool::new(false));
                let also_hangs = Arc::clone(&hangs);
                std::thread::spawn(move || pass(from_client, to_server, Way::ToServer, &there, &hangs));
                std::thread::spawn(move || pass(server, client, Way::ToClient, &back, &also_hangs));
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
        *self.shared.cut.lock().unwrap_or_else(PoisonError::into_inner) = Some(cut);
    }

    /// How often a connection was cut or hung.
    pub fn cuts(&self) -> u64 {
        self.shared.cuts.load(Ordering::Acquire)
    }

    /// Bytes that clients sent so far.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Acquire)
    }

    /// Bytes that servers sent so far.
    pub fn answered(&self) -> u64 {
        self.shared.answered.load(Ordering::Acquire)
    }
}

impl Drop for CuttingProxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
        // The listener looks at it when the next one knocks.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, way: Way, shared: &Shared, hangs: &AtomicBool) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length) = from.read(&mut buffer) {
        if length == 0 || hangs.load(Ordering::Acquire) {
            break;
        }
        match shared.fate(way, length) {
            Fate::Passes => {
                if to.write_all(&buffer[..length]).is_err() {
                    break;
                }
            }
            Fate::IsCut(before) => {
                let _ = to.write_all(&buffer[..before]);
                break;
            }
            Fate::Stalls { after, server_is_told } => {
                hangs.store(true, Ordering::Release);
                let _ = to.write_all(&buffer[..after]);
                if server_is_told {
                    let _ = to.shutdown(Shutdown::Write);
                }
                break;
            }
        }
    }
    // The client of a connection that hangs is told nothing, from either side.
    while hangs.load(Ordering::Acquire) && !shared.is_over.load(Ordering::Acquire) {
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
