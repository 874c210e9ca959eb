//! Where spans go, by the variables that OpenTelemetry's own exporters read:
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::exit::Failure;

/// Where spans go.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    /// The name of this service among others.
    pub(super) service: String,
}

impl Settings {
    /// What the variables say; `None` where they name no collector, or where telemetry is turned off.
    pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, Failure> {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let of_traces = |part: &str| {
            variable(&format!("OTEL_EXPORTER_OTLP_TRACES_{part}"))
                .or_else(|| variable(&format!("OTEL_EXPORTER_OTLP_{part}")))
        };
        let base = || {
            let base = variable("OTEL_EXPORTER_OTLP_ENDPOINT")?;
            Some(format!("{}/v1/traces", base.trim().trim_end_matches('/')))
        };
        let url = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or_else(base);
        let disabled = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let Some(url) = url.filter(|_| !disabled) else {
            return Ok(None);
        };
        if of_traces("PROTOCOL").as_deref() == Some("grpc") {
            let message = "OTEL_EXPORTER_OTLP_PROTOCOL is grpc, and spans are sent as http/json";
            let hint = "name the collector's HTTP port, mostly 4318, and set the protocol to http/json";
            return Err(Failure::configuration(message).hint(hint));
        }
        Ok(Some(Self {
            url,
            headers: of_traces("HEADERS").map_or(Ok(HeaderMap::new()), |text| headers(&text))?,
            service: variable("OTEL_SERVICE_NAME").unwrap_or_else(|| "modelpool".to_owned()),
        }))
    }
}

/// `name=value,name=value`, the values with `%XX`. They are often keys, so no error repeats them.
fn headers(text: &str) -> Result<HeaderMap, Failure> {
    let pairs = text.split(',').filter(|pair| !pair.trim().is_empty());
    let read = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let name = HeaderName::try_from(name.trim()).ok()?;
        let mut value = HeaderValue::try_from(decoded(value.trim())?).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    };
    let headers: Option<HeaderMap> = pairs.map(read).collect();
    headers.ok_or_else(|| {
        Failure::configuration("OTEL_EXPORTER_OTLP_HEADERS is not of the form name=value,name=value")
    })
}

/// A text with `%XX` put back.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
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

    #[test]
    fn nothing_is_sent_unless_a_collector_is_named() {
        assert!(read(&[]).unwrap().is_none());
        assert!(read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]).unwrap().is_none());
        let off = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"),
            ("OTEL_SDK_DISABLED", "TRUE"),
        ];
        assert!(read(&off).unwrap().is_none());
    }

    #[test]
    fn the_address_of_traces_is_taken_as_it_is_and_the_common_one_is_a_base() {
        let url = |variables: &[(&str, &str)]| read(variables).unwrap().unwrap().url;
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/");
        assert_eq!(url(&[base]), "http://c:4318/v1/traces");
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t/spans");
        assert_eq!(url(&[base, own]), "http://t/spans");
    }

    #[test]
    fn headers_are_read_and_never_shown() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c");
        let headers = (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "api-key=secret, Authorization=Basic%20c2Vj",
        );
        let settings = read(&[endpoint, headers]).unwrap().unwrap();
        assert_eq!(settings.headers["api-key"], "secret");
        assert_eq!(settings.headers["authorization"], "Basic c2Vj");
        assert!(!format!("{settings:?}").contains("sec"));
        for wrong in ["secret", "a b=secret", "a=secret%2", "a=secret%zz", "a=%C3%28%0a"] {
            let failure = read(&[endpoint, ("OTEL_EXPORTER_OTLP_HEADERS", wrong)]).unwrap_err();
            assert!(!format!("{failure:?}").contains("secret"), "{failure:?}");
        }
    }

    #[test]
    fn a_protocol_that_is_not_spoken_is_refused() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317");
        assert!(read(&[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).is_err());
        assert!(read(&[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")]).is_ok());
    }
}
