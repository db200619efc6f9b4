//! One pass over a document: every leaf with its path, in document order.

use crate::error::{RecordError, RecordErrorKind};
use crate::nested::nested;
use crate::paths::{NodeId, Paths, ROOT};
use crate::scan::{byte, expected, literal, number, skip_space, string};
use crate::simd::{Scan, Work};

/// What kind of value a leaf is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A string; `escaped` if its body has escapes.
    String { escaped: bool },
    /// A number.
    Number,
    /// `true`.
    True,
    /// `false`.
    False,
    /// `null`.
    Null,
    /// An array or object that is kept whole; `spaced` if white space stands between its tokens.
    Nested { spaced: bool },
}

/// A leaf: its kind and its JSON text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leaf<'t> {
    pub(crate) kind: Kind,
    /// The text in which it stands.
    pub(crate) text: &'t str,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Whether that text is not the document, but room that is used again for the next value.
    pub(crate) rewritten: bool,
}

impl<'t> Leaf<'t> {
    /// Its JSON text.
    #[inline(always)]
    pub(crate) fn json(&self) -> &'t str {
        slice(self.text, self.start, self.end)
    }
}

/// Whether an array or object is opened, or taken as one leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Its members are leaves of their own.
    Open,
    /// It is one leaf.
    Whole,
    /// It is one leaf, and its members are visited too, muted.
    Both,
}

/// Takes the leaves of a document.
pub(crate) trait Visitor {
    /// Decides about an array or object that could be opened.
    fn opening(&mut self, paths: &Paths, node: NodeId) -> Opening;
    /// Takes a leaf.
    fn leaf<S: Scan>(&mut self, paths: &mut Paths, node: NodeId, leaf: Leaf<'_>) -> Result<(), RecordErrorKind>;
    /// The members of what was taken whole begin (`true`) or end (`false`).
    fn mute(&mut self, muted: bool);
}

/// An array or object that is open, and where its parent stood.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) parent: NodeId,
    pub(crate) previous: NodeId,
    pub(crate) members: Members,
    pub(crate) muted: bool,
}

/// What the members of an open container are named by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Members {
    Keys,
    /// The index of the next element.
    Elements(u32),
}

/// What decides which containers are opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    /// Levels of nesting that are opened, the document itself included.
    pub(crate) depth: usize,
    /// Whether arrays are opened.
    pub(crate) arrays: bool,
}

/// How much more often something else may come than what was foreseen, before a document is read without foresight.
pub(crate) const PATIENCE: u32 = 6;
/// The same for a document after one that was.
const LITTLE_PATIENCE: u32 = 2;

/// The walk over one document; gives the position after it.
pub(crate) struct DocumentWalk<'a, V> {
    /// The whole record.
    pub(crate) text: &'a str,
    /// Where the document begins: at its first byte, not at white space.
    pub(crate) at: usize,
    pub(crate) reach: Reach,
    pub(crate) paths: &'a mut Paths,
    /// Room for open containers; empty before and after.
    pub(crate) stack: &'a mut Vec<Frame>,
    pub(crate) visitor: &'a mut V,
}

