//! Looks at 32 bytes at once.
//!
//! The parser is written once, generic over [`Scan`], and compiled twice: with plain arithmetic, which is right on every
//! processor, and with AVX2 or NEON. Which one runs is chosen per document by [`Level`], so that these instructions are
//! inlined into the whole parser and no string pays for a dispatch. All give the same masks, hence the same bytes.
//!
//! This is the one module with `unsafe` in it.

#![allow(unsafe_code, reason = "vector instructions")]

/// Bytes that are looked at together.
pub(crate) const BLOCK: usize = 32;

/// Questions about a block of bytes; bit `i` of an answer is about byte `i`.
pub(crate) trait Scan {
    /// Which bytes end a run of plain string bytes: `"`, `\` and control characters.
    fn string_stops(block: &[u8; BLOCK]) -> u32;
    /// Which bytes are `0` to `9`.
    fn digits(block: &[u8; BLOCK]) -> u32;
    /// Which bytes are the same in both blocks.
    fn equal(one: &[u8; BLOCK], other: &[u8; BLOCK]) -> u32;
}

/// Work that is compiled once per [`Scan`].
///
/// Implementations mark `run` and all it needs per byte `#[inline(always)]`.
pub(crate) trait Work {
    type Output;
    fn run<S: Scan>(self) -> Self::Output;
}

/// Which instructions to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level(Instructions);

