//! The key paths of a stream, learned as they come.
//!
//! Records of one source look alike. So every path is learned once, as a node that knows its flat name and the column
//! that wants it, and remembers which key came after it the last time. Reading the expected key is then one compare of
//! 32 bytes, with no scan for its end, no hash and no allocation. A key that is not the expected one, nor the one
//! expected after it (an optional field left out), is looked up; a new one is learned.
//!
//! What is learned changes speed only, never the result. It is bounded: past the limit it is forgotten between records.

mod targets;

use hashbrown::{HashMap, HashTable};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use self::targets::Targets;
use crate::contract::Contract;
use crate::error::{RecordError, RecordErrorKind};
use crate::escape::push_unescaped;
use crate::names::{FoldedPath, PathHash, RESERVED_NAMES, colliding_name, fold};
use crate::output::Output;
use crate::rendered::RenderedKey;
use crate::scan::equal;
use crate::simd::{BLOCK, Scan};
use crate::walk::{Frame, Members, PATIENCE};

/// A path, as an index into [`Paths`].
pub(crate) type NodeId = u32;
/// A name, as an index into [`Paths`].
pub(crate) type NameId = u32;
/// The position of a column in its contract.
pub(crate) type ColumnId = u32;

/// The top of a document; as the answer to "which key comes next", nothing.
pub(crate) const ROOT: NodeId = 0;
/// No column.
pub(crate) const NO_COLUMN: ColumnId = u32::MAX;

/// Forget everything once this many paths, or bytes of keys, are known.
const MAXIMUM_NODES: usize = 1 << 16;
const MAXIMUM_KEY_BYTES: usize = 8 << 20;
/// The most new paths and names that one document may bring, some 40 MB of them: a few kilobytes of gzip can hold millions.
const MAXIMUM_NEW: usize = 1 << 17;

/// What is needed per key, in one cache line.
#[derive(Debug, Clone)]
#[repr(align(64))]
struct Node {
    /// The first bytes of `"key":` as first written.
    spelling: [u8; BLOCK],
    /// Bytes of `"key":` in all.
    length: u32,
    parent: NodeId,
    /// The key that stood first below this path, the last time.
    first: NodeId,
    /// The key that came after this one, the last time.
    next: NodeId,
    name: NameId,
    /// The column whose exact path this is.
    exact: ColumnId,
    /// What came between the leaf of this path and the next leaf, as an index into the gaps.
    gap: u32,
    /// How many of these gaps are known.
    gaps: u8,
    /// Whether some column may be filled from below this path.
    columns_below: bool,
}

/// What was once written between two leaves: brackets, commas, keys and white space.
///
/// Read from the end of the same leaf, the same text leads to the same next leaf. So one compare, or two, does the work of
/// closing objects, reading keys and opening objects.
///
/// In this order, a gap that is another one from the beginning costs one cache line.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
struct Gap {
    text: [u8; BLOCK],
    /// Which of the bytes of `text` and of `more` count.
    masks: [u32; 2],
    length: u32,
    /// The leaf that follows; [`ROOT`] if the document ends.
    node: NodeId,
    /// Another gap after the same leaf.
    other: u32,
    /// What does not go into `text`.
    more: [u8; BLOCK],
}

/// No gap is known.
const NO_GAP: u32 = u32::MAX;
/// The most gaps that are tried after one leaf.
const MAXIMUM_GAPS_PER_LEAF: u8 = 4;

/// What is needed to learn what lies below a path.
#[derive(Debug, Clone)]
struct Origin {
    /// All of `"key":` if it is longer than a block.
    long_spelling: Box<[u8]>,
    parent: NodeId,
    /// The key, unescaped.
    key: Box<str>,
    folded: FoldedPath,
    hash: PathHash,
    /// Where the path stands among the exact paths of the contract.
    wanted: Option<u32>,
}

/// A key written with escapes; `"a"` and `"\u0061"` are two spellings of one path.
#[derive(Debug, Clone)]
struct Spelling {
    parent: NodeId,
    raw: Box<str>,
    node: NodeId,
}

