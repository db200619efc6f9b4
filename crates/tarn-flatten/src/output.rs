//! Bytes in the making, written a block at a time.

use crate::simd::BLOCK;

/// What a new buffer has room for.
const FIRST_ROOM: usize = 16 << 10;

/// A buffer that is written in blocks of which only the first bytes count.
///
/// To store 32 bytes and step on by fewer costs less than to copy just the few: there is no call and no branch on the
/// length. The room is kept initialised, so a store is checked against its end and nothing else.
#[derive(Debug)]
pub(crate) struct Output {
    room: Vec<u8>,
    length: usize,
    limit: usize,
    overflowed: bool,
}

impl Output {
    /// A buffer of at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { room: Vec::new(), length: 0, limit, overflowed: false }
    }

    /// Forgets what was written; the room stays.
    pub(crate) fn clear(&mut self) {
        self.length = 0;
        self.overflowed = false;
    }

    /// What was written.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.room.get(..self.length).unwrap_or_default()
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Whether more was written than the limit allows; then what is there is not all of it.
    pub(crate) fn overflowed(&self) -> bool {
        self.overflowed || self.length > self.limit
    }

    #[inline(always)]
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Overwrites one byte.
    #[inline(always)]
    pub(crate) fn replace(&mut self, at: usize, byte: u8) {
        if let Some(target) = self.room.get_mut(at) {
            *target = byte;
        }
    }

    /// Appends the first `length` bytes of a block.
    #[inline(always)]
    pub(crate) fn block(&mut self, block: &[u8; BLOCK], length: usize) {
        match self.room.get_mut(self.length..).and_then(|room| room.first_chunk_mut::<BLOCK>()) {
            Some(room) => {
                *room = *block;
                self.length += length;
            }
            None => self.slowly(block.get(..length).unwrap_or_default()),
        }
    }

    /// Appends one byte.
    #[inline(always)]
    pub(crate) fn byte(&mut self, byte: u8) {
        match self.room.get_mut(self.length) {
            Some(room) => {
                *room = byte;
                self.length += 1;
            }
            None => self.slowly(&[byte]),
        }
    }

    /// Appends a few bytes whose number is known where this is compiled.
    #[inline(always)]
    pub(crate) fn array<const N: usize>(&mut self, bytes: &[u8; N]) {
        match self.room.get_mut(self.length..).and_then(|room| room.first_chunk_mut::<N>()) {
            Some(room) => {
                *room = *bytes;
                self.length += N;
            }
            None => self.slowly(bytes),
        }
    }

    /// Appends bytes.
    #[inline]
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        match self.room.get_mut(self.length..).and_then(|room| room.get_mut(..bytes.len())) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.length += bytes.len();
            }
            None => self.slowly(bytes),
        }
    }

    /// Appends the bytes from `start` to `end` of a text; fast where a block more lies behind them.
    #[inline(always)]
    pub(crate) fn part(&mut self, text: &[u8], start: usize, end: usize) {
        let mut at = start;
        while let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
            if end - at <= BLOCK {
                self.block(block, end - at);
                return;
            }
            self.block(block, BLOCK);
            at += BLOCK;
        }
        self.push(text.get(at..end).unwrap_or_default());
    }

    #[cold]
    #[inline(never)]
    fn slowly(&mut self, bytes: &[u8]) {
        let needed = self.length + bytes.len() + BLOCK;
        if needed > self.limit.saturating_add(BLOCK) {
            // Nobody will read it, so there need be no room for it.
            self.overflowed = true;
            self.length = 0;
        }
        if self.room.len() < self.length + bytes.len() + BLOCK {
            let doubled = (self.room.len() * 2).clamp(FIRST_ROOM, self.limit.saturating_add(BLOCK).max(FIRST_ROOM));
            self.room.resize(doubled.max(self.length + bytes.len() + BLOCK), 0);
        }
        if let Some(room) = self.room.get_mut(self.length..self.length + bytes.len()) {
            room.copy_from_slice(bytes);
            self.length += bytes.len();
        }
    }
}

impl std::fmt::Write for Output {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_way_of_writing_appends(parts: Vec<Vec<u8>>, text: Vec<u8>, from: prop::sample::Index) {
            let mut output = Output::new(1 << 20);
            let mut expected = Vec::new();
            for part in &parts {
                output.push(part);
                expected.extend_from_slice(part);
                let mut block = [7; BLOCK];
                let length = part.len().min(BLOCK);
                block[..length].copy_from_slice(&part[..length]);
                output.block(&block, length);
                expected.extend_from_slice(&part[..length]);
                output.byte(9);
                output.array(b"abc");
                expected.extend_from_slice(b"\x09abc");
            }
            let start = from.index(text.len() + 1);
            output.part(&text, start, text.len());
            expected.extend_from_slice(&text[start..]);
            prop_assert_eq!(output.bytes(), expected);
            prop_assert!(!output.overflowed());
        }
    }

    #[test]
    fn what_passes_the_limit_is_told_and_takes_no_room() {
        let mut output = Output::new(100);
        output.push(&[1; 100]);
        assert!(!output.overflowed());
        output.byte(1);
        assert!(output.overflowed());
        for _ in 0..10_000 {
            output.block(&[2; BLOCK], BLOCK);
            output.push(&[3; 50]);
        }
        assert!(output.overflowed() && output.room.len() <= FIRST_ROOM);
        output.clear();
        output.byte(1);
        assert_eq!((output.bytes(), output.overflowed()), (&[1][..], false));
    }
}
