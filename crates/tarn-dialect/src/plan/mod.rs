//! Plans the forms of a query: types are known here, so this is where Athena's rules about them are kept.

mod calls;
mod choice;
mod comparison;
mod context;
mod guard;
mod nested;
mod number;
mod rows;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::{Column, DFSchema, Result, ScalarValue, TableReference};
use datafusion::functions::core::coalesce;
use datafusion::logical_expr::expr::{AggregateFunction, Cast, FieldMetadata, ScalarFunction, WindowFunction};
use datafusion::logical_expr::planner::{
    ExprPlanner, PlannerResult, RawAggregateExpr, RawBinaryExpr, RawDictionaryExpr, RawFieldAccessExpr, RawWindowExpr,
};
use datafusion::logical_expr::utils::COUNT_STAR_EXPANSION;
use datafusion::logical_expr::{Expr, WindowFunctionDefinition};
use datafusion::sql::sqlparser::ast::BinaryOperator;
use datafusion::sql::sqlparser::tokenizer::Location;

use crate::cast;
use crate::coercion::Typed;
use crate::error::{SqlError, SqlErrorKind};
use crate::form::{Entry, Form, FormTable};
use crate::functions::Functions;
use crate::operator::float;
use crate::types::{athena_field_type, is_float, json_field};

pub(crate) use context::PlanningContext;
pub(crate) use number::call;
pub(crate) use rows::check as check_rows;

/// Plans the forms of one query.
#[derive(Debug)]
pub(crate) struct FormPlanner {
    pub(crate) forms: Arc<FormTable>,
    pub(crate) functions: Arc<Functions>,
}

/// Puts the form's place on an error that has none.
fn placed(result: Result<Expr>, place: Location) -> Result<Expr> {
    result.map_err(|error| SqlError::from(error).at(place).into())
}

impl ExprPlanner for FormPlanner {
    fn plan_binary_op(&self, raw: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let entry = match &raw.op {
            BinaryOperator::Custom(number) => self.forms.get(number),
            _ => None,
        };
        let Some(Entry { form: Form::Binary(op), place, .. }) = entry else {
            return Ok(PlannerResult::Original(raw));
        };
        let planned = Typed::of(raw.left, schema)
            .and_then(|left| Ok((left, Typed::of(raw.right, schema)?)))
            .and_then(|(left, right)| self.binary(op, left, right));
        placed(planned, *place).map(PlannerResult::Planned)
    }

    fn plan_dictionary_literal(
        &self,
        raw: RawDictionaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawDictionaryExpr>> {
        let entry = match raw.keys.first() {
            Some(Expr::Literal(ScalarValue::Utf8(Some(number)), _)) => self.forms.get(number),
            _ => None,
        };
        let Some(entry) = entry else {
            return Ok(PlannerResult::Original(raw));
        };
        if let Form::Literal { value, json } = &entry.form {
            return Ok(PlannerResult::Planned(literal(value.clone(), *json)));
        }
        if let (Form::MaybeAlias { clause, position }, [name]) = (&entry.form, &raw.values[..]) {
            return placed(column_of_from(name, clause, *position, schema), entry.place).map(PlannerResult::Planned);
        }
        let arguments = if entry.bare {
            Ok(Vec::new())
        } else {
            raw.values.into_iter().map(|value| Typed::of(value, schema)).collect::<Result<Vec<_>>>()
        };
        let planned = arguments.and_then(|arguments| self.form(&entry.form, arguments));
        placed(planned, entry.place).map(PlannerResult::Planned)
    }

    fn plan_field_access(
        &self,
        raw: RawFieldAccessExpr,
        _schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        Ok(PlannerResult::Original(raw))
    }

    fn plan_compound_identifier(
        &self,
        field: &Field,
        qualifier: Option<&TableReference>,
        nested: &[String],
    ) -> Result<PlannerResult<Vec<Expr>>> {
        let column = Expr::from((qualifier, &Arc::new(field.clone())));
        let mut typed = Typed { expr: column, field: crate::types::plain_field(field) };
        let mut name = field.name().clone();
        for member in nested {
            typed = nested::member(typed, member)?;
            name.clone_from(member);
        }
        Ok(PlannerResult::Planned(typed.expr.alias(name)))
    }

    fn plan_aggregate(&self, mut raw: RawAggregateExpr) -> Result<PlannerResult<RawAggregateExpr>> {
        if raw.func.name() == "count" {
            count_rows(&mut raw.args);
        }
        let Some(with_nan) = raw.args.first().and_then(float::with_nan) else {
            return Ok(PlannerResult::Original(raw));
        };
        // NaN is the greatest, or the least, only where there is nothing else.
        let of = |arguments: Vec<Expr>| {
            Expr::AggregateFunction(AggregateFunction::new_udf(
                Arc::clone(&raw.func),
                arguments,
                raw.distinct,
                raw.filter.clone(),
                raw.order_by.clone(),
                raw.null_treatment,
            ))
        };
        let either = vec![of(raw.args.clone()), of(vec![with_nan])];
        Ok(PlannerResult::Planned(Expr::ScalarFunction(ScalarFunction::new_udf(coalesce(), either))))
    }

    /// Ranks are bigints in Athena.
    fn plan_window(&self, mut raw: RawWindowExpr) -> Result<PlannerResult<RawWindowExpr>> {
        if raw.func_def.name() == "count" {
            count_rows(&mut raw.args);
        }
        let counts = match &raw.func_def {
            WindowFunctionDefinition::WindowUDF(function) => {
                matches!(function.name(), "row_number" | "rank" | "dense_rank" | "ntile")
            }
            WindowFunctionDefinition::AggregateUDF(_) => false,
        };
        if !counts {
            return Ok(PlannerResult::Original(raw));
        }
        let window = WindowFunction {
            fun: raw.func_def,
            params: datafusion::logical_expr::expr::WindowFunctionParams {
                args: raw.args,
                partition_by: raw.partition_by,
                order_by: raw.order_by,
                window_frame: raw.window_frame,
                filter: raw.filter,
                null_treatment: raw.null_treatment,
                distinct: raw.distinct,
            },
        };
        Ok(PlannerResult::Planned(Expr::Cast(Cast::new(
            Box::new(Expr::WindowFunction(Box::new(window))),
            DataType::Int64,
        ))))
    }
}

/// `count(*)` and `count()` count a constant.
fn count_rows(arguments: &mut Vec<Expr>) {
    #[expect(deprecated, reason = "the planner still writes `*` so")]
    let all = matches!(arguments[..], [] | [Expr::Wildcard { qualifier: None, .. }]);
    if all {
        *arguments = vec![Expr::Literal(COUNT_STAR_EXPANSION, None)];
    }
}

/// A constant; JSON carries its mark.
fn literal(value: ScalarValue, json: bool) -> Expr {
    let metadata = json.then(|| FieldMetadata::from(json_field().as_ref()));
    Expr::Literal(value, metadata)
}

impl FormPlanner {
    fn binary(&self, op: &BinaryOperator, left: Typed, right: Typed) -> Result<Expr> {
        match op {
            BinaryOperator::And => comparison::logical(true, left, right),
            BinaryOperator::Or => comparison::logical(false, left, right),
            BinaryOperator::Plus
            | BinaryOperator::Minus
            | BinaryOperator::Multiply
            | BinaryOperator::Divide
            | BinaryOperator::Modulo => number::arithmetic(op, left, right),
            BinaryOperator::StringConcat => nested::concatenate(self, left, right),
            _ => comparison::compare(op, left, right),
        }
    }

