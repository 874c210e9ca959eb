use super::*;

const RIGHT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn parse(value: &str) -> Option<TraceParent> {
    TraceParent::parse(value.as_bytes())
}

#[test]
fn what_is_right_is_read_and_written_again_byte_for_byte() {
    let parent = parse(RIGHT).unwrap();
    assert_eq!(parent.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(parent.span_id.to_string(), "00f067aa0ba902b7");
    assert!(parent.sampled);
    assert_eq!(parent.header(), RIGHT);
    let not_sampled = RIGHT.replace("-01", "-00");
    let parent = parse(&not_sampled).unwrap();
    assert!(!parent.sampled);
    assert_eq!(parent.header(), not_sampled.as_str());
}

#[test]
fn flags_that_mean_nothing_here_are_not_sent_on() {
    let parent = parse(&RIGHT.replace("-01", "-ff")).unwrap();
    assert_eq!(parent.header(), RIGHT);
    assert!(!parse(&RIGHT.replace("-01", "-fe")).unwrap().sampled);
}

#[test]
fn versions_to_come_are_read_as_far_as_they_are_known() {
    let later = |version: &str, more: &str| parse(&format!("{version}{}{more}", &RIGHT[2..]));
    assert_eq!(later("01", ""), parse(RIGHT));
    assert_eq!(later("fe", "-what.comes-then"), parse(RIGHT));
    assert_eq!(later("01", "0"), None);
    assert_eq!(later("ff", ""), None);
    assert_eq!(later("00", "-more"), None);
}

#[test]
fn whatever_is_malformed_is_refused() {
    for (from, to) in [
        ("4bf92f", "4BF92F"),
        (
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "00000000000000000000000000000000",
        ),
        ("00f067aa0ba902b7", "0000000000000000"),
        ("00f067aa0ba902b7", "00F067AA0BA902B7"),
        ("-01", "-0"),
        ("-01", "-0g"),
        ("-01", "-011"),
        ("-01", "_01"),
        ("4bf9", "4bf"),
        ("4bf9", "+bf9"),
        ("-00f0", " 00f0"),
        ("00-4b", "0x-4b"),
        ("00-4b", " 00-4b"),
        ("4bf92f", "图f92f"),
    ] {
        let wrong = RIGHT.replacen(from, to, 1);
        assert_ne!(wrong, RIGHT);
        assert_eq!(parse(&wrong), None, "{wrong}");
    }
    for length in 0..RIGHT.len() {
        assert_eq!(parse(&RIGHT[..length]), None, "{length}");
    }
}

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let lines = lines.iter();
    lines
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}

#[test]
fn a_caller_names_one_trace_or_none() {
    let one = CallerTrace::read(&headers(&[("traceparent", RIGHT), ("tracestate", "a=1")])).unwrap();
    assert_eq!(one.state.as_deref(), Some("a=1"));
    let mut two = headers(&[("traceparent", RIGHT)]);
    two.append(TRACEPARENT, HeaderValue::from_static(RIGHT));
    assert_eq!(CallerTrace::read(&two), None);
    assert_eq!(CallerTrace::read(&headers(&[("tracestate", "a=1")])), None);
    let half = CallerTrace::read(&headers(&[("traceparent", RIGHT), ("tracestate", "A=1")])).unwrap();
    assert_eq!(half.state, None);
}

#[test]
fn a_request_goes_on_with_its_callers_trace_or_begins_one() {
    let ids = TraceIds::new(1);
    let caller = CallerTrace {
        parent: parse(RIGHT).unwrap(),
        state: Some("a=1".into()),
    };
    let span = RequestSpan::begin(Some(&caller), &ids);
    assert_eq!(
        (span.trace_id, span.parent),
        (caller.parent.trace_id, Some(caller.parent.span_id))
    );
    assert_ne!(span.span_id, caller.parent.span_id);
    let call = ids.span();
    assert_eq!(
        span.parent_of_upstream(call).header(),
        format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{call}-01").as_str()
    );
    let own = RequestSpan::begin(None, &ids);
    assert_eq!((own.parent, own.sampled, own.state), (None, true, None));
    assert_ne!(own.trace_id, span.trace_id);
}
