//! The two ways to write a pattern: MySQL's percent letters and Joda's repeated letters.

use datafusion::common::Result;

use super::pattern::{DatePattern, Field, Piece};
use crate::failure::invalid_argument;

/// First year that MySQL's two digits stand for.
const MYSQL_PIVOT: i64 = 1970;
/// First year that Joda's two digits stand for: Joda counts from 80 years before the current one.
const JODA_PIVOT: i64 = 1946;

/// Compiles a pattern of `date_format` and `date_parse`.
pub(crate) fn mysql(pattern: &str) -> Result<DatePattern> {
    let mut builder = Builder::default();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            builder.literal(character);
            continue;
        }
        let Some(letter) = characters.next() else {
            return Err(invalid_argument("Invalid date format string: trailing %"));
        };
        let number = |field, min, max| Piece::Number { field, min, max };
        let name = |field, short| Piece::Name { field, short };
        match letter {
            'a' => builder.piece(name(Field::DayOfWeek, true)),
            'b' => builder.piece(name(Field::Month, true)),
            'c' => builder.piece(number(Field::Month, 1, 2)),
            'd' => builder.piece(number(Field::DayOfMonth, 2, 2)),
            'e' => builder.piece(number(Field::DayOfMonth, 1, 2)),
            'f' => builder.piece(Piece::Fraction { min: 6, max: 9 }),
            'H' => builder.piece(number(Field::Hour, 2, 2)),
            'h' | 'I' => builder.piece(number(Field::ClockHourOfHalfDay, 2, 2)),
            'i' => builder.piece(number(Field::Minute, 2, 2)),
            'j' => builder.piece(number(Field::DayOfYear, 3, 3)),
            'k' => builder.piece(number(Field::Hour, 1, 2)),
            'l' => builder.piece(number(Field::ClockHourOfHalfDay, 1, 2)),
            'M' => builder.piece(name(Field::Month, false)),
            'm' => builder.piece(number(Field::Month, 2, 2)),
            'p' => builder.piece(name(Field::HalfDay, false)),
            'r' => builder.time(Field::ClockHourOfHalfDay, true),
            'S' | 's' => builder.piece(number(Field::Second, 2, 2)),
            'T' => builder.time(Field::Hour, false),
            'v' => builder.piece(number(Field::Week, 2, 2)),
            'W' => builder.piece(name(Field::DayOfWeek, false)),
            'x' => builder.piece(number(Field::WeekYear, 4, 4)),
            'Y' => builder.piece(number(Field::Year, 4, 4)),
            'y' => builder.piece(Piece::TwoDigitYear { week_year: false, from: MYSQL_PIVOT }),
            'w' | 'U' | 'u' | 'V' | 'X' | 'D' => {
                return Err(invalid_argument(format!("%{letter} not currently supported in date format string")));
            }
            other => builder.literal(other),
        }
    }
    Ok(builder.finish())
}

/// Compiles a pattern of `format_datetime` and `parse_datetime`.
pub(crate) fn joda(pattern: &str) -> Result<DatePattern> {
    let mut builder = Builder::default();
    let characters: Vec<char> = pattern.chars().collect();
    if characters.is_empty() {
        return Err(invalid_argument("Invalid pattern specification"));
    }
    let mut position = 0;
    while let Some(&character) = characters.get(position) {
        if character == '\'' {
            position = builder.quoted(&characters, position + 1);
            continue;
        }
        if !character.is_ascii_alphabetic() {
            builder.literal(character);
            position += 1;
            continue;
        }
        let count = characters[position..].iter().take_while(|other| **other == character).count();
        position += count;
        let numeric_next = is_numeric_token(&characters[position..]);
        builder.piece(joda_piece(character, count, numeric_next)?);
    }
    Ok(builder.finish())
}

fn joda_piece(letter: char, count: usize, numeric_next: bool) -> Result<Piece> {
    let number = |field, max: usize| Piece::Number { field, min: count, max: max.max(count) };
    let year_digits = if numeric_next { count } else { 9 };
    Ok(match letter {
        'G' => Piece::Name { field: Field::Era, short: false },
        'C' => number(Field::Century, count),
        'x' | 'y' | 'Y' if count == 2 => Piece::TwoDigitYear { week_year: letter == 'x', from: JODA_PIVOT },
        'x' => number(Field::WeekYear, year_digits),
        'y' => number(Field::Year, year_digits),
        'Y' => number(Field::YearOfEra, year_digits),
        'M' if count >= 3 => Piece::Name { field: Field::Month, short: count == 3 },
        'M' => number(Field::Month, 2),
        'd' => number(Field::DayOfMonth, 2),
        'a' => Piece::Name { field: Field::HalfDay, short: false },
        'h' => number(Field::ClockHourOfHalfDay, 2),
        'H' => number(Field::Hour, 2),
        'k' => number(Field::ClockHour, 2),
        'K' => number(Field::HourOfHalfDay, 2),
        'm' => number(Field::Minute, 2),
        's' => number(Field::Second, 2),
        'S' => Piece::Fraction { min: count, max: count },
        'e' => number(Field::DayOfWeek, 1),
        'E' => Piece::Name { field: Field::DayOfWeek, short: count < 4 },
        'D' => number(Field::DayOfYear, 3),
        'w' => number(Field::Week, 2),
        'z' => Piece::ZoneName,
        'Z' if count >= 3 => Piece::ZoneId,
        'Z' => Piece::Offset { colon: count == 2 },
        other => {
            return Err(invalid_argument(format!("Illegal pattern component: {}", other.to_string().repeat(count))));
        }
    })
}

fn is_numeric_token(rest: &[char]) -> bool {
    let Some(&letter) = rest.first() else {
        return false;
    };
    let count = rest.iter().take_while(|other| **other == letter).count();
    match letter {
        'M' => count <= 2,
        other => "cCxyYdhHmsSeDFwWkK".contains(other),
    }
}

#[derive(Debug, Default)]
struct Builder {
    pieces: Vec<Piece>,
    text: String,
}

impl Builder {
    fn literal(&mut self, character: char) {
        self.text.push(character);
    }

    fn piece(&mut self, piece: Piece) {
        if !self.text.is_empty() {
            self.pieces.push(Piece::Literal(std::mem::take(&mut self.text)));
        }
        self.pieces.push(piece);
    }

    fn time(&mut self, hour: Field, half_day: bool) {
        for (field, separator) in [(hour, ':'), (Field::Minute, ':'), (Field::Second, ' ')] {
            self.piece(Piece::Number { field, min: 2, max: 2 });
            if field != Field::Second || half_day {
                self.literal(separator);
            }
        }
        if half_day {
            self.piece(Piece::Name { field: Field::HalfDay, short: false });
        }
    }

    /// Takes quoted text that begins at `position`; gives the position after it. `''` is a quote.
    fn quoted(&mut self, characters: &[char], mut position: usize) -> usize {
        if characters.get(position) == Some(&'\'') {
            self.literal('\'');
            return position + 1;
        }
        while let Some(&character) = characters.get(position) {
            position += 1;
            if character != '\'' {
                self.literal(character);
            } else if characters.get(position) == Some(&'\'') {
                self.literal('\'');
                position += 1;
            } else {
                break;
            }
        }
        position
    }

    fn finish(mut self) -> DatePattern {
        if !self.text.is_empty() {
            self.pieces.push(Piece::Literal(self.text));
        }
        DatePattern { pieces: self.pieces }
    }
}
