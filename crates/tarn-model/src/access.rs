//! Who may read what: groups of people, what is open to them, and whether they may also read what a view of theirs reads.
//!
//! Once deployed, sources are opened by name, and each group has a tag of Lake Formation that a model's table carries from its first
//! publish on. What carries no `yes` is closed: versions that are not published, tables of Tarn's own, tables of others.

use std::fmt;
use std::ops::Range;

use indexmap::IndexMap;
use serde::{Serialize, Serializer};

use crate::config::{ConfigPlaces, LakeConfig};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceText};
use crate::lake::Lake;
use crate::model::{DependencyKind, Materialization, Model};
use crate::name;
use crate::yaml::{Node, Reader, Spanned, values};

/// A part of the lake that somebody may read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Layer {
    /// The tables of sources.
    Sources,
    /// The tables and views of all models.
    Models,
    /// The views among the models.
    Views,
    /// The models with a tag.
    Tag(String),
}

impl fmt::Display for Layer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sources => formatter.write_str("sources"),
            Self::Models => formatter.write_str("models"),
            Self::Views => formatter.write_str("views"),
            Self::Tag(tag) => write!(formatter, "tag:{tag}"),
        }
    }
}

impl Serialize for Layer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Layer {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "sources" => Some(Self::Sources),
            "models" => Some(Self::Models),
            "views" => Some(Self::Views),
            _ => text.strip_prefix("tag:").filter(|tag| !tag.is_empty()).map(|tag| Self::Tag(tag.to_owned())),
        }
    }

    fn holds(&self, model: &Model) -> bool {
        match self {
            Self::Sources => false,
            Self::Models => true,
            Self::Views => model.materialization == Materialization::View,
            Self::Tag(tag) => model.tags.contains(tag),
        }
    }
}

/// Who may read what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct AccessConfig {
    /// ARNs of roles and users, or 12-digit numbers of other accounts.
    pub principals: Vec<String>,
    /// What they may read.
    pub read: Vec<Layer>,
    /// Of these sources only these columns.
    pub columns: IndexMap<String, Vec<String>>,
}

impl AccessConfig {
    fn opens(&self, model: &Model) -> bool {
        self.read.iter().any(|layer| layer.holds(model))
    }
}

/// A tag of Lake Formation on a model's table: whether a group may read it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessTag {
    /// The group's key, `tarn-<lake>-<group>`.
    pub key: String,
    /// Whether the group may read the table.
    pub is_open: bool,
}

impl LakeConfig {
    /// The tags that a model's table carries once it is published, one for each group; none where the lake says nothing of access.
    #[must_use]
    pub fn access_tags(&self, model: &Model) -> Vec<AccessTag> {
        let tag = |(group, access): (&String, &AccessConfig)| AccessTag {
            key: format!("tarn-{}-{group}", self.name),
            is_open: access.opens(model),
        };
        self.access.iter().map(tag).collect()
    }
}

/// Where a group of readers stands in `tarn.yaml`.
#[derive(Debug)]
pub(crate) struct GroupPlace {
    name: String,
    read: Vec<(Layer, Range<usize>)>,
}

pub(crate) const ACCESS_KEYS: &[&str] = &["principals", "read", "columns"];

/// Lake Formation takes 50 tags on one table, and each group has one.
const MOST_GROUPS: usize = 50;

/// Reads `access:`.
pub(crate) fn read(reader: &mut Reader, node: &Node, places: &mut ConfigPlaces) -> IndexMap<String, AccessConfig> {
    let mut groups = IndexMap::new();
    for (name, node) in reader.named(node, "`access`") {
        let is_key = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
        if name.value.is_empty() || name.value.len() > 64 || !name.value.bytes().all(is_key) {
            let message = format!("a group of `access` cannot be called `{}`", name.value);
            let mistake = reader.source.error("bad-name", name.span.clone(), message);
            reader.report(mistake.with_hint("its name goes into a tag: up to 64 of a to z, digits, `_` and `-`"));
        }
        if groups.len() == MOST_GROUPS {
            reader.error("bad-value", name.span.clone(), format!("`access` has more than {MOST_GROUPS} groups"));
        }
        if let Some(group) = read_group(reader, node, &name.value, places) {
            groups.insert(name.value, group);
        }
    }
    groups
}

