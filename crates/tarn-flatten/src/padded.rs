//! Records with room behind them, so that the last bytes too can be looked at a block at a time.

/// How many zeros stand behind a padded record.
pub const PADDING: usize = 64;

/// A record and the zeros behind it.
#[derive(Debug, Clone, Copy)]
pub struct Padded<'a> {
    /// The record and its padding.
    bytes: &'a [u8],
    length: usize,
}

impl<'a> Padded<'a> {
    /// The first `length` bytes of a buffer; `None` unless [`PADDING`] zeros follow them.
    #[must_use]
    pub fn new(bytes: &'a [u8], length: usize) -> Option<Self> {
        let padding = bytes.get(length..)?.first_chunk::<PADDING>()?;
        let bytes = bytes.get(..length + PADDING)?;
        (*padding == [0; PADDING]).then_some(Self { bytes, length })
    }

    /// The record.
    #[must_use]
    pub fn record(self) -> &'a [u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// The record and its padding.
    pub(crate) fn with_padding(self) -> &'a [u8] {
        self.bytes
    }
}

/// Room for one padded record at a time.
#[derive(Debug, Default)]
pub struct PaddedBuffer {
    room: Vec<u8>,
    length: usize,
}

impl PaddedBuffer {
    /// Copies a record.
    pub fn copy(&mut self, record: &[u8]) -> Padded<'_> {
        let copied = self.fill(record.len(), |room| {
            room.copy_from_slice(record);
            Ok::<_, std::convert::Infallible>(record.len())
        });
        match copied {
            Ok(()) => self.padded(),
            Err(never) => match never {},
        }
    }

    /// The record that was put in last.
    #[must_use]
    pub fn padded(&self) -> Padded<'_> {
        // A new buffer has no padding yet.
        let bytes: &[u8] = if self.room.is_empty() { &[0; PADDING] } else { &self.room };
        Padded { bytes: bytes.get(..self.length + PADDING).unwrap_or(bytes), length: self.length }
    }

    /// Lets `write` put a record into room for `capacity` bytes; it gives how many it wrote.
    ///
    /// # Errors
    ///
    /// What `write` gives.
    pub fn fill<E>(&mut self, capacity: usize, write: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Result<(), E> {
        if self.room.len() < capacity + PADDING {
            self.room.resize((capacity + PADDING).next_power_of_two(), 0);
        }
        let written = write(self.room.get_mut(..capacity).unwrap_or_default());
        // After a failure the record is empty.
        let length = written.as_ref().map_or(0, |length| (*length).min(capacity));
        if let Some(padding) = self.room.get_mut(length..length + PADDING) {
            padding.fill(0);
        }
        self.length = length;
        written.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use super::*;

    #[test]
    fn padding_is_zeros() {
        let mut buffer = PaddedBuffer::default();
        assert_eq!(buffer.copy(&[1; 1000]).record(), [1; 1000]);
        let short = buffer.copy(&[2; 10]);
        assert_eq!(short.record(), [2; 10]);
        assert_eq!(short.with_padding()[10..], [0; PADDING]);
        let filled = buffer.fill(100, |room| {
            room.fill(3);
            Ok::<_, ()>(50)
        });
        filled.unwrap();
        assert_eq!(buffer.padded().with_padding()[50..], [0; PADDING]);
        assert_eq!(buffer.padded().record(), [3; 50]);
        let failed = buffer.fill(5, |room| {
            room.fill(1);
            Err(())
        });
        assert!(failed.is_err());
        assert_eq!(buffer.padded().with_padding(), [0; PADDING]);
        assert_eq!(PaddedBuffer::default().padded().with_padding(), [0; PADDING]);
    }

    #[test]
    fn bytes_without_padding_are_not_taken() {
        assert!(Padded::new(&[0; PADDING], 0).is_some());
        assert!(Padded::new(&[0; PADDING], 1).is_none());
        assert!(Padded::new(&[1; 100], 2).is_none());
    }
}
