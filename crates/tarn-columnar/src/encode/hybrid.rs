//! Keys of a dictionary as runs of equal ones and stretches of packed ones (encoding `RLE_DICTIONARY`).

use super::packing::pack;
use super::varint;

/// Begins a run of `rows` equal values; the value follows in as many bytes as its width needs.
pub(super) fn run_header(rows: usize, out: &mut Vec<u8>) {
    varint::unsigned((rows as u64) << 1, out);
}

/// Begins a stretch of packed groups of eight.
pub(super) fn literal_header(groups: usize, out: &mut Vec<u8>) {
    varint::unsigned((groups as u64) << 1 | 1, out);
}

/// Groups of eight equal keys from which on a run is shorter than packing them.
const RUN_GROUPS: usize = 3;

/// Appends keys of `width` bits each (at most 16).
pub(super) fn write_keys(keys: &[u16], width: u32, out: &mut Vec<u8>) {
    let (groups, _) = keys.as_chunks::<8>();
    let (mut literal_start, mut position) = (0, 0);
    while let Some(group) = groups.get(position) {
        let rest = groups.get(position..).unwrap_or_default();
        let equal = rest.iter().take_while(|other| **other == [group[0]; 8]).count();
        if equal < RUN_GROUPS {
            position += equal.max(1);
            continue;
        }
        write_literal(keys.get(literal_start * 8..position * 8).unwrap_or_default(), width, out);
        run_header(equal * 8, out);
        out.extend(group[0].to_le_bytes().iter().take(width.div_ceil(8) as usize));
        position += equal;
        literal_start = position;
    }
    write_literal(keys.get(literal_start * 8..).unwrap_or_default(), width, out);
}

/// Only the last stretch may end within a group, which is then filled up with zeros.
fn write_literal(keys: &[u16], width: u32, out: &mut Vec<u8>) {
    if keys.is_empty() {
        return;
    }
    let padding = keys.len().next_multiple_of(8) - keys.len();
    literal_header(keys.len().div_ceil(8), out);
    pack(keys.iter().map(|key| u64::from(*key)).chain(std::iter::repeat_n(0, padding)), width, out);
}
