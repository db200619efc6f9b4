//! One pass over an item in DynamoDB JSON: every leaf with its path, as [`crate::walk`] gives those of plain JSON.
//!
//! Text and numbers are shown where they stand. Lists, sets and maps that are taken whole are decoded to plain JSON first.

use crate::dynamodb::{Tag, container, container_start, content_end, literal_token, number_token, set, tag, type_end};
use crate::error::RecordError;
use crate::paths::{NodeId, Paths, ROOT};
use crate::scan::{byte, expected, skip_space, string};
use crate::simd::{Scan, Work};
use crate::walk::{Frame, Kind, Leaf, Members, Opening, Reach, Visitor, unexpected_key};

/// The walk over one item; gives the position after it.
pub(crate) struct ItemWalk<'a, V> {
    /// The whole record.
    pub(crate) text: &'a str,
    /// Where the item stands.
    pub(crate) at: usize,
    pub(crate) reach: Reach,
    pub(crate) paths: &'a mut Paths,
    /// Room for open containers.
    pub(crate) stack: &'a mut Vec<Frame>,
    /// Room for values that are decoded.
    pub(crate) decoded: &'a mut String,
    /// Attributes that are not to be shown.
    pub(crate) passed_over: &'a [NodeId],
    /// Takes the attributes that there are.
    pub(crate) attributes: &'a mut Vec<NodeId>,
    pub(crate) visitor: &'a mut V,
}

impl<V: Visitor> Work for ItemWalk<'_, V> {
    type Output = Result<usize, RecordError>;

    #[inline(always)]
    fn run<S: Scan>(self) -> Self::Output {
        let Self { text, at, reach, paths, stack, decoded, passed_over, attributes, visitor } = self;
        let bytes = text.as_bytes();
        if byte(bytes, at) != b'{' {
            return Err(expected(bytes, at, "`{`"));
        }
        stack.clear();
        attributes.clear();
        let (mut parent, mut previous, mut members) = (ROOT, ROOT, Members::Keys);
        let mut position = skip_space(bytes, at + 1);
        if byte(bytes, position) == b'}' {
            return Ok(position + 1);
        }
        loop {
            // A key and its typed value, or a typed element, stands at `position`.
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
            let mut shown = true;
            if stack.is_empty() {
                attributes.push(node);
                shown = !passed_over.contains(&node);
            }
            let (tag, content) = tag(bytes, position)?;
            let leaf = match tag {
                _ if !shown => {
                    decoded.clear();
                    position = content_end::<S>(text, content, tag, decoded)?;
                    None
                }
                Tag::String | Tag::Binary => {
                    if byte(bytes, content) != b'"' {
                        return Err(expected(bytes, content, "a string"));
                    }
                    let token = string::<S>(bytes, content)?;
                    position = token.end;
                    Some(here(text, Kind::String { escaped: token.escaped }, content, token.end))
                }
                Tag::Number => {
                    position = number_token::<S>(bytes, content)?;
                    Some(here(text, Kind::Number, content + 1, position - 1))
                }
                Tag::Boolean | Tag::Null => {
                    position = literal_token(bytes, content, tag)?;
                    Some(match byte(bytes, content) {
                        _ if tag == Tag::Null => decoded_leaf(Kind::Null, "null"),
                        b't' => here(text, Kind::True, content, position),
                        _ => here(text, Kind::False, content, position),
                    })
                }
                Tag::Map | Tag::List => {
                    let bracket = container_start(bytes, content, tag)?.unwrap_or(b'{');
                    let inside = skip_space(bytes, content + 1);
                    let open = byte(bytes, inside) != bracket + 2
                        && (tag == Tag::Map || reach.arrays)
                        && stack.len() + 1 < reach.depth;
                    let opening = if open { visitor.opening(paths, node) } else { Opening::Whole };
                    if opening != Opening::Open {
                        decoded.clear();
                        position = container::<S>(text, content, decoded)?;
                    }
                    if opening != Opening::Whole {
                        let muted = opening == Opening::Both;
                        if muted {
                            show::<S, V>(visitor, paths, node, decoded_leaf(WHOLE, decoded), content)?;
                            visitor.mute(true);
                        }
                        stack.push(Frame { parent, previous: node, members, muted });
                        (parent, previous) = (node, ROOT);
                        members = if tag == Tag::Map { Members::Keys } else { Members::Elements(0) };
                        position = inside;
                        continue;
                    }
                    Some(decoded_leaf(WHOLE, decoded))
                }
                Tag::StringSet | Tag::NumberSet | Tag::BinarySet => {
                    decoded.clear();
                    position = set::<S>(text, content, tag == Tag::NumberSet, decoded)?;
                    let open = reach.arrays && *decoded != "[]" && stack.len() + 1 < reach.depth;
                    let opening = if open { visitor.opening(paths, node) } else { Opening::Whole };
                    if opening != Opening::Open {
                        show::<S, V>(visitor, paths, node, decoded_leaf(WHOLE, decoded), content)?;
                    }
                    if opening != Opening::Whole {
                        let muted = opening == Opening::Both;
                        if muted {
                            visitor.mute(true);
                        }
                        elements::<S, V>(text, content, tag, node, paths, visitor)?;
                        if muted {
                            visitor.mute(false);
                        }
                    }
                    None
                }
            };
            if let Some(leaf) = leaf {
                show::<S, V>(visitor, paths, node, leaf, content)?;
            }
            position = type_end(bytes, position)?;
            previous = node;
            // A value ended at `position`: close what closes, then on to the next one.
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
                        let Some(frame) = stack.pop() else { return Ok(position) };
                        position = type_end(bytes, position)?;
                        if frame.muted {
                            visitor.mute(false);
                        }
                        (parent, previous, members) = (frame.parent, frame.previous, frame.members);
                    }
                    _ if closing == b'}' => return Err(expected(bytes, position, "`,` or `}`")),
                    _ => return Err(expected(bytes, position, "`,` or `]`")),
                }
            }
        }
    }
}

