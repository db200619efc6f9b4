//! Signatures written as Trino's manual writes them, and the choice among overloads.
//!
//! `"(varchar, bigint) -> varchar"` says all there is to say about types: what a call is coerced to and what
//! it yields. Single capital letters are type variables: `N` any number, `I` any integer, `M` a timestamp
//! without zone of any precision, `Z` one with zone, `S` an interval, the others anything. A type that ends in `...` repeats, at
//! least once. Coercion is Trino's: numbers widen, dates become timestamps, null becomes anything, and
//! nothing becomes text.

use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use datafusion::common::Result;

use crate::failure::internal;
use crate::types::{array_of, common_type, element_type, is_integer, is_number, map_of, map_types, normal};

/// A type as it stands in a signature.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Pattern {
    Fixed(DataType),
    Decimal,
    Timestamp,
    Zoned,
    Variable(u8),
    Array(Box<Pattern>),
    Map(Box<Pattern>, Box<Pattern>),
}

/// One overload's parameters and result.
#[derive(Debug, Clone)]
pub(crate) struct Signature {
    text: &'static str,
    parameters: Vec<Pattern>,
    variadic: bool,
    result: Option<Pattern>,
    pub(crate) gives_json: bool,
}

/// A call that matched: what its arguments become, and what it gives.
#[derive(Debug, Clone)]
pub(crate) struct Matched {
    cost: u32,
    pub(crate) arguments: Vec<DataType>,
    pub(crate) result: Option<DataType>,
}

type Bindings = [Option<DataType>; 26];

impl Signature {
    /// Reads `(a, b...) -> c`; without an arrow the overload computes its own result type.
    pub(crate) fn parse(text: &'static str) -> Result<Self> {
        let (parameters, result) = match text.split_once("->") {
            Some((parameters, result)) => (parameters.trim(), Some(result.trim())),
            None => (text.trim(), None),
        };
        let inner = parameters
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'))
            .ok_or_else(|| internal(format!("signature `{text}` lacks parentheses")))?;
        let (inner, variadic) = match inner.strip_suffix("...") {
            Some(inner) => (inner, true),
            None => (inner, false),
        };
        let parameters = split_types(inner).into_iter().map(Pattern::parse).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            text,
            parameters,
            variadic,
            gives_json: result == Some("json"),
            result: result.map(Pattern::parse).transpose()?,
        })
    }

    /// The signature as written, for messages.
    pub(crate) fn text(&self) -> &'static str {
        self.text
    }

    /// Coerces a call to this overload, if its arguments allow it.
    pub(crate) fn matches(&self, arguments: &[DataType]) -> Option<Matched> {
        let fits = if self.variadic {
            arguments.len() >= self.parameters.len()
        } else {
            arguments.len() == self.parameters.len()
        };
        if !fits {
            return None;
        }
        let last = self.parameters.len().saturating_sub(1);
        let pattern = |index: usize| &self.parameters[index.min(last)];
        let mut bindings: Bindings = Default::default();
        let mut cost = 0;
        for (index, argument) in arguments.iter().enumerate() {
            cost += pattern(index).bind(argument, &mut bindings)?;
        }
        let mut coerced = Vec::with_capacity(arguments.len());
        for (index, argument) in arguments.iter().enumerate() {
            coerced.push(pattern(index).resolve(argument, &bindings)?);
        }
        let result = match &self.result {
            Some(result) => Some(result.resolve(&DataType::Null, &bindings)?),
            None => None,
        };
        Some(Matched { cost, arguments: coerced, result })
    }
}

impl Matched {
    /// How much coercion the match needs: the overload with the least wins.
    pub(crate) fn cost(&self) -> u32 {
        self.cost
    }
}

fn split_types(text: &'static str) -> Vec<&'static str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (position, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b',' if depth == 0 => {
                parts.push(text[start..position].trim());
                start = position + 1;
            }
            _ => {}
        }
    }
    let rest = text[start..].trim();
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

