//! Bits and number bases.

use arrow::array::ArrayRef;
use datafusion::common::Result;

use crate::call::{Call, map_rows};
use crate::failure::invalid_argument;
use crate::function::Function;

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("bitwise_and").on("(bigint, bigint) -> bigint", |call| pairs(call, |a, b| a & b)),
        Function::new("bitwise_or").on("(bigint, bigint) -> bigint", |call| pairs(call, |a, b| a | b)),
        Function::new("bitwise_xor").on("(bigint, bigint) -> bigint", |call| pairs(call, |a, b| a ^ b)),
        Function::new("bitwise_not")
            .on("(bigint) -> bigint", |call| map_rows::<(i64,), i64>(call, |(value,)| Ok(Some(!value)))),
        Function::new("bitwise_left_shift")
            .on("(integer, bigint) -> integer", |call| {
                map_rows::<(i32, i64), i32>(call, |(value, shift)| {
                    Ok(Some(places(shift, 32).map_or(0, |shift| value << shift)))
                })
            })
            .on("(bigint, bigint) -> bigint", |call| {
                pairs(call, |value, shift| places(shift, 64).map_or(0, |shift| value << shift))
            }),
        Function::new("bitwise_right_shift")
            .on("(integer, bigint) -> integer", |call| {
                map_rows::<(i32, i64), i32>(call, |(value, shift)| {
                    let shifted = places(shift, 32).map_or(0, |shift| (value as u32) >> shift);
                    Ok(Some(shifted as i32))
                })
            })
            .on("(bigint, bigint) -> bigint", |call| {
                pairs(call, |value, shift| places(shift, 64).map_or(0, |shift| ((value as u64) >> shift) as i64))
            }),
        Function::new("bitwise_right_shift_arithmetic")
            .on("(integer, bigint) -> integer", |call| {
                map_rows::<(i32, i64), i32>(call, |(value, shift)| Ok(Some(value >> places(shift, 32).unwrap_or(31))))
            })
            .on("(bigint, bigint) -> bigint", |call| {
                pairs(call, |value, shift| value >> places(shift, 64).unwrap_or(63))
            }),
        Function::new("bit_count").on("(bigint, bigint) -> bigint", |call| {
            map_rows::<(i64, i64), i64>(call, |(value, bits)| bit_count(value, bits).map(Some))
        }),
        Function::new("from_base").on("(varchar, bigint) -> bigint", |call| {
            map_rows::<(&str, i64), i64>(call, |(text, radix)| {
                i64::from_str_radix(text, checked(radix)?)
                    .map(Some)
                    .map_err(|_| invalid_argument(format!("Not a valid base-{radix} number: {text}")))
            })
        }),
        Function::new("to_base").on("(bigint, bigint) -> varchar", |call| {
            map_rows::<(i64, i64), String>(call, |(value, radix)| Ok(Some(to_base(value, checked(radix)?))))
        }),
    ]
}

fn pairs(call: &Call, function: fn(i64, i64) -> i64) -> Result<ArrayRef> {
    map_rows::<(i64, i64), i64>(call, |(left, right)| Ok(Some(function(left, right))))
}

/// A shift within the width of a number; `None` shifts everything out.
fn places(shift: i64, width: u32) -> Option<u32> {
    u32::try_from(shift).ok().filter(|shift| *shift < width)
}

fn bit_count(value: i64, bits: i64) -> Result<i64> {
    if bits == 64 {
        return Ok(i64::from(value.count_ones()));
    }
    if !(2..=64).contains(&bits) {
        return Err(invalid_argument(format!("Bits specified in bit_count must be between 2 and 64, got {bits}")));
    }
    let limit = 1_i64 << (bits - 1);
    if value >= limit || value < -limit {
        return Err(invalid_argument(format!(
            "Number must be representable with the bits specified. {value} cannot be represented with {bits} bits"
        )));
    }
    Ok(i64::from((value & ((1_i64 << bits) - 1)).count_ones()))
}

fn checked(radix: i64) -> Result<u32> {
    u32::try_from(radix)
        .ok()
        .filter(|radix| (2..=36).contains(radix))
        .ok_or_else(|| invalid_argument("Radix must be between 2 and 36"))
}

fn to_base(value: i64, radix: u32) -> String {
    let mut left = value.unsigned_abs();
    let mut digits = Vec::new();
    while left > 0 || digits.is_empty() {
        let digit = (left % u64::from(radix)) as u32;
        digits.push(char::from_digit(digit, radix).unwrap_or('0'));
        left /= u64::from(radix);
    }
    if value < 0 {
        digits.push('-');
    }
    digits.into_iter().rev().collect()
}
