-- Functions of Trino that DuckDB lacks or means otherwise, as macros. Those whose name DuckDB uses for something else are called
-- `trino_…`; `mends.py` gives them their callers. A macro's overloads are chosen by the arguments' types.

-- Dates and times.
create macro trino_plus
    (d date, i interval) as (d + i)::date,
    (t timestamp, i interval) as t + i,
    (t timestamp with time zone, i interval) as t + i,
    (t time, i interval) as t + i,
    (j interval, i interval) as j + i;
create macro trino_minus
    (a date, b date) as a::timestamp - b::timestamp,
    (a timestamp, b timestamp) as a - b,
    (a timestamp with time zone, b timestamp with time zone) as a - b,
    (a interval, b interval) as a - b,
    (a bigint, b bigint) as a - b;
create macro trino_date_trunc
    (unit varchar, d date) as date_trunc(unit, d)::date,
    (unit varchar, t timestamp) as date_trunc(unit, t),
    (unit varchar, t timestamp with time zone) as date_trunc(unit, t);
create macro trino_sequence
    (a bigint, b bigint) as generate_series(a, b, case when b < a then -1 else 1 end),
    (a bigint, b bigint, s bigint) as generate_series(a, b, s),
    (a date, b date) as generate_series(a, b, to_days(case when b < a then -1 else 1 end))::date[],
    (a date, b date, i interval) as generate_series(a, b, i)::date[],
    (a timestamp, b timestamp, i interval) as generate_series(a, b, i);
create macro with_timezone(t, zone) as timezone(zone, t::timestamp);
create macro at_timezone(t, zone) as timezone(zone, t::timestamp with time zone);
create macro to_iso8601
    (d date) as strftime(d, '%Y-%m-%d'),
    (t timestamp) as strftime(t, '%Y-%m-%dT%H:%M:%S.%g'),
    (t timestamp with time zone) as strftime(t, '%Y-%m-%dT%H:%M:%S.%gZ');
create macro from_unixtime_nanos(n) as make_timestamp_ns(n)::timestamp::timestamp with time zone;
create macro parse_duration(s) as regexp_extract(trim(s), '^([0-9.]+)', 1)::double * case regexp_extract(trim(s), '([a-z]+)$', 1)
    when 'd' then interval 1 day when 'h' then interval 1 hour when 'm' then interval 1 minute when 's' then interval 1 second
    when 'ms' then interval 1 millisecond end;

-- Casts: numbers are rounded half up, and texts have to be whole numbers to become one.
create macro trino_whole
    (x double) as round(x),
    (x bigint) as x,
    (x hugeint) as x,
    (x decimal(38, 10)) as round(x),
    (x varchar) as case when regexp_full_match(x, '[+-]?[0-9]+') then x else 'not a whole number: ' || x end,
    (x) as x;
create macro trino_text
    (s varchar) as s,
    (d date) as d::varchar,
    (t timestamp) as strftime(t, '%Y-%m-%d %H:%M:%S.%g'),
    (t timestamp with time zone) as strftime(t, '%Y-%m-%d %H:%M:%S.%g UTC'),
    (x) as x::varchar;

-- Texts.
create macro trino_split_part(s, d, i) as case when i <= len(string_split(s, d)) then split_part(s, d, i) end;
create macro trino_regexp_extract
    (s, p) as case when regexp_matches(s, p) then regexp_extract(s, p) end,
    (s, p, g) as case when regexp_matches(s, p) then regexp_extract(s, p, g) end;
create macro trino_reverse (s varchar) as reverse(s), (l) as list_reverse(l);
create macro trino_length (s varchar) as length(s), (b blob) as octet_length(b);
create macro codepoint(c) as ord(c);
create macro normalize(s) as nfc_normalize(s);
create macro trino_to_base(n, radix) as lower(to_base(n, radix));
create macro from_base(s, radix) as list_reduce(
    list_transform(string_split(lower(s), ''), lambda c: strpos('0123456789abcdefghijklmnopqrstuvwxyz', c)::bigint - 1),
    lambda a, b: a * radix + b);
create macro split_to_map(s, d, e) as map(
    list_transform(string_split(s, d), lambda p: split_part(p, e, 1)), list_transform(string_split(s, d), lambda p: split_part(p, e, 2)));
create macro url_extract_protocol(u) as nullif(regexp_extract(u, '^([A-Za-z][A-Za-z0-9+.-]*):', 1), '');
create macro url_extract_host(u) as nullif(regexp_extract(u, '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#:]*)', 1), '');
create macro url_extract_port(u) as try_cast(nullif(regexp_extract(u, '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?[^/?#:]*:([0-9]+)', 1), '') as bigint);
create macro url_extract_path(u) as case when regexp_matches(u, '^[A-Za-z][A-Za-z0-9+.-]*:')
    then url_decode(regexp_extract(u, '^[A-Za-z][A-Za-z0-9+.-]*:(?://[^/?#]*)?([^?#]*)', 1)) end;
