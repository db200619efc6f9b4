use super::check;

#[tokio::test]
async fn rounds_away_from_zero_in_the_argument_s_type() {
    check(
        r"
        round(2.5e0) => 3.0
        round(-2.5e0) => -3.0
        round(2.345e0, 2) => 2.35
        round(1234.5e0, -2) => 1200.0
        round(0.49999999999999994e0) => 0.0
        round(cast(2.5 as decimal(10,1))) => 3
        round(cast(-2.55 as decimal(10,2)), 1) => -2.60
        typeof(round(cast(2.5 as decimal(10,1)))) => decimal(10,0)
        typeof(round(cast(2.55 as decimal(10,2)), 1)) => decimal(11,2)
        round(12345, -2) => 12300
        round(12355, -1) => 12360
        round(7) => 7
        ceil(-1.5e0) => -1.0
        ceil(cast(1.01 as decimal(5,2))) => 2
        floor(cast(-1.01 as decimal(5,2))) => -2
        ceiling(5) => 5
        truncate(-1.9e0) => -1.0
        truncate(cast(12.345 as decimal(10,3)), 1) => 12.300
        truncate(cast(-12.9 as decimal(10,1))) => -12
        truncate(127, -1) => 120
        abs(-5) => 5
        abs(cast(-1.5 as decimal(5,1))) => 1.5
        abs(-9223372036854775807 - 1) => !NUMERIC_VALUE_OUT_OF_RANGE
        sign(-3) => -1
        sign(0e0) => 0.0
        mod(7, 3) => 1
        mod(-7, 3) => -1
        mod(7, 0) => !DIVISION_BY_ZERO
        mod(cast(5.5 as decimal(5,1)), cast(2.0 as decimal(5,1))) => 1.5
    ",
    )
    .await;
}

#[tokio::test]
async fn computes() {
    check(
        r"
        power(2,3) => 8.0
        sqrt(-1) => NaN
        cbrt(27) => 3.0
        ln(1) => 0.0
        log2(8) => 3.0
        log10(1000) => 3.0
        log(2, 8) => 3.0
        degrees(pi()) => 180.0
        is_nan(nan()) => true
        is_infinite(infinity()) => true
        is_finite(1) => true
        width_bucket(5,0,10,5) => 3
        width_bucket(-1,0,10,5) => 0
        width_bucket(10,0,10,5) => 6
        width_bucket(3, make_array(1e0, 2e0, 4e0)) => 2
        width_bucket(1,0,10,0) => !bucketCount must be greater than 0
        greatest(1,3,2) => 3
        greatest(1,NULL,2) => NULL
        greatest('a','b') => b
        least(date '2020-01-02', date '2020-01-01') => 2020-01-01
        least(1, 2.5e0) => 1.0
        bitwise_and(5,3) => 1
        bitwise_or(5,3) => 7
        bitwise_xor(5,3) => 6
        bitwise_not(5) => -6
        bitwise_left_shift(1, 3) => 8
        bitwise_right_shift(-8, 60) => 15
        bitwise_right_shift_arithmetic(-8, 1) => -4
        bit_count(9, 64) => 2
        bit_count(-7, 8) => 6
        bit_count(300, 8) => !cannot be represented with 8 bits
        from_base('ff', 16) => 255
        to_base(-255, 16) => -ff
        from_base('z', 10) => !Not a valid base-10 number: z
        rand() < 1 => true
        random(10) < 10 => true
        random(5, 6) => 5
        sqrt('4') => !FUNCTION_NOT_FOUND
        sqrt(NULL) => NULL
    ",
    )
    .await;
}
