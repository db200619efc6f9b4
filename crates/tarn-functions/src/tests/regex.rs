use super::check;

#[tokio::test]
async fn follows_java_patterns() {
    check(
        r"
        regexp_like('1a 2b', '\d+b') => true
        regexp_like('abc', '^b') => false
        regexp_like('日本', '\w本') => true
        regexp_extract('1a 2b 14m', '\d+') => 1
        regexp_extract('1a 2b 14m', '(\d+)([a-z]+)', 2) => a
        regexp_extract('abc', '\d') => NULL
        regexp_extract('b', '(a)?b', 1) => NULL
        regexp_extract('b', 'b', 1) => !Pattern has 0 groups. Cannot access group 1
        regexp_extract_all('1a 2b', '\d+') => [1, 2]
        regexp_extract_all('1a 2b 14m', '(\d+)([a-z]+)', 2) => [a, b, m]
        regexp_extract_all('abc', '\d') => []
        regexp_replace('fun', '[aeiou]', '') => fn
        regexp_replace('1a 2b 14m', '\d+[ab] ') => 14m
        regexp_replace('1a 2b', '(\d+)([ab])', '3c$2 ') => 3ca  3cb
        regexp_replace('ab', '(?<first>a)b', '${first}$0') => aab
        regexp_replace('a', 'a', '\$1') => $1
        regexp_replace('a', 'a', '$1') => !Illegal replacement sequence: unknown group 1
        regexp_replace('baac', 'a*', 'X') => XbXXcX
        regexp_replace('abc', '', '-') => -a-b-c-
        regexp_split('1a 2b 14m', '\s*[a-z]+\s*') => [1, 2, 14, ]
        regexp_count('1a 2b 14m', '\s*[a-z]+\s*') => 3
        regexp_count('abc', '') => 4
        regexp_position('I have 23 apples, 5 pears', '\b\d+\b') => 8
        regexp_position('日本 23', '\d+') => 4
        regexp_position('I have 23 apples, 5 pears', '\b\d+\b', 12) => 19
        regexp_position('I have 23 apples', '\d', 1, 2) => 9
        regexp_position('abc', '\d') => -1
        regexp_like('{a}', '{a}') => true
        regexp_like('a.b', '\Qa.b\E') => true
        regexp_like('ABC', '(?i)abc') => true
        regexp_like('a', '(?=a)') => !look-ahead in the regular expression
        regexp_like('aa', '(a)\1') => !back-reference in the regular expression
        regexp_like('aa', 'a++') => !possessive repetition
        regexp_like('aa', 'a{1,2}?$') => true
        regexp_like('a', '(') => !Invalid regular expression
        regexp_like(NULL, 'a') => NULL
    ",
    )
    .await;
}
