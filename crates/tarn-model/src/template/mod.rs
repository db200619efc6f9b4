//! Templates of models: minijinja with `ref`, `source`, `var`, `is_incremental`, `this` and `deduplicated`.
//!
//! A template is looked at in two ways. [`analysis`] walks its syntax tree and sees every call in every branch, with
//! its place: that is where dependencies and most mistakes come from. [`render`] runs it: that finds what only runs
//! show (a name built in a loop) and yields the SQL. [`source_map`] leads from a place in the SQL back to the template.

pub(crate) mod analysis;
pub(crate) mod render;
pub(crate) mod source_map;

/// A function of ours that a template may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Function {
    Ref,
    Source,
    Deduplicated,
    Var,
    IsIncremental,
}

impl Function {
    pub(crate) const ALL: [Function; 5] =
        [Function::Ref, Function::Source, Function::Deduplicated, Function::Var, Function::IsIncremental];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Function::Ref => "ref",
            Function::Source => "source",
            Function::Deduplicated => "deduplicated",
            Function::Var => "var",
            Function::IsIncremental => "is_incremental",
        }
    }

    fn of(word: &str) -> Option<Function> {
        Function::ALL.into_iter().find(|function| function.word() == word)
    }

    /// How many arguments it takes.
    fn arguments(self) -> std::ops::RangeInclusive<usize> {
        match self {
            Function::Ref | Function::Source | Function::Deduplicated => 1..=1,
            Function::Var => 1..=2,
            Function::IsIncremental => 0..=0,
        }
    }

    fn usage(self) -> &'static str {
        match self {
            Function::Ref => "write `ref('model')`",
            Function::Source => "write `source('name')`",
            Function::Deduplicated => "write `deduplicated('name')`",
            Function::Var => "write `var('name')` or `var('name', default)`",
            Function::IsIncremental => "write `is_incremental()`",
        }
    }
}

/// The variable that names a model's own table.
pub(crate) const THIS: &str = "this";
