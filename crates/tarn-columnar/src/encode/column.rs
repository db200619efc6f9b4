//! One column of a file in the making.

use arrow::datatypes::DataType;
use parquet::basic::Encoding;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescPtr;
use tarn_flatten::Value;

use super::bits::Bits;
use super::chunk::Chunk;
use super::fixed::{Booleans, Fixed};
use super::number::{NumberFormat, Numbers};
use super::press::{Press, Spliced};
use super::repeating::{Domain, Repeating};
use super::text::Texts;
use super::{PAGE_BYTES, PAGE_ROWS};

/// Takes the values of a column and keeps their pages until the row group ends.
#[derive(Debug)]
pub(crate) struct ColumnEncoder {
    values: Values,
    /// Which rows of the page have a value.
    present: Bits,
    /// Nulls in the pages before.
    nulls: usize,
    chunk: Chunk,
}

/// Values as the column's physical type stores them.
#[derive(Debug)]
enum Values {
    Boolean(Booleans),
    Number(Kind, Repeating<Numbers>),
    Real(Fixed<f32>),
    Double(Fixed<f64>),
    /// With the leading bytes of 16 that values do without.
    LongDecimal(usize, Fixed<i128>),
    Text(Repeating<Texts>),
}

/// What a number stands for.
#[derive(Debug, Clone, Copy)]
enum Kind {
    TinyInt,
    SmallInt,
    Integer,
    BigInt,
    Date,
    Timestamp,
    Decimal,
}

impl Kind {
    /// The number that a value is stored as; `None` if it is not of this kind, which the cast to the column's type excludes.
    #[inline]
    fn number(self, value: Value<'_>) -> Option<i64> {
        match (self, value) {
            (Self::BigInt, Value::Integer(value)) | (Self::Timestamp, Value::Timestamp(value)) => Some(value),
            (Self::Integer, Value::Integer(value)) => i32::try_from(value).ok().map(i64::from),
            (Self::SmallInt, Value::Integer(value)) => i16::try_from(value).ok().map(i64::from),
            (Self::TinyInt, Value::Integer(value)) => i8::try_from(value).ok().map(i64::from),
            (Self::Date, Value::Date(value)) => Some(i64::from(value)),
            (Self::Decimal, Value::Decimal(value)) => i64::try_from(value).ok(),
            _ => None,
        }
    }
}

impl ColumnEncoder {
    /// An encoder of values of this type.
    pub(crate) fn new(data_type: &DataType) -> Self {
        let numbers = |kind, narrow, differences| {
            Values::Number(kind, Repeating::new(Numbers::new(NumberFormat { narrow, differences })))
        };
        let values = match data_type {
            DataType::Boolean => Values::Boolean(Booleans::default()),
            DataType::Int8 => numbers(Kind::TinyInt, true, true),
            DataType::Int16 => numbers(Kind::SmallInt, true, true),
            DataType::Int32 => numbers(Kind::Integer, true, true),
            DataType::Int64 => numbers(Kind::BigInt, false, true),
            DataType::Date32 => numbers(Kind::Date, true, true),
            DataType::Timestamp(..) => numbers(Kind::Timestamp, false, true),
            DataType::Float32 => Values::Real(Fixed::default()),
            DataType::Float64 => Values::Double(Fixed::default()),
            // As the schema of the file has them; measures more often than counters, so never as differences.
            DataType::Decimal128(2..=9, _) => numbers(Kind::Decimal, true, false),
            DataType::Decimal128(..=18, _) => numbers(Kind::Decimal, false, false),
            DataType::Decimal128(precision, _) => Values::LongDecimal(16 - decimal_bytes(*precision), Fixed::default()),
            _ => Values::Text(Repeating::new(Texts::default())),
        };
        Self { values, present: Bits::default(), nulls: 0, chunk: Chunk::default() }
    }

    /// Appends a value.
    ///
    /// # Errors
    ///
    /// When a page that got full cannot be compressed.
    #[inline]
    pub(crate) fn append(&mut self, value: Value<'_>, press: &mut Press) -> Result<()> {
        let (taken, full) = match (&mut self.values, value) {
            (_, Value::Null) => return self.append_null(press),
            (Values::Text(column), Value::Text(text)) => (column.push(text.as_bytes()), column.is_full(PAGE_BYTES)),
            (Values::Text(column), Value::Binary(bytes)) => (column.push(bytes), column.is_full(PAGE_BYTES)),
            (Values::Number(kind, column), value) => match kind.number(value) {
                Some(number) => (column.push(number), false),
                None => return self.append_null(press),
            },
            (Values::Boolean(column), Value::Boolean(value)) => {
                column.page.push(value);
                (true, false)
            }
            (Values::Real(column), Value::Real(value)) => {
                column.push(value, &value.to_le_bytes());
                (true, false)
            }
            (Values::Double(column), Value::Double(value)) => {
                column.push(value, &value.to_le_bytes());
                (true, false)
            }
            (Values::LongDecimal(skip, column), Value::Decimal(value)) => {
                column.push(value, value.to_be_bytes().get(*skip..).unwrap_or_default());
                (true, false)
            }
            _ => return self.append_null(press),
        };
        if !taken {
            return self.append_unkeyed(value, press);
        }
        self.present.push(true);
        if full || self.present.len() >= PAGE_ROWS { self.end_page(press) } else { Ok(()) }
    }

