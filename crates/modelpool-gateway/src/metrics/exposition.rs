//! The text that Prometheus reads, version 0.0.4:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::Write as _;

/// What the text is, for the header `content-type`.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a metric measures.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Something that only grows.
    Counter,
    /// A value of the moment.
    Gauge,
    /// Quantiles, with a sum and a count.
    Summary,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Summary => "summary",
        }
    }
}

/// A text under construction. All samples of a metric follow its head.
#[derive(Debug, Default)]
pub(super) struct Exposition {
    text: String,
    metric: &'static str,
}

impl Exposition {
    /// Begins a metric. The help is one line without a backslash.
    pub(super) fn metric(&mut self, name: &'static str, kind: Kind, help: &'static str) {
        self.metric = name;
        self.push(format_args!(
            "# HELP {name} {help}\n# TYPE {name} {}\n",
            kind.word()
        ));
    }

    /// A sample of the metric that was begun last.
    pub(super) fn sample(&mut self, labels: &[(&'static str, &str)], value: f64) {
        self.part("", labels, value);
    }

    /// The same of a part of it, such as `_sum`.
    pub(super) fn part(&mut self, suffix: &'static str, labels: &[(&'static str, &str)], value: f64) {
        self.text.push_str(self.metric);
        self.text.push_str(suffix);
        for (place, (name, value)) in labels.iter().enumerate() {
            let before = if place == 0 { '{' } else { ',' };
            self.push(format_args!("{before}{name}=\""));
            self.escaped(value);
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        self.push(format_args!(" {value}\n"));
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn escaped(&mut self, value: &str) {
        for character in value.chars() {
            match character {
                '\\' => self.text.push_str("\\\\"),
                '"' => self.text.push_str("\\\""),
                '\n' => self.text.push_str("\\n"),
                _ => self.text.push(character),
            }
        }
    }

    fn push(&mut self, words: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.text.write_fmt(words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_samples_and_parts() {
        let mut text = Exposition::default();
        text.metric("up", Kind::Gauge, "Whether it is up.");
        text.sample(&[], 1.0);
        text.metric("wait_seconds", Kind::Summary, "How long it takes.");
        text.sample(&[("model", "a"), ("quantile", "0.5")], 0.25);
        text.part("_count", &[("model", "a")], 12_000_000_000.0);
        assert_eq!(
            text.into_text(),
            "# HELP up Whether it is up.\n\
             # TYPE up gauge\n\
             up 1\n\
             # HELP wait_seconds How long it takes.\n\
             # TYPE wait_seconds summary\n\
             wait_seconds{model=\"a\",quantile=\"0.5\"} 0.25\n\
             wait_seconds_count{model=\"a\"} 12000000000\n"
        );
    }

    #[test]
    fn values_of_labels_are_escaped() {
        let mut text = Exposition::default();
        text.metric("x", Kind::Counter, "X.");
        text.sample(&[("model", "a\"b\\c\nd图")], 0.0);
        assert!(text.into_text().ends_with("\nx{model=\"a\\\"b\\\\c\\nd图\"} 0\n"));
    }
}
