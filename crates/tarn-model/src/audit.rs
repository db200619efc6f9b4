//! Audits: checks on a version before readers can see it, as SQL that returns the rows that fail.

use std::sync::Arc;

use serde::Serialize;

use crate::compile::{CompileContext, template_diagnostic};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, SourceText};
use crate::lake::Lake;
use crate::model::Dependency;
use crate::sql_text::{identifier, text};
use crate::template::analysis::TemplateMistake;
use crate::template::render::{Scope, render};
use crate::yaml::{Node, NodeValue, Reader, Spanned, values};

/// One audit of a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Audit {
    /// What is checked.
    pub check: AuditCheck,
    /// What the check reads besides the model itself.
    pub depends_on: Vec<Dependency>,
    #[serde(skip)]
    pub(crate) place: AuditPlace,
}

/// Where an audit was written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AuditPlace {
    pub(crate) source: SourceText,
    /// The name of the check.
    pub(crate) span: std::ops::Range<usize>,
    /// The relation of `relationships`, or the query of `sql`.
    pub(crate) detail: std::ops::Range<usize>,
}

impl AuditPlace {
    pub(crate) fn detail_place(&self) -> Place {
        self.source.at(self.detail.clone())
    }

    /// Where a byte of the query stands when it is written as a block (`query: |`): every line is indented as the first.
    fn offset_in_block(&self, query: &str, offset: usize) -> Option<usize> {
        let before = query.get(..offset)?;
        let line = before.matches('\n').count();
        let in_line = before.len() - before.rfind('\n').map_or(0, |newline| newline + 1);
        let (_, column) = self.source.line_and_column(self.detail.start);
        let start = self.detail.start - (column - 1);
        let mut lines = self.source.text.get(start..)?.split_inclusive('\n');
        let line_start = start + lines.by_ref().take(line).map(str::len).sum::<usize>();
        let written = lines.next()?.get(column - 1..)?.trim_end_matches(['\n', '\r']);
        (query.lines().nth(line)? == written).then_some(line_start + column - 1 + in_line)
    }

    /// A mistake in the query: at its place where the query stands in the file as it is, else at the whole query (the
    /// text of a folded or escaped YAML value is not what stands in the file).
    pub(crate) fn template_diagnostic(&self, query: &str, mut mistake: TemplateMistake) -> Diagnostic {
        let quoted = self.detail.start + 1..self.detail.end.saturating_sub(1).max(self.detail.start + 1);
        for exact in [self.detail.clone(), quoted] {
            if self.source.text.get(exact.clone()) == Some(query) {
                return template_diagnostic(&self.source, exact.start, mistake);
            }
        }
        if let Some(start) = self.offset_in_block(query, mistake.span.start) {
            mistake.span = start..start + mistake.span.len();
            return template_diagnostic(&self.source, 0, mistake);
        }
        mistake.span = 0..self.detail.len();
        template_diagnostic(&self.source, self.detail.start, mistake)
    }
}

/// What an audit checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditCheck {
    /// No row has null in any of these columns.
    NotNull {
        /// At least one column.
        columns: Vec<String>,
    },
    /// No two rows agree in all of these columns; rows with null in one of them are not compared (SQL's `UNIQUE`).
    Unique {
        /// At least one column.
        columns: Vec<String>,
    },
    /// A column holds one of these values or null.
    AcceptedValues {
        /// The column.
        column: String,
        /// At least one value.
        values: Vec<AcceptedValue>,
    },
    /// Every value of a column but null is in a column of another relation.
    Relationships {
        /// The column.
        column: String,
        /// A model, seed, source or view of latest images.
        to: String,
        /// The other relation's column.
        field: String,
    },
    /// The number of rows lies within bounds.
    RowCount {
        /// At least so many.
        min: Option<u64>,
        /// At most so many.
        max: Option<u64>,
    },
    /// A query of the user's; the rows it returns fail.
    Sql {
        /// The audit's name.
        name: String,
        /// A template; `this` is the version that is checked.
        query: String,
    },
}

/// A value of `accepted_values`: text unless written as a plain number or `true`/`false`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AcceptedValue {
    /// Text.
    Text(String),
    /// A number as written.
    Number(String),
    /// `true` or `false`.
    Boolean(bool),
}

impl AcceptedValue {
    fn literal(&self) -> String {
        match self {
            AcceptedValue::Text(value) => text(value),
            AcceptedValue::Number(number) => number.clone(),
            AcceptedValue::Boolean(flag) => flag.to_string(),
        }
    }
}