impl Pattern {
    fn parse(text: &'static str) -> Result<Self> {
        if let [letter @ b'A'..=b'Z'] = text.as_bytes() {
            return Ok(Self::Variable(*letter));
        }
        if let Some(element) = text.strip_prefix("array(").and_then(|t| t.strip_suffix(')')) {
            return Ok(Self::Array(Box::new(Self::parse(element)?)));
        }
        if let Some(types) = text.strip_prefix("map(").and_then(|t| t.strip_suffix(')'))
            && let [key, value] = split_types(types)[..]
        {
            return Ok(Self::Map(Box::new(Self::parse(key)?), Box::new(Self::parse(value)?)));
        }
        Ok(match text {
            "boolean" => Self::Fixed(DataType::Boolean),
            "tinyint" => Self::Fixed(DataType::Int8),
            "smallint" => Self::Fixed(DataType::Int16),
            "integer" => Self::Fixed(DataType::Int32),
            "bigint" => Self::Fixed(DataType::Int64),
            "real" => Self::Fixed(DataType::Float32),
            "double" => Self::Fixed(DataType::Float64),
            "varchar" | "json" => Self::Fixed(DataType::Utf8),
            "varbinary" => Self::Fixed(DataType::Binary),
            "date" => Self::Fixed(DataType::Date32),
            "unknown" => Self::Fixed(DataType::Null),
            "interval day to second" => Self::Fixed(DataType::Interval(IntervalUnit::MonthDayNano)),
            "decimal" => Self::Decimal,
            "timestamp" => Self::Timestamp,
            "timestamp with time zone" => Self::Zoned,
            "timestamp(3) with time zone" => {
                Self::Fixed(DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())))
            }
            "timestamp(9) with time zone" => Self::Fixed(DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))),
            "timestamp(3)" => Self::Fixed(DataType::Timestamp(TimeUnit::Millisecond, None)),
            other => return Err(internal(format!("signature names unknown type `{other}`"))),
        })
    }

    /// Notes what the argument says about type variables; gives the cost of the coercion.
    fn bind(&self, argument: &DataType, bindings: &mut Bindings) -> Option<u32> {
        let plain = normal(argument);
        let unnormal = u32::from(&plain != argument);
        if plain == DataType::Null && !matches!(self, Self::Variable(_)) {
            return Some(1);
        }
        let cost = match self {
            Self::Fixed(wanted) => coercion_cost(&plain, wanted)?,
            Self::Decimal => match plain {
                DataType::Decimal128(_, _) => 0,
                _ => return None,
            },
            Self::Timestamp => match plain {
                DataType::Timestamp(_, None) => 0,
                DataType::Date32 => 3,
                _ => return None,
            },
            Self::Zoned => match plain {
                DataType::Timestamp(_, Some(_)) => 0,
                DataType::Timestamp(_, None) => 4,
                DataType::Date32 => 6,
                _ => return None,
            },
            Self::Variable(letter) => {
                let allowed = match letter {
                    b'N' => is_number(&plain),
                    b'I' => is_integer(&plain),
                    b'M' => matches!(plain, DataType::Timestamp(_, None)),
                    b'Z' => matches!(plain, DataType::Timestamp(_, Some(_))),
                    b'S' => matches!(plain, DataType::Interval(_)),
                    _ => true,
                };
                if !allowed && plain != DataType::Null {
                    return None;
                }
                let slot = bindings.get_mut(usize::from(letter - b'A'))?;
                let bound = match slot.take() {
                    Some(known) => common_type(&known, &plain)?,
                    None => plain,
                };
                *slot = Some(bound);
                // Named kinds are nearer than anything at all.
                if b"NIMZS".contains(letter) { 2 } else { 5 }
            }
            Self::Array(element) => element.bind(element_type(&plain)?, bindings)?,
            Self::Map(key, value) => {
                let (key_type, value_type) = map_types(&plain)?;
                key.bind(key_type, bindings)? + value.bind(value_type, bindings)?
            }
        };
        Some(cost + unnormal)
    }

    /// The type an argument is cast to, or a result has, once the variables are known.
    fn resolve(&self, argument: &DataType, bindings: &Bindings) -> Option<DataType> {
        let plain = normal(argument);
        match self {
            Self::Fixed(wanted) => Some(wanted.clone()),
            Self::Decimal => Some(match plain {
                DataType::Decimal128(_, _) => plain,
                _ => DataType::Decimal128(38, 0),
            }),
            Self::Timestamp => Some(match plain {
                DataType::Timestamp(_, None) => plain,
                _ => DataType::Timestamp(TimeUnit::Millisecond, None),
            }),
            Self::Zoned => Some(match plain {
                DataType::Timestamp(_, Some(_)) => plain,
                DataType::Timestamp(unit, None) => DataType::Timestamp(unit, Some("UTC".into())),
                _ => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            }),
            Self::Variable(letter) => {
                let bound = bindings.get(usize::from(letter - b'A')).cloned().flatten().unwrap_or(DataType::Null);
                Some(match (letter, bound) {
                    (b'N' | b'I', DataType::Null) => DataType::Int64,
                    (b'M', DataType::Null) => DataType::Timestamp(TimeUnit::Millisecond, None),
                    (b'Z', DataType::Null) => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
                    (b'S', DataType::Null) => DataType::Interval(IntervalUnit::MonthDayNano),
                    (_, bound) => bound,
                })
            }
            Self::Array(element) => {
                let inner = element_type(&plain).cloned().unwrap_or(DataType::Null);
                Some(array_of(element.resolve(&inner, bindings)?))
            }
            Self::Map(key, value) => {
                let (key_type, value_type) = map_types(&plain).unwrap_or((&DataType::Null, &DataType::Null));
                Some(map_of(key.resolve(key_type, bindings)?, value.resolve(value_type, bindings)?))
            }
        }
    }
}

fn coercion_cost(from: &DataType, to: &DataType) -> Option<u32> {
    if from == to {
        return Some(0);
    }
    let rank = |data_type: &DataType| match data_type {
        DataType::Int8 => Some(0),
        DataType::Int16 => Some(1),
        DataType::Int32 => Some(2),
        DataType::Int64 => Some(3),
        DataType::Decimal128(_, _) => Some(4),
        DataType::Float32 => Some(5),
        DataType::Float64 => Some(6),
        _ => None,
    };
    match (from, to) {
        (DataType::Interval(_) | DataType::Duration(_), DataType::Interval(_)) => Some(1),
        (DataType::Date32, DataType::Timestamp(_, None)) => Some(3),
        (DataType::Timestamp(_, None), DataType::Timestamp(_, None)) => Some(1),
        (DataType::Timestamp(_, Some(_)), DataType::Timestamp(_, Some(_))) => Some(1),
        (DataType::Timestamp(_, None), DataType::Timestamp(_, Some(_))) => Some(4),
        _ => {
            let (from_rank, to_rank) = (rank(from)?, rank(to)?);
            (from_rank < to_rank).then(|| to_rank - from_rank)
        }
    }
}
