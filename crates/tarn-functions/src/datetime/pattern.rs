//! Date and time patterns: compiled once, then used to print and to read.
//!
//! MySQL's `%Y-%m-%d` and Joda's `yyyy-MM-dd` compile to the same pieces, because Trino runs both on one
//! formatter. Reading follows that formatter: a number takes up to its maximum of digits, names match in any
//! case, all text must be used, and missing fields default to 1970-01-01 00:00 (year 2000 when a month
//! or day is given without year).

use datafusion::common::Result;

use super::moment::{
    DAY, Moment, day_of_week, days_from, days_in_month, first_monday, is_leap, iso_week, weeks_in_year,
};
use super::zone::{Zone, offset_text, parse_offset};
use crate::failure::invalid_argument;

/// Month names, as all of Trino's English formatters print them.
pub(crate) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Day names from Monday.
pub(crate) const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// What a number or name in a pattern stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Era,
    Century,
    Year,
    YearOfEra,
    WeekYear,
    Month,
    Week,
    DayOfMonth,
    DayOfYear,
    DayOfWeek,
    HalfDay,
    /// 0 to 23.
    Hour,
    /// 1 to 24.
    ClockHour,
    /// 0 to 11.
    HourOfHalfDay,
    /// 1 to 12.
    ClockHourOfHalfDay,
    Minute,
    Second,
}

const FIELD_COUNT: usize = Field::Second as usize + 1;

/// One piece of a pattern.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece {
    Literal(String),
    /// Printed with at least `min` digits, read with at most `max`.
    Number {
        field: Field,
        min: usize,
        max: usize,
    },
    /// The year's last two digits; read into the century that begins at `from`.
    TwoDigitYear {
        week_year: bool,
        from: i64,
    },
    Name {
        field: Field,
        short: bool,
    },
    Fraction {
        min: usize,
        max: usize,
    },
    Offset {
        colon: bool,
    },
    ZoneId,
    ZoneName,
}

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DatePattern {
    pub(crate) pieces: Vec<Piece>,
}

/// What was read: the wall-clock time and the zone, if the text names one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Read {
    pub(crate) local: Moment,
    pub(crate) zone: Option<Zone>,
}

impl DatePattern {
    /// Appends `local` as text; `zone` is what zone pieces print.
    pub(crate) fn print(&self, local: Moment, zone: &Zone, out: &mut String) {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.push_str(text),
                Piece::Number { field, min, .. } => push_number(out, value(*field, local), *min),
                Piece::TwoDigitYear { week_year, .. } => {
                    let field = if *week_year { Field::WeekYear } else { Field::Year };
                    push_number(out, value(field, local).rem_euclid(100), 2);
                }
                Piece::Name { field, short } => out.push_str(name(*field, *short, local)),
                Piece::Fraction { min, .. } => {
                    // Trino's formatters see milliseconds; further digits are zeros.
                    let digits = format!("{:03}{:06}", local.nanos / 1_000_000, 0);
                    out.push_str(&digits[..(*min).min(9)]);
                }
                Piece::Offset { colon } => {
                    out.push_str(&offset_text(zone.offset_of_local(local.seconds), *colon));
                }
                Piece::ZoneId => out.push_str(&zone.name()),
                Piece::ZoneName => {
                    let offset = i64::from(zone.offset_of_local(local.seconds));
                    out.push_str(&zone.short_name(local.seconds - offset));
                }
            }
        }
    }

    /// Reads the whole of `text`.
    pub(crate) fn read(&self, text: &str) -> Result<Read> {
        let mut fields = Fields::default();
        let mut rest = text;
        for piece in &self.pieces {
            rest = fields.take(piece, rest).ok_or_else(|| malformed(text, rest))?;
        }
        if !rest.is_empty() {
            return Err(malformed(text, rest));
        }
        let local = fields.moment(text)?;
        Ok(Read { local, zone: fields.zone })
    }
}

fn malformed(text: &str, rest: &str) -> datafusion::common::DataFusionError {
    if rest.is_empty() {
        invalid_argument(format!("Invalid format: \"{text}\" is too short"))
    } else if rest.len() == text.len() {
        invalid_argument(format!("Invalid format: \"{text}\""))
    } else {
        invalid_argument(format!("Invalid format: \"{text}\" is malformed at \"{rest}\""))
    }
}

fn push_number(out: &mut String, value: i64, min: usize) {
    if value < 0 {
        out.push('-');
    }
    let mut digits = [0_u8; 20];
    let mut start = digits.len();
    let mut left = value.unsigned_abs();
    while left > 0 || start == digits.len() {
        start -= 1;
        digits[start] = b'0' + (left % 10) as u8;
        left /= 10;
    }
    for _ in digits.len() - start..min {
        out.push('0');
    }
    for digit in &digits[start..] {
        out.push(char::from(*digit));
    }
}

