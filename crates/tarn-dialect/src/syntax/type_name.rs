//! Types as they are written in casts: `decimal(10,2)`, `array(row(a integer, b varchar))`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, IntervalUnit, TimeUnit};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use crate::coercion::{MAX_PRECISION, time_of};
use crate::error::SqlError;
use crate::types::{array_of, field_of, json_field, map_of, renamed};

/// Reads all tokens as one type.
pub(crate) fn read_type(tokens: &[TokenWithSpan], place: Location) -> Result<FieldRef, SqlError> {
    let mut reader = Reader { tokens, position: 0, place };
    let field = reader.read()?;
    match reader.peek() {
        None => Ok(field),
        Some(_) => Err(reader.unknown()),
    }
}

struct Reader<'a> {
    tokens: &'a [TokenWithSpan],
    position: usize,
    place: Location,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.position).map(|token| &token.token)
    }

    fn here(&self) -> Location {
        self.tokens.get(self.position).map_or(self.place, |token| token.span.start)
    }

    fn word(&mut self) -> Option<String> {
        match self.peek() {
            Some(Token::Word(word)) => {
                let name = word.value.to_lowercase();
                self.position += 1;
                Some(name)
            }
            _ => None,
        }
    }

    fn take(&mut self, wanted: &Token) -> bool {
        let found = self.peek() == Some(wanted);
        self.position += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: &Token) -> Result<(), SqlError> {
        if self.take(wanted) {
            Ok(())
        } else {
            Err(SqlError::syntax(format!("expected `{wanted}` in a type")).at(self.here()))
        }
    }

    fn words(&mut self, wanted: &[&str]) -> bool {
        let start = self.position;
        for word in wanted {
            if self.word().as_deref() != Some(word) {
                self.position = start;
                return false;
            }
        }
        true
    }

    fn unknown(&self) -> SqlError {
        let written: Vec<String> = self.tokens.iter().map(|token| token.token.to_string()).collect();
        SqlError::types(format!("Unknown type: {}", written.join(" "))).at(self.place)
    }

    fn numbers(&mut self) -> Result<Vec<u8>, SqlError> {
        let mut numbers = Vec::new();
        if !self.take(&Token::LParen) {
            return Ok(numbers);
        }
        loop {
            let place = self.here();
            match self.peek() {
                Some(Token::Number(digits, _)) => {
                    // `varchar(n)` may be longer than a byte holds; its length is read elsewhere.
                    numbers.push(digits.parse::<u8>().unwrap_or(u8::MAX));
                    self.position += 1;
                }
                _ => return Err(SqlError::syntax("expected a number in a type").at(place)),
            }
            if !self.take(&Token::Comma) {
                break;
            }
        }
        self.expect(&Token::RParen)?;
        Ok(numbers)
    }

    fn read(&mut self) -> Result<FieldRef, SqlError> {
        let place = self.here();
        let Some(name) = self.word() else {
            return Err(self.unknown());
        };
        Ok(match name.as_str() {
            "boolean" => field_of(DataType::Boolean),
            "tinyint" => field_of(DataType::Int8),
            "smallint" => field_of(DataType::Int16),
            "integer" | "int" => field_of(DataType::Int32),
            "bigint" => field_of(DataType::Int64),
            "real" => field_of(DataType::Float32),
            "double" => {
                self.words(&["precision"]);
                field_of(DataType::Float64)
            }
            "varbinary" => field_of(DataType::Binary),
            "date" => field_of(DataType::Date32),
            "json" => json_field(),
            "varchar" => self.text("varchar")?,
            "char" => self.text("char")?,
            "decimal" | "dec" | "numeric" => self.decimal(place)?,
            "timestamp" => self.timestamp(place)?,
            "time" => self.time(place)?,
            "interval" => self.interval()?,
            "array" => self.array()?,
            "map" => self.map()?,
            "row" => self.row()?,
            "string" | "float" | "binary" | "struct" => {
                return Err(self.unknown().hint(match name.as_str() {
                    "string" => "in a query the type is `varchar`",
                    "float" => "in a query the type is `real`",
                    "binary" => "in a query the type is `varbinary`",
                    _ => "in a query the type is `row(…)`",
                }));
            }
            _ => return Err(self.unknown()),
        })
    }

    /// `varchar(n)` and `char(n)` keep their length in the field's metadata, for the cast that cuts or pads.
    fn text(&mut self, kind: &str) -> Result<FieldRef, SqlError> {
        let plain = field_of(DataType::Utf8);
        let length = if self.take(&Token::LParen) {
            let place = self.here();
            let length = match self.peek() {
                Some(Token::Number(digits, _)) => digits.parse::<u32>().ok(),
                _ => None,
            };
            let length = length.ok_or_else(|| SqlError::syntax(format!("expected a length of `{kind}`")).at(place))?;
            self.position += 1;
            self.expect(&Token::RParen)?;
            length
        } else if kind == "char" {
            1
        } else {
            return Ok(plain);
        };
        let metadata = [(format!("tarn.{kind}"), length.to_string())];
        Ok(Arc::new(plain.as_ref().clone().with_metadata(metadata.into_iter().collect())))
    }

    fn decimal(&mut self, place: Location) -> Result<FieldRef, SqlError> {
        let (precision, scale) = match self.numbers()?[..] {
            [] => (MAX_PRECISION, 0),
            [precision] => (precision, 0),
            [precision, scale] => (precision, scale),
            _ => return Err(self.unknown()),
        };
        if precision == 0 || precision > MAX_PRECISION {
            return Err(SqlError::types(format!(
                "DECIMAL precision must be in range [1, {MAX_PRECISION}]: {precision}"
            ))
            .at(place));
        }
        if scale > precision {
            return Err(SqlError::types(format!(
                "DECIMAL scale must be in range [0, precision ({precision})]: {scale}"
            ))
            .at(place));
        }
        let scale = i8::try_from(scale).unwrap_or(0);
        Ok(field_of(DataType::Decimal128(precision, scale)))
    }

    fn unit(&mut self, place: Location) -> Result<TimeUnit, SqlError> {
        match self.numbers()?[..] {
            [] => Ok(TimeUnit::Millisecond),
            [digits] => unit_of_digits(usize::from(digits)).ok_or_else(|| {
                SqlError::not_supported(format!("a precision of {digits} digits does not run on the laptop: at most 9"))
                    .at(place)
            }),
            _ => Err(self.unknown()),
        }
    }

    fn timestamp(&mut self, place: Location) -> Result<FieldRef, SqlError> {
        let unit = self.unit(place)?;
        let zone = self.words(&["with", "time", "zone"]);
        if !zone {
            self.words(&["without", "time", "zone"]);
        }
        Ok(field_of(DataType::Timestamp(unit, zone.then(|| "UTC".into()))))
    }

    fn time(&mut self, place: Location) -> Result<FieldRef, SqlError> {
        let unit = self.unit(place)?;
        if self.words(&["with", "time", "zone"]) {
            return Err(SqlError::not_supported(
                "`time with time zone` does not run on the laptop: use `timestamp with time zone`",
            )
            .at(place));
        }
        self.words(&["without", "time", "zone"]);
        Ok(field_of(time_of(unit)))
    }

    fn interval(&mut self) -> Result<FieldRef, SqlError> {
        if self.words(&["day", "to", "second"]) {
            Ok(field_of(DataType::Interval(IntervalUnit::MonthDayNano)))
        } else if self.words(&["year", "to", "month"]) {
            Ok(field_of(DataType::Interval(IntervalUnit::YearMonth)))
        } else {
            Err(self.unknown())
        }
    }

    fn array(&mut self) -> Result<FieldRef, SqlError> {
        let close = self.open()?;
        let element = self.read()?;
        self.expect(&close)?;
        Ok(field_of(array_of(&element)))
    }

    fn map(&mut self) -> Result<FieldRef, SqlError> {
        let close = self.open()?;
        let key = self.read()?;
        self.expect(&Token::Comma)?;
        let value = self.read()?;
        self.expect(&close)?;
        Ok(field_of(map_of(&key, &value)))
    }

    fn open(&mut self) -> Result<Token, SqlError> {
        if self.take(&Token::Lt) {
            return Ok(Token::Gt);
        }
        self.expect(&Token::LParen)?;
        Ok(Token::RParen)
    }

    fn row(&mut self) -> Result<FieldRef, SqlError> {
        self.expect(&Token::LParen)?;
        let mut fields: Vec<Field> = Vec::new();
        loop {
            let unnamed = format!("c{}", fields.len());
            let start = self.position;
            let name = self.word();
            let ends = matches!(self.peek(), Some(Token::Comma | Token::RParen | Token::LParen));
            let field = match name {
                // A lone word is a type; two are a name and its type.
                Some(name) if !ends || self.is_quoted(start) => renamed(&*self.read()?, &name, true),
                _ => {
                    self.position = start;
                    renamed(&*self.read()?, &unnamed, true)
                }
            };
            fields.push(field);
            if !self.take(&Token::Comma) {
                break;
            }
        }
        self.expect(&Token::RParen)?;
        Ok(field_of(DataType::Struct(Fields::from(fields))))
    }

    fn is_quoted(&self, position: usize) -> bool {
        matches!(
            self.tokens.get(position).map(|token| &token.token),
            Some(Token::Word(word)) if word.quote_style.is_some()
        )
    }
}

/// The time unit that holds a number of fractional digits.
pub(crate) fn unit_of_digits(digits: usize) -> Option<TimeUnit> {
    match digits {
        0 => Some(TimeUnit::Second),
        1..=3 => Some(TimeUnit::Millisecond),
        4..=6 => Some(TimeUnit::Microsecond),
        7..=9 => Some(TimeUnit::Nanosecond),
        _ => None,
    }
}
