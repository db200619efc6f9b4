//! Decimal numbers on their digits: exact, or refused.

/// A number as written: sign, significant digits, and the power of ten of the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Digits<'t> {
    negative: bool,
    whole: &'t [u8],
    fraction: &'t [u8],
    exponent: i64,
}

/// Splits `[+-]digits[.digits][e[+-]digits]`; text is freer than a JSON number, which never begins with `+`, `.` or `00`.
fn split(text: &str) -> Option<Digits<'_>> {
    let bytes = text.as_bytes();
    let (negative, bytes) = match bytes.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, bytes),
    };
    let run = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (whole, rest) = bytes.split_at_checked(run(bytes))?;
    let (fraction, rest) = match rest.split_first() {
        Some((b'.', rest)) => rest.split_at_checked(run(rest))?,
        _ => (&[][..], rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let exponent = match rest.split_first() {
        None => 0,
        Some((b'e' | b'E', power)) => read_exponent(power)?,
        Some(_) => return None,
    };
    Some(Digits { negative, whole, fraction, exponent })
}

fn read_exponent(power: &[u8]) -> Option<i64> {
    let (negative, digits) = match power.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, power),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Past a billion every exponent is as good as another: no record has that many digits to make up for it.
    let size = digits.iter().fold(0i64, |size, digit| (size * 10 + i64::from(digit - b'0')).min(1 << 40));
    Some(if negative { -size } else { size })
}

/// Whether the text is a decimal number.
pub(crate) fn is_number(text: &str) -> bool {
    split(text).is_some()
}

/// The number times ten to the power of `scale`, if that is whole and has at most `precision` digits (up to 38).
pub(crate) fn decimal(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let number = split(text)?;
    let digits = || number.whole.iter().chain(number.fraction);
    let leading = digits().take_while(|digit| **digit == b'0').count();
    let count = number.whole.len() + number.fraction.len();
    if leading == count {
        return Some(0);
    }
    let trailing = digits().rev().take_while(|digit| **digit == b'0').count();
    let significant = count - leading - trailing;
    if significant > usize::from(precision) {
        return None;
    }
    let magnitude =
        digits().skip(leading).take(significant).fold(0i128, |value, digit| value * 10 + i128::from(digit - b'0'));
    let last_digit = i64::try_from(trailing).ok()? - i64::try_from(number.fraction.len()).ok()?;
    let shift = u32::try_from(last_digit + number.exponent + i64::from(scale)).ok()?;
    if u64::from(shift) + significant as u64 > u64::from(precision) {
        return None;
    }
    let value = magnitude * 10i128.pow(shift);
    Some(if number.negative { -value } else { value })
}

/// The whole number that the text stands for, within 64 bits.
#[inline]
pub(crate) fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    // Up to 18 digits neither overflow nor need a check per digit.
    if (1..=18).contains(&digits.len()) {
        let mut value = 0i64;
        let mut plain = true;
        for byte in digits.bytes() {
            plain &= byte.is_ascii_digit();
            value = value * 10 + i64::from(byte & 15);
        }
        if plain {
            return Some(if negative { -value } else { value });
        }
    }
    i64::try_from(decimal(text, 38, 0)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_are_exact_or_refused() {
        for (text, precision, scale, expected) in [
            ("1.10", 3, 2, Some(110)),
            ("1.1", 3, 2, Some(110)),
            ("-0", 3, 2, Some(0)),
            ("0e999999999999999999999", 1, 0, Some(0)),
            ("1.105", 3, 2, None),
            ("10.00", 3, 2, None),
            ("9.99", 3, 2, Some(999)),
            ("1e2", 3, 0, Some(100)),
            ("1e2", 3, 1, None),
            ("12345678901234567890123456789012345678", 38, 0, Some(12_345_678_901_234_567_890_123_456_789_012_345_678)),
            ("123456789012345678901234567890123456789", 38, 0, None),
            ("0.00000000000000000000000000000000000001", 38, 38, Some(1)),
            ("1E-38", 38, 38, Some(1)),
            ("1e400", 38, 0, None),
            ("1e-400", 38, 38, None),
            ("100000e-5", 1, 0, Some(1)),
            ("+5", 2, 0, Some(5)),
            ("007", 2, 0, Some(7)),
            (".5", 2, 1, Some(5)),
            ("", 2, 1, None),
            ("-", 2, 1, None),
            (".", 2, 1, None),
            ("1e", 2, 1, None),
            ("1 ", 2, 1, None),
            ("0x1", 2, 1, None),
            ("NaN", 2, 1, None),
        ] {
            assert_eq!(decimal(text, precision, scale), expected, "{text}");
        }
    }

    #[test]
    fn integers_are_whole() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("1.0", Some(1)),
            ("1e3", Some(1000)),
            ("1.5", None),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("999999999999999999", Some(999_999_999_999_999_999)),
            ("12a", None),
            ("", None),
        ] {
            assert_eq!(integer(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_integer_is_read_back(value: i64, unscaled: i128) {
            prop_assert_eq!(integer(&value.to_string()), Some(value));
            let unscaled = unscaled % 10i128.pow(38);
            prop_assert_eq!(decimal(&unscaled.to_string(), 38, 0), Some(unscaled));
            prop_assert_eq!(decimal(&format!("{unscaled}e-7"), 38, 7), Some(unscaled));
        }
    }
}
