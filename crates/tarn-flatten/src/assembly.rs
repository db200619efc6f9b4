//! From the leaves of a document to what is given out: a typed row, or a list of fields.

use std::sync::Arc;

use crate::cast::{Scratch, Slot, cast_into};
use crate::column_type::ColumnType;
use crate::contract::Contract;
use crate::error::{CastRefusal, RecordErrorKind};
use crate::nested::push_compact;
use crate::paths::{ColumnId, NO_COLUMN, NameId, NodeId, Paths};
use crate::row::{Change, Field, FlatRecord, FlatSink, Row, RowSink, Value};
use crate::simd::Scan;
use crate::walk::{Kind, Leaf, Opening, Visitor};

/// A document that was read and is given out now.
#[derive(Clone, Copy)]
pub(crate) struct Document<'a> {
    /// The text in which the leaves stand.
    pub(crate) text: &'a str,
    pub(crate) paths: &'a Paths,
    pub(crate) change: Option<&'a Change>,
    pub(crate) record: &'a [u8],
    pub(crate) position: u32,
}

/// Collects the leaves of one document at a time and gives it out.
pub(crate) trait Assembly {
    type Visitor: Visitor;
    /// Forgets the last document.
    fn begin(&mut self) -> &mut Self::Visitor;
    /// Checks what can be checked only at the end of a document.
    fn complete(&self) -> Result<(), RecordErrorKind>;
    /// Gives the document out.
    fn emit(&mut self, document: Document<'_>);
}

/// The room of an emptied vector for elements of another lifetime.
///
/// Nothing is collected; the standard library keeps the allocation, as the layouts are the same.
fn recycled<A, B>(mut emptied: Vec<A>, never: impl FnMut(A) -> B) -> Vec<B> {
    emptied.clear();
    emptied.into_iter().map(never).collect()
}

/// The row of a document, column by column.
///
/// With `ESCAPES`, text keeps the escapes that stand in it.
#[derive(Debug)]
pub(crate) struct RowAssembly<const ESCAPES: bool = false> {
    contract: Arc<Contract>,
    types: Vec<ColumnType>,
    required: Vec<ColumnId>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) scratch: Scratch,
    /// `{"name":value` and so on, without the last bracket; empty if nothing is left over.
    pub(crate) extra: String,
    muted: usize,
    values: Vec<Value<'static>>,
}

impl<const ESCAPES: bool> RowAssembly<ESCAPES> {
    pub(crate) fn new(contract: Arc<Contract>) -> Self {
        let columns = contract.columns();
        let types: Vec<_> = columns.iter().map(|column| column.column_type).collect();
        let required = (0..).zip(columns).filter(|(_, column)| column.required).map(|(id, _)| id).collect();
        let slots = vec![Slot::Absent; types.len()];
        Self {
            types,
            required,
            slots,
            scratch: Scratch::default(),
            extra: String::new(),
            muted: 0,
            values: Vec::new(),
            contract,
        }
    }

    /// Forgets the last document.
    #[inline]
    pub(crate) fn forget(&mut self) {
        self.slots.fill(Slot::Absent);
        self.scratch.clear();
        self.extra.clear();
        self.muted = 0;
    }

