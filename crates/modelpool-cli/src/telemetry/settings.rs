//! Where spans and metrics go, by the variables that OpenTelemetry's own exporters read:
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/> and
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>.
//!
//! A value that is not understood is an error that names its variable: whoever sets one means it.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::resource::Resource;
use crate::exit::Failure;

/// How long a collector has to answer, and the pause between two sendings of metrics, where nothing is said of it.
const LIMIT: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_secs(60);

/// What is sent, and where.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) resource: Resource,
    pub(super) traces: Option<Destination>,
    /// With the pause between two sendings.
    pub(super) metrics: Option<(Destination, Duration)>,
}

/// One path of a collector.
#[derive(Debug)]
pub(super) struct Destination {
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    /// How long a sending may take.
    pub(super) limit: Duration,
}

/// What is sent apart, with variables of its own.
struct Signal {
    /// Within names of variables.
    word: &'static str,
    path: &'static str,
}

const TRACES: Signal = Signal {
    word: "TRACES",
    path: "/v1/traces",
};
const METRICS: Signal = Signal {
    word: "METRICS",
    path: "/v1/metrics",
};

impl Settings {
    /// What the variables say; `None` where they name no collector, or where telemetry is turned off.
    pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, Failure> {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let disabled = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if disabled {
            return Ok(None);
        }
        let traces = TRACES.destination(&variable)?;
        let metrics = match METRICS.destination(&variable)? {
            None => None,
            Some(destination) => {
                let given = variable("OTEL_METRIC_EXPORT_INTERVAL");
                let interval = milliseconds("OTEL_METRIC_EXPORT_INTERVAL", given, INTERVAL)?;
                Some((destination, interval))
            }
        };
        if traces.is_none() && metrics.is_none() {
            return Ok(None);
        }
        Ok(Some(Self {
            resource: Resource::read(&variable)?,
            traces,
            metrics,
        }))
    }
}

impl Signal {
    /// Where it goes; `None` where no collector is named for it, or none is wanted.
    fn destination(
        &self,
        variable: &impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Destination>, Failure> {
        // The variable of this signal, else the one for all.
        let own = |part: &str| {
            let names = [
                format!("OTEL_EXPORTER_OTLP_{}_{part}", self.word),
                format!("OTEL_EXPORTER_OTLP_{part}"),
            ];
            let found = |name: String| variable(&name).map(|value| (name, value));
            names.into_iter().find_map(found)
        };
        let base = || {
            let base = variable("OTEL_EXPORTER_OTLP_ENDPOINT")?;
            Some(format!("{}{}", base.trim().trim_end_matches('/'), self.path))
        };
        let whole = variable(&format!("OTEL_EXPORTER_OTLP_{}_ENDPOINT", self.word));
        let Some(url) = whole.map(|url| url.trim().to_owned()).or_else(base) else {
            return Ok(None);
        };
        if !self.is_wanted(variable)? {
            return Ok(None);
        }
        if let Some((name, protocol)) = own("PROTOCOL").filter(|(_, protocol)| protocol.trim() == "grpc") {
            let message = format!("{name} is {}, and http/json is what is sent", protocol.trim());
            let hint = "name the collector's HTTP port, mostly 4318, and set the protocol to http/json";
            return Err(Failure::configuration(message).hint(hint));
        }
        let headers = match own("HEADERS") {
            None => HeaderMap::new(),
            Some((name, text)) => headers(&name, &text)?,
        };
        let limit = match own("TIMEOUT") {
            None => LIMIT,
            Some((name, text)) => milliseconds(&name, Some(text), LIMIT)?,
        };
        Ok(Some(Destination { url, headers, limit }))
    }

    fn is_wanted(&self, variable: &impl Fn(&str) -> Option<String>) -> Result<bool, Failure> {
        let name = format!("OTEL_{}_EXPORTER", self.word);
        match variable(&name).as_deref().map(str::trim) {
            None | Some("otlp") => Ok(true),
            Some("none") => Ok(false),
            Some(other) => Err(Failure::configuration(format!(
                "{name} is `{other}`: expected otlp or none"
            ))),
        }
    }
}

/// A duration above nothing.
fn milliseconds(name: &str, text: Option<String>, usual: Duration) -> Result<Duration, Failure> {
    let Some(text) = text else { return Ok(usual) };
    match text.trim().parse::<u32>() {
        Ok(milliseconds) if milliseconds > 0 => Ok(Duration::from_millis(milliseconds.into())),
        _ => Err(Failure::configuration(format!(
            "{name} is `{}`: expected milliseconds, from 1 to {}",
            text.trim(),
            u32::MAX
        ))),
    }
}

/// `name=value,name=value`, the values with `%XX`. They are often keys, so no error repeats them.
fn headers(variable: &str, text: &str) -> Result<HeaderMap, Failure> {
    let pairs = text.split(',').filter(|pair| !pair.trim().is_empty());
    let read = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let name = HeaderName::try_from(name.trim()).ok()?;
        let mut value = HeaderValue::try_from(decoded(value.trim())?).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    };
    let headers: Option<HeaderMap> = pairs.map(read).collect();
    headers
        .ok_or_else(|| Failure::configuration(format!("{variable} is not of the form name=value,name=value")))
}

