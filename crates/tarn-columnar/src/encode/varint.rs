//! Numbers of variable length, as Thrift and the Parquet encodings write them.

/// Seven bits a byte, lowest first; the top bit says that more follow.
pub(super) fn unsigned(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(low_byte(value) | 0x80);
        value >>= 7;
    }
    out.push(low_byte(value));
}

/// Small numbers of either sign are short: 0, -1, 1, -2 … become 0, 1, 2, 3 ….
pub(super) fn zigzag(value: i64, out: &mut Vec<u8>) {
    unsigned(((value << 1) ^ (value >> 63)).cast_unsigned(), out);
}

fn low_byte(value: u64) -> u8 {
    let [low, ..] = value.to_le_bytes();
    low
}