    /// Appends a null.
    ///
    /// # Errors
    ///
    /// As [`Self::append`].
    #[inline]
    pub(crate) fn append_null(&mut self, press: &mut Press) -> Result<()> {
        self.present.push(false);
        if self.present.len() >= PAGE_ROWS { self.end_page(press) } else { Ok(()) }
    }

    /// Appends a value that the dictionary did not take.
    #[cold]
    fn append_unkeyed(&mut self, value: Value<'_>, press: &mut Press) -> Result<()> {
        let goes_on = match &mut self.values {
            Values::Text(column) => column.goes_on(),
            Values::Number(_, column) => column.goes_on(),
            _ => false,
        };
        // The first values of a file were enough to see that the dictionary pays: there may be room after all.
        let taken = goes_on && self.push_again(value);
        if !taken {
            self.end_page(press)?;
            match &mut self.values {
                Values::Text(column) => column.give_up(),
                Values::Number(_, column) => column.give_up(),
                _ => {}
            }
            self.push_again(value);
        }
        self.present.push(true);
        Ok(())
    }

    fn push_again(&mut self, value: Value<'_>) -> bool {
        match (&mut self.values, value) {
            (Values::Text(column), Value::Text(text)) => column.push(text.as_bytes()),
            (Values::Text(column), Value::Binary(bytes)) => column.push(bytes),
            (Values::Number(kind, column), value) => kind.number(value).is_some_and(|number| column.push(number)),
            _ => false,
        }
    }

    /// Bytes in memory that the end of the row group sets free.
    pub(crate) fn buffered_bytes(&self) -> usize {
        let page = match &self.values {
            Values::Boolean(column) => column.page.len() / 8,
            Values::Number(_, column) => column.bytes(),
            Values::Real(column) => column.page.len(),
            Values::Double(column) => column.page.len(),
            Values::LongDecimal(_, column) => column.page.len(),
            Values::Text(column) => column.bytes(),
        };
        self.chunk.kept_bytes() + page + self.present.len() / 8
    }

    fn end_page(&mut self, press: &mut Press) -> Result<()> {
        let rows = self.present.len();
        if rows == 0 {
            return Ok(());
        }
        self.nulls += rows - self.present.ones();
        let page = &mut press.page;
        page.clear();
        // The length of the levels, before them.
        page.extend([0; 4]);
        self.present.write_runs(page);
        let levels = u32::try_from(page.len() - 4).unwrap_or(u32::MAX);
        if let Some(length) = page.first_chunk_mut() {
            *length = levels.to_le_bytes();
        }
        let first = !self.chunk.has(Encoding::RLE_DICTIONARY);
        let mut encoding = Encoding::PLAIN;
        match &mut self.values {
            Values::Boolean(column) => column.write_page(page),
            Values::Number(_, column) => encoding = column.write_page(first, page),
            Values::Real(column) => column.write_page(page),
            Values::Double(column) => column.write_page(page),
            Values::LongDecimal(_, column) => column.write_page(page),
            Values::Text(column) => encoding = column.write_page(first, page),
        }
        self.present.clear();
        self.chunk.push_page(encoding, rows, press)
    }

    /// Ends the chunk, hands it over and begins the next one.
    ///
    /// # Errors
    ///
    /// When a page cannot be compressed or `take` fails.
    pub(crate) fn finish_chunk(
        &mut self,
        descriptor: ColumnDescPtr,
        press: &mut Press,
        take: impl FnOnce(&Spliced<'_>, ColumnCloseResult) -> Result<()>,
    ) -> Result<()> {
        self.end_page(press)?;
        let keyed = self.chunk.has(Encoding::RLE_DICTIONARY);
        let statistics = self.statistics(keyed);
        let dictionary = keyed.then(|| {
            press.page.clear();
            match &self.values {
                Values::Number(_, column) => column.write_dictionary(&mut press.page),
                Values::Text(column) => column.write_dictionary(&mut press.page),
                _ => 0,
            }
        });
        let taken = self.chunk.finish(descriptor, statistics, dictionary, press, take);
        self.begin(false, press);
        taken
    }

    fn statistics(&self, keyed: bool) -> Statistics {
        let nulls = self.nulls as u64;
        match &self.values {
            Values::Boolean(column) => column.statistics(nulls),
            Values::Number(_, column) => column.domain.statistics(keyed, nulls),
            Values::Real(column) => column.statistics(nulls),
            Values::Double(column) => column.statistics(nulls),
            Values::LongDecimal(skip, column) => column.statistics(*skip, nulls),
            Values::Text(column) => column.domain.statistics(keyed, nulls),
        }
    }

    /// Forgets all rows, and what was learnt of them: the next file is encoded as if it were the first.
    pub(crate) fn begin_file(&mut self, press: &mut Press) {
        self.begin(true, press);
    }

    fn begin(&mut self, file: bool, press: &mut Press) {
        match &mut self.values {
            Values::Boolean(column) => column.clear(),
            Values::Number(_, column) => column.begin(file),
            Values::Real(column) => column.clear(),
            Values::Double(column) => column.clear(),
            Values::LongDecimal(_, column) => column.clear(),
            Values::Text(column) => column.begin(file),
        }
        self.present.clear();
        self.nulls = 0;
        self.chunk.clear(press);
    }
}

/// Bytes that hold a decimal of so many digits and its sign.
fn decimal_bytes(precision: u8) -> usize {
    let largest = 10u128.checked_pow(u32::from(precision)).map_or(u128::MAX, |power| power - 1);
    // A bit for the sign.
    ((u128::BITS - largest.leading_zeros()) as usize + 1).div_ceil(8).min(16)
}
