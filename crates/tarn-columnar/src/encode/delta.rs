//! Integers as differences from one to the next (encoding `DELTA_BINARY_PACKED`).

use super::packing::{pack, width_of};
use super::varint;

/// Values per block: the differences of a block are stored above the smallest of them.
const BLOCK: usize = 128;

/// Values per part of a block that has a width of its own.
const PART: usize = 32;

/// Appends values of a 32-bit column if `narrow`, else of a 64-bit one; differences wrap around as the column's type does.
pub(super) fn write_differences(values: &[i64], narrow: bool, out: &mut Vec<u8>) {
    varint::unsigned(BLOCK as u64, out);
    varint::unsigned((BLOCK / PART) as u64, out);
    varint::unsigned(values.len() as u64, out);
    varint::zigzag(values.first().copied().unwrap_or(0), out);
    let mut differences = [0i64; BLOCK];
    let mut pairs = values.iter().zip(values.iter().skip(1));
    loop {
        let mut count = 0;
        for (difference, (before, value)) in differences.iter_mut().zip(&mut pairs) {
            *difference = wrap(value.wrapping_sub(*before), narrow);
            count += 1;
        }
        if count == 0 {
            return;
        }
        write_block(differences.get_mut(..count).unwrap_or_default(), narrow, out);
    }
}

fn write_block(differences: &mut [i64], narrow: bool, out: &mut Vec<u8>) {
    let smallest = differences.iter().copied().min().unwrap_or(0);
    varint::zigzag(smallest, out);
    for difference in differences.iter_mut() {
        *difference = difference.wrapping_sub(smallest);
    }
    let above = |difference: &i64| {
        let above = difference.cast_unsigned();
        if narrow { above & u64::from(u32::MAX) } else { above }
    };
    let mut widths = [0; BLOCK / PART];
    for (width, part) in widths.iter_mut().zip(differences.chunks(PART)) {
        *width = width_of(part.iter().map(above).fold(0, |all, value| all | value));
    }
    out.extend(widths.map(|width| u8::try_from(width).unwrap_or(64)));
    for (width, part) in widths.into_iter().zip(differences.chunks(PART)) {
        let padding = std::iter::repeat_n(0, PART - part.len());
        pack(part.iter().map(above).chain(padding), width, out);
    }
}

fn wrap(difference: i64, narrow: bool) -> i64 {
    if !narrow {
        return difference;
    }
    let [a, b, c, d, ..] = difference.to_le_bytes();
    i64::from(i32::from_le_bytes([a, b, c, d]))
}