impl Audit {
    /// A name that is the same in every run, like `unique_day_device`.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.check {
            AuditCheck::NotNull { columns } => format!("not_null_{}", columns.join("_")),
            AuditCheck::Unique { columns } => format!("unique_{}", columns.join("_")),
            AuditCheck::AcceptedValues { column, .. } => format!("accepted_values_{column}"),
            AuditCheck::Relationships { column, to, .. } => format!("relationships_{column}_{to}"),
            AuditCheck::RowCount { .. } => "row_count".to_owned(),
            AuditCheck::Sql { name, .. } => name.clone(),
        }
    }

    /// The failing rows of `relation` (SQL of the version to check) with all columns: none if the audit holds. For
    /// `row_count` it is one row with the count.
    ///
    /// Errors only where a query of the user's reads a variable without a value.
    pub fn sql(&self, lake: &Lake, relation: &str, context: &CompileContext<'_>) -> Result<String, Diagnostics> {
        Ok(match &self.check {
            AuditCheck::NotNull { columns } => {
                let conditions: Vec<String> =
                    columns.iter().map(|column| format!("{} is null", identifier(column))).collect();
                format!("select *\nfrom {relation}\nwhere {}", conditions.join("\n   or "))
            }
            AuditCheck::Unique { columns } => unique_sql(columns, relation),
            AuditCheck::AcceptedValues { column, values } => {
                let literals: Vec<String> = values.iter().map(AcceptedValue::literal).collect();
                format!("select *\nfrom {relation}\nwhere {} not in ({})", identifier(column), literals.join(", "))
            }
            AuditCheck::Relationships { column, field, .. } => {
                // Without a dependency the other relation is the model itself: a parent in the same table.
                let other = self.depends_on.first().map_or_else(
                    || relation.to_owned(),
                    |dependency| lake.relation_text(dependency, context.relations),
                );
                let (column, field) = (identifier(column), identifier(field));
                format!(
                    "select child.*\nfrom {relation} as child\nleft join {other} as parent\n    \
                     on child.{column} = parent.{field}\nwhere child.{column} is not null\n  and parent.{field} is null"
                )
            }
            AuditCheck::RowCount { min, max } => row_count_sql(*min, *max, relation),
            AuditCheck::Sql { query, .. } => self.own_sql(query, lake, relation, context)?,
        })
    }

    /// The number of failing rows: one row, one column `failures`.
    pub fn failing_count_sql(
        &self,
        lake: &Lake,
        relation: &str,
        context: &CompileContext<'_>,
    ) -> Result<String, Diagnostics> {
        Ok(format!("select count(*) as \"failures\"\nfrom (\n{}\n)", self.sql(lake, relation, context)?))
    }

    fn own_sql(
        &self,
        query: &str,
        lake: &Lake,
        relation: &str,
        context: &CompileContext<'_>,
    ) -> Result<String, Diagnostics> {
        let scope = Scope {
            relations: Arc::new(lake.relation_texts(&self.depends_on, context.relations)),
            vars: lake.var_values(&lake.check_vars(&context.vars)?, context.logical_time),
            this: Some(relation.to_owned()),
            incremental: context.incremental,
            ..Scope::default()
        };
        let rendered = render(query, scope).map_err(|mistake| self.place.template_diagnostic(query, mistake))?;
        Ok(rendered.text.trim().trim_end_matches(';').trim_end().to_owned())
    }
}

fn unique_sql(columns: &[String], relation: &str) -> String {
    let columns: Vec<String> = columns.iter().map(|column| identifier(column)).collect();
    let present: Vec<String> = columns.iter().map(|column| format!("{column} is not null")).collect();
    format!(
        "select *\nfrom (\n    select *, count(*) over (partition by {}) as \"_copies\"\n    from {relation}\n    \
         where {}\n)\nwhere \"_copies\" > 1",
        columns.join(", "),
        present.join("\n      and ")
    )
}

fn row_count_sql(min: Option<u64>, max: Option<u64>, relation: &str) -> String {
    let below = min.map(|min| format!("\"row_count\" < {min}"));
    let above = max.map(|max| format!("\"row_count\" > {max}"));
    let conditions: Vec<String> = [below, above].into_iter().flatten().collect();
    format!(
        "select \"row_count\"\nfrom (\n    select count(*) as \"row_count\"\n    from {relation}\n)\nwhere {}",
        conditions.join("\n   or ")
    )
}

pub(crate) const AUDIT_KEYS: &[&str] = &["not_null", "unique", "accepted_values", "relationships", "row_count", "sql"];
pub(crate) const ACCEPTED_VALUES_KEYS: &[&str] = &["column", "values"];
pub(crate) const RELATIONSHIPS_KEYS: &[&str] = &["column", "to", "field"];
pub(crate) const ROW_COUNT_KEYS: &[&str] = &["min", "max"];
pub(crate) const SQL_KEYS: &[&str] = &["name", "query"];

/// Reads `audits:` of a model's header.
pub(crate) fn read(reader: &mut Reader, node: &Node) -> Vec<Audit> {
    let mut audits: Vec<Audit> = Vec::new();
    for item in reader.items(node, "`audits`") {
        let Some(fields) = reader.fields(item, "an audit", AUDIT_KEYS) else { continue };
        let mut given = AUDIT_KEYS.iter().filter_map(|key| Some((*key, fields.key_span(key)?, fields.get(key))));
        let (Some((key, span, value)), None) = (given.next(), given.next()) else {
            if AUDIT_KEYS.iter().filter(|key| fields.key_span(key).is_some()).count() > 1 {
                reader.error("bad-audit", fields.span(), "an audit checks one thing: write each as an item of its own");
            }
            continue;
        };
        let Some(value) = value else {
            reader.error("bad-audit", span, format!("`{key}` needs a value"));
            continue;
        };
        let Some((check, detail)) = read_check(reader, key, value) else { continue };
        let place = AuditPlace { source: reader.source.clone(), span: span.clone(), detail };
        let audit = Audit { check, depends_on: Vec::new(), place };
        if let Some(first) = audits.iter().find(|earlier| earlier.name() == audit.name()) {
            let first = reader.place(first.place.span.clone());
            let mistake = reader
                .source
                .error("duplicate-audit", span, format!("two audits are called `{}`", audit.name()))
                .with_related(&first, "the first one");
            reader.report(mistake);
            continue;
        }
        audits.push(audit);
    }
    audits
}

