use super::check;

#[tokio::test]
async fn looks_up_and_joins() {
    check(
        r"
        cardinality(make_array(1,2)) => 2
        cardinality(make_array()) => 0
        contains(make_array(1,2),2) => true
        contains(make_array(1,NULL),2) => NULL
        contains(make_array('a'),'b') => false
        element_at(make_array(1,2),2) => 2
        element_at(make_array(1,2),-1) => 2
        element_at(make_array(1,2),5) => NULL
        element_at(make_array(1,2),0) => !SQL array indices start at 1
        array_position(make_array(3,1,1),1) => 2
        array_position(make_array(3),1) => 0
        array_remove(make_array(1,2,NULL,1),1) => [2, NULL]
        array_join(make_array(1,2),',') => 1,2
        array_join(make_array(1,NULL,2),',') => 1,2
        array_join(make_array(1,NULL,2),',','?') => 1,?,2
        array_join(make_array(1e0,1e10),';') => 1.0;1.0E10
        array_first(make_array(3,4)) => 3
        array_last(make_array(3,4)) => 4
    ",
    )
    .await;
}

#[tokio::test]
async fn treats_arrays_as_sets_and_sequences() {
    check(
        r"
        array_distinct(make_array(1,1,NULL,2,NULL)) => [1, NULL, 2]
        array_union(make_array(1,2),make_array(2,3,3)) => [1, 2, 3]
        array_intersect(make_array(1,2,2,3),make_array(2,3)) => [2, 3]
        array_except(make_array(1,2,2,3),make_array(3)) => [1, 2]
        arrays_overlap(make_array(1,2),make_array(2)) => true
        arrays_overlap(make_array(1,NULL),make_array(2)) => NULL
        arrays_overlap(make_array(1),make_array(2)) => false
        array_sort(make_array(2,NULL,1)) => [1, 2, NULL]
        array_sort(make_array('b','a')) => [a, b]
        array_max(make_array(1,3,2)) => 3
        array_max(make_array(1,NULL)) => NULL
        array_min(make_array('b','a')) => a
        reverse(make_array(1,2,3)) => [3, 2, 1]
        cardinality(shuffle(make_array(1,2,3))) => 3
        slice(make_array(1,2,3),2,2) => [2, 3]
        slice(make_array(1,2,3),-2,5) => [2, 3]
        slice(make_array(1,2,3),5,1) => []
        slice(make_array(1),0,1) => !SQL array indices start at 1
        trim_array(make_array(1,2,3),2) => [1]
        trim_array(make_array(1),2) => !size must not exceed array cardinality 1: 2
        sequence(1,3) => [1, 2, 3]
        sequence(3,1) => [3, 2, 1]
        sequence(1,9,3) => [1, 4, 7]
        sequence(1,5,-1) => !sequence stop value should be
        sequence(1,5,0) => !step must not be zero
        sequence(1,100000) => !must not have more than 10000 entries
        sequence(date '2020-01-01', date '2020-01-03', interval '1 day') => [2020-01-01, 2020-01-02, 2020-01-03]
        sequence(date '2020-01-31', date '2020-03-31', interval '1 month') => [2020-01-31, 2020-02-29, 2020-03-31]
        sequence(date '2020-01-03', date '2020-01-01') => [2020-01-03, 2020-01-02, 2020-01-01]
        cardinality(sequence(timestamp '2020-01-01 00:00:00', timestamp '2020-01-01 02:00:00', interval '30 minutes')) => 5
        repeat('a', 3) => [a, a, a]
        repeat(NULL, 2) => [NULL, NULL]
        repeat(1, -1) => !greater than or equal to 0
        flatten(make_array(make_array(1),make_array(2,3))) => [1, 2, 3]
        concat(make_array(1),make_array(2)) => [1, 2]
        concat(make_array(1),2) => [1, 2]
        concat(0,make_array(1)) => [0, 1]
        ngrams(make_array('a','b','c'),2) => [[a, b], [b, c]]
        ngrams(make_array('a'),2) => [[a]]
        combinations(make_array(1,2,3),2) => [[1, 2], [1, 3], [2, 3]]
        zip(make_array(1,2),make_array('a')) => [{c0: 1, c1: a}, {c0: 2, c1: NULL}]
        SELECT array_agg(element_at(a, i)) FROM (VALUES (make_array(1,2), 1), (make_array(3,4), -1), (NULL, 1)) t(a, i) => [1, 4, NULL]
    ",
    )
    .await;
}
