//! Lines of text without colours: time, level, target, message, fields.
//!
//! They look as tracing's own, and cost a third: a busy gateway writes one per request, and the
//! general formatter goes through `fmt` for every digit of the time and every field.

use std::cell::RefCell;
use std::fmt::{self, Write as _};

use jiff::Timestamp;
use modelpool::{Clock as _, SystemClock, UnixMillis};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Formats an event as one line.
pub(super) struct PlainLine;

impl<S, N> FormatEvent<S, N> for PlainLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        // Taken out and put back: a value that logs while it is written finds an empty one.
        let mut line = LINE.take();
        line.clear();
        write_time(&mut line, SystemClock.now())?;
        let metadata = event.metadata();
        line.push_str(match *metadata.level() {
            tracing::Level::ERROR => " ERROR ",
            tracing::Level::WARN => "  WARN ",
            tracing::Level::INFO => "  INFO ",
            tracing::Level::DEBUG => " DEBUG ",
            tracing::Level::TRACE => " TRACE ",
        });
        line.push_str(metadata.target());
        line.push(':');
        let mut fields = Fields {
            line,
            outcome: Ok(()),
        };
        event.record(&mut fields);
        let Fields { mut line, outcome } = fields;
        line.push('\n');
        let outcome = outcome.and_then(|()| writer.write_str(&line));
        LINE.set(line);
        outcome
    }
}

thread_local! {
    /// The last line: written here first, because the writer takes a call for every piece.
    static LINE: RefCell<String> = const { RefCell::new(String::new()) };
    /// The second written last, and its text up to the seconds.
    static SECOND: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
}

/// `2026-01-31T12:00:00.123Z`.
fn write_time(writer: &mut impl fmt::Write, now: UnixMillis) -> fmt::Result {
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != now.seconds() {
            *second = now.seconds();
            text.clear();
            let at = Timestamp::from_second(i64::try_from(now.seconds()).unwrap_or(i64::MAX));
            write!(
                text,
                "{}",
                at.unwrap_or(Timestamp::MAX).strftime("%Y-%m-%dT%H:%M:%S.")
            )?;
        }
        writer.write_str(text)
    })?;
    let thousandths = now.0 % 1000;
    for place in [100, 10, 1] {
        writer.write_char(char::from(b'0' + (thousandths / place % 10) as u8))?;
    }
    writer.write_char('Z')
}

/// Writes fields as `name=value`, the message by itself.
struct Fields {
    line: String,
    outcome: fmt::Result,
}

impl Fields {
    fn write(&mut self, field: &Field, value: impl FnOnce(&mut String) -> fmt::Result) {
        self.line.push(' ');
        if field.name() != "message" {
            self.line.push_str(field.name());
            self.line.push('=');
        }
        self.outcome = self.outcome.and(value(&mut self.line));
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        let is_plain = value
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\');
        self.write(field, |writer| {
            if !is_plain {
                return write!(writer, "{value:?}");
            }
            writer.push('"');
            writer.push_str(value);
            writer.push('"');
            Ok(())
        });
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write(field, |writer| write!(writer, "{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.write(field, |writer| match thousandths(value) {
            Some(thousandths) => write_thousandths(writer, thousandths),
            None => write!(writer, "{value}"),
        });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(field, |writer| write!(writer, "{value:?}"));
    }
}

/// The number in thousandths, where it is a whole number of them that a float holds exactly: a duration in
/// milliseconds, say.
fn thousandths(value: f64) -> Option<u64> {
    const MOST: f64 = 1e12;
    let whole = (value * 1000.0).round();
    // Divided again it has to be the same number: then these are the digits that tell it from all others.
    let is_exact = (0.0..MOST).contains(&value) && whole / 1000.0 == value && !value.is_sign_negative();
    is_exact.then_some(whole as u64)
}

/// As `{}` writes the float, without the search for its digits.
fn write_thousandths(writer: &mut impl fmt::Write, thousandths: u64) -> fmt::Result {
    write!(writer, "{}", thousandths / 1000)?;
    let mut fraction = thousandths % 1000;
    if fraction == 0 {
        return Ok(());
    }
    writer.write_char('.')?;
    let mut place = 100;
    while fraction > 0 {
        writer.write_char(char::from(b'0' + (fraction / place) as u8))?;
        fraction %= place;
        place /= 10;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use tracing::{info, warn};

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(log: impl FnOnce()) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = tracing_subscriber::fmt()
            .event_format(PlainLine)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = captured.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_has_level_target_message_and_fields() {
        let text = lines(|| {
            info!(target: "a::b", name = "x y", count = 3, share = 0.5, absent = None::<&str>, "done");
            warn!(target: "c", "say \"{}\"", "no");
        });
        let without_time: Vec<&str> = text.lines().map(|line| &line[24..]).collect();
        assert_eq!(
            without_time,
            [
                "  INFO a::b: done name=\"x y\" count=3 share=0.5",
                "  WARN c: say \"no\""
            ]
        );
    }

    #[test]
    fn what_would_break_a_line_is_escaped() {
        let text = lines(|| info!(target: "t", name = "a\"b\n图"));
        assert!(text.ends_with("t: name=\"a\\\"b\\n图\"\n"), "{text}");
    }

    #[test]
    fn thousandths_are_written_as_floats_are() {
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        let mut numbers = vec![
            0.0,
            -0.0,
            0.001,
            0.1,
            1.5,
            1e12,
            1e11 + 0.001,
            0.0005,
            f64::NAN,
            f64::INFINITY,
            -1.5,
        ];
        for _ in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            numbers.push(((random >> 20) % (1 << (random % 44))) as f64 / 1000.0);
        }
        let mut quick = 0;
        for number in numbers {
            if let Some(thousandths) = thousandths(number) {
                quick += 1;
                let mut text = String::new();
                write_thousandths(&mut text, thousandths).unwrap();
                assert_eq!(text, number.to_string());
            }
        }
        assert!(quick > 10_000, "{quick}");
    }

    #[test]
    fn times_are_utc_with_milliseconds() {
        let mut text = String::new();
        for millis in [0, 951_827_696_007, 951_827_696_999] {
            write_time(&mut text, UnixMillis(millis)).unwrap();
        }
        let expected = "1970-01-01T00:00:00.000Z2000-02-29T12:34:56.007Z2000-02-29T12:34:56.999Z";
        assert_eq!(text, expected);
    }
}
