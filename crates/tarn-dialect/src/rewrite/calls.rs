//! Function calls: special forms, scalar functions, aggregates, window functions, functions that take lambdas.

use arrow::datatypes::DataType;
use chrono::{Offset, TimeZone, Timelike};
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList,
    FunctionArguments, Ident, LambdaFunction, LambdaSyntax, ObjectName, OneOrManyWithParens, Spanned, TypedString,
    WindowType,
};
use datafusion::sql::sqlparser::tokenizer::Location;

use crate::error::SqlError;
use crate::form::Form;
use crate::lambda::TRY;
use crate::rewrite::{Rewriter, literals};
use crate::syntax::tokens::prepare;
use crate::syntax::type_name::read_type;
use crate::types::field_of;

impl Rewriter<'_> {
    pub(super) fn function(&mut self, mut function: Function) -> Result<Expr, SqlError> {
        let place = function.name.span().start;
        let mut name = crate::syntax::statement::folded(&function.name);
        if let Some(several) = several(&name, &function.args) {
            function.name = ObjectName::from(vec![Ident::with_span(function.name.span(), several)]);
            several.clone_into(&mut name);
        }
        if let Some(over) = &mut function.over {
            if let (WindowType::WindowSpec(window), Some(frame)) = (over, self.frames.pop()) {
                window.window_frame = frame;
            }
            return self.windowed(name, function, place);
        }
        if self.surroundings.functions.aggregate.contains_key(&name) {
            check_clauses(&function, place)?;
            order_within(&name, &mut function);
            if matches!(name.as_str(), "max" | "min") {
                self.order_floats(&mut function, place);
            }
            self.calls.push((name, place));
            return Ok(Expr::Function(function));
        }
        if takes_lambda(&function) || !self.surroundings.functions.scalar.contains_key(&name) {
            if self.surroundings.functions.higher_order.contains_key(&name) {
                self.calls.push((name, place));
                return Ok(Expr::Function(function));
            }
            if takes_lambda(&function) && self.surroundings.functions.scalar.contains_key(&name) {
                return Err(
                    SqlError::not_supported(format!("`{name}` with a lambda does not run on the laptop")).at(place)
                );
            }
        }
        if self.surroundings.functions.window.contains_key(&name) {
            return Err(SqlError::types(format!("Window function '{name}' requires an OVER clause")).at(place));
        }
        if function.filter.is_some() || !function.within_group.is_empty() {
            return Err(match self.surroundings.functions.scalar.contains_key(&name) {
                true => SqlError::types(format!(
                    "'{name}' is not an aggregate function: FILTER and WITHIN GROUP do not apply"
                )),
                false => self.surroundings.functions.unknown(&name),
            }
            .at(place));
        }
        let arguments = arguments(function.args, &name, place)?;
        if let Some(form) = self.special(&name, arguments.as_deref(), place)? {
            return Ok(form);
        }
        self.call(&name, arguments.unwrap_or_default(), Some(place))
    }

    /// Has the planner look at the argument of `max(x)`: among floats NaN is left out while there are numbers.
    fn order_floats(&mut self, function: &mut Function, place: Location) {
        if let FunctionArguments::List(list) = &mut function.args
            && let [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] = &mut list.args[..]
        {
            *argument = self.write(Form::Ordered, place, vec![argument.clone()]);
        }
    }

    fn windowed(&mut self, name: String, function: Function, place: Location) -> Result<Expr, SqlError> {
        let functions = self.surroundings.functions;
        if functions.aggregate.contains_key(&name) || functions.window.contains_key(&name) {
            self.calls.push((name, place));
            return Ok(Expr::Function(function));
        }
        Err(if functions.scalar.contains_key(&name) {
            SqlError::types(format!("OVER clause specified, but '{name}' is not an aggregate or window function"))
        } else {
            functions.unknown(&name)
        }
        .at(place))
    }

    /// Calls a scalar function.
    pub(super) fn call(&mut self, name: &str, arguments: Vec<Expr>, place: Option<Location>) -> Result<Expr, SqlError> {
        let place = place.unwrap_or_else(|| arguments.first().map_or(Location::empty(), |first| self.place(first)));
        if !self.surroundings.functions.scalar.contains_key(name) {
            return Err(self.surroundings.functions.unknown(name).at(place));
        }
        Ok(self.write(Form::Call(name.to_owned()), place, arguments))
    }

    /// Forms that look like calls; `None` where the name is not one of them.
    fn special(&mut self, name: &str, arguments: Option<&[Expr]>, place: Location) -> Result<Option<Expr>, SqlError> {
        let given = arguments.unwrap_or_default();
        let (form, wanted) = match name {
            "if" => (Form::If, 2..=3),
            "coalesce" => (Form::Coalesce, 2..=usize::MAX),
            "nullif" => (Form::NullIf, 2..=2),
            "typeof" => (Form::TypeOf, 1..=1),
            "row" => (Form::Row, 1..=usize::MAX),
            "date" => {
                let target = field_of(DataType::Date32);
                (Form::Cast { target, safe: false }, 1..=1)
            }
            "try" => {
                count(name, given.len(), &(1..=1), place)?;
                return Ok(given.first().map(|body| attempt(body.clone())));
            }
            _ => return self.clock(name, place),
        };
        count(name, given.len(), &wanted, place)?;
        Ok(Some(self.write(form, place, given.to_vec())))
    }

    /// Functions that tell the time: all of one statement see the same moment.
    fn clock(&mut self, name: &str, place: Location) -> Result<Option<Expr>, SqlError> {
        let zone = self.surroundings.zone;
        let moment = self.surroundings.now;
        let wall = zone.from_utc_datetime(&moment.naive_utc()).naive_local();
        let value = match name {
            "now" | "current_timestamp" => {
                ScalarValue::TimestampMillisecond(Some(moment.timestamp_millis()), Some(zone.name().into()))
            }
            "localtimestamp" => ScalarValue::TimestampMillisecond(Some(wall.and_utc().timestamp_millis()), None),
            "current_date" => ScalarValue::Date32(Some(crate::temporal::days_of(wall.date()))),
            "current_time" | "localtime" => {
                if name == "current_time"
                    && zone.offset_from_utc_datetime(&moment.naive_utc()).fix().local_minus_utc() != 0
                {
                    return Err(SqlError::not_supported(
                        "`current_time` does not run on the laptop in a zone other than UTC: use `localtime`",
                    )
                    .at(place));
                }
                let time = wall.time();
                let millis = time.num_seconds_from_midnight() * 1000 + time.nanosecond() / 1_000_000;
                ScalarValue::Time32Millisecond(i32::try_from(millis).ok())
            }
            "current_timezone" => ScalarValue::Utf8(Some(zone.name().to_owned())),
            _ => return Ok(None),
        };
        Ok(Some(self.constant(value, place)))
    }

    /// `date '2020-01-01'`, `timestamp '…'`, `decimal '1.5'`, `json '…'`, and any other type before a text.
    pub(super) fn typed_string(&mut self, literal: &TypedString) -> Result<Expr, SqlError> {
        let place = literal.value.span.start;
        let text = match literal.value.clone().value.into_string() {
            Some(text) => text,
            None => return Err(SqlError::syntax("expected a text in quotes").at(place)),
        };
        let written = prepare(&literal.data_type.to_string())?;
        let target = read_type(&written.tokens, place).map_err(|mut error| {
            error.line = None;
            error.at(place)
        })?;
        let value = match target.data_type() {
            DataType::Date32 => literals::date(&text),
            DataType::Timestamp(_, _) => literals::timestamp(&text),
            DataType::Time32(_) | DataType::Time64(_) => literals::time(&text),
            DataType::Decimal128(_, _) => literals::decimal(&text),
            _ => {
                let text = self.constant(ScalarValue::Utf8(Some(text)), place);
                let form = if crate::types::is_json(&target) {
                    return self.call("json_parse", vec![text], Some(place));
                } else {
                    Form::Cast { target, safe: false }
                };
                return Ok(self.write(form, place, vec![text]));
            }
        };
        let value = value.map_err(|error| error.at(place))?;
        Ok(self.constant(value, place))
    }
}

