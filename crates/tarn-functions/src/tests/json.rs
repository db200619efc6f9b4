use super::check;

#[tokio::test]
async fn extracts_by_path() {
    check(
        r#"
        json_extract_scalar('{"a":{"b":1}}','$.a.b') => 1
        json_extract_scalar('{"a":"x\t\u65e5\ud83d\ude00\/"}','$.a') || '|' => x	日😀/|
        json_extract_scalar('{"a":[10,20]}','$.a[1]') => 20
        json_extract_scalar('{"a":[10,20]}','$.a[2]') => NULL
        json_extract_scalar('{"a.b":"dot"}','$["a.b"]') => dot
        json_extract_scalar('{"a":{"b":1}}','$.a') => NULL
        json_extract_scalar('{"a":null}','$.a') => NULL
        json_extract_scalar('{"a":18446744073709551617}','$.a') => 18446744073709551617
        json_extract_scalar('{"a":1.10}','$.a') => 1.10
        json_extract_scalar('{"a":true}','$.a') => true
        json_extract_scalar('"x"','$') => x
        json_extract_scalar('{"a":1,"a":2}','$.a') => 1
        json_extract_scalar('{"a":1','$.a') => 1
        json_extract_scalar('{"b":[1 2],"a":1}','$.a') => NULL
        json_extract_scalar('not json','$.a') => NULL
        json_extract_scalar('','$.a') => NULL
        json_extract_scalar(NULL,'$.a') => NULL
        json_extract_scalar('{"a":1}',NULL) => NULL
        json_extract_scalar('{"日本":"x"}','$.日本') => x
        json_extract_scalar('{"0":"zero"}','$[0]') => zero
        json_extract('{"a": [1, 2]}','$.a') => [1,2]
        json_extract('{"b":2,"a":1}','$') => {"b":2,"a":1}
        json_extract('{"a":null}','$.a') => null
        json_extract('{"a":"x\/\u0001"}','$.a') => "x/\u0001"
        json_extract('{"a":[]}','$.a') => []
        json_extract('{"a":1}','$[*]') => !Invalid JSON path: '$[*]'
        json_extract('{"a":1}','a') => !Invalid JSON path: 'a'
        json_extract('{"a":1}','$.a-b') => !Invalid JSON path
        json_extract('{"a":1}','$[''a'']') => !Invalid JSON path
    "#,
    )
    .await;
}

#[tokio::test]
async fn parses_counts_and_searches() {
    check(
        r#"
        json_parse('{"b": 1, "a": [1, 2.50, "x"], "b": 2}') => {"a":[1,2.50,"x"],"b":2}
        json_parse('[1,2') => !Cannot convert value to JSON: '[1,2'
        json_parse('1 2') => !Cannot convert value to JSON
        json_parse('01') => !Cannot convert value to JSON
        json_parse('') => !Cannot convert value to JSON
        json_parse(repeat_text('[', 100000)) => !Cannot convert value to JSON
        json_format(json_parse('{"a":1}')) => {"a":1}
        json_array_length('[1,2,3]') => 3
        json_array_length('[]') => 0
        json_array_length('{"a":1}') => NULL
        json_array_length('[1,') => NULL
        json_array_get('["a", [3, 9], "c"]', 0) => a
        json_array_get('["a", [3, 9], "c"]', 1) => [3,9]
        json_array_get('["a", [3, 9], "c"]', -1) => c
        json_array_get('["a"]', 5) => NULL
        json_array_get('["a"]', -2) => NULL
        json_array_contains('[1, 2, 3]', 2) => true
        json_array_contains('[1.0, "x"]', 'x') => true
        json_array_contains('[1, [2]]', 2) => false
        json_array_contains('[true]', true) => true
        json_array_contains('[1.5]', 1.5e0) => true
        json_array_contains('x', 1) => NULL
        json_size('{"x":{"a":1,"b":2}}','$.x') => 2
        json_size('{"x":[1,2,3]}','$.x') => 3
        json_size('{"x":{"a":1,"b":2}}','$.x.a') => 0
        json_size('{"x":1}','$.y') => NULL
        is_json_scalar('1') => true
        is_json_scalar('null') => true
        is_json_scalar('[1]') => false
        is_json_scalar('x') => !Invalid JSON value
    "#
        .replace("repeat_text('[', 100000)", &format!("'{}'", "[".repeat(100_000)))
        .as_str(),
    )
    .await;
}
