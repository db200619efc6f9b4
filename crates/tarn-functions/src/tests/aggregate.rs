use super::check;

#[tokio::test]
async fn totals_have_trino_s_types() {
    check(
        r"
        SELECT sum(x) FROM (VALUES (1),(2),(NULL)) t(x) => 3
        SELECT sum(x) FROM (VALUES (1)) t(x) WHERE x > 5 => NULL
        SELECT typeof(sum(x)) FROM (VALUES (arrow_cast(1, 'Int32'))) t(x) => bigint
        SELECT sum(x) FROM (VALUES (9223372036854775807),(1)) t(x) => !bigint addition overflow
        SELECT sum(x) FROM (VALUES (cast(1.25 as decimal(5,2))),(cast(2.50 as decimal(5,2)))) t(x) => 3.75
        SELECT typeof(sum(x)) FROM (VALUES (cast(1.25 as decimal(5,2)))) t(x) => decimal(38,2)
        SELECT sum(x) FROM (VALUES (1.5e0),(2e0)) t(x) => 3.5
        SELECT avg(x) FROM (VALUES (1),(2)) t(x) => 1.5
        SELECT avg(x) FROM (VALUES (cast(1.00 as decimal(5,2))),(cast(1.01 as decimal(5,2)))) t(x) => 1.01
        SELECT typeof(avg(x)) FROM (VALUES (cast(1.25 as decimal(5,2)))) t(x) => decimal(5,2)
        SELECT sum(DISTINCT x) FROM (VALUES (1),(1),(2)) t(x) => 3
        SELECT sum('x') => !FUNCTION_NOT_FOUND
        SELECT s FROM (SELECT g, sum(x) s FROM (VALUES ('a',1),('b',2),('a',3)) t(g,x) GROUP BY g) ORDER BY g LIMIT 1 => 4
        SELECT s FROM (SELECT x, sum(x) OVER (ORDER BY x ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) s FROM (VALUES (1),(2),(3)) t(x)) ORDER BY x DESC LIMIT 1 => 5
        SELECT s FROM (SELECT x, avg(x) OVER (ORDER BY x) s FROM (VALUES (1),(2),(3)) t(x)) ORDER BY x DESC LIMIT 1 => 2.0
        SELECT sum(x) FILTER (WHERE x > 1) FROM (VALUES (1),(2),(3)) t(x) => 5
    ",
    )
    .await;
}

#[tokio::test]
async fn picks_counts_and_collects() {
    check(
        r"
        SELECT max_by(y, x) FROM (VALUES (1,'a'),(3,'c'),(2,'b'),(NULL,'d')) t(x,y) => c
        SELECT min_by(y, x) FROM (VALUES (2,'b'),(1,NULL),(3,'c')) t(x,y) => NULL
        SELECT max_by(y, x) FROM (VALUES (1,'a')) t(x,y) WHERE x > 5 => NULL
        SELECT max_by(y, x, 2) FROM (VALUES (1,'a'),(3,'c'),(2,'b')) t(x,y) => [c, b]
        SELECT m FROM (SELECT g, max_by(y, x) m FROM (VALUES ('a',1,'x'),('a',2,'y'),('b',1,'z')) t(g,x,y) GROUP BY g) ORDER BY g LIMIT 1 => y
        SELECT max_n(x, 2) FROM (VALUES (1),(3),(2)) t(x) => [3, 2]
        SELECT min_n(x, 2) FROM (VALUES (1),(3),(NULL)) t(x) => [1, 3]
        SELECT count_if(x > 1) FROM (VALUES (1),(2),(3),(NULL)) t(x) => 2
        SELECT count_if(x > 1) FROM (VALUES (1)) t(x) WHERE x > 5 => 0
        SELECT c FROM (SELECT x, count_if(x > 1) OVER (ORDER BY x) c FROM (VALUES (1),(2)) t(x)) ORDER BY x DESC LIMIT 1 => 1
        SELECT arbitrary(x) FROM (VALUES (NULL),(2)) t(x) => 2
        SELECT any_value(x) FROM (VALUES (7)) t(x) => 7
        SELECT array_agg(x ORDER BY x DESC) FROM (VALUES (1),(3),(2)) t(x) => [3, 2, 1]
        SELECT array_agg(x) FROM (VALUES (NULL),(NULL)) t(x) => [NULL, NULL]
        SELECT map_agg(k, v ORDER BY v) FROM (VALUES ('a',2),('a',1),(NULL,3),('b',4)) t(k,v) => {a: 1, b: 4}
        SELECT map_agg(k, v) FROM (VALUES ('a',1)) t(k,v) WHERE v > 5 => NULL
        SELECT multimap_agg(k, v ORDER BY v) FROM (VALUES ('a',2),('a',1)) t(k,v) => {a: [1, 2]}
        SELECT element_at(histogram(x), 'a') FROM (VALUES ('a'),('b'),('a'),(NULL)) t(x) => 2
        SELECT set_agg(x ORDER BY x) FROM (VALUES (2),(1),(2)) t(x) => [1, 2]
        SELECT map_union(m) FROM (VALUES (map(make_array('a'),make_array(1)))) t(m) => {a: 1}
        SELECT listagg(x, ',' ORDER BY x DESC) FROM (VALUES ('a'),('c'),(NULL),('b')) t(x) => c,b,a
        SELECT listagg(DISTINCT x, ',') FROM (VALUES ('a'),('a')) t(x) => a
        SELECT bool_or(x > 2) FROM (VALUES (1),(3)) t(x) => true
        SELECT every(x > 2) FROM (VALUES (1),(3)) t(x) => false
        SELECT element_at(approx_most_frequent(2, x, 10), 'a') FROM (VALUES ('a'),('b'),('a'),('c'),('b')) t(x) => 2
        SELECT to_hex(checksum(x)) = to_hex(checksum(y)) FROM (VALUES (1,2),(2,1)) t(x,y) => true
    ",
    )
    .await;
}