/// `try(x)` takes its argument as a lambda without parameters, to evaluate it row by row if need be.
fn attempt(body: Expr) -> Expr {
    let lambda = Expr::Lambda(LambdaFunction {
        params: OneOrManyWithParens::Many(Vec::new()),
        body: Box::new(body),
        syntax: LambdaSyntax::Arrow,
    });
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::with_quote('"', TRY)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(lambda))],
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn takes_lambda(function: &Function) -> bool {
    let FunctionArguments::List(list) = &function.args else {
        return false;
    };
    list.args.iter().any(|argument| matches!(argument, FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Lambda(_)))))
}

fn count(name: &str, given: usize, wanted: &std::ops::RangeInclusive<usize>, place: Location) -> Result<(), SqlError> {
    if wanted.contains(&given) {
        return Ok(());
    }
    Err(SqlError::types(format!("Incorrect number of arguments for '{name}' function")).at(place))
}

/// The arguments of a call of a scalar function; `None` for a name without parentheses.
fn arguments(arguments: FunctionArguments, name: &str, place: Location) -> Result<Option<Vec<Expr>>, SqlError> {
    let list = match arguments {
        FunctionArguments::None => return Ok(None),
        FunctionArguments::Subquery(query) => return Ok(Some(vec![Expr::Subquery(query)])),
        FunctionArguments::List(list) => list,
    };
    if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) {
        return Err(SqlError::types(format!(
            "DISTINCT is not supported for non-aggregation functions such as '{name}'"
        ))
        .at(place));
    }
    list.args
        .into_iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Ok(expr),
            _ => Err(SqlError::syntax(format!("'{name}' takes expressions only, neither `*` nor names")).at(place)),
        })
        .collect::<Result<Vec<_>, _>>()
        .map(Some)
}

/// `listagg(x, ',') WITHIN GROUP (ORDER BY y)` is an aggregate over ordered rows.
fn order_within(name: &str, function: &mut Function) {
    if name == "listagg"
        && let FunctionArguments::List(list) = &mut function.args
    {
        let order = std::mem::take(&mut function.within_group);
        if !order.is_empty() {
            list.clauses.push(FunctionArgumentClause::OrderBy(order));
        }
    }
}

/// The aggregate behind `max(x, n)` and `min(x, n)`, which give an array; the engine knows one function by one name.
fn several(name: &str, arguments: &FunctionArguments) -> Option<&'static str> {
    let FunctionArguments::List(list) = arguments else { return None };
    match (name, list.args.len()) {
        ("max", 2) => Some("max_n"),
        ("min", 2) => Some("min_n"),
        _ => None,
    }
}

fn check_clauses(function: &Function, place: Location) -> Result<(), SqlError> {
    let FunctionArguments::List(list) = &function.args else {
        return Ok(());
    };
    for clause in &list.clauses {
        if let FunctionArgumentClause::OnOverflow(overflow) = clause {
            return Err(SqlError::not_supported(format!(
                "`{overflow}` does not run on the laptop: leave the clause out"
            ))
            .at(place));
        }
    }
    Ok(())
}