    fn form(&self, form: &Form, arguments: Vec<Typed>) -> Result<Expr> {
        match form {
            Form::Literal { value, json } => Ok(literal(value.clone(), *json)),
            Form::Binary(op) => Err(SqlError::syntax(format!("operator `{op}` lost its operands")).into()),
            Form::Not => comparison::not(one(arguments)?),
            Form::Negate => number::negate(one(arguments)?),
            Form::Distinct { negated } => {
                let (left, right) = two(arguments)?;
                comparison::distinct(*negated, left, right)
            }
            Form::InList { negated } => comparison::in_list(*negated, arguments),
            Form::Between { negated } => comparison::between(*negated, arguments),
            Form::Like { negated } => comparison::like(*negated, arguments),
            Form::Case { operand, otherwise } => choice::case(*operand, *otherwise, arguments),
            Form::If => choice::conditional(arguments),
            Form::Coalesce => choice::coalesce(arguments),
            Form::NullIf => {
                let (left, right) = two(arguments)?;
                choice::null_if(left, right)
            }
            Form::Cast { target, safe } => cast::cast(one(arguments)?, target, *safe),
            Form::AtTimeZone => {
                let (moment, zone) = two(arguments)?;
                number::at_time_zone(moment, &zone)
            }
            Form::Subscript => {
                let (container, index) = two(arguments)?;
                nested::subscript(container, index)
            }
            Form::Member(name) => nested::member(one(arguments)?, name).map(|typed| typed.expr),
            Form::Array => nested::array(arguments),
            Form::Row => nested::row(arguments),
            Form::TypeOf => {
                let argument = one(arguments)?;
                let name = athena_field_type(&argument.field);
                Ok(literal(ScalarValue::Utf8(Some(name)), false))
            }
            Form::Ordered => one(arguments).map(|argument| match is_float(argument.data_type()) {
                true => float::without_nan(argument.expr),
                false => argument.expr,
            }),
            Form::MaybeAlias { .. } => one(arguments).map(|name| name.expr),
            Form::Call(name) => calls::call(self, name, arguments),
        }
    }
}

/// A column of a table has the table's name; what an item of the `SELECT` is called has none.
fn column_of_from(column: &Expr, clause: &str, position: usize, schema: &DFSchema) -> Result<Expr> {
    let Expr::Column(Column { relation: None, name, .. }) = column else {
        return Ok(column.clone());
    };
    // The column of both sides of a `USING` has no table's name either.
    if schema.iter().any(|(table, field)| table.is_some() && field.name() == name) {
        return Ok(column.clone());
    }
    let instead = match clause {
        "GROUP BY" => format!("repeat its expression, or write its position: `group by {position}`"),
        _ => "repeat its expression".to_owned(),
    };
    Err(SqlError::new(SqlErrorKind::UnknownColumn, format!("Column '{name}' cannot be resolved"))
        .hint(format!("`{clause}` does not see what the `SELECT` calls its columns: {instead}"))
        .into())
}

fn one(arguments: Vec<Typed>) -> Result<Typed> {
    match <[Typed; 1]>::try_from(arguments) {
        Ok([only]) => Ok(only),
        Err(given) => Err(wrong_count(1, given.len())),
    }
}

fn two(arguments: Vec<Typed>) -> Result<(Typed, Typed)> {
    match <[Typed; 2]>::try_from(arguments) {
        Ok([first, second]) => Ok((first, second)),
        Err(given) => Err(wrong_count(2, given.len())),
    }
}

fn wrong_count(wanted: usize, given: usize) -> datafusion::common::DataFusionError {
    SqlError::types(format!("expected {wanted} operands, found {given}")).into()
}
