use super::check;

#[tokio::test]
async fn parses_and_formats_with_mysql_patterns() {
    check(
        r"
        date_parse('2022/10/20/05','%Y/%m/%d/%H') => 2022-10-20 05:00:00
        date_parse('2013-05-17 23:35:10.123456', '%Y-%m-%d %H:%i:%s.%f') => 2013-05-17 23:35:10.123
        date_parse('05-10', '%m-%d') => 2000-05-10 00:00:00
        date_parse('23:35', '%H:%i') => 1970-01-01 23:35:00
        date_parse('17 may 2013', '%d %M %Y') => 2013-05-17 00:00:00
        date_parse('Feb 3 2020 01:02:03 PM', '%b %e %Y %r') => 2020-02-03 13:02:03
        date_parse('12:00:00 AM', '%r') => 1970-01-01 00:00:00
        date_parse('69', '%y') => 2069-01-01 00:00:00
        date_parse('70', '%y') => 1970-01-01 00:00:00
        date_parse('2020 53', '%x %v') => 2020-12-28 00:00:00
        date_parse('2020-366', '%Y-%j') => 2020-12-31 00:00:00
        date_parse('2022-13-01','%Y-%m-%d') => !Value 13 for monthOfYear must be in the range [1,12]
        date_parse('2022-02-30','%Y-%m-%d') => !Value 30 for dayOfMonth must be in the range [1,28]
        date_parse('2022-01-01x','%Y-%m-%d') => !is malformed at
        date_parse('','%Y') => !Invalid format
        date_parse('1','%U') => !%U not currently supported in date format string
        date_parse(NULL,'%Y') => NULL
        date_format(timestamp '2022-10-20 05:10:00','%m-%d-%Y %H') => 10-20-2022 05
        date_format(date '2020-01-05','%W') => Sunday
        date_format(timestamp '2001-08-22 03:04:05.321','%a %b %c %d %e %f') => Wed Aug 8 22 22 321000
        date_format(timestamp '2001-08-22 03:04:05.321','%h %i %I %j %k %l %M %m %p') => 03 04 03 234 3 3 August 08 AM
        date_format(timestamp '2001-08-22 03:04:05.321','%r|%S|%s|%T|%v|%W|%x|%Y|%y|%%|%g') => 03:04:05 AM|05|05|03:04:05|34|Wednesday|2001|2001|01|%|g
        date_format(timestamp '2001-08-22 12:04:05','%h %l %p') => 12 12 PM
        date_format(timestamp '2001-08-22 00:04:05','%h %H') => 12 00
    ",
    )
    .await;
}

#[tokio::test]
async fn formats_with_joda_patterns() {
    check(
        r"
        format_datetime(timestamp '2020-01-05 00:00:00','yyyy-MM-dd') => 2020-01-05
        format_datetime(timestamp '2001-08-22 03:04:05.321','yyyy-MM-dd''T''HH:mm:ss.SSS') => 2001-08-22T03:04:05.321
        format_datetime(timestamp '2001-08-22 15:04:05','EEE EEEE MMM MMMM d h a yy e D') => Wed Wednesday Aug August 22 3 PM 01 3 234
        format_datetime(timestamp '2001-08-22 15:04:05','xxxx-''W''ww') => 2001-W34
        format_datetime(from_unixtime(0, 'Asia/Tokyo'),'yyyy-MM-dd HH:mm ZZ') => 1970-01-01 09:00 +09:00
        format_datetime(from_unixtime(0, 'Asia/Tokyo'),'Z ZZZ z') => +0900 Asia/Tokyo JST
        format_datetime(timestamp '2001-08-22 15:04:05','yyyyMMddHHmmss') => 20010822150405
        parse_datetime('20010822150405','yyyyMMddHHmmss') => 2001-08-22 15:04:05 +00:00
        parse_datetime('2020-08-18 03:04:05.678', 'yyyy-MM-dd HH:mm:ss.SSS') => 2020-08-18 03:04:05.678 +00:00
        parse_datetime('2020-08-18 03:04 +0900', 'yyyy-MM-dd HH:mm Z') => 2020-08-18 03:04:00 +09:00
        parse_datetime('2020-08-18', 'yyyy-MM-dd b') => !Illegal pattern component: b
    ",
    )
    .await;
}

