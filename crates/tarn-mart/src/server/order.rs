//! Whether the keys of a load rise from row to row.
//!
//! Where they do, no key is there twice, and nobody has to look for one that is.

use crate::value::Value;

/// The key of the last row, and how much of the next one is known to lie above it.
#[derive(Debug, Default)]
pub(crate) struct Rising {
    last: Vec<Part>,
    is_first: bool,
    is_above: bool,
    place: usize,
}

/// One value of a key: those types of which our order is certainly the database's.
#[derive(Debug)]
enum Part {
    Number(i128),
    Text(Vec<u8>),
}

impl Rising {
    /// Begins the key of the next row.
    pub(crate) fn begin(&mut self) {
        self.is_first = self.last.is_empty();
        self.is_above = self.is_first;
        self.place = 0;
    }

    /// Takes its next value; false when the key lies below the last one, or when nobody knows the order of its type.
    pub(crate) fn take(&mut self, value: Value<'_>) -> bool {
        let place = self.place;
        self.place += 1;
        if let Value::Text(text) = value {
            return self.take_text(place, text.as_bytes());
        }
        match (number(value), self.last.get_mut(place)) {
            (Some(number), Some(Part::Number(last))) => {
                if !self.is_above && number < *last {
                    return false;
                }
                self.is_above |= number > *last;
                *last = number;
            }
            (Some(number), None) if self.is_first => self.last.push(Part::Number(number)),
            _ => return false,
        }
        true
    }

    fn take_text(&mut self, place: usize, text: &[u8]) -> bool {
        match self.last.get_mut(place) {
            Some(Part::Text(last)) => {
                if !self.is_above && text < last.as_slice() {
                    return false;
                }
                self.is_above |= text > last.as_slice();
                last.clear();
                last.extend_from_slice(text);
            }
            None if self.is_first => self.last.push(Part::Text(text.to_vec())),
            _ => return false,
        }
        true
    }

    /// Whether the key that was taken lies above the last one.
    pub(crate) fn is_above(&self) -> bool {
        self.is_above
    }
}

/// Moments as the mart holds them: in microseconds.
fn number(value: Value<'_>) -> Option<i128> {
    match value {
        Value::Integer(number) => Some(number.into()),
        Value::Date(days) => Some(days.into()),
        Value::Timestamp { seconds, nanoseconds } => {
            Some(i128::from(seconds) * 1_000_000 + i128::from(nanoseconds / 1_000))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rise(keys: &[&[Value<'_>]]) -> bool {
        let mut rising = Rising::default();
        keys.iter().all(|key| {
            rising.begin();
            key.iter().all(|value| rising.take(*value)) && rising.is_above()
        })
    }

    #[test]
    fn equal_keys_do_not_rise() {
        let (one, two) = (Value::Integer(1), Value::Integer(2));
        assert!(rise(&[&[one], &[two]]));
        assert!(!rise(&[&[two], &[one]]));
        assert!(!rise(&[&[one], &[one]]));
        assert!(rise(&[&[one, two], &[two, one], &[two, two]]));
        assert!(!rise(&[&[one, two], &[one, one]]));
        assert!(rise(&[&[one, Value::Text("a")], &[one, Value::Text("b")], &[two, Value::Text("")]]));
        assert!(!rise(&[&[Value::Text("か")], &[Value::Text("か")]]));
        let moment = |nanoseconds| Value::Timestamp { seconds: 1, nanoseconds };
        assert!(rise(&[&[moment(1_000)], &[moment(2_000)]]));
        assert!(!rise(&[&[moment(1_000)], &[moment(1_999)]]));
    }

    #[test]
    fn what_has_no_certain_order_does_not_rise() {
        assert!(!rise(&[&[Value::Real(1.0)]]));
        assert!(!rise(&[&[Value::Null]]));
    }
}
