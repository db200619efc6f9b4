//! Variables: declared in `tarn.yaml`, given on the command line, read by `var()`.

use chrono::NaiveDate;
use indexmap::IndexMap;
use serde::Serialize;

use crate::column_type::ColumnType;
use crate::name;
use crate::value;
use crate::yaml::{Node, NodeValue, Reader};

/// A declared variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VarDeclaration {
    /// What its values must be.
    pub var_type: VarType,
    /// Its value when none is given.
    pub default: Option<VarValue>,
    /// For people.
    pub description: Option<String>,
}

/// What the values of a variable must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum VarType {
    /// Any text.
    String,
    /// Digits with an optional sign, of any size.
    Integer,
    /// A decimal number.
    Decimal,
    /// `true` or `false`.
    Boolean,
    /// A day, `YYYY-MM-DD`, or `today`/`yesterday`.
    Date,
}

/// A value of a variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum VarValue {
    /// Text.
    Text(String),
    /// An integer or decimal number, as written.
    Number(String),
    /// `true` or `false`.
    Boolean(bool),
    /// A day.
    Date(NaiveDate),
    /// The day of the logical time in the lake's zone.
    Today,
    /// The day before [`VarValue::Today`].
    Yesterday,
}

impl VarType {
    /// The word in `tarn.yaml`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            VarType::String => "string",
            VarType::Integer => "integer",
            VarType::Decimal => "decimal",
            VarType::Boolean => "boolean",
            VarType::Date => "date",
        }
    }

    /// The value that a text means; `None` when it is not of this type.
    pub(crate) fn value(self, text: &str) -> Option<VarValue> {
        match self {
            VarType::String => Some(VarValue::Text(text.to_owned())),
            VarType::Integer => value::is_integer(text).then(|| VarValue::Number(text.to_owned())),
            VarType::Decimal => value::is_number(text).then(|| VarValue::Number(text.to_owned())),
            VarType::Boolean => match text {
                "true" => Some(VarValue::Boolean(true)),
                "false" => Some(VarValue::Boolean(false)),
                _ => None,
            },
            VarType::Date => match text {
                "today" => Some(VarValue::Today),
                "yesterday" => Some(VarValue::Yesterday),
                _ => value::date(text).map(VarValue::Date),
            },
        }
    }

    /// What its values look like, for messages.
    pub(crate) fn example(self) -> &'static str {
        match self {
            VarType::String => "any text",
            VarType::Integer => "a whole number",
            VarType::Decimal => "a number like `1.5`",
            VarType::Boolean => "`true` or `false`",
            VarType::Date => "a day like `2026-10-31`, `today` or `yesterday`",
        }
    }

    /// The type that a value without a declared type has.
    fn inferred(text: &str, plain: bool) -> VarType {
        if !plain {
            return VarType::String;
        }
        if matches!(text, "today" | "yesterday") {
            return VarType::Date;
        }
        match value::inferred(text) {
            ColumnType::Boolean => VarType::Boolean,
            ColumnType::BigInt => VarType::Integer,
            ColumnType::Decimal { scale: 0, .. } => VarType::Integer,
            ColumnType::Decimal { .. } | ColumnType::Double => VarType::Decimal,
            ColumnType::Date => VarType::Date,
            _ => VarType::String,
        }
    }

    /// A value to analyse templates with, when a variable has none.
    pub(crate) fn sample(self) -> VarValue {
        match self {
            VarType::String => VarValue::Text("sample".to_owned()),
            VarType::Integer | VarType::Decimal => VarValue::Number("1".to_owned()),
            VarType::Boolean => VarValue::Boolean(true),
            VarType::Date => VarValue::Today,
        }
    }
}

impl VarValue {
    /// The text that `var()` renders; `today` is the day of the logical time in the lake's zone.
    #[must_use]
    pub fn rendered(&self, today: NaiveDate) -> String {
        match self {
            VarValue::Text(text) | VarValue::Number(text) => text.clone(),
            VarValue::Boolean(flag) => flag.to_string(),
            VarValue::Date(date) => date.to_string(),
            VarValue::Today => today.to_string(),
            VarValue::Yesterday => today.pred_opt().unwrap_or(today).to_string(),
        }
    }
}

