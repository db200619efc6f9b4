use super::check;

#[tokio::test]
async fn digests_and_encodes() {
    check(
        r"
        to_hex(md5(to_utf8('a'))) => 0CC175B9C0F1B6A831C399E269772661
        to_hex(sha1(to_utf8('a'))) => 86F7E437FAA5A7FCE15D1DDCB9EAEAEA377667B8
        to_hex(sha256(to_utf8('a'))) => CA978112CA1BBDCAFAC231B39A23DC4DA786EFF8147C4E72B9807785AFEE48BB
        to_hex(xxhash64(to_utf8(''))) => EF46DB3751D8E999
        crc32(to_utf8('a')) => 3904355907
        to_hex(hmac_sha256(to_utf8('what do ya want for nothing?'), to_utf8('Jefe'))) => 5BDCC146BF60754E6A042426089575C75A003F089D2739839DEC58B964EC3843
        from_utf8(from_base64('YQ==')) => a
        from_utf8(from_base64('YQ')) => a
        to_base64(to_utf8('a')) => YQ==
        to_base64url(from_hex('FFFE')) => __4=
        from_base64('!') => !Invalid base64
        from_hex('6') => !even length
        to_hex(to_big_endian_64(-1)) => FFFFFFFFFFFFFFFF
        from_big_endian_64(to_big_endian_64(-5)) => -5
        typeof(1) => bigint
        typeof('a') => varchar
        typeof(NULL) => unknown
        typeof(1.5e0) => double
        typeof(date '2020-01-01') => date
        typeof(make_array(1)) => array(bigint)
        typeof(json_parse('[1]')) => json
        typeof(from_unixtime(0)) => timestamp(3) with time zone
        typeof(cast(1 as decimal(10,2))) => decimal(10,2)
        length(uuid()) => 36
    ",
    )
    .await;
}
