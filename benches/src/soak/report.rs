//! What a load found: a short table, some lines of which are judged.

use std::fmt;

/// The outcome of a load.
#[derive(Debug, Clone)]
pub struct Report {
    title: String,
    lines: Vec<Line>,
    /// What went wrong, one line each.
    details: Vec<String>,
}

#[derive(Debug, Clone)]
struct Line {
    name: String,
    value: String,
    /// What it should be, and whether it is.
    judged: Option<(String, bool)>,
}

impl Report {
    pub(super) fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            lines: Vec::new(),
            details: Vec::new(),
        }
    }

    /// A figure.
    pub(super) fn figure(&mut self, name: impl Into<String>, value: impl ToString) {
        self.lines.push(Line {
            name: name.into(),
            value: value.to_string(),
            judged: None,
        });
    }

    /// A figure that has to be `wanted`, and is or is not.
    pub(super) fn check(
        &mut self,
        name: impl Into<String>,
        value: impl ToString,
        wanted: impl Into<String>,
        holds: bool,
    ) {
        self.lines.push(Line {
            name: name.into(),
            value: value.to_string(),
            judged: Some((wanted.into(), holds)),
        });
    }

    pub(super) fn details(&mut self, details: impl IntoIterator<Item = String>) {
        self.details.extend(details);
    }

    /// Whether everything that is judged holds.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.lines
            .iter()
            .all(|line| line.judged.as_ref().is_none_or(|(_, holds)| *holds))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self
            .lines
            .iter()
            .map(|line| line.name.chars().count())
            .max()
            .unwrap_or(0);
        let value = self
            .lines
            .iter()
            .map(|line| line.value.chars().count())
            .max()
            .unwrap_or(0);
        writeln!(f, "{}\n", self.title)?;
        for line in &self.lines {
            let rest = match &line.judged {
                None => String::new(),
                Some((wanted, true)) => format!("  ok      {wanted}"),
                Some((wanted, false)) => format!("  BROKEN  {wanted}"),
            };
            writeln!(f, "{:<name$}  {:>value$}{rest}", line.name, line.value)?;
        }
        for detail in &self.details {
            write!(f, "\n- {detail}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_broken_line_breaks_the_report() {
        let mut report = Report::new("a load");
        report.figure("requests", 10);
        report.check("wrong answers", 0, "none", true);
        assert!(report.passes());
        assert_eq!(
            report.to_string(),
            "a load\n\nrequests       10\nwrong answers   0  ok      none\n"
        );
        report.check("hangs", 1, "none", false);
        report.details(["request 3".to_owned()]);
        assert!(!report.passes());
        assert!(
            report
                .to_string()
                .ends_with("hangs           1  BROKEN  none\n\n- request 3")
        );
    }
}
