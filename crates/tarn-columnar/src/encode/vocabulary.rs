//! The different texts of a chunk and their keys.

/// Bytes of texts a dictionary has at most; one that is larger would crowd the processor's cache.
const MAXIMUM_BYTES: usize = 1 << 20;

/// Bytes of its parts that a dictionary keeps for the next chunk; a power of two.
const KEPT_BYTES: usize = 64 << 10;

/// Texts a dictionary has at most.
const MAXIMUM_KEYS: usize = u16::MAX as usize;

/// Slots that are looked at for a text before the dictionary is taken for full: texts made to collide gain nothing.
const PROBES: usize = 64;

/// Texts up to this length are equal if their fingerprints are.
const SHORT: usize = 16;

/// A slot without a key.
const EMPTY: u32 = u32::MAX;

/// The different texts so far.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    /// Every text after its length, as the dictionary page has them.
    page: Vec<u8>,
    entries: Vec<Entry>,
    /// Upper half: bits of the hash; lower half: the key. A power of two of them.
    slots: Vec<u32>,
}

#[derive(Debug)]
struct Entry {
    fingerprint: Fingerprint,
    /// Where the text begins in the page.
    start: usize,
}

/// What is compared first. Of short texts it is all there is to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fingerprint {
    length: usize,
    begin: u64,
    end: u64,
}

impl Fingerprint {
    #[inline]
    fn of(text: &[u8]) -> Self {
        let (begin, end) = match (text.first_chunk(), text.last_chunk()) {
            (Some(begin), Some(end)) if text.len() <= SHORT => (u64::from_le_bytes(*begin), u64::from_le_bytes(*end)),
            (Some(_), Some(end)) => (digest(text), u64::from_le_bytes(*end)),
            _ => match (text.first_chunk(), text.last_chunk()) {
                (Some(begin), Some(end)) => {
                    (u64::from(u32::from_le_bytes(*begin)), u64::from(u32::from_le_bytes(*end)))
                }
                _ => (text.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)), 0),
            },
        };
        Self { length: text.len(), begin, end }
    }

    #[inline]
    fn hash(self) -> u64 {
        fold(
            self.begin ^ 0x2d35_8dcc_aa6c_78a5,
            self.end ^ 0x8bb8_4b93_962e_acc9 ^ (self.length as u64).rotate_left(32),
        )
    }
}

/// Multiplies to twice the bits and folds the halves: every bit depends on all.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    #[expect(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
    let halves = (product as u64, (product >> 64) as u64);
    halves.0 ^ halves.1
}

/// Folds all bytes of a long text.
#[inline]
fn digest(text: &[u8]) -> u64 {
    let halves = |chunk: &[u8; 16]| {
        let [begin, end] =
            [chunk.first_chunk(), chunk.last_chunk()].map(|half| half.map_or(0, |half| u64::from_le_bytes(*half)));
        (begin, end)
    };
    let mut state = 0x4b33_a62e_d433_d4a3;
    for chunk in text.as_chunks::<16>().0.iter().chain(text.last_chunk::<16>()) {
        let (begin, end) = halves(chunk);
        state = fold(begin ^ state, end ^ 0x9e37_79b9_7f4a_7c15);
    }
    state
}

impl Vocabulary {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The dictionary page.
    pub(super) fn page(&self) -> &[u8] {
        &self.page
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        // There are up to four slots an entry.
        self.page.len() + self.entries.len() * (size_of::<Entry>() + 4 * size_of::<u32>())
    }

    /// Forgets all texts, and the room of many.
    pub(super) fn clear(&mut self) {
        self.page.clear();
        self.page.shrink_to(KEPT_BYTES);
        self.entries.clear();
        self.entries.shrink_to(KEPT_BYTES / size_of::<Entry>());
        self.slots.truncate(KEPT_BYTES / size_of::<u32>());
        self.slots.shrink_to_fit();
        self.slots.fill(EMPTY);
    }

    #[inline]
    pub(super) fn text(&self, key: u16) -> &[u8] {
        self.entries.get(usize::from(key)).map_or(&[], |entry| self.text_of(entry))
    }

    #[inline]
    fn text_of(&self, entry: &Entry) -> &[u8] {
        self.page.get(entry.start..entry.start + entry.fingerprint.length).unwrap_or_default()
    }

    /// The smallest and the largest text.
    pub(super) fn range(&self) -> Option<(&[u8], &[u8])> {
        let texts = || self.entries.iter().map(|entry| self.text_of(entry));
        texts().min().zip(texts().max())
    }

    /// The key of a text, new or known; `None` if there is no room.
    #[inline]
    pub(super) fn key(&mut self, text: &[u8]) -> Option<u16> {
        let fingerprint = Fingerprint::of(text);
        let hash = fingerprint.hash();
        let tag = tag(hash);
        let mask = self.slots.len().wrapping_sub(1);
        let mut position = place(hash);
        for _ in 0..PROBES {
            let Some(slot) = self.slots.get(position & mask).copied().filter(|slot| *slot != EMPTY) else {
                return self.add(text, fingerprint, position & mask);
            };
            if slot & 0xffff_0000 == tag
                && let Some(entry) = self.entries.get((slot & 0xffff) as usize)
                && entry.fingerprint == fingerprint
                && (text.len() <= SHORT || self.text_of(entry) == text)
            {
                return u16::try_from(slot & 0xffff).ok();
            }
            position = position.wrapping_add(1);
        }
        None
    }

    #[cold]
    fn add(&mut self, text: &[u8], fingerprint: Fingerprint, slot: usize) -> Option<u16> {
        let key = u16::try_from(self.entries.len()).ok().filter(|key| usize::from(*key) < MAXIMUM_KEYS)?;
        let length = u32::try_from(text.len()).ok()?;
        if self.page.len() + 4 + text.len() > MAXIMUM_BYTES {
            return None;
        }
        self.page.extend_from_slice(&length.to_le_bytes());
        self.entries.push(Entry { fingerprint, start: self.page.len() });
        self.page.extend_from_slice(text);
        if self.entries.len() * 2 <= self.slots.len() {
            if let Some(slot) = self.slots.get_mut(slot) {
                *slot = tag(fingerprint.hash()) | u32::from(key);
            }
            return Some(key);
        }
        self.slots.clear();
        self.slots.resize((self.entries.len() * 4).next_power_of_two().max(64), EMPTY);
        let mask = self.slots.len() - 1;
        for (key, entry) in (0..).zip(&self.entries) {
            let hash = entry.fingerprint.hash();
            let mut places = (0..self.slots.len()).map(|probe| place(hash).wrapping_add(probe) & mask);
            let free = places.find(|place| self.slots.get(*place) == Some(&EMPTY));
            if let Some(slot) = free.and_then(|free| self.slots.get_mut(free)) {
                *slot = tag(hash) | key;
            }
        }
        Some(key)
    }
}

/// Where the search for a text begins.
#[inline]
fn place(hash: u64) -> usize {
    usize::try_from(hash & 0xffff_ffff).unwrap_or(0)
}

#[inline]
fn tag(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or(0) & 0xffff_0000
}