fn read_group(reader: &mut Reader, node: &Node, name: &str, places: &mut ConfigPlaces) -> Option<AccessConfig> {
    let fields = reader.fields(node, "a group of `access`", ACCESS_KEYS)?;
    let principals = reader.required(&fields, "principals", "a group of `access`")?;
    let principals = reader.texts(principals, "`principals`");
    for principal in &principals {
        let is_account = principal.value.len() == 12 && principal.value.bytes().all(|byte| byte.is_ascii_digit());
        if !is_account && !principal.value.starts_with("arn:") {
            let message = format!("`{}` is neither an ARN nor the 12 digits of an account", principal.value);
            reader.error("bad-value", principal.span.clone(), message);
        }
    }
    let mut group = AccessConfig { principals: values(principals), ..AccessConfig::default() };
    let read = fields.get("read").map(|node| reader.texts(node, "`read`")).unwrap_or_default();
    let read: Vec<_> = read.into_iter().filter_map(|text| read_layer(reader, text, places)).collect();
    group.read = read.iter().map(|(layer, _)| layer.clone()).collect();
    for (source, node) in fields.get("columns").map(|node| reader.named(node, "`columns`")).unwrap_or_default() {
        let columns = reader.texts(node, "the columns of a source");
        group.columns.insert(source.value.clone(), values(columns.clone()));
        places.readable.push((source, columns));
    }
    if let Some(span) = fields.key_span("columns")
        && !group.read.contains(&Layer::Sources)
    {
        let message =
            "`columns` opens nothing by itself: it says which columns of sources are read, and `read` names no sources";
        let mistake = reader.source.error("useless-columns", span, message);
        reader.report(mistake.with_hint("add `sources` to `read`"));
    }
    places.groups.push(GroupPlace { name: name.to_owned(), read });
    Some(group)
}

fn read_layer(reader: &mut Reader, text: Spanned<String>, places: &mut ConfigPlaces) -> Option<(Layer, Range<usize>)> {
    let Some(layer) = Layer::parse(&text.value) else {
        let message = format!("`read` cannot be `{}`", text.value);
        let possible = ["sources", "models", "views", "tag:…"];
        let mistake = reader.source.error("bad-value", text.span, message);
        reader.report(mistake.with_hint_if(name::suggestion(&text.value, possible, "possible values")));
        return None;
    };
    // A tag that no model has is found where schedules' are.
    if matches!(layer, Layer::Tag(_)) {
        places.selectors.push(text.clone());
    }
    Some((layer, text.span))
}

/// Views that a group may read without being able to: Athena reads a view with the rights of who asks.
pub(crate) fn unreadable_views(lake: &Lake, config: &SourceText, groups: &[GroupPlace]) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for group in groups {
        let Some(access) = lake.config.access.get(&group.name) else { continue };
        let views = lake.models.values().filter(|model| model.materialization == Materialization::View);
        for view in views {
            let Some((_, span)) = group.read.iter().find(|(layer, _)| layer.holds(view)) else { continue };
            for dependency in view.depends_on.iter().filter(|dependency| !dependency.audits_only) {
                let wants = Wants { lake, kind: dependency.kind, name: &dependency.name };
                let worst = access.principals.iter().map(|principal| wants.of(principal)).max();
                if let Some(found) = worst.and_then(|found| wants.mistake(found, view, &group.name, config, span)) {
                    diagnostics.push(found);
                }
            }
        }
    }
    diagnostics
}

/// How much of what a view reads is open to somebody, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Open,
    /// Some columns of it.
    Partly,
    Closed,
}

/// What a view reads.
struct Wants<'a> {
    lake: &'a Lake,
    kind: DependencyKind,
    name: &'a str,
}

impl Wants<'_> {
    /// What a principal has of it, by all groups it is in.
    fn of(&self, principal: &String) -> Found {
        let groups = self.lake.config.access.values().filter(|group| group.principals.contains(principal));
        groups.map(|group| self.by(group)).min().unwrap_or(Found::Closed)
    }

    fn by(&self, group: &AccessConfig) -> Found {
        let reads_sources = group.read.contains(&Layer::Sources);
        let is_narrowed = group.columns.contains_key(self.name);
        let is_described = self.lake.sources.get(self.name).is_some_and(|source| source.columns.is_some());
        match self.kind {
            DependencyKind::Model if self.lake.models.get(self.name).is_some_and(|model| group.opens(model)) => {
                Found::Open
            }
            DependencyKind::Source if reads_sources && is_narrowed => Found::Partly,
            // The view of latest images shows all columns; a table without a contract is made by nobody who could open it.
            DependencyKind::Source | DependencyKind::CurrentView if reads_sources && is_described && !is_narrowed => {
                Found::Open
            }
            _ => Found::Closed,
        }
    }

    fn mistake(
        &self,
        found: Found,
        view: &Model,
        group: &str,
        config: &SourceText,
        span: &Range<usize>,
    ) -> Option<Diagnostic> {
        let (view_name, name) = (&view.name, self.name);
        let relation = match self.kind {
            DependencyKind::CurrentView => format!("{name}_current"),
            _ => name.to_owned(),
        };
        match found {
            Found::Open => None,
            Found::Partly => {
                let message = format!(
                    "the view `{view_name}` is open to `{group}`, and of `{relation}`, which it reads, only some columns: it fails for them if it reads others"
                );
                Some(config.error("closed-view", span.clone(), message).as_warning())
            }
            Found::Closed => {
                let message = format!(
                    "the view `{view_name}` is open to `{group}`, and `{relation}`, which it reads, is not: Athena reads a view with the rights of who asks"
                );
                let hint = match self.kind {
                    DependencyKind::Seed => format!("write `materialized: table` in `{}`", view.file),
                    _ => format!(
                        "write `materialized: table` in `{}`, or open `{relation}` to `{group}` as well",
                        view.file
                    ),
                };
                Some(config.error("closed-view", span.clone(), message).with_hint(hint))
            }
        }
    }
}