impl<V: Visitor> Work for DocumentWalk<'_, V> {
    type Output = Result<usize, RecordError>;

    #[inline(always)]
    fn run<S: Scan>(self) -> Self::Output {
        let Self { text, at, reach, paths, stack, visitor } = self;
        let bytes = text.as_bytes();
        stack.clear();
        let (mut parent, mut previous, mut members) = (ROOT, ROOT, Members::Keys);
        let mut position = at;
        // What lies between two leaves is foreseen only where all of it is keys, and nothing is muted.
        let mut muted = 0usize;
        let mut stack_is_behind = false;
        let mut patience = paths.patience;
        paths.patience = LITTLE_PATIENCE;
        loop {
            // A leaf ended at `position`, or the document begins there.
            let mut foreseen = None;
            if muted == 0 && !reach.arrays && patience > 0 {
                match paths.expected_gap::<S>(bytes, position, previous) {
                    Some((ROOT, end)) => {
                        paths.patience = PATIENCE;
                        return Ok(end);
                    }
                    Some((node, start)) if is_leaf_start(byte(bytes, start)) => foreseen = Some((node, start)),
                    _ => {}
                }
            }
            let (node, start) = match foreseen {
                Some(found) => {
                    stack_is_behind = true;
                    patience = PATIENCE.min(patience + 1);
                    found
                }
                None => {
                    patience = patience.saturating_sub(1);
                    if stack_is_behind {
                        stack_is_behind = false;
                        parent = paths.enclosing(previous, stack);
                    }
                    let (leaf, gap) = (previous, position);
                    let mut learning = muted == 0 && !reach.arrays;
                    if leaf == ROOT {
                        if byte(bytes, at) != b'{' {
                            return Err(not_an_object(bytes, at));
                        }
                        position = skip_space(bytes, at + 1);
                        if byte(bytes, position) == b'}' {
                            return Ok(position + 1);
                        }
                    } else {
                        // Close what closes, then on to the next member.
                        loop {
                            position = skip_space(bytes, position);
                            let closing = if members == Members::Keys { b'}' } else { b']' };
                            match byte(bytes, position) {
                                b',' => {
                                    position = skip_space(bytes, position + 1);
                                    break;
                                }
                                found if found == closing => {
                                    position += 1;
                                    let Some(frame) = stack.pop() else {
                                        if learning {
                                            paths.learn_gap(bytes, leaf, gap, position, ROOT);
                                        }
                                        paths.patience = if patience > 0 { PATIENCE } else { LITTLE_PATIENCE };
                                        return Ok(position);
                                    };
                                    if frame.muted {
                                        visitor.mute(false);
                                        muted -= 1;
                                    }
                                    (parent, previous, members) = (frame.parent, frame.previous, frame.members);
                                }
                                _ if closing == b'}' => return Err(expected(bytes, position, "`,` or `}`")),
                                _ => return Err(expected(bytes, position, "`,` or `]`")),
                            }
                        }
                    }
                    let (node, first) = loop {
                        // A key and its value, or an element, stands at `position`.
                        let node = match &mut members {
                            Members::Keys => {
                                let (node, after) = match paths.expected_key::<S>(bytes, position, parent, previous) {
                                    Some(found) => found,
                                    None => unexpected_key::<S>(text, position, paths, parent, previous)?,
                                };
                                position = skip_space(bytes, after);
                                node
                            }
                            Members::Elements(index) => {
                                let node = paths.element(parent, previous, *index);
                                paths.check_growth(position)?;
                                *index = index.saturating_add(1);
                                node
                            }
                        };
                        let first = byte(bytes, position);
                        if !matches!(first, b'{' | b'[') {
                            break (node, first);
                        }
                        let inside = skip_space(bytes, position + 1);
                        let open = byte(bytes, inside) != first + 2
                            && (first == b'{' || reach.arrays)
                            && stack.len() + 1 < reach.depth;
                        let opening = if open { visitor.opening(paths, node) } else { Opening::Whole };
                        if opening == Opening::Whole {
                            break (node, first);
                        }
                        learning &= paths.always_opens(node);
                        if opening == Opening::Both {
                            let token = nested::<S>(bytes, position)?;
                            let kind = Kind::Nested { spaced: token.spaced };
                            let leaf = Leaf { kind, text, start: position, end: token.end, rewritten: false };
                            visitor.leaf::<S>(paths, node, leaf).map_err(|kind| RecordError::new(position, kind))?;
                            visitor.mute(true);
                            muted += 1;
                        }
                        stack.push(Frame { parent, previous: node, members, muted: opening == Opening::Both });
                        (parent, previous) = (node, ROOT);
                        members = if first == b'{' { Members::Keys } else { Members::Elements(0) };
                        position = inside;
                    };
                    if learning && first != b'{' {
                        paths.learn_gap(bytes, leaf, gap, position, node);
                    }
                    (node, position)
                }
            };
            let (kind, end) = match byte(bytes, start) {
                b'"' => {
                    let token = string::<S>(bytes, start)?;
                    (Kind::String { escaped: token.escaped }, token.end)
                }
                b'-' | b'0'..=b'9' => (Kind::Number, number::<S>(bytes, start)?),
                b'{' | b'[' => {
                    let token = nested::<S>(bytes, start)?;
                    (Kind::Nested { spaced: token.spaced }, token.end)
                }
                b't' => (Kind::True, literal(bytes, start)?),
                b'f' => (Kind::False, literal(bytes, start)?),
                _ => (Kind::Null, literal(bytes, start)?),
            };
            let leaf = Leaf { kind, text, start, end, rewritten: false };
            visitor.leaf::<S>(paths, node, leaf).map_err(|kind| RecordError::new(start, kind))?;
            previous = node;
            position = end;
        }
    }
}

/// Whether a value that begins so is a leaf whatever else it is; an object may have members, white space may hide one.
#[inline(always)]
fn is_leaf_start(first: u8) -> bool {
    !matches!(first, b'{' | b' ' | b'\n' | b'\r' | b'\t')
}

/// Token ends lie after ASCII bytes, so they are character boundaries.
#[inline(always)]
fn slice(text: &str, start: usize, end: usize) -> &str {
    text.get(start..end).unwrap_or_default()
}

#[cold]
#[inline(never)]
fn not_an_object(bytes: &[u8], at: usize) -> RecordError {
    match byte(bytes, at) {
        _ if at >= bytes.len() => RecordError::new(bytes.len(), RecordErrorKind::Truncated),
        b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => RecordError::new(at, RecordErrorKind::NotAnObject),
        _ => expected(bytes, at, "`{`"),
    }
}

/// Reads a key that was not the expected one; gives its node and the position after its colon.
#[inline(always)]
pub(crate) fn unexpected_key<S: Scan>(
    text: &str,
    at: usize,
    paths: &mut Paths,
    parent: NodeId,
    previous: NodeId,
) -> Result<(NodeId, usize), RecordError> {
    let bytes = text.as_bytes();
    if byte(bytes, at) != b'"' {
        return Err(expected(bytes, at, "a key in quotes"));
    }
    let token = string::<S>(bytes, at)?;
    let colon = skip_space(bytes, token.end);
    if byte(bytes, colon) != b':' {
        return Err(expected(bytes, colon, "`:`"));
    }
    let raw = slice(text, at + 1, token.end - 1);
    let node = paths.key::<S>(bytes, at, parent, previous, raw, token.escaped);
    paths.check_growth(at)?;
    Ok((node, colon + 1))
}
