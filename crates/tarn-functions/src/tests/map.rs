use super::{check, session};

#[tokio::test]
async fn builds_and_reads_maps() {
    check(
        r#"
        map(make_array('a','b'),make_array(1,2)) => {a: 1, b: 2}
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

#[tokio::test]
async fn an_empty_map_can_be_called() {
    // The engine's parser refuses `map()` in text, so the call is built by hand.
    let functions = crate::scalar_functions();
    let map = functions.iter().find(|function| function.name() == "map").unwrap();
    let frame = session().read_empty().unwrap().select(vec![map.call(vec![])]).unwrap();
    let batches = frame.collect().await.unwrap();
    let column = batches[0].column(0);
    assert_eq!(arrow::util::display::array_value_to_string(column, 0).unwrap(), "{}");
}
