use super::check;

#[tokio::test]
async fn takes_parts_by_code_point() {
    check(
        r#"
        length('日本') => 2
        length('😀é') => 2
        length('') => 0
        length(NULL) => NULL
        "substr"('hello',2,3) => ell
        "substr"('日本語',2) => 本語
        "substr"('hello',-3,2) => ll
        "substr"('hello',-9) =>
        "substr"('hello',0) =>
        "substr"('hello',6) =>
        "substr"('hello',2,0) =>
        "substr"('hello',2,-1) =>
        "substring"('a😀b',2,1) => 😀
        strpos('hello','l') => 3
        strpos('hello','l',2) => 4
        strpos('hello','l',-1) => 4
        strpos('hello','l',3) => 0
        strpos('日本日','日',2) => 3
        strpos('hello','') => 1
        strpos('hello','z') => 0
        strpos('aaa','aa',2) => 2
        strpos('hello','l',0) => !'instance' must not be
        starts_with('hello','he') => true
        ends_with('hello','lo') => true
        codepoint('😀') => 128512
        codepoint('ab') => !Input string must be a single character string
        chr(128512) => 😀
        chr(55296) => !Not a valid Unicode code point: 55296
        length(1) => !Unexpected parameters (bigint) for function length. Expected: length(varchar)
    "#,
    )
    .await;
}

#[tokio::test]
async fn splits_and_joins() {
    check(
        r"
        split('a,b,',',') => [a, b, ]
        split('a.b.c','.',2) => [a, b.c]
        split('',',') => []
        split('a','') => !The delimiter may not be the empty string
        split('a',',',0) => !Limit must be positive
        split_part('a,b',',',2) => b
        split_part('a,b',',',3) => NULL
        split_part('a,,b',',',2) =>
        split_part('日本','',2) => 本
        split_part('a',',',0) => !Index must be greater than zero
        split_to_map('a=1,b=2',',','=') => {a: 1, b: 2}
        split_to_map('a=1,a=2',',','=') => !Duplicate keys (a) are not allowed
        split_to_map('a=1,b',',','=') => !Key-value delimiter must appear exactly once
        split_to_map('',',','=') => {}
        split_to_multimap('a=1,b=2,a=3',',','=') => {a: [1, 3], b: [2]}
        concat('a','b','c') => abc
        concat('a',NULL) => NULL
        concat('a') => !There must be two or more concatenation arguments
        concat('a',1) => !Unexpected parameters
        concat_ws(',', 'a', NULL, 'b') => a,b
        concat_ws(',', make_array('a', NULL, 'b')) => a,b
        concat_ws(NULL, 'a') => NULL
    ",
    )
    .await;
}

#[tokio::test]
async fn shapes_text() {
    check(
        r"
        upper('straße é') => STRAßE É
        lower('ΑΣ') => ασ
        lower('ÀB') => àb
        lpad('5',3,'0') => 005
        lpad('日本',5,'ab') => aba日本
        lpad('hello',2,'x') => he
        rpad('a',4,'bc') => abcb
        lpad('a',-1,'b') => !Target length must be in the range
        lpad('a',3,'') => !Padding string must not be empty
        '[' || trim('  a b  ') || ']' => [a b]
        '[' || ltrim('  a ') || ']' => [a ]
        '[' || rtrim('  a ') || ']' => [  a]
        trim('xxaxx', 'x') => a
        rtrim('hello', 'ol') => he
        replace('abcabc','b') => acac
        replace('abc','b','日') => a日c
        replace('abc','','-') => -a-b-c-
        reverse('a😀é') => é😀a
        translate('abcd','abc','AB') => ABd
        length(normalize('é', 'NFD')) => 2
        normalize('x','XYZ') => !Normalization form must be one of
        levenshtein_distance('kitten','sitting') => 3
        levenshtein_distance('日本','日') => 1
        hamming_distance('ab','ac') => 1
        hamming_distance('a','bc') => !must have the same length
        soundex('Robert') => R163
        soundex('Ashcraft') => A261
        soundex('Tymczak') => T522
        luhn_check('79927398713') => true
        luhn_check('79927398714') => false
        from_utf8(to_utf8('日本')) => 日本
        from_utf8(from_hex('61FF62')) => a�b
        from_utf8(from_hex('61FF62'), '?') => a?b
        format('%s-%d','a',1) => a-1
        format('%,d|%05d|%+d|%-4d|%x', 1234567, 42, 7, 3, 255) => 1,234,567|00042|+7|3   |ff
        format('%.2f|%10.3f|%,.2f', 1.005e0, 3.14159e0, 1234567.891e0) => 1.01|     3.142|1,234,567.89
        format('%2$s %1$s %%', 'a', 'b') => b a %
        format('%e', 12345.678e0) => 1.234568e+04
        format('%s', NULL) => null
        format('%d', 'x') => !Invalid format string: %d
        format('%tY', 1) => !format specifier `%t`
        format_number(123456) => 123K
        format_number(1000000) => 1M
    ",
    )
    .await;
}