fn read_check(reader: &mut Reader, key: &str, node: &Node) -> Option<(AuditCheck, std::ops::Range<usize>)> {
    let detail = node.span.clone();
    Some(match key {
        "not_null" => (AuditCheck::NotNull { columns: read_columns(reader, node, key)? }, detail),
        "unique" => (AuditCheck::Unique { columns: read_columns(reader, node, key)? }, detail),
        "accepted_values" => {
            let fields = reader.fields(node, "`accepted_values`", ACCEPTED_VALUES_KEYS)?;
            let column = read_column(reader, &fields, "column", "`accepted_values`");
            let values = reader.required(&fields, "values", "`accepted_values`").map(|node| read_values(reader, node));
            (AuditCheck::AcceptedValues { column: column?.value, values: values?? }, detail)
        }
        "relationships" => {
            let fields = reader.fields(node, "`relationships`", RELATIONSHIPS_KEYS)?;
            let column = read_column(reader, &fields, "column", "`relationships`");
            let to = read_column(reader, &fields, "to", "`relationships`");
            let field = read_column(reader, &fields, "field", "`relationships`");
            let to = to?;
            (AuditCheck::Relationships { column: column?.value, to: to.value, field: field?.value }, to.span)
        }
        "row_count" => {
            let fields = reader.fields(node, "`row_count`", ROW_COUNT_KEYS)?;
            let mut bound = |key: &str| reader.integer(fields.get(key)?, &format!("`{key}`"), 0, u64::MAX);
            let (min, max) = (bound("min"), bound("max"));
            if fields.get("min").is_none() && fields.get("max").is_none() {
                reader.error("bad-audit", node.span.clone(), "`row_count` needs `min` or `max`");
                return None;
            }
            if let (Some(min), Some(max)) = (min, max)
                && min > max
            {
                reader.error("bad-audit", node.span.clone(), format!("no number is at least {min} and at most {max}"));
                return None;
            }
            if min.is_none() && max.is_none() {
                return None;
            }
            (AuditCheck::RowCount { min, max }, detail)
        }
        _ => {
            let fields = reader.fields(node, "`sql`", SQL_KEYS)?;
            let name = read_column(reader, &fields, "name", "`sql`");
            let query = reader.required(&fields, "query", "`sql`");
            let span = query.map(|node| node.span.clone());
            let query = query.and_then(|node| reader.text(node, "`query`"));
            (AuditCheck::Sql { name: name?.value, query: query? }, span.unwrap_or(detail))
        }
    })
}

fn read_columns(reader: &mut Reader, node: &Node, key: &str) -> Option<Vec<String>> {
    let columns = values(reader.texts(node, &format!("`{key}`")));
    if matches!(&node.value, NodeValue::Sequence(items) if items.is_empty()) {
        reader.error("bad-audit", node.span.clone(), format!("`{key}` needs at least one column"));
    }
    (!columns.is_empty()).then_some(columns)
}

fn read_column(
    reader: &mut Reader,
    fields: &crate::yaml::Fields<'_>,
    key: &str,
    what: &str,
) -> Option<Spanned<String>> {
    let node = reader.required(fields, key, what)?;
    reader.spanned_text(node, &format!("`{key}`"))
}

fn read_values(reader: &mut Reader, node: &Node) -> Option<Vec<AcceptedValue>> {
    let items = reader.items(node, "`values`");
    let mut accepted = Vec::with_capacity(items.len());
    for item in items {
        let text = reader.text(item, "an accepted value")?;
        let plain = matches!(&item.value, NodeValue::Scalar { plain: true, .. });
        accepted.push(match text.as_str() {
            "true" if plain => AcceptedValue::Boolean(true),
            "false" if plain => AcceptedValue::Boolean(false),
            number if plain && crate::value::is_number(number) => AcceptedValue::Number(text),
            _ => AcceptedValue::Text(text),
        });
    }
    if items.is_empty() && matches!(node.value, NodeValue::Sequence(_)) {
        reader.error("bad-audit", node.span.clone(), "`values` needs at least one value");
    }
    let first = accepted.first().map(std::mem::discriminant);
    if accepted.iter().any(|value| Some(std::mem::discriminant(value)) != first) {
        let mistake = reader
            .source
            .error("bad-audit", node.span.clone(), "`values` holds values of more than one kind")
            .with_hint("a column has one type: put numbers and `true` in quotes if they are text");
        reader.report(mistake);
    }
    (!accepted.is_empty()).then_some(accepted)
}