/// The kind of a list, set or map that was decoded.
const WHOLE: Kind = Kind::Nested { spaced: false };

/// A leaf that stands in the record as plain JSON wants it.
#[inline(always)]
fn here(text: &str, kind: Kind, start: usize, end: usize) -> Leaf<'_> {
    Leaf { kind, text, start, end, rewritten: false }
}

#[inline(always)]
fn decoded_leaf(kind: Kind, json: &str) -> Leaf<'_> {
    Leaf { kind, text: json, start: 0, end: json.len(), rewritten: true }
}

/// Shows a leaf whose content stands at `at`.
#[inline(always)]
fn show<S: Scan, V: Visitor>(
    visitor: &mut V,
    paths: &mut Paths,
    node: NodeId,
    leaf: Leaf<'_>,
    at: usize,
) -> Result<(), RecordError> {
    visitor.leaf::<S>(paths, node, leaf).map_err(|kind| RecordError::new(at, kind))
}

/// Shows the elements of the set at `at`, which was read before.
#[cold]
fn elements<S: Scan, V: Visitor>(
    text: &str,
    at: usize,
    tag: Tag,
    set: NodeId,
    paths: &mut Paths,
    visitor: &mut V,
) -> Result<(), RecordError> {
    let bytes = text.as_bytes();
    let (mut position, mut previous) = (skip_space(bytes, at + 1), ROOT);
    for index in 0.. {
        let node = paths.element(set, previous, index);
        paths.check_growth(position)?;
        let token = string::<S>(bytes, position)?;
        let leaf = match tag {
            Tag::NumberSet => here(text, Kind::Number, position + 1, token.end - 1),
            _ => here(text, Kind::String { escaped: token.escaped }, position, token.end),
        };
        show::<S, V>(visitor, paths, node, leaf, position)?;
        previous = node;
        position = skip_space(bytes, token.end);
        if byte(bytes, position) != b',' {
            break;
        }
        position = skip_space(bytes, position + 1);
    }
    Ok(())
}