#[derive(Debug, Clone)]
#[repr(align(64))]
struct Name {
    /// The document that took the name last.
    document: u64,
    /// The path that took it.
    holder: NodeId,
    /// The column that wants the leaf of this name.
    column: ColumnId,
    /// Whether that column takes a whole object as JSON text.
    takes_objects: bool,
    key: RenderedKey,
}

/// The learned paths and the names of the document at hand.
#[derive(Debug)]
pub(crate) struct Paths {
    separator: String,
    /// The name that is taken besides [`RESERVED_NAMES`].
    reserved: Option<String>,
    targets: Targets,
    nodes: Vec<Node>,
    origins: Vec<Origin>,
    /// Paths by parent and unescaped key.
    keys: HashTable<NodeId>,
    /// Paths by parent and escaped key.
    spellings: HashTable<Spelling>,
    gaps: Vec<Gap>,
    names: Vec<Name>,
    name_index: HashTable<NameId>,
    key_bytes: usize,
    /// The document at hand, counted up; a name whose stamp is another number is free.
    document: u64,
    /// How often each path wanted a taken name in this document.
    collided: HashMap<NodeId, u32>,
    /// How many paths and names were known before it.
    known_before: usize,
    /// Whether it brought more than [`MAXIMUM_NEW`]; then the last ones are wrong, and it has to be refused.
    overgrown: bool,
    /// How often in a row something else may come than was foreseen, before the next document is read without foresight.
    pub(crate) patience: u32,
}

fn key_hash(parent: NodeId, raw: &str) -> u64 {
    xxh3_64_with_seed(raw.as_bytes(), u64::from(parent))
}

fn name_hash(name: &str) -> u64 {
    xxh3_64_with_seed(name.as_bytes(), u64::MAX)
}

impl Paths {
    pub(crate) fn new(separator: &str, reserved: Option<&str>, contract: Option<&Contract>) -> Self {
        let mut paths = Self {
            separator: fold(separator),
            reserved: reserved.map(fold),
            targets: contract.map(Targets::new).unwrap_or_default(),
            nodes: Vec::new(),
            origins: Vec::new(),
            keys: HashTable::new(),
            spellings: HashTable::new(),
            gaps: Vec::new(),
            names: Vec::new(),
            name_index: HashTable::new(),
            key_bytes: 0,
            document: 0,
            collided: HashMap::new(),
            known_before: 0,
            overgrown: false,
            patience: PATIENCE,
        };
        paths.forget();
        paths
    }

    fn forget(&mut self) {
        self.nodes.clear();
        self.origins.clear();
        self.keys.clear();
        self.spellings.clear();
        self.gaps.clear();
        self.names.clear();
        self.name_index.clear();
        self.key_bytes = 0;
        for reserved in RESERVED_NAMES.into_iter().map(str::to_owned).chain(self.reserved.clone()) {
            self.name(reserved);
        }
        self.nodes.push(Node {
            // No UTF-8 text has these bytes, so that the root, as "no prediction", never matches.
            spelling: [0xff; BLOCK],
            length: u32::MAX,
            parent: ROOT,
            first: ROOT,
            next: ROOT,
            name: 0,
            exact: NO_COLUMN,
            gap: NO_GAP,
            gaps: 0,
            columns_below: true,
        });
        self.origins.push(Origin {
            long_spelling: Box::default(),
            parent: ROOT,
            key: Box::default(),
            folded: FoldedPath::default(),
            hash: PathHash::ROOT,
            wanted: Some(0),
        });
    }

    /// Begins a document: all names but the reserved ones are free.
    pub(crate) fn begin_document(&mut self) {
        if self.nodes.len() > MAXIMUM_NODES || self.names.len() > MAXIMUM_NODES || self.key_bytes > MAXIMUM_KEY_BYTES {
            self.forget();
        }
        self.known_before = self.nodes.len() + self.names.len();
        self.overgrown = false;
        self.document += 1;
        self.collided.clear();
        for name in self.names.iter_mut().take(RESERVED_NAMES.len() + usize::from(self.reserved.is_some())) {
            name.document = self.document;
        }
    }

