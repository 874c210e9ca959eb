//! Members of a caller's object, with their types: null is as good as absent, and what has the wrong type is
//! a fault that names the member by its whole path, shows the value, and says what would be accepted.

use serde_json::{Map, Value};

use super::read::BodyError;

/// Longest beginning of a value that a fault shows, in characters.
const SHOWN: usize = 40;

/// An object and where it stands in the body.
#[derive(Clone, Debug)]
pub(super) struct Members<'a> {
    map: &'a Map<String, Value>,
    /// Empty for the body itself.
    path: String,
}

impl<'a> Members<'a> {
    /// The members of the object at `path`.
    pub(super) fn of(value: &'a Value, path: impl Into<String>) -> Result<Self, BodyError> {
        let path = path.into();
        match value {
            Value::Object(map) => Ok(Self { map, path }),
            other => Err(fault(&path, other, "an object")),
        }
    }

    /// The path of one of them.
    pub(super) fn path(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// All that are not null.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.map.iter().filter(|(_, value)| !value.is_null())
    }

    pub(super) fn fault(&self, key: &str, value: &Value, expected: &str) -> BodyError {
        fault(&self.path(key), value, expected)
    }

    pub(super) fn missing(&self, key: &str, expected: &str) -> BodyError {
        let path = self.path(key);
        BodyError {
            message: format!("`{path}` is missing; expected {expected}"),
            param: Some(path),
        }
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, BodyError> {
        self.read(key, "a string", Value::as_str)
    }

    pub(super) fn required_text(&self, key: &str) -> Result<&'a str, BodyError> {
        self.text(key)?.ok_or_else(|| self.missing(key, "a string"))
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, BodyError> {
        self.read(key, "true or false", Value::as_bool)
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, BodyError> {
        self.read(key, "a number", Value::as_f64)
    }

    pub(super) fn integer(&self, key: &str) -> Result<Option<i64>, BodyError> {
        self.read(key, "a whole number", Value::as_i64)
    }

    /// A whole number of at least 0; `100.0` is one too.
    pub(super) fn count(&self, key: &str) -> Result<Option<u64>, BodyError> {
        self.read(key, "a whole number of at least 0", |value| {
            let whole = |number: &f64| number.fract() == 0.0 && (0.0..9.0e15).contains(number);
            value
                .as_u64()
                .or_else(|| value.as_f64().filter(whole).map(|number| number as u64))
        })
    }

    pub(super) fn list(&self, key: &str) -> Result<Option<&'a Vec<Value>>, BodyError> {
        self.read(key, "a list", Value::as_array)
    }

    /// The objects of a list, each with its path; none where there is no list.
    pub(super) fn objects(&self, key: &str) -> Result<Vec<Members<'a>>, BodyError> {
        let items = self.list(key)?.map(Vec::as_slice).unwrap_or_default();
        items
            .iter()
            .enumerate()
            .map(|(at, item)| Members::of(item, format!("{}[{at}]", self.path(key))))
            .collect()
    }

    pub(super) fn object(&self, key: &str) -> Result<Option<Members<'a>>, BodyError> {
        self.get(key)
            .map(|value| Members::of(value, self.path(key)))
            .transpose()
    }

    pub(super) fn required_object(&self, key: &str) -> Result<Members<'a>, BodyError> {
        self.object(key)?.ok_or_else(|| self.missing(key, "an object"))
    }

    /// Where it stands in the body.
    pub(super) fn own_path(&self) -> &str {
        &self.path
    }

    fn read<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, BodyError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        match read(value) {
            Some(read) => Ok(Some(read)),
            None => Err(self.fault(key, value, expected)),
        }
    }
}

/// A member that is not what it should be.
pub(super) fn fault(path: &str, value: &Value, expected: &str) -> BodyError {
    let value = value.to_string();
    let mut shown: String = value.chars().take(SHOWN).collect();
    if shown.len() < value.len() {
        shown.push('…');
    }
    let what = if path.is_empty() {
        "the body".to_owned()
    } else {
        format!("`{path}`")
    };
    BodyError {
        param: (!path.is_empty()).then(|| path.to_owned()),
        message: format!("{what} is {shown}; expected {expected}"),
    }
}