#[tokio::test]
async fn reads_and_writes_iso_8601() {
    check(
        r"
        from_iso8601_timestamp('2020-05-11T11:15:05Z') => 2020-05-11 11:15:05 +00:00
        from_iso8601_timestamp('2020-05-11T11:15:05.055+01:00') => 2020-05-11 11:15:05.055 +01:00
        from_iso8601_timestamp('2020-05-11') => 2020-05-11 00:00:00 +00:00
        from_iso8601_timestamp('2020-W20-1T10') => 2020-05-11 10:00:00 +00:00
        from_iso8601_timestamp('2020-05-11 11:15:05') => !Invalid format
        from_iso8601_timestamp('2020-02-30T00:00:00Z') => !Invalid format
        from_iso8601_timestamp_nanos('2020-05-11T11:15:05.123456789Z') => 2020-05-11 11:15:05.123456789 +00:00
        from_iso8601_date('2020-05-11') => 2020-05-11
        from_iso8601_date('2020-W10') => 2020-03-02
        from_iso8601_date('2020-123') => 2020-05-02
        to_iso8601(date '2020-05-11') => 2020-05-11
        to_iso8601(timestamp '2020-05-11 11:15:05') => 2020-05-11T11:15:05.000000000
        to_iso8601(from_iso8601_timestamp('2020-05-11T11:15:05.055+01:00')) => 2020-05-11T11:15:05.055+01:00
        to_iso8601(from_unixtime(0)) => 1970-01-01T00:00:00.000Z
        date('2020-01-05') => 2020-01-05
        date(' 2020-1-5 ') => 2020-01-05
        date('2020-01-32') => !INVALID_CAST_ARGUMENT: Value cannot be cast to date: 2020-01-32
        date(timestamp '2020-01-05 23:59:59') => 2020-01-05
        date(from_unixtime(1577836800, 'America/New_York')) => 2019-12-31
        SELECT hour(from_iso8601_timestamp(x)) FROM (VALUES ('2020-05-11T11:15:05+09:00')) t(x) => 11
        SELECT to_unixtime(from_iso8601_timestamp(x)) FROM (VALUES ('1970-01-01T09:00:00+09:00')) t(x) => 0.0
        SELECT at_timezone(from_iso8601_timestamp(x), 'Asia/Tokyo') FROM (VALUES ('1970-01-01T00:00:00-01:00')) t(x) => 1970-01-01 10:00:00 +09:00
        SELECT from_iso8601_timestamp(x) FROM (VALUES ('1970-01-01T00:00:00-01:00')) t(x) => !NOT_SUPPORTED
        SELECT from_iso8601_timestamp(x) FROM (VALUES ('1970-01-01T00:00:00Z'), ('x')) t(x) => !INVALID_FUNCTION_ARGUMENT: Invalid format
    ",
    )
    .await;
}

#[tokio::test]
async fn does_date_arithmetic_in_complete_units() {
    check(
        r"
        date_diff('day', date '2020-03-01', date '2020-03-02') => 1
        date_diff('second', timestamp '2020-03-01 00:00:00', timestamp '2020-03-02 00:00:00') => 86400
        date_diff('hour', timestamp '2020-03-01 00:59:59', timestamp '2020-03-01 01:00:00') => 0
        date_diff('month', date '2020-01-31', date '2020-02-29') => 1
        date_diff('month', date '2019-01-31', date '2019-02-28') => 1
        date_diff('month', date '2020-01-31', date '2020-02-28') => 0
        date_diff('month', date '2020-02-29', date '2020-01-31') => -1
        date_diff('month', date '2020-03-31', date '2020-02-29') => -1
        date_diff('month', timestamp '2020-01-15 12:00:00', timestamp '2020-02-15 11:59:59') => 0
        date_diff('quarter', date '2020-01-01', date '2020-06-30') => 1
        date_diff('quarter', date '2020-06-30', date '2020-01-01') => -1
        date_diff('year', date '2020-02-29', date '2021-02-28') => 1
        date_diff('year', date '2019-03-01', date '2020-02-29') => 0
        date_diff('year', date '2019-03-01', date '2020-03-01') => 1
        date_diff('year', date '2020-03-01', date '2019-03-02') => 0
        date_diff('week', date '2020-01-01', date '2020-01-14') => 1
        date_diff('millisecond', timestamp '1969-12-31 23:59:59.999', timestamp '1970-01-01 00:00:00') => 1
        date_diff('DAY', date '2020-03-02', timestamp '2020-03-01 12:00:00') => 0
        date_diff('hour', date '2020-03-01', date '2020-03-02') => !'hour' is not a valid DATE field
        date_diff('fortnight', timestamp '2020-03-01 00:00:00', timestamp '2020-03-02 00:00:00') => !'fortnight' is not a valid TIMESTAMP field
        date_diff('day', '2020-03-01', date '2020-03-02') => !Unexpected parameters (varchar, varchar, date) for function date_diff
        date_add('day', 1, date '2020-03-01') => 2020-03-02
        date_add('month', 1, timestamp '2020-01-31 00:00:00') => 2020-02-29 00:00:00
        date_add('month', -1, date '2020-03-31') => 2020-02-29
        date_add('year', -1, date '2020-02-29') => 2019-02-28
        date_add('quarter', 2, date '2019-08-31') => 2020-02-29
        date_add('millisecond', -1, timestamp '1970-01-01 00:00:00') => 1969-12-31 23:59:59.999
        date_add('day', NULL, date '2020-03-01') => NULL
        date_trunc('month', date '2020-03-15') => 2020-03-01
        date_trunc('week', date '2020-03-15') => 2020-03-09
        date_trunc('quarter', timestamp '2020-08-15 10:11:12') => 2020-07-01 00:00:00
        date_trunc('hour', timestamp '1969-12-31 23:59:59') => 1969-12-31 23:00:00
        date_trunc('day', from_unixtime(1577836800, 'Asia/Tokyo')) => 2020-01-01 00:00:00 +09:00
        date_trunc('hour', from_unixtime(1577836860, 'Asia/Kolkata')) => 2020-01-01 05:00:00 +05:30
        date_trunc('year', date '0001-06-01') => 0001-01-01
        date_trunc('hour', date '2020-01-01') => !'hour' is not a valid DATE field
        arrow_typeof(date_trunc('month', date '2020-03-15')) => Date32
        last_day_of_month(date '2020-02-03') => 2020-02-29
        last_day_of_month(timestamp '1900-02-03 10:00:00') => 1900-02-28
    ",
    )
    .await;
}