    /// That the document at hand brought no more paths and names than may be learned of one.
    #[inline(always)]
    pub(crate) fn check_growth(&self, at: usize) -> Result<(), RecordError> {
        if self.overgrown {
            return Err(RecordError::new(at, RecordErrorKind::TooManyNames { limit: MAXIMUM_NEW / 2 }));
        }
        Ok(())
    }

    fn is_full(&mut self) -> bool {
        self.overgrown |= self.nodes.len() + self.names.len() - self.known_before > MAXIMUM_NEW;
        self.overgrown
    }

    fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id as usize)
    }

    /// The key expected at `at`, below `parent` and after `previous`: its node and the position after its colon.
    #[inline(always)]
    pub(crate) fn expected_key<S: Scan>(
        &self,
        bytes: &[u8],
        at: usize,
        parent: NodeId,
        previous: NodeId,
    ) -> Option<(NodeId, usize)> {
        let candidate = if previous == ROOT { self.node(parent)?.first } else { self.node(previous)?.next };
        if let Some(after) = self.spelled::<S>(bytes, at, candidate) {
            return Some((candidate, after));
        }
        // An optional key left out: the one after it.
        let candidate = self.node(candidate)?.next;
        self.spelled::<S>(bytes, at, candidate).map(|after| (candidate, after))
    }

    #[inline(always)]
    fn spelled<S: Scan>(&self, bytes: &[u8], at: usize, candidate: NodeId) -> Option<usize> {
        let node = self.node(candidate)?;
        let length = node.length as usize;
        let mask = u32::MAX >> BLOCK.saturating_sub(length);
        if equal::<S>(bytes, at, &node.spelling) & mask != mask {
            return None;
        }
        (length <= BLOCK || self.long_spelled(bytes, at, candidate)).then_some(at + length)
    }

    #[inline(never)]
    fn long_spelled(&self, bytes: &[u8], at: usize, candidate: NodeId) -> bool {
        let Some(origin) = self.origins.get(candidate as usize) else { return false };
        bytes.get(at..).is_some_and(|rest| rest.starts_with(&origin.long_spelling))
    }

    /// What is expected at `at`, after the leaf `from`: the next leaf and where its value stands, or [`ROOT`] and the
    /// position after the document.
    #[inline(always)]
    pub(crate) fn expected_gap<S: Scan>(&self, bytes: &[u8], at: usize, from: NodeId) -> Option<(NodeId, usize)> {
        let mut id = self.node(from)?.gap;
        while let Some(gap) = self.gaps.get(id as usize) {
            let [mask, more_mask] = gap.masks;
            if equal::<S>(bytes, at, &gap.text) & mask == mask
                && (more_mask == 0 || equal::<S>(bytes, at + BLOCK, &gap.more) & more_mask == more_mask)
            {
                return Some((gap.node, at + gap.length as usize));
            }
            id = gap.other;
        }
        None
    }

    /// Remembers what was written between the leaf `from`, which ended at `at`, and the value of `node` at `end`.
    #[inline(always)]
    pub(crate) fn learn_gap(&mut self, bytes: &[u8], from: NodeId, at: usize, end: usize, node: NodeId) {
        if self.node(from).is_some_and(|from| from.gaps < MAXIMUM_GAPS_PER_LEAF) {
            self.add_gap(bytes, from, at, end, node);
        }
    }

    #[cold]
    #[inline(never)]
    fn add_gap(&mut self, bytes: &[u8], from: NodeId, at: usize, end: usize, node: NodeId) {
        let written = bytes.get(at..end).unwrap_or_default();
        if written.is_empty() || written.len() > 2 * BLOCK || self.gaps.len() >= MAXIMUM_NODES {
            return;
        }
        let new = u32::try_from(self.gaps.len()).unwrap_or(NO_GAP);
        let Some(from) = self.nodes.get_mut(from as usize) else { return };
        from.gaps += 1;
        // The new one is tried last: the first ones are the usual ones.
        let mut last = from.gap;
        while let Some(known) = self.gaps.get(last as usize).filter(|known| known.other != NO_GAP) {
            last = known.other;
        }
        match self.gaps.get_mut(last as usize) {
            None => from.gap = new,
            Some(last) => last.other = new,
        }
        let (mut text, mut more) = ([0; BLOCK], [0; BLOCK]);
        for (target, source) in text.iter_mut().chain(&mut more).zip(written) {
            *target = *source;
        }
        let bits = u64::MAX >> (u64::BITS as usize - written.len());
        let masks = [bits, bits >> BLOCK].map(|bits| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(0));
        let length = u32::try_from(written.len()).unwrap_or(0);
        self.gaps.push(Gap { text, masks, length, node, other: NO_GAP, more });
    }

    /// Fills the stack with the objects around a leaf; gives the innermost one.
    #[inline(never)]
    pub(crate) fn enclosing(&self, leaf: NodeId, stack: &mut Vec<Frame>) -> NodeId {
        let above = |node: NodeId| self.origins.get(node as usize).map_or(ROOT, |origin| origin.parent);
        stack.clear();
        let innermost = above(leaf);
        let mut object = innermost;
        while object != ROOT {
            let parent = above(object);
            stack.push(Frame { parent, previous: object, members: Members::Keys, muted: false });
            object = parent;
        }
        stack.reverse();
        innermost
    }

    /// Whether an object at this path is always opened, whatever came before it in its document.
    pub(crate) fn always_opens(&self, node: NodeId) -> bool {
        let Some(node) = self.node(node) else { return false };
        let takes_objects = self.names.get(node.name as usize).is_some_and(|name| name.takes_objects);
        node.exact == NO_COLUMN && !takes_objects
    }

    /// The node of a key at `at` that was not expected. `raw` is the key as written, without its quotes.
    #[inline(always)]
    pub(crate) fn key<S: Scan>(
        &mut self,
        bytes: &[u8],
        at: usize,
        parent: NodeId,
        previous: NodeId,
        raw: &str,
        escaped: bool,
    ) -> NodeId {
        let node = match self.written_key::<S>(bytes, at, parent, raw) {
            Some(node) => node,
            None => self.other_key(parent, raw, escaped),
        };
        self.expect(parent, previous, node);
        node
    }

    /// The node whose key was first written as it stands at `at`: one compare of 32 bytes, mostly.
    #[inline(always)]
    fn written_key<S: Scan>(&self, bytes: &[u8], at: usize, parent: NodeId, raw: &str) -> Option<NodeId> {
        // A loop and no closure: the instructions of `S` have to be inlined into the walk.
        for id in self.keys.iter_hash(key_hash(parent, raw)) {
            if self.node(*id).is_some_and(|node| node.parent == parent) && self.spelled::<S>(bytes, at, *id).is_some() {
                return Some(*id);
            }
        }
        None
    }

    /// The node of a key that is new, or written in another way than the first time.
    #[inline(never)]
    fn other_key(&mut self, parent: NodeId, raw: &str, escaped: bool) -> NodeId {
        if escaped { self.escaped_key(parent, raw) } else { self.plain_key(parent, raw, raw) }
    }

    /// From now on, the key of `node` is expected after the one of `previous`.
    #[inline(always)]
    fn expect(&mut self, parent: NodeId, previous: NodeId, node: NodeId) {
        let expecting = if previous == ROOT { parent } else { previous };
        if let Some(expecting) = self.nodes.get_mut(expecting as usize) {
            if previous == ROOT {
                expecting.first = node;
            } else {
                expecting.next = node;
            }
        }
    }

    /// The node of an array's element, which is named like the key of its index.
    #[inline(never)]
    pub(crate) fn element(&mut self, parent: NodeId, previous: NodeId, index: u32) -> NodeId {
        let node = self.other_key(parent, &index.to_string(), false);
        self.expect(parent, previous, node);
        node
    }

    fn plain_key(&mut self, parent: NodeId, key: &str, raw: &str) -> NodeId {
        let hash = key_hash(parent, key);
        let origins = &self.origins;
        let known = self.keys.find(hash, |id| {
            origins.get(*id as usize).is_some_and(|origin| origin.parent == parent && *origin.key == *key)
        });
        match known {
            Some(id) => *id,
            None => self.add(parent, key, raw),
        }
    }

    fn escaped_key(&mut self, parent: NodeId, raw: &str) -> NodeId {
        let hash = key_hash(parent, raw);
        let known = self.spellings.find(hash, |spelling| spelling.parent == parent && *spelling.raw == *raw);
        if let Some(spelling) = known {
            return spelling.node;
        }
        let mut key = String::with_capacity(raw.len());
        push_unescaped(raw, &mut key);
        let node = self.plain_key(parent, &key, raw);
        if self.overgrown {
            return node;
        }
        self.key_bytes += raw.len();
        let spelling = Spelling { parent, raw: raw.into(), node };
        self.spellings.insert_unique(hash, spelling, |known| key_hash(known.parent, &known.raw));
        node
    }

    /// Adds the path of a key below a parent.
    #[cold]
    fn add(&mut self, parent: NodeId, key: &str, raw: &str) -> NodeId {
        if self.is_full() {
            return parent;
        }
        let id = NodeId::try_from(self.nodes.len()).unwrap_or(NodeId::MAX);
        let (folded, hash, wanted) = match self.origins.get(parent as usize) {
            Some(above) => (
                above.folded.child(key, &self.separator, parent == ROOT),
                above.hash.child(key),
                self.targets.wanted(above.wanted).and_then(|wanted| wanted.children.get(key)).copied(),
            ),
            None => (FoldedPath::default(), PathHash::ROOT, None),
        };
        let name = self.name(folded.name(hash));
        let target = self.targets.wanted(wanted);
        let below_exact = target.is_some_and(|target| !target.children.is_empty());
        let columns_below = below_exact || self.targets.flat.keys().any(|name| name.starts_with(folded.prefix()));
        let exact = target.and_then(|target| target.column).unwrap_or(NO_COLUMN);

        let written = format!("\"{raw}\":");
        let mut spelling = [0; BLOCK];
        for (target, source) in spelling.iter_mut().zip(written.bytes()) {
            *target = source;
        }
        let length = u32::try_from(written.len()).unwrap_or(u32::MAX);
        let long_spelling = if written.len() > BLOCK { written.into_bytes().into() } else { Box::default() };
        self.key_bytes += raw.len() + key.len();
        self.nodes.push(Node {
            spelling,
            length,
            parent,
            first: ROOT,
            next: ROOT,
            name,
            exact,
            gap: NO_GAP,
            gaps: 0,
            columns_below,
        });
        self.origins.push(Origin { long_spelling, parent, key: key.into(), folded, hash, wanted });
        let origins = &self.origins;
        self.keys.insert_unique(key_hash(parent, key), id, |id| {
            origins.get(*id as usize).map_or(0, |origin| key_hash(origin.parent, &origin.key))
        });
        id
    }

    /// The id of a name, new or known.
    fn name(&mut self, text: String) -> NameId {
        let hash = name_hash(&text);
        let names = &self.names;
        let same = |id: &NameId| names.get(*id as usize).is_some_and(|name| name.key.name() == text);
        if let Some(id) = self.name_index.find(hash, same) {
            return *id;
        }
        let id = NameId::try_from(self.names.len()).unwrap_or(NameId::MAX);
        let (column, takes_objects) = self.targets.flat.get(&text).copied().unwrap_or((NO_COLUMN, false));
        self.key_bytes += text.len();
        let key = RenderedKey::new(&text);
        self.names.push(Name { document: 0, holder: ROOT, column, takes_objects, key });
        let names = &self.names;
        self.name_index
            .insert_unique(hash, id, |id| names.get(*id as usize).map_or(0, |name| name_hash(name.key.name())));
        id
    }

    /// The column whose exact path this is, or [`NO_COLUMN`].
    #[inline(always)]
    pub(crate) fn exact_column(&self, node: NodeId) -> ColumnId {
        self.node(node).map_or(NO_COLUMN, |node| node.exact)
    }

    /// The column that takes the object at this path whole, by exact path or by its name, or [`NO_COLUMN`].
    #[inline(always)]
    pub(crate) fn object_column(&self, node: NodeId) -> ColumnId {
        let Some(node) = self.node(node) else { return NO_COLUMN };
        if node.exact != NO_COLUMN {
            return node.exact;
        }
        match self.names.get(node.name as usize) {
            Some(name) if name.takes_objects && name.document != self.document => name.column,
            _ => NO_COLUMN,
        }
    }

    /// Whether some column may be filled from below this path.
    pub(crate) fn columns_below(&self, node: NodeId) -> bool {
        self.node(node).is_some_and(|node| node.columns_below)
    }

    /// Takes the name of a leaf: its own, or if that is taken in this document, the next one of its kind that is free.
    #[inline(always)]
    pub(crate) fn claim(&mut self, node: NodeId) -> NameId {
        let own = self.node(node).map_or(0, |node| node.name);
        match self.names.get_mut(own as usize) {
            Some(name) if name.document != self.document => {
                name.document = self.document;
                name.holder = node;
                own
            }
            _ => self.claim_other(node, own, false),
        }
    }

    /// Takes another name than its own for a leaf whose path already filled its column in this document.
    #[cold]
    pub(crate) fn claim_repeated(&mut self, node: NodeId) -> NameId {
        let own = self.node(node).map_or(0, |node| node.name);
        self.claim_other(node, own, true)
    }

    #[cold]
    #[inline(never)]
    fn claim_other(&mut self, node: NodeId, own: NameId, filled_column: bool) -> NameId {
        if self.is_full() {
            return own;
        }
        let held =
            self.names.get(own as usize).is_some_and(|name| name.holder == node && name.document == self.document);
        let collided = self.collided.entry(node).or_insert(0);
        let occurrence = *collided + u32::from(held || filled_column);
        *collided += 1;
        let hash = self.origins.get(node as usize).map_or(PathHash::ROOT, |origin| origin.hash);
        let text = self.names.get(own as usize).map(|name| name.key.name().to_owned()).unwrap_or_default();
        for attempt in 0.. {
            let id = self.name(colliding_name(&text, hash, occurrence, attempt));
            if let Some(name) = self.names.get_mut(id as usize)
                && name.document != self.document
            {
                name.document = self.document;
                name.holder = node;
                return id;
            }
        }
        own
    }

    /// The column that wants the leaf of this name, or [`NO_COLUMN`].
    #[inline(always)]
    pub(crate) fn named_column(&self, name: NameId) -> ColumnId {
        self.names.get(name as usize).map_or(NO_COLUMN, |name| name.column)
    }

    /// The name.
    #[inline(always)]
    pub(crate) fn name_text(&self, name: NameId) -> &str {
        self.names.get(name as usize).map_or("", |name| name.key.name())
    }

    /// Takes the name of a leaf, as [`Paths::claim`] does, and writes `,"name":`.
    #[inline(always)]
    pub(crate) fn write_claimed(&mut self, node: NodeId, output: &mut Output) {
        let own = self.node(node).map_or(0, |node| node.name);
        match self.names.get_mut(own as usize) {
            Some(name) if name.document != self.document => {
                name.document = self.document;
                name.holder = node;
                name.key.write(output);
            }
            _ => {
                let name = self.claim_other(node, own, false);
                if let Some(name) = self.names.get(name as usize) {
                    name.key.write(output);
                }
            }
        }
    }

    /// `"name":`, as it is written.
    #[inline(always)]
    pub(crate) fn rendered(&self, name: NameId) -> &str {
        self.names.get(name as usize).map_or("", |name| name.key.text())
    }
}