fn value(field: Field, local: Moment) -> i64 {
    match field {
        Field::Era => i64::from(local.day().year > 0),
        Field::Century => year_of_era(local) / 100,
        Field::Year => local.day().year,
        Field::YearOfEra => year_of_era(local),
        Field::WeekYear => iso_week(local.days()).0,
        Field::Month => i64::from(local.day().month),
        Field::Week => iso_week(local.days()).1,
        Field::DayOfMonth => i64::from(local.day().day),
        Field::DayOfYear => local.day().day_of_year(),
        Field::DayOfWeek => day_of_week(local.days()),
        Field::HalfDay => local.hour() / 12,
        Field::Hour => local.hour(),
        Field::ClockHour => (local.hour() + 23) % 24 + 1,
        Field::HourOfHalfDay => local.hour() % 12,
        Field::ClockHourOfHalfDay => (local.hour() + 11) % 12 + 1,
        Field::Minute => local.minute(),
        Field::Second => local.second(),
    }
}

fn year_of_era(local: Moment) -> i64 {
    let year = local.day().year;
    if year > 0 { year } else { 1 - year }
}

fn name(field: Field, short: bool, local: Moment) -> &'static str {
    let full = match field {
        Field::Month => MONTHS[(local.day().month as usize - 1) % 12],
        Field::DayOfWeek => DAYS[(day_of_week(local.days()) as usize - 1) % 7],
        Field::HalfDay => return if local.hour() < 12 { "AM" } else { "PM" },
        Field::Era => return if local.day().year > 0 { "AD" } else { "BC" },
        _ => "",
    };
    if short { &full[..full.len().min(3)] } else { full }
}

/// Field values as read, before they are put together.
#[derive(Debug, Default)]
struct Fields {
    values: [Option<i64>; FIELD_COUNT],
    nanos: u32,
    zone: Option<Zone>,
}

impl Fields {
    fn get(&self, field: Field) -> Option<i64> {
        self.values[field as usize]
    }

    fn set(&mut self, field: Field, value: i64) {
        self.values[field as usize] = Some(value);
    }

    /// Reads one piece off the front of `text`; gives what is left.
    fn take<'t>(&mut self, piece: &Piece, text: &'t str) -> Option<&'t str> {
        match piece {
            Piece::Literal(literal) => {
                let head = text.get(..literal.len())?;
                head.eq_ignore_ascii_case(literal).then(|| &text[literal.len()..])
            }
            Piece::Number { field, max, .. } => {
                let signed = matches!(field, Field::Year | Field::WeekYear | Field::YearOfEra);
                let (negative, digits) = match text.as_bytes().first() {
                    Some(b'-') if signed => (true, &text[1..]),
                    Some(b'+') if signed => (false, &text[1..]),
                    _ => (false, text),
                };
                let (number, rest) = take_digits(digits, *max)?;
                self.set(*field, if negative { -number } else { number });
                Some(rest)
            }
            Piece::TwoDigitYear { week_year, from } => {
                let (number, rest) = take_digits(text, 2)?;
                if text.len() - rest.len() != 2 {
                    return None;
                }
                let year = from + (number - from).rem_euclid(100);
                self.set(if *week_year { Field::WeekYear } else { Field::Year }, year);
                Some(rest)
            }
            Piece::Name { field, .. } => {
                let (number, rest) = take_name(*field, text)?;
                self.set(*field, number);
                Some(rest)
            }
            Piece::Fraction { max, .. } => {
                let digits = text.bytes().take(*max).take_while(u8::is_ascii_digit).count();
                if digits == 0 {
                    return None;
                }
                let mut nanos: u32 = 0;
                for index in 0..9 {
                    let digit = match text.as_bytes().get(index) {
                        Some(byte) if index < digits => u32::from(byte - b'0'),
                        _ => 0,
                    };
                    nanos = nanos * 10 + digit;
                }
                self.nanos = nanos;
                Some(&text[digits..])
            }
            Piece::Offset { .. } | Piece::ZoneId | Piece::ZoneName => {
                let (zone, rest) = take_zone(text)?;
                self.zone = Some(zone);
                Some(rest)
            }
        }
    }

    fn moment(&self, text: &str) -> Result<Moment> {
        let days = self.days(text)?;
        let seconds = self.second_of_day(text)?;
        Ok(Moment { seconds: days.saturating_mul(DAY).saturating_add(seconds), nanos: self.nanos })
    }

    fn days(&self, text: &str) -> Result<i64> {
        let era = self.get(Field::Era).unwrap_or(1);
        let year = self
            .get(Field::Year)
            .or_else(|| self.get(Field::YearOfEra).map(|year| if era == 0 { 1 - year } else { year }));
        let has_date = [Field::Month, Field::DayOfMonth, Field::DayOfYear, Field::DayOfWeek]
            .iter()
            .any(|field| self.get(*field).is_some());
        let week = self.get(Field::Week);
        if self.get(Field::WeekYear).is_some() || (week.is_some() && self.get(Field::Month).is_none()) {
            let week_year = self.get(Field::WeekYear).or(year).unwrap_or(2000);
            let week = in_range(text, "weekOfWeekyear", week.unwrap_or(1), 1, weeks_in_year(week_year))?;
            let day = in_range(text, "dayOfWeek", self.get(Field::DayOfWeek).unwrap_or(1), 1, 7)?;
            return Ok(first_monday(week_year) + (week - 1) * 7 + day - 1);
        }
        // As Trino's formatter does: a month or day without a year is of the leap year 2000.
        let year = year.unwrap_or(if has_date { 2000 } else { 1970 });
        let month = in_range(text, "monthOfYear", self.get(Field::Month).unwrap_or(1), 1, 12)? as u32;
        let length = i64::from(days_in_month(year, month));
        let mut days = match (self.get(Field::DayOfYear), self.get(Field::DayOfMonth)) {
            (Some(day_of_year), None) => {
                let length = if is_leap(year) { 366 } else { 365 };
                days_from(year, 1, 1) + in_range(text, "dayOfYear", day_of_year, 1, length)? - 1
            }
            (_, day) => {
                let day = in_range(text, "dayOfMonth", day.unwrap_or(1), 1, length)?;
                days_from(year, month, day as u32)
            }
        };
        if let Some(wanted) = self.get(Field::DayOfWeek) {
            let wanted = in_range(text, "dayOfWeek", wanted, 1, 7)?;
            days += wanted - day_of_week(days);
        }
        Ok(days)
    }

    fn second_of_day(&self, text: &str) -> Result<i64> {
        let half = self.get(Field::HalfDay).unwrap_or(0);
        let hour = if let Some(hour) = self.get(Field::Hour) {
            in_range(text, "hourOfDay", hour, 0, 23)?
        } else if let Some(hour) = self.get(Field::ClockHour) {
            in_range(text, "clockhourOfDay", hour, 1, 24)? % 24
        } else if let Some(hour) = self.get(Field::HourOfHalfDay) {
            in_range(text, "hourOfHalfday", hour, 0, 11)? + half * 12
        } else if let Some(hour) = self.get(Field::ClockHourOfHalfDay) {
            in_range(text, "clockhourOfHalfday", hour, 1, 12)? % 12 + half * 12
        } else {
            half * 12
        };
        let minute = in_range(text, "minuteOfHour", self.get(Field::Minute).unwrap_or(0), 0, 59)?;
        let second = in_range(text, "secondOfMinute", self.get(Field::Second).unwrap_or(0), 0, 59)?;
        Ok(hour * 3_600 + minute * 60 + second)
    }
}

