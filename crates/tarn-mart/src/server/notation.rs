//! Rows as the bulk loaders of MySQL and PostgreSQL read them, and as SQL literals.
//!
//! Both loaders read one row for each line, values separated by tabs, null as `\N`, with backslashes before what would end a value.
//! The differences: MySQL reads bytes in base 16 (through `UNHEX`), since it would take them for text; PostgreSQL writes them as
//! `\x…`, knows numbers that are not finite, and has no text with the character 0.
//!
//! Fractions of a second beyond microseconds are cut here: left to the server, MySQL would round them, up to the next year.

use crate::types::ValueType;
use crate::value::{Value, write_date, write_decimal};

const SECONDS_PER_DAY: i64 = 86_400;

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notation {
    /// For `LOAD DATA`.
    MysqlText,
    /// For `INSERT` in MySQL.
    MysqlLiteral,
    /// For `COPY`.
    PostgresText,
}

/// Rows being written.
pub(crate) struct RowWriter {
    notation: Notation,
    /// What is written.
    pub(crate) bytes: Vec<u8>,
    text: String,
    /// The last date, which is often the next one too.
    day: Option<i64>,
    day_text: [u8; 10],
}

impl RowWriter {
    pub(crate) fn new(notation: Notation, capacity: usize) -> Self {
        Self { notation, bytes: Vec::with_capacity(capacity), text: String::new(), day: None, day_text: [0; 10] }
    }

    pub(crate) fn start_row(&mut self) {
        if self.notation == Notation::MysqlLiteral {
            self.bytes.push(b'(');
        }
    }

    pub(crate) fn separate(&mut self) {
        self.bytes.push(if self.notation == Notation::MysqlLiteral { b',' } else { b'\t' });
    }

    pub(crate) fn end_row(&mut self) {
        match self.notation {
            Notation::MysqlLiteral => self.bytes.extend_from_slice(b"),"),
            Notation::MysqlText | Notation::PostgresText => self.bytes.push(b'\n'),
        }
    }

    /// Writes one value.
    ///
    /// # Errors
    /// What the value is, when the database cannot hold it.
    pub(crate) fn value(&mut self, value: Value<'_>, value_type: ValueType) -> Result<(), &'static str> {
        match value {
            Value::Null => {
                self.bytes.extend_from_slice(if self.notation == Notation::MysqlLiteral { b"NULL" } else { b"\\N" });
            }
            Value::Boolean(truth) => self.bytes.push(b'0' + u8::from(truth)),
            Value::Integer(number) => {
                self.bytes.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            }
            Value::Real(number) => self.real(number, value_type)?,
            Value::Decimal { unscaled, scale } => self.decimal(unscaled, scale),
            Value::Text(text)
                if value_type == ValueType::Json && self.notation == Notation::PostgresText && has_zero(text) =>
            {
                return Err("json with the character 0 in a text, which JSONB has not");
            }
            Value::Text(text) => self.text(text)?,
            Value::Binary(bytes) => self.binary(bytes),
            Value::Date(days) => {
                self.quote();
                self.date(i64::from(days))?;
                self.quote();
            }
            Value::Timestamp { seconds, nanoseconds } => {
                self.quote();
                self.timestamp(seconds, nanoseconds)?;
                self.quote();
            }
        }
        Ok(())
    }

    fn quote(&mut self) {
        if self.notation == Notation::MysqlLiteral {
            self.bytes.push(b'\'');
        }
    }

    fn real(&mut self, number: f64, value_type: ValueType) -> Result<(), &'static str> {
        if number.is_finite() {
            let mut buffer = ryu::Buffer::new();
            #[expect(clippy::cast_possible_truncation, reason = "it was 32 bits before it was widened")]
            let text = match (self.notation, value_type) {
                // The shortest digits of 32 bits; MySQL holds all 64 of the widened number.
                (Notation::PostgresText, ValueType::Real) => buffer.format_finite(number as f32),
                _ => buffer.format_finite(number),
            };
            self.bytes.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        if self.notation != Notation::PostgresText {
            return Err("a number that is not finite, which MySQL has not");
        }
        let text: &[u8] = match (number.is_nan(), number > 0.0) {
            (true, _) => b"NaN",
            (false, true) => b"Infinity",
            (false, false) => b"-Infinity",
        };
        self.bytes.extend_from_slice(text);
        Ok(())
    }

    fn decimal(&mut self, unscaled: i128, scale: u8) {
        // Nearly all decimals have few digits, which 64 bits divide much faster.
        if let Ok(digits) = u64::try_from(unscaled.unsigned_abs())
            && scale <= 18
        {
            if unscaled < 0 {
                self.bytes.push(b'-');
            }
            let unit = 10_u64.pow(scale.into());
            self.bytes.extend_from_slice(itoa::Buffer::new().format(digits / unit).as_bytes());
            if scale > 0 {
                self.bytes.push(b'.');
                self.digits(digits % unit, scale.into());
            }
            return;
        }
        self.text.clear();
        write_decimal(unscaled, scale, &mut self.text);
        self.bytes.extend_from_slice(self.text.as_bytes());
    }

    /// Appends a number with leading zeros.
    fn digits(&mut self, mut number: u64, width: usize) {
        let start = self.bytes.len();
        self.bytes.resize(start + width, b'0');
        for place in self.bytes[start..].iter_mut().rev() {
            *place = b'0' + u8::try_from(number % 10).unwrap_or(0);
            number /= 10;
        }
    }

    fn date(&mut self, days: i64) -> Result<(), &'static str> {
        if self.day != Some(days) {
            self.text.clear();
            if !write_date(days, &mut self.text) {
                return Err("a year outside of 1 to 9999");
            }
            self.day_text.copy_from_slice(self.text.as_bytes());
            self.day = Some(days);
        }
        self.bytes.extend_from_slice(&self.day_text);
        Ok(())
    }

