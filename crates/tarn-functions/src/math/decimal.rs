//! Decimals as unscaled integers: change of scale, rounding half away from zero.

use datafusion::common::Result;

use crate::failure::out_of_range;

/// `10^exponent`, if it fits.
pub(crate) fn power_of_ten(exponent: u32) -> Option<i128> {
    10_i128.checked_pow(exponent)
}

/// The unscaled value in another scale, rounded half away from zero.
pub(crate) fn rescale(unscaled: i128, from: i8, to: i8) -> Result<i128> {
    let shift = i32::from(to) - i32::from(from);
    let factor = power_of_ten(shift.unsigned_abs());
    if shift >= 0 {
        return factor.and_then(|factor| unscaled.checked_mul(factor)).ok_or_else(|| out_of_range("Decimal overflow"));
    }
    Ok(factor.map_or(0, |factor| divide_rounding(unscaled, factor)))
}

/// Division rounded half away from zero; the divisor is positive.
pub(crate) fn divide_rounding(value: i128, divisor: i128) -> i128 {
    let quotient = value / divisor;
    let remainder = value % divisor;
    if remainder.unsigned_abs() >= divisor.unsigned_abs().div_ceil(2) { quotient + value.signum() } else { quotient }
}
