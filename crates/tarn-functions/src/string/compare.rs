//! Distances, sounds and check digits of text.

use datafusion::common::Result;

use crate::call::map_rows;
use crate::failure::invalid_argument;
use crate::function::Function;

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("levenshtein_distance").on("(varchar, varchar) -> bigint", |call| {
            map_rows::<(&str, &str), i64>(call, |(left, right)| Ok(Some(strsim::levenshtein(left, right) as i64)))
        }),
        Function::new("hamming_distance").on("(varchar, varchar) -> bigint", |call| {
            map_rows::<(&str, &str), i64>(call, |(left, right)| {
                strsim::hamming(left, right).map(|distance| Some(distance as i64)).map_err(|_| {
                    invalid_argument("The input strings to hamming_distance function must have the same length")
                })
            })
        }),
        Function::new("soundex")
            .on("(varchar) -> varchar", |call| map_rows::<(&str,), String>(call, |(text,)| soundex(text).map(Some))),
        Function::new("luhn_check")
            .on("(varchar) -> boolean", |call| map_rows::<(&str,), bool>(call, |(text,)| luhn_check(text).map(Some))),
    ]
}

/// American Soundex: `h` and `w` do not separate letters of one code, vowels do.
fn soundex(text: &str) -> Result<String> {
    let code = |letter: char| match letter {
        'B' | 'F' | 'P' | 'V' => Some('1'),
        'C' | 'G' | 'J' | 'K' | 'Q' | 'S' | 'X' | 'Z' => Some('2'),
        'D' | 'T' => Some('3'),
        'L' => Some('4'),
        'M' | 'N' => Some('5'),
        'R' => Some('6'),
        _ => None,
    };
    if text.chars().any(|c| c.is_alphabetic() && !c.is_ascii()) {
        return Err(invalid_argument(format!(
            "The character is not mapped: {}",
            text.chars().find(|c| c.is_alphabetic() && !c.is_ascii()).unwrap_or(' ')
        )));
    }
    let mut letters = text.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_uppercase());
    let Some(first) = letters.next() else {
        return Ok(String::new());
    };
    let mut out = String::from(first);
    let mut last = code(first);
    for letter in letters {
        if out.len() == 4 {
            break;
        }
        if matches!(letter, 'H' | 'W') {
            continue;
        }
        let digit = code(letter);
        if let Some(digit) = digit
            && last != Some(digit)
        {
            out.push(digit);
        }
        last = digit;
    }
    Ok(format!("{out:0<4}"))
}

fn luhn_check(text: &str) -> Result<bool> {
    let mut sum = 0;
    for (position, character) in text.chars().rev().enumerate() {
        let digit = character
            .to_digit(10)
            .ok_or_else(|| invalid_argument(format!("Input contains invalid digit '{character}'")))?;
        sum += if position % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit };
    }
    Ok(!text.is_empty() && sum % 10 == 0)
}