    fn timestamp(&mut self, seconds: i64, nanoseconds: u32) -> Result<(), &'static str> {
        self.date(seconds.div_euclid(SECONDS_PER_DAY))?;
        let second_of_day = seconds.rem_euclid(SECONDS_PER_DAY).unsigned_abs();
        for (mark, number) in
            [(b' ', second_of_day / 3_600), (b':', second_of_day / 60 % 60), (b':', second_of_day % 60)]
        {
            let (tens, ones) = (number / 10, number % 10);
            self.bytes.extend([mark, b'0' + (tens & 0xf) as u8, b'0' + (ones & 0xf) as u8]);
        }
        let microseconds = u64::from(nanoseconds / 1_000);
        if microseconds != 0 {
            self.bytes.push(b'.');
            self.digits(microseconds, 6);
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), &'static str> {
        self.quote();
        let bytes = text.as_bytes();
        let mut from = 0;
        for (at, byte) in bytes.iter().enumerate() {
            let escaped = match byte {
                b'\\' => b'\\',
                b'\'' if self.notation == Notation::MysqlLiteral => b'\'',
                // Everything else that either of them reads as more than itself is a control character.
                0x20.. => continue,
                b'\t' => b't',
                b'\n' => b'n',
                b'\r' => b'r',
                0 if self.notation == Notation::PostgresText => {
                    return Err("text with the character 0, which PostgreSQL has not");
                }
                0 => b'0',
                0x1a if self.notation != Notation::PostgresText => b'Z',
                _ => continue,
            };
            self.bytes.extend_from_slice(&bytes[from..at]);
            self.bytes.extend_from_slice(&[b'\\', escaped]);
            from = at + 1;
        }
        self.bytes.extend_from_slice(&bytes[from..]);
        self.quote();
        Ok(())
    }

    fn binary(&mut self, bytes: &[u8]) {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        let (before, after): (&[u8], &[u8]) = match self.notation {
            Notation::MysqlText => (b"", b""),
            Notation::MysqlLiteral => (b"x'", b"'"),
            Notation::PostgresText => (b"\\\\x", b""),
        };
        self.bytes.extend_from_slice(before);
        for byte in bytes {
            self.bytes.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0xf)]]);
        }
        self.bytes.extend_from_slice(after);
    }
}

