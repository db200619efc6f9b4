use super::check;

#[tokio::test]
async fn builds_and_reads_maps() {
    check(
        r#"
        map(make_array('a','b'),make_array(1,2)) => {a: 1, b: 2}
        "map"() => {}
        map(make_array('a','a'),make_array(1,2)) => !Duplicate map keys (a) are not allowed
        map(make_array('a'),make_array(1,2)) => !Key and value arrays must be the same length
        map(make_array(NULL,'a'),make_array(1,2)) => !map key cannot be null
        element_at(map(make_array('a'),make_array(1)),'a') => 1
        element_at(map(make_array('a'),make_array(1)),'b') => NULL
        cardinality(map(make_array('a'),make_array(1))) => 1
        map_keys(map(make_array('a'),make_array(1))) => [a]
        map_values(map(make_array('a'),make_array(1))) => [1]
        map_entries(map(make_array('a'),make_array(1))) => [{c0: a, c1: 1}]
        map_concat(map(make_array('a','b'),make_array(1,2)), map(make_array('b','c'),make_array(3,4))) => {a: 1, b: 3, c: 4}
        map_from_entries(map_entries(map(make_array('a'),make_array(1)))) => {a: 1}
        multimap_from_entries(zip(make_array('a','b','a'),make_array(1,2,3))) => {a: [1, 3], b: [2]}
    "#,
    )
    .await;
}