#[tokio::test]
async fn estimates_and_measures() {
    check(
        r"
        SELECT approx_distinct(x) FROM (VALUES (1),(2),(2),(NULL)) t(x) => 2
        SELECT approx_distinct(x, 0.01e0) FROM (VALUES ('a'),('b')) t(x) => 2
        SELECT approx_distinct(x, 0.5e0) FROM (VALUES ('a'),('b')) t(x) => !Standard error must be in
        SELECT abs(approx_distinct(value) - 50000) < 1500 FROM generate_series(1, 50000) => true
        SELECT approx_percentile(x, 0.5e0) FROM (VALUES (1),(2),(3)) t(x) => 2
        SELECT approx_percentile(x, 0.5e0) FROM (VALUES (1),(2),(3),(4)) t(x) => 3
        SELECT approx_percentile(x, 0e0) FROM (VALUES (5),(1)) t(x) => 1
        SELECT approx_percentile(x, 1e0) FROM (VALUES (5),(1)) t(x) => 5
        SELECT approx_percentile(x, make_array(0e0, 0.5e0, 1e0)) FROM (VALUES (1e0),(2e0),(3e0)) t(x) => [1.0, 2.0, 3.0]
        SELECT approx_percentile(x, w, 0.5e0) FROM (VALUES (1, 1), (2, 98), (3, 1)) t(x, w) => 2
        SELECT approx_percentile(x, 1.5e0) FROM (VALUES (1)) t(x) => !Percentile must be between 0 and 1
        SELECT approx_percentile(x, 0.5e0) FROM (VALUES (1)) t(x) WHERE x > 1 => NULL
        SELECT geometric_mean(x) FROM (VALUES (2),(8)) t(x) => 4.0
        SELECT stddev(x) FROM (VALUES (1),(2),(3)) t(x) => 1.0
        SELECT stddev(x) FROM (VALUES (1)) t(x) => NULL
        SELECT variance(x) FROM (VALUES (1),(2),(3)) t(x) => 1.0
        SELECT var_pop(x) FROM (VALUES (1),(3)) t(x) => 1.0
        SELECT corr(x, x) FROM (VALUES (1),(2),(3)) t(x) => 1.0
        SELECT covar_samp(x, x) FROM (VALUES (1),(2),(3)) t(x) => 1.0
        SELECT regr_slope(y, x) FROM (VALUES (1,3),(2,5)) t(x,y) => 2.0
        SELECT regr_intercept(y, x) FROM (VALUES (1,3),(2,5)) t(x,y) => 1.0
        SELECT skewness(x) FROM (VALUES (1),(2),(3)) t(x) => 0.0
        SELECT round(kurtosis(x), 6) FROM (VALUES (1),(2),(3),(4)) t(x) => -1.2
        SELECT entropy(x) FROM (VALUES (1),(1)) t(x) => 1.0
        SELECT bitwise_and_agg(x) FROM (VALUES (7),(5)) t(x) => 5
        SELECT bitwise_or_agg(x) FROM (VALUES (1),(4)) t(x) => 5
        SELECT bitwise_xor_agg(x) FROM (VALUES (7),(5)) t(x) => 2
    ",
    )
    .await;
}