/// Whether JSON has `\u0000` in a text: after an odd number of backslashes it is one, after an even number it is written out.
fn has_zero(json: &str) -> bool {
    let is_escape = |(at, _): (usize, &str)| {
        let before = json.as_bytes().get(..at).unwrap_or_default();
        before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 0
    };
    json.match_indices("\\u0000").any(is_escape)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(notation: Notation, value: Value<'_>, value_type: ValueType) -> Result<String, &'static str> {
        let mut writer = RowWriter::new(notation, 64);
        writer.value(value, value_type)?;
        Ok(String::from_utf8(writer.bytes).unwrap())
    }

    const TEXT: ValueType = ValueType::Text { length: None };

    #[test]
    fn what_would_end_a_value_is_escaped() {
        let text = Value::Text("a\tb\\c\nd\re'f\u{1a}𠮷🍣");
        assert_eq!(written(Notation::MysqlText, text, TEXT).unwrap(), "a\\tb\\\\c\\nd\\re'f\\Z𠮷🍣");
        assert_eq!(written(Notation::PostgresText, text, TEXT).unwrap(), "a\\tb\\\\c\\nd\\re'f\u{1a}𠮷🍣");
        assert_eq!(written(Notation::MysqlLiteral, text, TEXT).unwrap(), "'a\\tb\\\\c\\nd\\re\\'f\\Z𠮷🍣'");
        assert_eq!(written(Notation::MysqlText, Value::Text("\0"), TEXT).unwrap(), "\\0");
        assert!(written(Notation::PostgresText, Value::Text("\0"), TEXT).is_err());
        assert_eq!(written(Notation::MysqlText, Value::Text("\\N"), TEXT).unwrap(), "\\\\N");
    }

    #[test]
    fn the_character_0_in_json_is_found() {
        let json = |text| written(Notation::PostgresText, Value::Text(text), ValueType::Json);
        for text in ["[\"\\u0000\"]", "[\"a\\\\\\u0000\"]"] {
            assert!(json(text).unwrap_err().contains("character 0"), "{text}");
        }
        // A backslash, and then `u0000`.
        assert!(json("[\"\\\\u0000\"]").is_ok());
        assert!(written(Notation::MysqlText, Value::Text("[\"\\u0000\"]"), ValueType::Json).is_ok());
    }

    #[test]
    fn null_is_not_the_empty_text() {
        for notation in [Notation::MysqlText, Notation::PostgresText] {
            assert_eq!(written(notation, Value::Null, TEXT).unwrap(), "\\N");
            assert_eq!(written(notation, Value::Text(""), TEXT).unwrap(), "");
        }
        assert_eq!(written(Notation::MysqlLiteral, Value::Null, TEXT).unwrap(), "NULL");
        assert_eq!(written(Notation::MysqlLiteral, Value::Text(""), TEXT).unwrap(), "''");
    }

    #[test]
    fn numbers_keep_their_digits() {
        let decimal = |unscaled, scale| written(Notation::MysqlText, Value::Decimal { unscaled, scale }, TEXT).unwrap();
        assert_eq!(decimal(-5, 2), "-0.05");
        assert_eq!(decimal(1250, 2), "12.50");
        assert_eq!(decimal(i128::from(u64::MAX), 18), "18.446744073709551615");
        assert_eq!(decimal(i128::from(u64::MAX) + 1, 0), "18446744073709551616");
        assert_eq!(decimal(-(10_i128.pow(38) - 1), 38), "-0.99999999999999999999999999999999999999");
        let third = f64::from(0.1_f32);
        assert_eq!(written(Notation::PostgresText, Value::Real(third), ValueType::Real).unwrap(), "0.1");
        assert_eq!(written(Notation::MysqlText, Value::Real(third), ValueType::Real).unwrap(), "0.10000000149011612");
        assert_eq!(
            written(Notation::PostgresText, Value::Real(f64::NEG_INFINITY), ValueType::Double).unwrap(),
            "-Infinity"
        );
        assert!(written(Notation::MysqlText, Value::Real(f64::NAN), ValueType::Double).is_err());
    }

    #[test]
    fn fractions_are_cut_after_microseconds() {
        let moment = |seconds, nanoseconds| {
            written(Notation::MysqlText, Value::Timestamp { seconds, nanoseconds }, ValueType::Timestamp)
        };
        assert_eq!(moment(-1, 999_999_999).unwrap(), "1969-12-31 23:59:59.999999");
        assert_eq!(moment(0, 0).unwrap(), "1970-01-01 00:00:00");
        assert!(moment(i64::MAX, 0).is_err());
        assert_eq!(written(Notation::MysqlLiteral, Value::Date(0), ValueType::Date).unwrap(), "'1970-01-01'");
    }

    #[test]
    fn bytes_are_written_in_base_16() {
        let bytes = Value::Binary(&[0, 255, b'\\']);
        assert_eq!(written(Notation::MysqlText, bytes, ValueType::Binary).unwrap(), "00ff5c");
        assert_eq!(written(Notation::PostgresText, bytes, ValueType::Binary).unwrap(), "\\\\x00ff5c");
        assert_eq!(written(Notation::MysqlLiteral, bytes, ValueType::Binary).unwrap(), "x'00ff5c'");
    }
}
