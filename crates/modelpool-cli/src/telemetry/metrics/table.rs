//! What was counted, row by row: one for each operation of each model.
//!
//! The number of rows is bounded, whatever becomes of the pool while the program runs: beyond it all are counted in
//! one row per operation that is named `other`. So is what a row holds: a histogram for each code of an error, of
//! which there are some two dozen.

use std::collections::HashMap;
use std::sync::Arc;

use modelpool::Operation;

use super::super::names::{
    OPERATION_DURATION, Sized, TIME_PER_OUTPUT_TOKEN, TIME_TO_FIRST_TOKEN, TOKEN_USAGE,
};
use super::histogram::Histogram;

/// Most rows beside those that are named `other`: as many as OpenTelemetry's own programs have points of a metric.
pub(super) const MOST_ROWS: usize = 2000;

/// Most rows of one alias: it has more than one per operation where what stands behind it is replaced.
const MOST_ROWS_OF_ALIAS: usize = 2 * Operation::ALL.len();

/// The alias, provider and model of what there is no row for.
pub(super) const OTHER: &str = "other";

/// Whose row it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Model<'a> {
    pub(super) operation: Operation,
    /// Empty where no model was called.
    pub(super) alias: &'a str,
    pub(super) provider: &'a str,
    pub(super) model: &'a str,
}

/// What is counted one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    Request,
    /// With its purpose.
    Attempt(&'static str),
    Failover,
    Continuation,
}

/// Of one operation of one model.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) operation: Operation,
    pub(super) alias: Arc<str>,
    pub(super) provider: Arc<str>,
    pub(super) model: Arc<str>,
    pub(super) input_tokens: Histogram,
    pub(super) output_tokens: Histogram,
    pub(super) first_token: Histogram,
    pub(super) per_output_token: Histogram,
    /// By the code of the error; empty for those that went well.
    pub(super) durations: Vec<(&'static str, Histogram)>,
    /// By the word for what became of them.
    pub(super) counts: Vec<(Counted, &'static str, u64)>,
    pub(super) cost_usd: Option<f64>,
}

/// All rows.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Row>,
    by_alias: HashMap<Arc<str>, Vec<usize>>,
}

impl Row {
    fn new(model: &Model<'_>, alias: Arc<str>) -> Self {
        Self {
            operation: model.operation,
            alias,
            provider: model.provider.into(),
            model: model.model.into(),
            input_tokens: Histogram::default(),
            output_tokens: Histogram::default(),
            first_token: Histogram::default(),
            per_output_token: Histogram::default(),
            durations: Vec::new(),
            counts: Vec::new(),
            cost_usd: None,
        }
    }

    fn is_of(&self, model: &Model<'_>) -> bool {
        self.operation == model.operation && *self.model == *model.model && *self.provider == *model.provider
    }

    pub(super) fn took(&mut self, code: &'static str, seconds: f64) {
        let known = self.durations.iter().position(|(known, _)| *known == code);
        let place = known.unwrap_or_else(|| {
            self.durations.push((code, Histogram::default()));
            self.durations.len() - 1
        });
        self.durations[place].1.record(OPERATION_DURATION.bounds, seconds);
    }

    pub(super) fn used(&mut self, input_tokens: u64, output_tokens: u64) {
        self.input_tokens.record(TOKEN_USAGE.bounds, input_tokens as f64);
        // Vectors, pictures and recordings are no tokens unless they are counted as such.
        if output_tokens > 0 || self.operation.writes_text() {
            // Vectors are no tokens.
            if self.operation != Operation::Embeddings {
                self.output_tokens
                    .record(TOKEN_USAGE.bounds, output_tokens as f64);
            }
        }
    }

    pub(super) fn cost(&mut self, dollars: f64) {
        *self.cost_usd.get_or_insert(0.0) += dollars;
    }

    pub(super) fn began_after(&mut self, seconds: f64) {
        let Sized { bounds, .. } = TIME_TO_FIRST_TOKEN;
        self.first_token.record(bounds, seconds);
    }

    pub(super) fn went_on(&mut self, seconds_per_token: f64) {
        let Sized { bounds, .. } = TIME_PER_OUTPUT_TOKEN;
        self.per_output_token.record(bounds, seconds_per_token);
    }