pub(crate) const DECLARATION_KEYS: &[&str] = &["default", "type", "description"];

/// Reads `vars:` of `tarn.yaml`: each a value, or a mapping with `default`, `type` and `description`.
pub(crate) fn read_declarations(reader: &mut Reader, node: &Node) -> IndexMap<String, VarDeclaration> {
    let mut declarations = IndexMap::new();
    for (name, node) in reader.named(node, "`vars`") {
        if let Some(problem) = name::problem(&name.value) {
            reader.error("bad-name", name.span, format!("a variable cannot be called `{}`: {problem}", name.value));
            continue;
        }
        let declaration = match &node.value {
            NodeValue::Mapping(_) => read_declaration(reader, node, &name.value),
            NodeValue::Scalar { text, plain } if !node.is_null() => {
                let var_type = VarType::inferred(text, *plain);
                let default = var_type.value(text);
                Some(VarDeclaration { var_type, default, description: None })
            }
            NodeValue::Scalar { .. } => {
                Some(VarDeclaration { var_type: VarType::String, default: None, description: None })
            }
            NodeValue::Sequence(_) => {
                reader.wrong_type(node, "a variable is a single value, or a mapping with `default` and `type`");
                None
            }
        };
        // A declaration with a mistake still declares the name, or every use of it would be a second mistake.
        let unknown = VarDeclaration { var_type: VarType::String, default: None, description: None };
        declarations.insert(name.value, declaration.unwrap_or(unknown));
    }
    declarations
}

fn read_declaration(reader: &mut Reader, node: &Node, name: &str) -> Option<VarDeclaration> {
    let fields = reader.fields(node, "a variable", DECLARATION_KEYS)?;
    let types = [VarType::String, VarType::Integer, VarType::Decimal, VarType::Boolean, VarType::Date];
    let choices = types.map(|var_type| (var_type.word(), var_type));
    let declared = fields.get("type").and_then(|node| reader.one_of(node, "the type of a variable", &choices));
    let description = reader.optional_text(&fields, "description");
    let default = fields.get("default");
    let text = match default {
        Some(node) => Some((reader.text(node, "`default`")?, node)),
        None => None,
    };
    let var_type = declared.unwrap_or_else(|| match &text {
        Some((text, node)) => VarType::inferred(text, matches!(node.value, NodeValue::Scalar { plain: true, .. })),
        None => VarType::String,
    });
    let default = match text {
        Some((text, node)) => {
            let value = var_type.value(&text);
            if value.is_none() {
                reader.error("bad-value", node.span.clone(), wrong_value(name, var_type, &text));
            }
            value
        }
        None => None,
    };
    Some(VarDeclaration { var_type, default, description })
}

/// ``the variable `day` is a date: `tomorrow` is not a day like …``
pub(crate) fn wrong_value(name: &str, var_type: VarType, text: &str) -> String {
    format!("the variable `{name}` is of type {}: `{text}` is not {}", var_type.word(), var_type.example())
}

/// Reads a mapping of variables to values, as in a schedule or a unit test, and checks them against what is declared.
pub(crate) fn read_values(
    reader: &mut Reader,
    node: &Node,
    declared: &IndexMap<String, VarDeclaration>,
    is_unreadable: bool,
) -> IndexMap<String, String> {
    let mut values = IndexMap::new();
    for (name, node) in reader.named(node, "`vars`") {
        let Some(text) = reader.text(node, "the value of a variable") else { continue };
        match declared.get(&name.value) {
            None if is_unreadable => {}
            None => {
                let mistake = reader
                    .source
                    .error("unknown-var", name.span.clone(), format!("there is no variable `{}`", name.value))
                    .with_hint_if(name::suggestion(&name.value, declared.keys().map(String::as_str), "variables"));
                reader.report(mistake);
            }
            Some(declaration) if declaration.var_type.value(&text).is_none() => {
                reader.error("bad-value", node.span.clone(), wrong_value(&name.value, declaration.var_type, &text));
            }
            Some(_) => {
                values.insert(name.value, text);
            }
        }
    }
    values
}
