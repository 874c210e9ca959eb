//! Counts of the gateway's own answers.

use std::sync::atomic::{AtomicU64, Ordering};

use http::StatusCode;

/// Classes of statuses, in their order.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// What was asked of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A call of a model.
    Call,
    /// Anything else: lists, health, metrics, what is not there.
    Other,
}

impl Asked {
    const ALL: [Asked; 2] = [Asked::Call, Asked::Other];

    fn word(self) -> &'static str {
        match self {
            Asked::Call => "call",
            Asked::Other => "other",
        }
    }
}

/// How many requests the gateway answered, by what was asked and the class of the status.
#[derive(Debug, Default)]
pub(crate) struct Answered([[AtomicU64; CLASSES.len()]; 2]);

impl Answered {
    pub(crate) fn count(&self, asked: Asked, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        self.0[asked as usize][class].fetch_add(1, Ordering::Relaxed);
    }

    /// What was asked, class and count of those there were.
    pub(super) fn counts(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> + '_ {
        Asked::ALL.into_iter().flat_map(move |asked| {
            let counts = CLASSES.into_iter().zip(&self.0[asked as usize]);
            counts
                .map(move |(class, count)| (asked.word(), class, count.load(Ordering::Relaxed)))
                .filter(|(_, _, count)| *count > 0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_class() {
        let answered = Answered::default();
        for (asked, status) in [
            (Asked::Call, 200),
            (Asked::Call, 204),
            (Asked::Call, 503),
            (Asked::Other, 404),
            (Asked::Other, 999),
        ] {
            answered.count(asked, StatusCode::from_u16(status).unwrap());
        }
        let counts: Vec<_> = answered.counts().collect();
        assert_eq!(
            counts,
            [
                ("call", "2xx", 2),
                ("call", "5xx", 1),
                ("other", "4xx", 1),
                ("other", "5xx", 1)
            ]
        );
    }
}