fn in_range(text: &str, field: &str, value: i64, low: i64, high: i64) -> Result<i64> {
    if (low..=high).contains(&value) {
        return Ok(value);
    }
    Err(invalid_argument(format!(
        "Cannot parse \"{text}\": Value {value} for {field} must be in the range [{low},{high}]"
    )))
}

fn take_digits(text: &str, max: usize) -> Option<(i64, &str)> {
    let mut number: i64 = 0;
    let mut count = 0;
    for byte in text.bytes().take(max.min(18)) {
        if !byte.is_ascii_digit() {
            break;
        }
        number = number * 10 + i64::from(byte - b'0');
        count += 1;
    }
    (count > 0).then(|| (number, &text[count..]))
}

fn take_name(field: Field, text: &str) -> Option<(i64, &str)> {
    let starts = |name: &str| text.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name));
    let names: (&[&str], i64) = match field {
        Field::Month => (&MONTHS, 1),
        Field::DayOfWeek => (&DAYS, 1),
        Field::HalfDay => (&["AM", "PM"], 0),
        Field::Era => (&["BC", "AD"], 0),
        _ => return None,
    };
    let position =
        names.0.iter().position(|name| starts(name)).map(|index| (index, names.0[index].len())).or_else(|| {
            let index = names.0.iter().position(|name| starts(&name[..name.len().min(3)]))?;
            Some((index, names.0[index].len().min(3)))
        });
    let (index, length) = position?;
    Some((index as i64 + names.1, &text[length..]))
}

fn take_zone(text: &str) -> Option<(Zone, &str)> {
    if text.starts_with(['+', '-']) {
        let length = text[1..].bytes().take_while(|b| b.is_ascii_digit() || *b == b':').count().min(5) + 1;
        return Some((Zone::Fixed(parse_offset(&text[..length])?), &text[length..]));
    }
    let length =
        text.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'+' | b'-')).count();
    // The longest prefix that names a zone, so that what follows may be literal text.
    (1..=length).rev().find_map(|end| Some((Zone::parse(&text[..end]).ok()?, &text[end..])))
}