/// `Avx2` and `Neon` are made only by [`Level::detect`], after the processor said that it has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Instructions {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Level {
    /// The level that every processor has.
    pub(crate) fn portable() -> Self {
        Self(Instructions::Portable)
    }

    /// The best level of this processor.
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2") {
            return Self(Instructions::Avx2);
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            return Self(Instructions::Neon);
        }
        Self::portable()
    }

    /// Runs the work at this level.
    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        match self.0 {
            Instructions::Portable => work.run::<Portable>(),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Instructions::Avx2` exists only after detection of all features that `run_avx2` enables.
            Instructions::Avx2 => unsafe { run_avx2(work) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: `Instructions::Neon` exists only after detection of the feature that `run_neon` enables.
            Instructions::Neon => unsafe { run_neon(work) },
        }
    }
}

/// Eight bytes a step, in a plain register.
pub(crate) struct Portable;

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of each byte that is zero.
#[inline(always)]
fn zeros(word: u64) -> u64 {
    // The exact form: no borrow runs from one byte into the next.
    !(((word & !HIGH).wrapping_add(!HIGH)) | word) & HIGH
}

/// The high bit of each byte below `bound`, which is at most 128.
#[inline(always)]
fn below(word: u64, bound: u8) -> u64 {
    !((word & !HIGH).wrapping_add(LOW.wrapping_mul(u64::from(0x80 - bound))) | word) & HIGH
}

/// Gathers the high bits of eight bytes into the low eight bits.
#[inline(always)]
fn gather(high_bits: u64) -> u32 {
    (high_bits.wrapping_mul(0x0002_0408_1020_4081) >> 56) as u32
}

#[inline(always)]
fn each_word(block: &[u8; BLOCK], question: impl Fn(usize, u64) -> u64) -> u32 {
    let (words, _) = block.as_chunks::<8>();
    let mut mask = 0;
    for (index, word) in words.iter().enumerate() {
        mask |= gather(question(index, u64::from_le_bytes(*word))) << (8 * index);
    }
    mask
}

impl Scan for Portable {
    #[inline(always)]
    fn string_stops(block: &[u8; BLOCK]) -> u32 {
        each_word(block, |_, word| {
            let quote = zeros(word ^ (LOW * u64::from(b'"')));
            let backslash = zeros(word ^ (LOW * u64::from(b'\\')));
            quote | backslash | below(word, 0x20)
        })
    }

    #[inline(always)]
    fn digits(block: &[u8; BLOCK]) -> u32 {
        each_word(block, |_, word| below(word, b'9' + 1) & !below(word, b'0'))
    }

    #[inline(always)]
    fn equal(one: &[u8; BLOCK], other: &[u8; BLOCK]) -> u32 {
        let (others, _) = other.as_chunks::<8>();
        each_word(one, |index, word| zeros(word ^ others.get(index).map_or(!word, |bytes| u64::from_le_bytes(*bytes))))
    }
}

#[cfg(target_arch = "x86_64")]
use avx2::run_avx2;

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{BLOCK, Scan, Work};
    use std::arch::x86_64::{
        __m256i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set1_epi8, _mm256_sub_epi8,
    };

    /// Thirty-two bytes a step. Not public, and named only in [`run_avx2`]: its methods need a processor with AVX2.
    pub(super) struct Avx2;

    /// # Safety
    ///
    /// The processor has AVX2, BMI1 and BMI2.
    #[target_feature(enable = "avx2,bmi1,bmi2")]
    pub(super) unsafe fn run_avx2<W: Work>(work: W) -> W::Output {
        work.run::<Avx2>()
    }

    #[inline(always)]
    fn load(block: &[u8; BLOCK]) -> __m256i {
        // SAFETY: the reference covers the 32 bytes that are read, at any alignment; AVX2 is there (see `Avx2`).
        unsafe { _mm256_loadu_si256(block.as_ptr().cast()) }
    }

    impl Scan for Avx2 {
        #[inline(always)]
        fn string_stops(block: &[u8; BLOCK]) -> u32 {
            let bytes = load(block);
            // SAFETY: arithmetic on registers; AVX2 is there (see `Avx2`).
            unsafe {
                let control = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1f)), bytes);
                let quote = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'"' as i8));
                let backslash = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'\\' as i8));
                _mm256_movemask_epi8(_mm256_or_si256(control, _mm256_or_si256(quote, backslash))).cast_unsigned()
            }
        }

        #[inline(always)]
        fn digits(block: &[u8; BLOCK]) -> u32 {
            let bytes = load(block);
            // SAFETY: arithmetic on registers; AVX2 is there (see `Avx2`).
            unsafe {
                let from_zero = _mm256_sub_epi8(bytes, _mm256_set1_epi8(b'0' as i8));
                let within = _mm256_cmpeq_epi8(_mm256_min_epu8(from_zero, _mm256_set1_epi8(9)), from_zero);
                _mm256_movemask_epi8(within).cast_unsigned()
            }
        }

        #[inline(always)]
        fn equal(one: &[u8; BLOCK], other: &[u8; BLOCK]) -> u32 {
            let (one, other) = (load(one), load(other));
            // SAFETY: arithmetic on registers; AVX2 is there (see `Avx2`).
            unsafe { _mm256_movemask_epi8(_mm256_cmpeq_epi8(one, other)).cast_unsigned() }
        }
    }
}

#[cfg(target_arch = "aarch64")]
use neon::run_neon;

#[cfg(target_arch = "aarch64")]
mod neon {
    use super::{BLOCK, Scan, Work};
    use std::arch::aarch64::{
        uint8x16_t, vandq_u8, vceqq_u8, vcleq_u8, vcltq_u8, vdupq_n_u8, vgetq_lane_u32, vld1q_u8, vorrq_u8, vpaddq_u8,
        vreinterpretq_u32_u8, vsubq_u8,
    };

    /// Two times sixteen bytes a step. Not public, and named only in [`run_neon`]: its methods need a processor with NEON.
    pub(super) struct Neon;

    /// # Safety
    ///
    /// The processor has NEON.
    #[target_feature(enable = "neon")]
    pub(super) unsafe fn run_neon<W: Work>(work: W) -> W::Output {
        work.run::<Neon>()
    }

    /// Both halves of a block.
    #[inline(always)]
    fn load(block: &[u8; BLOCK]) -> [uint8x16_t; 2] {
        let (halves, _) = block.as_chunks::<16>();
        // SAFETY: each reference covers the 16 bytes that are read, at any alignment; NEON is there (see `Neon`).
        let load = |half: Option<&[u8; 16]>| unsafe { half.map_or(vdupq_n_u8(0), |half| vld1q_u8(half.as_ptr())) };
        [load(halves.first()), load(halves.get(1))]
    }

    /// One bit for each byte, of which all bits are set or none.
    #[inline(always)]
    fn gather([low, high]: [uint8x16_t; 2]) -> u32 {
        const PLACES: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];
        // SAFETY: sixteen bytes are read of sixteen, the rest is arithmetic on registers; NEON is there (see `Neon`).
        unsafe {
            let places = vld1q_u8(PLACES.as_ptr());
            // Bits of different places do not meet in a sum: eight bytes become one.
            let pairs = vpaddq_u8(vandq_u8(low, places), vandq_u8(high, places));
            let fours = vpaddq_u8(pairs, pairs);
            vgetq_lane_u32::<0>(vreinterpretq_u32_u8(vpaddq_u8(fours, fours)))
        }
    }

    impl Scan for Neon {
        #[inline(always)]
        fn string_stops(block: &[u8; BLOCK]) -> u32 {
            // SAFETY: arithmetic on registers; NEON is there (see `Neon`).
            gather(load(block).map(|bytes| unsafe {
                let control = vcltq_u8(bytes, vdupq_n_u8(0x20));
                let quote = vceqq_u8(bytes, vdupq_n_u8(b'"'));
                let backslash = vceqq_u8(bytes, vdupq_n_u8(b'\\'));
                vorrq_u8(control, vorrq_u8(quote, backslash))
            }))
        }

        #[inline(always)]
        fn digits(block: &[u8; BLOCK]) -> u32 {
            // SAFETY: arithmetic on registers; NEON is there (see `Neon`).
            gather(load(block).map(|bytes| unsafe { vcleq_u8(vsubq_u8(bytes, vdupq_n_u8(b'0')), vdupq_n_u8(9)) }))
        }

        #[inline(always)]
        fn equal(one: &[u8; BLOCK], other: &[u8; BLOCK]) -> u32 {
            let ([one_low, one_high], [other_low, other_high]) = (load(one), load(other));
            // SAFETY: arithmetic on registers; NEON is there (see `Neon`).
            gather(unsafe { [vceqq_u8(one_low, other_low), vceqq_u8(one_high, other_high)] })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Masks<'a>(&'a [u8; BLOCK], &'a [u8; BLOCK]);

    impl Work for Masks<'_> {
        type Output = [u32; 3];
        fn run<S: Scan>(self) -> [u32; 3] {
            [S::string_stops(self.0), S::digits(self.0), S::equal(self.0, self.1)]
        }
    }

    fn expected(one: &[u8; BLOCK], other: &[u8; BLOCK]) -> [u32; 3] {
        let mask = |question: &dyn Fn(usize) -> bool| {
            (0..BLOCK).filter(|index| question(*index)).fold(0, |mask, index| mask | 1 << index)
        };
        [
            mask(&|i| matches!(one[i], b'"' | b'\\' | 0..=0x1f)),
            mask(&|i| one[i].is_ascii_digit()),
            mask(&|i| one[i] == other[i]),
        ]
    }

    proptest! {
        #[test]
        fn every_level_gives_the_same_masks(one: [u8; BLOCK], mut other: [u8; BLOCK], same: u32) {
            for index in 0..BLOCK {
                if same & 1 << index != 0 {
                    other[index] = one[index];
                }
            }
            let wanted = expected(&one, &other);
            prop_assert_eq!(Level::portable().run(Masks(&one, &other)), wanted);
            prop_assert_eq!(Level::detect().run(Masks(&one, &other)), wanted);
        }
    }

    #[test]
    fn every_byte_is_judged_alike_in_every_place() {
        for byte in 0..=u8::MAX {
            for place in 0..BLOCK {
                let mut block = [b'a'; BLOCK];
                block[place] = byte;
                let wanted = expected(&block, &[b'a'; BLOCK]);
                assert_eq!(Level::portable().run(Masks(&block, &[b'a'; BLOCK])), wanted);
                assert_eq!(Level::detect().run(Masks(&block, &[b'a'; BLOCK])), wanted);
            }
        }
    }
}