    /// Checks that no required column is without a value.
    #[inline]
    pub(crate) fn complete(&self) -> Result<(), RecordErrorKind> {
        for required in &self.required {
            let slot = self.slots.get(*required as usize);
            if matches!(slot, Some(Slot::Absent | Slot::Null)) {
                let column = self.contract.columns().get(*required as usize);
                let column = column.map(|column| column.name.as_str()).unwrap_or_default().into();
                return Err(match slot {
                    Some(Slot::Null) => RecordErrorKind::Null { column },
                    _ => RecordErrorKind::Absent { column },
                });
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn fill(&mut self, column: ColumnId, leaf: Leaf<'_>) -> Result<(), RecordErrorKind> {
        let column = column as usize;
        let (Some(slot), Some(wanted)) = (self.slots.get_mut(column), self.types.get(column)) else { return Ok(()) };
        if cast_into::<ESCAPES>(slot, leaf, *wanted, &mut self.scratch) {
            Ok(())
        } else {
            Err(self.refusal(column, leaf))
        }
    }

    #[cold]
    fn refusal(&self, column: usize, leaf: Leaf<'_>) -> RecordErrorKind {
        let name = self.contract.columns().get(column).map(|column| column.name.clone()).unwrap_or_default();
        let wanted = self.types.get(column).copied().unwrap_or(ColumnType::String);
        let value = CastRefusal::shorten(leaf.json());
        RecordErrorKind::Cast(Box::new(CastRefusal { column: name, wanted, value }))
    }

    #[inline(always)]
    fn keep(&mut self, rendered_name: &str, leaf: Leaf<'_>) {
        self.extra.push(if self.extra.is_empty() { '{' } else { ',' });
        self.extra.push_str(rendered_name);
        if leaf.kind == (Kind::Nested { spaced: true }) {
            push_compact(leaf.json(), &mut self.extra);
        } else {
            self.extra.push_str(leaf.json());
        }
    }
}

impl<const ESCAPES: bool> Visitor for RowAssembly<ESCAPES> {
    #[inline(always)]
    fn opening(&mut self, paths: &Paths, node: NodeId) -> Opening {
        if paths.object_column(node) == NO_COLUMN {
            Opening::Open
        } else if paths.columns_below(node) {
            Opening::Both
        } else {
            Opening::Whole
        }
    }

    #[inline(always)]
    fn leaf<S: Scan>(&mut self, paths: &mut Paths, node: NodeId, leaf: Leaf<'_>) -> Result<(), RecordErrorKind> {
        let exact = paths.exact_column(node);
        let name = if exact == NO_COLUMN {
            paths.claim(node)
        } else if matches!(self.slots.get(exact as usize), Some(Slot::Absent)) {
            return self.fill(exact, leaf);
        } else {
            paths.claim_repeated(node)
        };
        let column = paths.named_column(name);
        if column != NO_COLUMN {
            self.fill(column, leaf)
        } else {
            if self.muted == 0 {
                self.keep(paths.rendered(name), leaf);
            }
            Ok(())
        }
    }

    fn mute(&mut self, muted: bool) {
        self.muted = if muted { self.muted + 1 } else { self.muted.saturating_sub(1) };
    }
}

/// A [`RowAssembly`] and where its rows go.
pub(crate) struct Rows<'a, K> {
    pub(crate) assembly: &'a mut RowAssembly,
    pub(crate) sink: &'a mut K,
}

impl<K: RowSink> Assembly for Rows<'_, K> {
    type Visitor = RowAssembly;

    #[inline]
    fn begin(&mut self) -> &mut RowAssembly {
        self.assembly.forget();
        self.assembly
    }

    #[inline]
    fn complete(&self) -> Result<(), RecordErrorKind> {
        self.assembly.complete()
    }

    #[inline]
    fn emit(&mut self, document: Document<'_>) {
        let RowAssembly { slots, scratch, extra, values, .. } = &mut *self.assembly;
        if !extra.is_empty() {
            extra.push('}');
        }
        let mut row: Vec<Value<'_>> = recycled(std::mem::take(values), |_| Value::Null);
        row.extend(slots.iter().map(|slot| match *slot {
            Slot::Absent | Slot::Null => Value::Null,
            Slot::Boolean(value) => Value::Boolean(value),
            Slot::Integer(value) => Value::Integer(value),
            Slot::Real(value) => Value::Real(value),
            Slot::Double(value) => Value::Double(value),
            Slot::Decimal(value) => Value::Decimal(value),
            Slot::Source { start, end } | Slot::Json { start, end } => {
                Value::Text(document.text.get(start..end).unwrap_or_default())
            }
            Slot::Rewritten { start, end } => Value::Text(scratch.text.get(start..end).unwrap_or_default()),
            Slot::Date(value) => Value::Date(value),
            Slot::Timestamp(value) => Value::Timestamp(value),
            Slot::Binary { start, end } => Value::Binary(scratch.bytes.get(start..end).unwrap_or_default()),
        }));
        self.sink.row(&Row {
            values: &row,
            extra: (!extra.is_empty()).then_some(extra.as_str()),
            change: document.change,
            record: document.record,
            document: document.position,
        });
        *values = recycled(row, |_| Value::Null);
    }
}

/// The fields of a document, in order.
#[derive(Debug, Default)]
pub(crate) struct FieldAssembly {
    fields: Vec<FieldText>,
    compacted: String,
    recycled: Vec<Field<'static>>,
}

#[derive(Debug, Clone, Copy)]
struct FieldText {
    name: NameId,
    compacted: bool,
    start: usize,
    end: usize,
}

impl Visitor for FieldAssembly {
    #[inline(always)]
    fn opening(&mut self, _: &Paths, _: NodeId) -> Opening {
        Opening::Open
    }

    #[inline(always)]
    fn leaf<S: Scan>(&mut self, paths: &mut Paths, node: NodeId, leaf: Leaf<'_>) -> Result<(), RecordErrorKind> {
        let name = paths.claim(node);
        let spaced = leaf.kind == (Kind::Nested { spaced: true });
        let compacted = spaced || leaf.rewritten;
        let (start, end) = if compacted {
            let start = self.compacted.len();
            if spaced {
                push_compact(leaf.json(), &mut self.compacted);
            } else {
                self.compacted.push_str(leaf.json());
            }
            (start, self.compacted.len())
        } else {
            (leaf.start, leaf.end)
        };
        self.fields.push(FieldText { name, compacted, start, end });
        Ok(())
    }

    fn mute(&mut self, _: bool) {}
}

/// A [`FieldAssembly`] and where its documents go.
pub(crate) struct Fields<'a, K> {
    pub(crate) assembly: &'a mut FieldAssembly,
    pub(crate) sink: &'a mut K,
}

impl<K: FlatSink> Assembly for Fields<'_, K> {
    type Visitor = FieldAssembly;

    #[inline]
    fn begin(&mut self) -> &mut FieldAssembly {
        self.assembly.fields.clear();
        self.assembly.compacted.clear();
        self.assembly
    }

    fn complete(&self) -> Result<(), RecordErrorKind> {
        Ok(())
    }

    #[inline]
    fn emit(&mut self, document: Document<'_>) {
        let FieldAssembly { fields, compacted, recycled: room } = &mut *self.assembly;
        let mut flat: Vec<Field<'_>> = recycled(std::mem::take(room), |_| Field::EMPTY);
        flat.extend(fields.iter().map(|field| {
            let text = if field.compacted { compacted.as_str() } else { document.text };
            Field {
                name: document.paths.name_text(field.name),
                json: text.get(field.start..field.end).unwrap_or_default(),
            }
        }));
        self.sink.flat(&FlatRecord {
            fields: &flat,
            change: document.change,
            record: document.record,
            document: document.position,
        });
        *room = recycled(flat, |_| Field::EMPTY);
    }
}
