use super::*;

/// 2015-08-30T12:36:00Z, the time of the test suite.
const AT: UnixMillis = UnixMillis(1_440_938_160_000);
const SUITE: Scope<'static> = Scope {
    region: "us-east-1",
    service: "service",
};
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN_OF_THE_SUITE: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Bytes> {
    let mut request = Request::new(Bytes::copy_from_slice(body.as_bytes()));
    *request.method_mut() = method.parse().unwrap();
    *request.uri_mut() = format!("https://example.amazonaws.com{path}").parse().unwrap();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        request
            .headers_mut()
            .append(name, HeaderValue::from_str(value).unwrap());
    }
    request
}

fn signed(mut request: Request<Bytes>, token: Option<&str>) -> String {
    sign(
        &mut request,
        SUITE,
        &Credentials::new("AKIDEXAMPLE", SECRET, token),
        AT,
    )
    .unwrap();
    request.headers()[AUTHORIZATION].to_str().unwrap().to_owned()
}

/// A case of the suite: method, path, headers, body, names of the signed headers, signature.
type Case = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
    &'static str,
    &'static str,
);

/// AWS's published test suite, under its names:
/// <https://docs.aws.amazon.com/general/latest/gr/signature-v4-test-suite.html>. Cases whose paths were not encoded
/// before they were signed (`get-utf8`, `get-space`) are those of the services that encode once; they are not here.
const CASES: &[Case] = &[
    // get-vanilla
    (
        "GET",
        "/",
        &[],
        "",
        "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    // get-relative
    (
        "GET",
        "/example/..",
        &[],
        "",
        "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    // get-slash
    (
        "GET",
        "//",
        &[],
        "",
        "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    // get-slashes
    (
        "GET",
        "//example//",
        &[],
        "",
        "host;x-amz-date",
        "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
    ),
    // get-slash-pointless-dot
    (
        "GET",
        "/./example",
        &[],
        "",
        "host;x-amz-date",
        "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5",
    ),
    // get-unreserved
    (
        "GET",
        "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        &[],
        "",
        "host;x-amz-date",
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    // get-vanilla-empty-query-key
    (
        "GET",
        "/?Param1=value1",
        &[],
        "",
        "host;x-amz-date",
        "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
    ),
    // get-vanilla-query-order-key-case
    (
        "GET",
        "/?Param2=value2&Param1=value1",
        &[],
        "",
        "host;x-amz-date",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    // get-vanilla-utf8-query
    (
        "GET",
        "/?%E1%88%B4=bar",
        &[],
        "",
        "host;x-amz-date",
        "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    ),
    // get-header-key-duplicate
    (
        "GET",
        "/",
        &[
            ("My-Header1", "value2"),
            ("My-Header1", "value2"),
            ("My-Header1", "value1"),
        ],
        "",
        "host;my-header1;x-amz-date",
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    ),
    // get-header-value-trim
    (
        "GET",
        "/",
        &[("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")],
        "",
        "host;my-header1;my-header2;x-amz-date",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    // post-vanilla
    (
        "POST",
        "/",
        &[],
        "",
        "host;x-amz-date",
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    // post-header-key-sort
    (
        "POST",
        "/",
        &[("My-Header1", "value1")],
        "",
        "host;my-header1;x-amz-date",
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    ),
    // post-header-value-case
    (
        "POST",
        "/",
        &[("My-Header1", "VALUE1")],
        "",
        "host;my-header1;x-amz-date",
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
    ),
    // post-vanilla-query
    (
        "POST",
        "/?Param1=value1",
        &[],
        "",
        "host;x-amz-date",
        "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
    ),
    // post-x-www-form-urlencoded
    (
        "POST",
        "/",
        &[("Content-Type", "application/x-www-form-urlencoded")],
        "Param1=value1",
        "content-type;host;x-amz-date",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
];

#[test]
fn the_published_suite() {
    for (method, path, headers, body, names, signature) in CASES {
        assert_eq!(
            signed(request(method, path, headers, body), None),
            format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders={names}, Signature={signature}"
            ),
            "{method} {path} {headers:?}"
        );
    }
}

/// `post-sts-header-before`.
#[test]
fn a_session_s_token_is_sent_and_signed() {
    let shown = signed(request("POST", "/", &[], ""), Some(TOKEN_OF_THE_SUITE));
    assert!(
        shown.ends_with(
            "SignedHeaders=host;x-amz-date;x-amz-security-token, \
             Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
        ),
        "{shown}"
    );
}

/// The signature is what botocore, of AWS itself, makes of this request.
#[test]
fn what_is_encoded_in_a_path_is_encoded_again() {
    let mut request = request(
        "POST",
        "/",
        &[("content-type", "application/json")],
        r#"{"messages":[]}"#,
    );
    *request.uri_mut() =
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse"
            .parse()
            .unwrap();
    let scope = Scope {
        service: "bedrock",
        ..SUITE
    };
    sign(
        &mut request,
        scope,
        &Credentials::new("AKIDEXAMPLE", SECRET, None),
        AT,
    )
    .unwrap();
    let shown = request.headers()[AUTHORIZATION].to_str().unwrap();
    assert!(
        shown.ends_with("Signature=dba7f2f77cc33808be655f27b8ebf1d1b1d77751fc96dad0bd71e020cb07c442"),
        "{shown}"
    );
}

#[test]
fn what_carriers_change_is_not_signed_and_signing_again_changes_nothing() {
    let plain = signed(request("POST", "/", &[], ""), None);
    let travelled = [
        ("user-agent", "x/1"),
        ("content-length", "0"),
        ("authorization", "Bearer k"),
    ];
    assert_eq!(signed(request("POST", "/", &travelled, ""), None), plain);

    let credentials = Credentials::new("AKIDEXAMPLE", SECRET, None);
    let mut twice = request("POST", "/", &[], "");
    sign(&mut twice, SUITE, &credentials, UnixMillis(0)).unwrap();
    sign(&mut twice, SUITE, &credentials, AT).unwrap();
    assert_eq!(twice.headers()[AUTHORIZATION], plain);
    assert_eq!(twice.headers()[DATE], "20150830T123600Z");
}

#[test]
fn hosts_are_written_as_clients_write_them() {
    for (uri, expected) in [
        ("https://a.example/x", Some("a.example")),
        ("https://a.example:443/x", Some("a.example")),
        ("http://a.example:443/x", Some("a.example:443")),
        ("http://user@a.example:80/x", Some("a.example")),
        ("/x", None),
    ] {
        let found = host(&uri.parse().unwrap());
        assert_eq!(
            found.as_ref().map(|host| host.to_str().unwrap()),
            expected,
            "{uri}"
        );
    }
}

#[test]
fn what_cannot_be_signed_is_said_without_the_secret() {
    let credentials = Credentials::new("AKID", SECRET, Some("line\nbreak"));
    let error = sign(&mut request("POST", "/", &[], ""), SUITE, &credentials, AT).unwrap_err();
    assert!(!error.contains("break"), "{error}");
    let error = sign(
        &mut request("POST", "/", &[], ""),
        SUITE,
        &Credentials::new("AKID", SECRET, None),
        UnixMillis(u64::MAX),
    )
    .unwrap_err();
    assert_eq!(error, "the time 18446744073709551615 cannot be signed");
    assert!(!format!("{credentials:?}").contains(SECRET));
}
