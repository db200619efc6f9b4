//! Each kind of expression, one by one; children are rewritten before their parents.

use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, CaseWhen, CastKind, DataType as SqlType, DateTimeField, Expr, Ident, Spanned, Subscript,
    TrimWhereField, UnaryOperator, Value, ValueWithSpan,
};
use datafusion::sql::sqlparser::tokenizer::Location;

use crate::error::SqlError;
use crate::form::Form;
use crate::rewrite::{Rewriter, literals};
use crate::syntax::tokens::TYPE_PREFIX;

impl Rewriter<'_> {
    pub(super) fn expression(&mut self, expr: Expr) -> Result<Expr, SqlError> {
        Ok(match expr {
            Expr::Value(value) => return self.value(value),
            Expr::Nested(inner) => *inner,
            Expr::CompoundIdentifier(parts) => self.compound(parts),
            Expr::CompoundFieldAccess { root, access_chain } => {
                return self.access(*root, access_chain);
            }
            Expr::BinaryOp { left, op, right } => {
                let place = self.place(&left);
                let number = self.forms.add(Form::Binary(op), place);
                Expr::BinaryOp {
                    left,
                    op: datafusion::sql::sqlparser::ast::BinaryOperator::Custom(number.to_string()),
                    right,
                }
            }
            Expr::UnaryOp { op, expr } => return self.unary(op, *expr),
            Expr::IsDistinctFrom(left, right) => self.pair(Form::Distinct { negated: false }, *left, *right),
            Expr::IsNotDistinctFrom(left, right) => self.pair(Form::Distinct { negated: true }, *left, *right),
            Expr::InList { expr, list, negated } => {
                let place = self.place(&expr);
                let mut arguments = vec![*expr];
                arguments.extend(list);
                self.write(Form::InList { negated }, place, arguments)
            }
            Expr::Between { expr, negated, low, high } => {
                let place = self.place(&expr);
                self.write(Form::Between { negated }, place, vec![*expr, *low, *high])
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                let place = self.place(&expr);
                let mut arguments = vec![*expr, *pattern];
                arguments.extend(escape_char.map(Expr::Value));
                self.write(Form::Like { negated }, place, arguments)
            }
            Expr::Case { operand, conditions, else_result, case_token, .. } => {
                self.case(operand, conditions, else_result, case_token.0.span.start)
            }
            Expr::Cast { kind, expr, data_type, array: false, format: None } => {
                return self.cast(&kind, *expr, &data_type);
            }
            Expr::TypedString(literal) => return self.typed_string(&literal),
            Expr::Interval(interval) => {
                let place = interval.value.span().start;
                let value = literals::interval(&interval, self.written_text(&interval.value))
                    .map_err(|error| error.at(place))?;
                self.write(Form::Literal { value, json: false }, place, Vec::new())
            }
            Expr::AtTimeZone { timestamp, time_zone } => self.pair(Form::AtTimeZone, *timestamp, *time_zone),
            Expr::Array(array) => {
                let place = array.elem.first().map(|first| self.place(first));
                if !array.named {
                    return Err(SqlError::syntax("an array without the word `ARRAY` is not part of Athena's SQL")
                        .hint("write `array[…]`")
                        .at(place.unwrap_or(Location::empty())));
                }
                self.write(Form::Array, place.unwrap_or(Location::empty()), array.elem)
            }
            Expr::Tuple(elements) => {
                let place = elements.first().map(|first| self.place(first));
                self.write(Form::Row, place.unwrap_or(Location::empty()), elements)
            }
            Expr::Extract { field, expr, .. } => return self.extract(&field, *expr),
            Expr::Ceil { expr, .. } => return self.call("ceil", vec![*expr], None),
            Expr::Floor { expr, .. } => return self.call("floor", vec![*expr], None),
            Expr::Position { expr, r#in } => return self.call("strpos", vec![*r#in, *expr], None),
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                let mut arguments = vec![*expr];
                arguments.extend(substring_from.map(|from| *from));
                arguments.extend(substring_for.map(|length| *length));
                return self.call("substr", arguments, None);
            }
            Expr::Trim { expr, trim_where, trim_what, trim_characters } => {
                let name = match trim_where {
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                    Some(TrimWhereField::Both) | None => "trim",
                };
                let mut arguments = vec![*expr];
                arguments.extend(trim_what.map(|what| *what));
                arguments.extend(trim_characters.into_iter().flatten());
                return self.call(name, arguments, None);
            }
            Expr::Function(function) => return self.function(function),
            Expr::Lambda(lambda) => {
                self.lambdas.pop();
                Expr::Lambda(lambda)
            }
            Expr::ILike { .. }
            | Expr::SimilarTo { .. }
            | Expr::RLike { .. }
            | Expr::JsonAccess { .. }
            | Expr::Convert { .. }
            | Expr::Collate { .. }
            | Expr::Overlay { .. }
            | Expr::MatchAgainst { .. }
            | Expr::MemberOf(_)
            | Expr::Dictionary(_)
            | Expr::Map(_)
            | Expr::Struct { .. } => return Err(self.foreign(&expr)),
            other => other,
        })
    }

    fn foreign(&self, expr: &Expr) -> SqlError {
        let place = expr.span().start;
        let (name, hint) = match expr {
            Expr::ILike { .. } => ("ILIKE", "write `lower(x) like …`"),
            Expr::SimilarTo { .. } => ("SIMILAR TO", "use `regexp_like`"),
            Expr::RLike { .. } => ("RLIKE", "use `regexp_like`"),
            Expr::JsonAccess { .. } => ("`:` access to JSON", "use `json_extract_scalar`"),
            Expr::Convert { .. } => ("CONVERT", "use `cast`"),
            _ => ("this expression", "see Athena's functions and operators"),
        };
        SqlError::syntax(format!("{name} is not part of Athena's SQL")).hint(hint).at(place)
    }

    fn pair(&mut self, form: Form, left: Expr, right: Expr) -> Expr {
        let place = self.place(&left);
        self.write(form, place, vec![left, right])
    }

    fn value(&mut self, value: ValueWithSpan) -> Result<Expr, SqlError> {
        let place = value.span.start;
        let scalar = match value.value {
            Value::Number(text, _) => literals::number(&text).map_err(|error| error.at(place))?,
            Value::HexStringLiteral(text) => literals::hexadecimal(&text).map_err(|error| error.at(place))?,
            Value::UnicodeStringLiteral(text) => {
                return Ok(Expr::Value(Value::SingleQuotedString(text).into()));
            }
            Value::SingleQuotedString(_) | Value::Boolean(_) | Value::Null => {
                return Ok(Expr::Value(value));
            }
            Value::Placeholder(_) => {
                return Err(SqlError::not_supported(
                    "parameters (`?`) do not run on the laptop: use a variable of the lake",
                )
                .at(place));
            }
            other => {
                return Err(SqlError::syntax(format!("`{other}` is not a literal of Athena")).at(place));
            }
        };
        Ok(self.write(Form::Literal { value: scalar, json: false }, place, Vec::new()))
    }

    /// `x.field` of a lambda's parameter is no column of a table; the database's name goes.
    fn compound(&mut self, mut parts: Vec<Ident>) -> Expr {
        if let Some(first) = parts.first()
            && self.is_parameter(&first.value)
        {
            let place = first.span.start;
            let mut parts = parts.into_iter();
            let root = parts.next().map(Expr::Identifier);
            let root = root.unwrap_or(Expr::Value(Value::Null.into()));
            return parts.fold(root, |root, part| self.write(Form::Member(part.value), place, vec![root]));
        }
        if parts.len() >= 4 && parts[0].value == crate::session::CATALOG && parts[1].value == self.surroundings.database
        {
            parts.drain(..2);
        }
        if parts.len() >= 3 && parts[0].value == self.surroundings.database {
            parts.remove(0);
        }
        Expr::CompoundIdentifier(parts)
    }

    fn access(&mut self, root: Expr, chain: Vec<AccessExpr>) -> Result<Expr, SqlError> {
        let place = self.place(&root);
        chain.into_iter().try_fold(root, |root, access| {
            Ok(match access {
                AccessExpr::Dot(Expr::Identifier(ident)) => self.write(Form::Member(ident.value), place, vec![root]),
                AccessExpr::Subscript(Subscript::Index { index }) => {
                    self.write(Form::Subscript, place, vec![root, index])
                }
                AccessExpr::Dot(_) => {
                    return Err(SqlError::syntax("expected a field name after `.`").at(place));
                }
                AccessExpr::Subscript(Subscript::Slice { .. }) => {
                    return Err(SqlError::syntax("`[a:b]` is not part of Athena's SQL")
                        .hint("use `slice(array, start, length)`")
                        .at(place));
                }
            })
        })
    }

    fn unary(&mut self, op: UnaryOperator, expr: Expr) -> Result<Expr, SqlError> {
        let place = self.place(&expr);
        match op {
            UnaryOperator::Minus if self.negated(&expr) => Ok(expr),
            UnaryOperator::Minus => Ok(self.write(Form::Negate, place, vec![expr])),
            UnaryOperator::Plus => Ok(expr),
            UnaryOperator::Not => Ok(self.write(Form::Not, place, vec![expr])),
            other => Err(SqlError::syntax(format!("operator `{other}` is not part of Athena's SQL")).at(place)),
        }
    }

    fn case(
        &mut self,
        operand: Option<Box<Expr>>,
        conditions: Vec<CaseWhen>,
        otherwise: Option<Box<Expr>>,
        place: Location,
    ) -> Expr {
        let form = Form::Case { operand: operand.is_some(), otherwise: otherwise.is_some() };
        let mut arguments: Vec<Expr> = operand.map(|operand| *operand).into_iter().collect();
        for CaseWhen { condition, result } in conditions {
            arguments.push(condition);
            arguments.push(result);
        }
        arguments.extend(otherwise.map(|otherwise| *otherwise));
        self.write(form, place, arguments)
    }

    fn cast(&mut self, kind: &CastKind, expr: Expr, target: &SqlType) -> Result<Expr, SqlError> {
        let place = self.place(&expr);
        let safe = match kind {
            CastKind::Cast => false,
            CastKind::TryCast => true,
            CastKind::SafeCast | CastKind::DoubleColon => {
                return Err(SqlError::syntax("`::` is not part of Athena's SQL")
                    .hint("write `cast(x as type)`")
                    .at(place));
            }
        };
        let target = match target {
            SqlType::Custom(name, _) => name
                .0
                .first()
                .and_then(|part| part.as_ident())
                .and_then(|ident| ident.value.strip_prefix(TYPE_PREFIX))
                .and_then(|number| number.parse::<usize>().ok())
                .and_then(|number| self.types.get(number)),
            _ => None,
        };
        let Some(target) = target.cloned() else {
            return Err(SqlError::syntax("expected a type after `AS`").at(place));
        };
        Ok(self.write(Form::Cast { target, safe }, place, vec![expr]))
    }

    fn extract(&mut self, field: &DateTimeField, expr: Expr) -> Result<Expr, SqlError> {
        let name = match field {
            DateTimeField::Custom(ident) => ident.value.to_lowercase(),
            other => other.to_string().to_lowercase(),
        };
        let function = match name.as_str() {
            "year" | "quarter" | "month" | "week" | "day" | "hour" | "minute" | "second" | "day_of_week"
            | "day_of_year" | "year_of_week" | "day_of_month" | "timezone_hour" | "timezone_minute" => name.as_str(),
            "dow" => "day_of_week",
            "doy" => "day_of_year",
            "yow" => "year_of_week",
            _ => {
                let place = self.place(&expr);
                return Err(SqlError::syntax(format!("Invalid EXTRACT field: {name}")).at(place));
            }
        };
        self.call(function, vec![expr], None)
    }

    /// The text of an interval's value, which stands in quotes, with or without a sign before it.
    fn written_text(&self, expr: &Expr) -> Option<(bool, String)> {
        match expr {
            Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) => Some((false, text.clone())),
            _ => match self.forms.of(expr).map(|entry| &entry.form) {
                Some(Form::Negate) => match expr {
                    Expr::Dictionary(fields) => fields
                        .first()
                        .and_then(|field| self.written_text(&field.value))
                        .map(|(negative, text)| (!negative, text)),
                    _ => None,
                },
                _ => None,
            },
        }
    }

    /// A constant, written as a form.
    pub(super) fn constant(&mut self, value: ScalarValue, place: Location) -> Expr {
        self.write(Form::Literal { value, json: false }, place, Vec::new())
    }
}