/// A text with `%XX` put back.
pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        // What reads numbers would take a sign, too.
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Settings>, Failure> {
        Settings::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    const BASE: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/");

    /// The addresses of spans and of metrics.
    fn urls(variables: &[(&str, &str)]) -> [Option<String>; 2] {
        let Some(settings) = read(variables).unwrap() else {
            return [None, None];
        };
        [
            settings.traces.map(|traces| traces.url),
            settings.metrics.map(|(metrics, _)| metrics.url),
        ]
    }

    #[test]
    fn nothing_is_sent_unless_a_collector_is_named_and_wanted() {
        assert!(read(&[]).unwrap().is_none());
        assert!(read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]).unwrap().is_none());
        assert!(read(&[BASE, ("OTEL_SDK_DISABLED", "TRUE")]).unwrap().is_none());
        let (no_traces, no_metrics) = (
            ("OTEL_TRACES_EXPORTER", "none"),
            ("OTEL_METRICS_EXPORTER", "none"),
        );
        assert!(read(&[BASE, no_traces, no_metrics]).unwrap().is_none());
        assert_eq!(urls(&[BASE, no_traces])[0], None);
        assert_eq!(urls(&[BASE, no_metrics])[1], None);
        assert!(read(&[BASE, ("OTEL_METRICS_EXPORTER", "prometheus")]).is_err());
        assert!(
            read(&[("OTEL_METRICS_EXPORTER", "prometheus")])
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn an_address_of_one_kind_is_taken_as_it_is_and_the_common_one_is_a_base() {
        let [traces, metrics] = urls(&[BASE]).map(Option::unwrap);
        assert_eq!(
            (&*traces, &*metrics),
            ("http://c:4318/v1/traces", "http://c:4318/v1/metrics")
        );
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t/spans");
        assert_eq!(urls(&[BASE, own])[0].as_deref(), Some("http://t/spans"));
        assert_eq!(urls(&[own])[1], None);
    }

    #[test]
    fn headers_are_read_and_never_shown() {
        let headers = (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "api-key=secret, Authorization=Basic%20c2Vj",
        );
        let settings = read(&[BASE, headers]).unwrap().unwrap();
        assert!(!format!("{settings:?}").contains("sec"));
        let traces = settings.traces.unwrap();
        assert_eq!(traces.headers["api-key"], "secret");
        assert_eq!(traces.headers["authorization"], "Basic c2Vj");
        for wrong in [
            "secret",
            "a b=secret",
            "a=secret%2",
            "a=secret%zz",
            "a=secret%+1",
            "a=%C3%28%0a",
        ] {
            let failure = read(&[BASE, ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", wrong)]).unwrap_err();
            let shown = format!("{failure:?}");
            assert!(
                !shown.contains("secret") && shown.contains("METRICS_HEADERS"),
                "{shown}"
            );
        }
    }

    #[test]
    fn times_are_milliseconds_above_nothing() {
        let usual = read(&[BASE]).unwrap().unwrap();
        assert_eq!(usual.traces.unwrap().limit, LIMIT);
        assert_eq!(usual.metrics.unwrap().1, INTERVAL);
        let times = [
            BASE,
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
            ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "100"),
            ("OTEL_METRIC_EXPORT_INTERVAL", " 1000 "),
        ];
        let settings = read(&times).unwrap().unwrap();
        let (metrics, interval) = settings.metrics.unwrap();
        assert_eq!(settings.traces.unwrap().limit, Duration::from_millis(2500));
        assert_eq!(
            (metrics.limit, interval),
            (Duration::from_millis(100), Duration::from_secs(1))
        );
        for wrong in ["0", "-1", "10s", "1.5", "99999999999"] {
            for name in ["OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_METRIC_EXPORT_INTERVAL"] {
                let failure = format!("{:?}", read(&[BASE, (name, wrong)]).unwrap_err());
                assert!(failure.contains(name) && failure.contains(wrong), "{failure}");
            }
        }
    }

    #[test]
    fn a_protocol_that_is_not_spoken_is_refused() {
        assert!(read(&[BASE, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).is_err());
        assert!(read(&[BASE, ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "grpc")]).is_err());
        assert!(read(&[BASE, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")]).is_ok());
    }
}