create macro url_extract_query(u) as nullif(regexp_extract(u, '\?([^#]*)', 1), '');
create macro url_extract_fragment(u) as nullif(regexp_extract(u, '#(.*)$', 1), '');
create macro url_extract_parameter(u, name) as case when url_extract_query(u) is not null and regexp_matches('&' || url_extract_query(u), '&' || regexp_escape(name) || '(=|&|$)')
    then url_decode(replace(regexp_extract('&' || url_extract_query(u), '&' || regexp_escape(name) || '=?([^&]*)', 1), '+', ' ')) end;
create macro trino_url_encode(u) as replace(url_encode(u), '%20', '+');
create macro trino_url_decode(u) as url_decode(replace(u, '+', ' '));

-- JSON; what is none gives NULL.
create macro trino_json_extract(j, p) as case when json_valid(j) then json_extract(j, p) end;
create macro trino_json_extract_scalar(j, p) as case when json_valid(j) then
    case when json_type(j, p) not in ('OBJECT', 'ARRAY', 'NULL') then json_extract_string(j, p) end end;
create macro trino_json_array_length(j) as case when json_valid(j) then case when json_type(j) = 'ARRAY' then json_array_length(j)::bigint end end;
create macro json_array_get(j, i) as json_extract(j, '$[' || case when i < 0 then '#' else '' end || i || ']');
create macro json_array_contains(j, v) as case when json_valid(j) then list_contains(json_extract(j, '$[*]'), to_json(v)) end;
create macro json_size(j, p) as case when json_valid(j) then case json_type(j, p)
    when 'OBJECT' then len(json_keys(j, p)) when 'ARRAY' then json_array_length(j, p) else 0 end::bigint end;
create macro is_json_scalar(j) as json_type(j) not in ('OBJECT', 'ARRAY');

-- Arrays and maps.
create macro trino_array_position(l, x) as case when l is not null and x is not null then coalesce(list_position(l, x), 0)::bigint end;
create macro trino_array_distinct(l) as list_filter(l, lambda x, i: list_position(l, x) = i);
create macro array_union(a, b) as list_filter(list_concat(a, b), lambda x, i: list_position(list_concat(a, b), x) = i);
create macro arrays_overlap(a, b) as list_has_any(a, b);
create macro trino_slice(l, s, n) as list_slice(l, case when s < 0 then len(l) + s + 1 else s end, case when s < 0 then len(l) + s + 1 else s end + n - 1);
create macro trino_repeat(x, n) as list_transform(range(n), lambda i: x);
create macro trino_zip(a, b) as list_transform(list_zip(a, b), lambda p: {'field0': p[1], 'field1': p[2]});

-- Aggregates.
create macro map_agg(k, v) as map(list(k) filter (k is not null), list(v) filter (k is not null));
create macro set_agg(x) as list(distinct x);
create macro every(x) as bool_and(x);
create macro checksum(x) as bit_xor(hash(x));

create macro multimap_agg(k, v) as map(list_distinct(list(k)), list_transform(list_distinct(list(k)),
    lambda each: list_transform(list_filter(list({'k': k, 'v': v}), lambda p: p.k = each), lambda p: p.v)));
create macro human_readable_seconds(s) as array_to_string(list_filter([
    case when s >= 604800 then (s // 604800)::bigint || case when s // 604800 = 1 then ' week' else ' weeks' end else '' end,
    case when s % 604800 >= 86400 then (s % 604800 // 86400)::bigint || case when s % 604800 // 86400 = 1 then ' day' else ' days' end else '' end,
    case when s % 86400 >= 3600 then (s % 86400 // 3600)::bigint || case when s % 86400 // 3600 = 1 then ' hour' else ' hours' end else '' end,
    case when s % 3600 >= 60 then (s % 3600 // 60)::bigint || case when s % 3600 // 60 = 1 then ' minute' else ' minutes' end else '' end,
    case when s % 60 >= 1 or s < 1 then (s % 60)::bigint || case when s % 60 = 1 then ' second' else ' seconds' end else '' end], lambda t: t <> ''), ', ');

-- Numbers.
create macro nan() as 'nan'::double;
create macro infinity() as 'infinity'::double;
create macro bitwise_left_shift(a, n) as (a::bigint << n);
create macro bitwise_right_shift(a, n) as (a::bigint >> n);
create macro width_bucket(x, low, high, n) as case when x < low then 0 when x >= high then n + 1 else floor((x - low)::double / (high - low) * n)::bigint + 1 end;
create macro trino_typeof(x) as lower(typeof(x));
