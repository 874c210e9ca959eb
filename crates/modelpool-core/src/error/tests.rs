use super::excerpt::EXCERPT_CHARACTERS;
use super::*;

#[test]
fn an_error_is_one_pointer_wide() {
    assert_eq!(size_of::<Error>(), size_of::<usize>());
}

#[test]
fn excerpts_are_bounded_and_hold_no_secret() {
    let long = "x".repeat(10_000);
    assert_eq!(excerpt(&long, &[]).chars().count(), EXCERPT_CHARACTERS + 1);
    let text = format!(
        "header\r\nAuthorization: Bearer my-own-token {}",
        "sk-proj-0123456789"
    );
    let clean = excerpt(&text, &["my-own-token"]);
    assert!(
        !clean.contains("my-own-token") && !clean.contains("0123456789"),
        "{clean}"
    );
    assert!(!clean.contains('\n'));
    for spaces in 1_990..2_030 {
        let text = format!("{}my-own-token{}", " ".repeat(spaces), "x".repeat(100));
        let clean = excerpt(&text, &["my-own-token"]);
        assert!(!clean.contains("my"), "{spaces}: {clean}");
    }
}

#[test]
fn the_message_names_model_and_status() {
    let error = Error::new(ErrorKind::Server, "the upstream failed")
        .at(&"fast".into())
        .with_status(500);
    assert_eq!(
        error.to_string(),
        "model `fast`: the upstream failed (status 500)"
    );
    assert_eq!(error.at(&"other".into()).alias(), Some("fast"));
}

#[test]
fn what_would_fail_again_is_left_to_the_next() {
    let error = |kind| Error::new(kind, "it failed");
    assert_eq!(error(ErrorKind::Server).verdict(), Verdict::RetrySame);
    let last = error(ErrorKind::Server).without_retry();
    assert_eq!((last.verdict(), last.forbids_retry()), (Verdict::FailOver, true));
    // What nothing would help stays so.
    assert_eq!(
        error(ErrorKind::InvalidRequest).without_retry().verdict(),
        Verdict::Stop
    );
}
