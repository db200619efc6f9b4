use super::check;

#[tokio::test]
async fn reads_urls_as_java_does() {
    check(
        r"
        url_extract_host('http://a.b/c?d=e') => a.b
        url_extract_host('http://user:pw@example.com:8080/x') => example.com
        url_extract_port('http://example.com:8080/x') => 8080
        url_extract_port('http://example.com/x') => NULL
        url_extract_path('http://a.b/c%20d?e') => /c d
        url_extract_path('http://a.b') =>
        url_extract_protocol('HTTPS://a.b/c') => HTTPS
        url_extract_query('http://a.b/c?k=v&x=1#f') => k=v&x=1
        url_extract_fragment('http://a.b/c?k=v#f') => f
        url_extract_host('http://a b/') => NULL
        url_extract_host('mailto:a@b.c') =>
        url_extract_host('no url') => NULL
        url_extract_parameter('http://a.b/c?d=e&f','d') => e
        url_extract_parameter('http://a.b/c?d=%E6%97%A5','d') => 日
        url_extract_parameter('http://a.b/c?d=e&f','f') =>
        url_extract_parameter('http://a.b/c?d=e','x') => NULL
        url_encode('a b/日&*') => a+b%2F%E6%97%A5%26*
        url_decode('%E6%97%A5+a') => 日 a
        url_decode('%zz') => !Illegal hex characters
    ",
    )
    .await;
}