    pub(super) fn count(&mut self, counted: Counted, outcome: &'static str) {
        let mut counts = self.counts.iter_mut();
        match counts.find(|(known, how, _)| (*known, *how) == (counted, outcome)) {
            Some((_, _, count)) => *count += 1,
            None => self.counts.push((counted, outcome, 1)),
        }
    }
}

impl Table {
    /// The row of a model, or the one for all there is no room for.
    pub(super) fn row(&mut self, model: &Model<'_>) -> &mut Row {
        let place = self.find(model).unwrap_or_else(|| self.make_room(model));
        &mut self.rows[place]
    }

    fn find(&self, model: &Model<'_>) -> Option<usize> {
        let places = self.by_alias.get(model.alias)?;
        places
            .iter()
            .copied()
            .find(|place| self.rows[*place].is_of(model))
    }

    fn make_room(&mut self, model: &Model<'_>) -> usize {
        let of_alias = self.by_alias.get(model.alias).map_or(0, Vec::len);
        if self.rows.len() < MOST_ROWS && of_alias < MOST_ROWS_OF_ALIAS {
            return self.add(model);
        }
        let other = Model {
            operation: model.operation,
            alias: OTHER,
            provider: OTHER,
            model: OTHER,
        };
        self.find(&other).unwrap_or_else(|| self.add(&other))
    }

    fn add(&mut self, model: &Model<'_>) -> usize {
        let alias: Arc<str> = model.alias.into();
        self.rows.push(Row::new(model, Arc::clone(&alias)));
        let place = self.rows.len() - 1;
        self.by_alias.entry(alias).or_default().push(place);
        place
    }

    /// A copy of so many rows, from the one of that number on.
    pub(super) fn copy(&self, from: usize, most: usize) -> Vec<Row> {
        self.rows.iter().skip(from).take(most).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model<'a>(alias: &'a str, model: &'a str) -> Model<'a> {
        Model {
            operation: Operation::Chat,
            alias,
            provider: "p",
            model,
        }
    }

    #[test]
    fn the_same_model_has_the_same_row_and_another_behind_its_alias_a_new_one() {
        let mut table = Table::default();
        for (alias, name) in [("a", "m"), ("a", "m"), ("b", "m"), ("a", "n")] {
            table.row(&model(alias, name)).count(Counted::Request, "success");
        }
        table.row(&Model {
            operation: Operation::Embeddings,
            ..model("a", "m")
        });
        table.row(&Model {
            provider: "q",
            ..model("a", "m")
        });
        let rows = table.copy(0, 10);
        let counts: Vec<usize> = rows.iter().map(|row| row.counts.len()).collect();
        assert_eq!(counts, [1, 1, 1, 0, 0]);
        assert_eq!(rows[0].counts, [(Counted::Request, "success", 2)]);
        assert_eq!(table.copy(3, 1).len(), 1);
        assert!(table.copy(5, 10).is_empty());
    }

    #[test]
    fn rows_are_bounded_and_nothing_is_lost() {
        let mut table = Table::default();
        for number in 0..MOST_ROWS + 500 {
            let alias = format!("alias-{number}");
            table.row(&model(&alias, "m")).count(Counted::Request, "success");
        }
        let rows = table.copy(0, usize::MAX);
        assert_eq!(rows.len(), MOST_ROWS + 1);
        let other = rows.last().unwrap();
        assert_eq!(
            (&*other.alias, &*other.provider, &*other.model),
            (OTHER, OTHER, OTHER)
        );
        assert_eq!(other.counts, [(Counted::Request, "success", 500)]);
    }

    #[test]
    fn one_alias_does_not_take_all_the_rows() {
        let mut table = Table::default();
        for number in 0..100 {
            table.row(&model("a", &number.to_string())).cost(1.0);
        }
        let rows = table.copy(0, usize::MAX);
        assert_eq!(rows.len(), MOST_ROWS_OF_ALIAS + 1);
        let all: f64 = rows.iter().filter_map(|row| row.cost_usd).sum();
        assert!((all - 100.0).abs() < 1e-9);
    }
}
