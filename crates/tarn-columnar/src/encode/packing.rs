//! Numbers in as few bits as they need, one after the other, lowest bit first.

/// Bits that a number needs.
pub(super) fn width_of(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

/// Appends numbers of `width` bits each (at most 64); the last byte is filled up with zeros.
#[inline]
pub(super) fn pack(values: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    let mut filled = 0;
    let mut word = 0u64;
    for value in values {
        word |= value << filled;
        filled += width;
        if filled >= u64::BITS {
            out.extend_from_slice(&word.to_le_bytes());
            filled -= u64::BITS;
            // What did not fit; a shift by all 64 bits leaves nothing.
            word = value.checked_shr(width - filled).unwrap_or(0);
        }
    }
    out.extend(word.to_le_bytes().iter().take(filled.div_ceil(8) as usize));
}
