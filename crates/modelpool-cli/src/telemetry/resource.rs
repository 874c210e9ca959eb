//! What all spans and metrics of this process have in common: which service it is.

use std::hash::{BuildHasher as _, RandomState};

use serde_json::{Value, json};

use super::attributes::Attributes;
use super::settings::decoded;
use crate::exit::Failure;

/// Most attributes that a user may add, and the most bytes of one: the limits that OpenTelemetry's own programs have.
const MOST_ATTRIBUTES: usize = 128;
const MOST_BYTES: usize = 4096;

/// The service, as attributes.
#[derive(Clone, Debug)]
pub(super) struct Resource(Attributes);

impl Resource {
    /// By the variables; the name that is given by itself wins over one among the attributes.
    pub(super) fn read(variable: &impl Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let given = variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        let mut pairs = pairs(&given)?;
        if let Some(name) = variable("OTEL_SERVICE_NAME") {
            pairs.retain(|(key, _)| key != "service.name");
            pairs.push(("service.name".to_owned(), name));
        }
        let ours = [
            ("service.name", "modelpool".to_owned()),
            ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
            // Without it the sums of two processes would look like one that jumps.
            ("service.instance.id", instance()),
        ];
        for (key, value) in ours {
            if !pairs.iter().any(|(given, _)| given == key) {
                pairs.push((key.to_owned(), value));
            }
        }
        let mut attributes = Attributes::default();
        for (key, value) in &pairs {
            attributes.text(key, value);
        }
        Ok(Self(attributes))
    }

    pub(super) fn json(&self) -> Value {
        json!({"attributes": self.0.0})
    }
}

/// Who speaks, within the service.
pub(super) fn scope() -> Value {
    json!({"name": "modelpool", "version": env!("CARGO_PKG_VERSION")})
}

/// `key=value,key=value`, the values with `%XX`; of several with one key the last.
fn pairs(text: &str) -> Result<Vec<(String, String)>, Failure> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
        let (key, value) = read(pair).ok_or_else(|| {
            let message = format!(
                "OTEL_RESOURCE_ATTRIBUTES holds `{}`: expected key=value",
                pair.trim()
            );
            Failure::configuration(message)
        })?;
        pairs.retain(|(other, _)| *other != key);
        pairs.push((key, value));
    }
    if pairs.len() > MOST_ATTRIBUTES {
        let message = format!(
            "OTEL_RESOURCE_ATTRIBUTES holds {} attributes; at most {MOST_ATTRIBUTES} are taken",
            pairs.len()
        );
        return Err(Failure::configuration(message));
    }
    Ok(pairs)
}

fn read(pair: &str) -> Option<(String, String)> {
    let (key, value) = pair.split_once('=')?;
    let key = String::from_utf8(decoded(key.trim())?).ok()?;
    let value = String::from_utf8(decoded(value.trim())?).ok()?;
    (!key.is_empty() && key.len() + value.len() <= MOST_BYTES).then_some((key, value))
}

/// A random id of this process, of the form of a UUID of version 4.
fn instance() -> String {
    let random = RandomState::new();
    let (high, low) = (random.hash_one(0), random.hash_one(1));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0x0fff,
        low >> 48 & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(variables: &[(&str, &str)]) -> Result<Vec<(String, String)>, Failure> {
        let read = Resource::read(&|name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })?;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let attributes = read.0.0.iter();
        Ok(attributes
            .map(|attribute| (text(&attribute["key"]), text(&attribute["value"]["stringValue"])))
            .collect())
    }

    fn value(pairs: &[(String, String)], key: &str) -> String {
        let found: Vec<_> = pairs.iter().filter(|(known, _)| known == key).collect();
        assert_eq!(found.len(), 1, "{key} in {pairs:?}");
        found[0].1.clone()
    }

    #[test]
    fn the_name_by_itself_wins_and_what_is_not_given_is_ours() {
        let none = resource(&[]).unwrap();
        assert_eq!(value(&none, "service.name"), "modelpool");
        assert_eq!(value(&none, "service.version"), env!("CARGO_PKG_VERSION"));
        let id = value(&none, "service.instance.id");
        assert_eq!((id.len(), &id[14..15]), (36, "4"), "{id}");
        assert_ne!(id, value(&resource(&[]).unwrap(), "service.instance.id"));
        let attributes = "service.name=x, team=a%20b ,service.instance.id=7,team=c%2Cd,";
        let given = [("OTEL_RESOURCE_ATTRIBUTES", attributes)];
        let read = resource(&given).unwrap();
        assert_eq!(value(&read, "service.name"), "x");
        assert_eq!(value(&read, "team"), "c,d");
        assert_eq!(value(&read, "service.instance.id"), "7");
        let named = [given[0], ("OTEL_SERVICE_NAME", "y")];
        assert_eq!(value(&resource(&named).unwrap(), "service.name"), "y");
    }

    #[test]
    fn what_is_malformed_is_named() {
        for wrong in ["a", "=1", "a=%2", "a=1,%ff=2"] {
            let failure = resource(&[("OTEL_RESOURCE_ATTRIBUTES", wrong)]).unwrap_err();
            assert!(
                format!("{failure:?}").contains("OTEL_RESOURCE_ATTRIBUTES"),
                "{wrong}"
            );
        }
        let many: Vec<String> = (0..129).map(|number| format!("k{number}=1")).collect();
        assert!(resource(&[("OTEL_RESOURCE_ATTRIBUTES", &many.join(","))]).is_err());
    }
}