#[tokio::test]
async fn reads_parts_and_converts_unix_times() {
    check(
        r"
        year(date '2020-03-15') => 2020
        month(date '2020-03-15') => 3
        quarter(date '2020-03-15') => 1
        day(timestamp '2020-03-15 00:00:00') => 15
        day_of_month(date '2020-03-15') => 15
        day_of_week(date '2020-03-15') => 7
        dow(date '1969-12-31') => 3
        day_of_year(date '2020-12-31') => 366
        doy(date '2020-01-01') => 1
        week(date '2020-01-01') => 1
        week_of_year(date '2021-01-01') => 53
        year_of_week(date '2021-01-01') => 2020
        yow(date '2018-12-31') => 2019
        hour(timestamp '2020-03-15 13:14:15.678') => 13
        minute(timestamp '2020-03-15 13:14:15.678') => 14
        second(timestamp '2020-03-15 13:14:15.678') => 15
        millisecond(timestamp '2020-03-15 13:14:15.678') => 678
        hour(from_unixtime(0, 'Asia/Tokyo')) => 9
        hour('x') => !FUNCTION_NOT_FOUND
        timezone_hour(from_unixtime(0, 'Asia/Kolkata')) => 5
        timezone_minute(from_unixtime(0, 'Asia/Kolkata')) => 30
        timezone_hour(from_unixtime(0, -3, -30)) => -3
        from_unixtime(0) => 1970-01-01 00:00:00 +00:00
        from_unixtime(-0.0015) => 1969-12-31 23:59:59.999 +00:00
        from_unixtime(1.9996) => 1970-01-01 00:00:02 +00:00
        from_unixtime(0, 'Asia/Tokyo') => 1970-01-01 09:00:00 +09:00
        from_unixtime(0, 'Mars/Base') => !'Mars/Base' is not a valid time zone
        from_unixtime_nanos(0) => 1970-01-01 00:00:00 +00:00
        from_unixtime_nanos(-1) => 1969-12-31 23:59:59.999999999 +00:00
        to_unixtime(timestamp '1970-01-02 00:00:00') => 86400.0
        to_unixtime(timestamp '1969-12-31 23:59:59.5') => -0.5
        at_timezone(timestamp '2012-10-31 01:00:00', 'America/Los_Angeles') => 2012-10-30 18:00:00 -07:00
        with_timezone(timestamp '2020-03-08 02:30:00', 'America/New_York') => 2020-03-08 03:30:00 -04:00
        with_timezone(timestamp '2020-11-01 01:30:00', 'America/New_York') => 2020-11-01 01:30:00 -04:00
        current_timezone() => UTC
        human_readable_seconds(60) => 1 minute
        human_readable_seconds(56363463) => 93 weeks, 1 day, 8 hours, 31 minutes, 3 seconds
        human_readable_seconds(0) => 0 seconds
        to_milliseconds(parse_duration('42.8ms')) => 43
        to_milliseconds(parse_duration('3.81 d')) => 329184000
        parse_duration('5 x') => !Unknown time unit: x
        to_milliseconds(interval '1 day 2 hours') => 93600000
    ",
    )
    .await;
}
