//! Numbers as text, the way Athena prints them.

/// A double as Java prints it: `1.0`, `1.0E10`, `NaN`, `Infinity`.
pub fn double_text(value: f64) -> String {
    java_text(value, || format!("{value:?}"), || format!("{value:e}"))
}

/// A real as Java prints it.
pub fn real_text(value: f32) -> String {
    java_text(f64::from(value), || format!("{value:?}"), || format!("{value:e}"))
}

fn java_text(value: f64, plain: impl Fn() -> String, scientific: impl Fn() -> String) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let size = value.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return plain();
    }
    let text = scientific();
    match text.split_once('e') {
        Some((mantissa, exponent)) if mantissa.contains('.') => format!("{mantissa}E{exponent}"),
        Some((mantissa, exponent)) => format!("{mantissa}.0E{exponent}"),
        None => text,
    }
}

/// A decimal from its unscaled value: all digits of the scale, as `1.50`.
pub fn decimal_text(unscaled: i128, scale: i8) -> String {
    let digits = unscaled.unsigned_abs().to_string();
    let sign = if unscaled < 0 { "-" } else { "" };
    let Ok(scale) = usize::try_from(scale) else {
        return format!("{sign}{digits}{}", "0".repeat(usize::from(scale.unsigned_abs())));
    };
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    format!("{sign}{whole}.{fraction}")
}
