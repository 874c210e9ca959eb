//! How many tokens the context of a turn may have.
//!
//! ```text
//! ├── fixed: instructions, tools, message, margin ──┼── context ──┼── output ──┤  = window
//! ```
//!
//! All of it is arithmetic over numbers that are passed in: who is expected to answer, and which others could, the
//! controller knows.

use super::TokenDemand;

/// What a model takes and gives, in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Capacity {
    /// Its context window: input and output together.
    pub window: u64,
    /// The most it writes.
    pub max_output: u64,
}

/// What a turn needs besides its context.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Needs {
    /// Tokens of what cannot be left out ([`super::tokens::Counter::fixed`]).
    pub fixed: u64,
    /// Output tokens that are wanted; without a wish a quarter of the window, or as much as the model writes.
    pub output: Option<u64>,
    /// The share by which counts may be too low ([`super::tokens::Counter::margin`]).
    pub margin: f64,
}

/// What the context may have where a model of that capacity answers.
///
/// Where the fixed part leaves too little, the margin gives way first, then an output nobody asked for; the output that is asked for does
/// not.
///
/// ```
/// use modelpool_agent::context::demand::{Capacity, Needs, demand};
///
/// let capacity = Capacity { window: 8_192, max_output: 4_096 };
/// let demand = demand(capacity, Needs { fixed: 500, output: Some(1_000), margin: 0.0 });
/// assert_eq!(demand.for_context(), 8_192 - 500 - 1_000);
/// ```
#[must_use]
pub fn demand(capacity: Capacity, needs: Needs) -> TokenDemand {
    let Capacity { window, max_output } = capacity;
    let output = match needs.output {
        Some(wanted) => wanted.min(max_output),
        None => {
            let room = window.saturating_sub(needs.fixed);
            // At least a token of answer, or nothing could be asked at all.
            (window / 4).min(max_output).min(room).max(1)
        }
    };
    let room = window.saturating_sub(output).saturating_sub(needs.fixed);
    let share = if needs.margin.is_finite() {
        needs.margin.clamp(0.0, 1.0)
    } else {
        0.0
    };
    let margin = (window.saturating_sub(output) as f64 * share).ceil() as u64;
    TokenDemand {
        window,
        output,
        fixed: needs.fixed.saturating_add(margin.min(room)),
    }
}

/// What a context of that many tokens may have, where one of several models answers: all of it with the expected model, or
/// else with the smallest of the others that takes it all; where none does, as much as the largest takes.
#[must_use]
pub fn demand_among(
    expected: Capacity,
    others: &[Capacity],
    needs: Needs,
    context_tokens: u64,
) -> TokenDemand {
    let first = demand(expected, needs);
    if first.for_context() >= context_tokens {
        return first;
    }
    let all = || {
        others
            .iter()
            .map(|capacity| demand(*capacity, needs))
            .chain([first])
    };
    let taking_all = all().filter(|demand| demand.for_context() >= context_tokens);
    let smallest = taking_all.min_by_key(|demand| (demand.window, demand.output));
    smallest
        .or_else(|| all().max_by_key(TokenDemand::for_context))
        .unwrap_or(first)
}

/// What the context may have after a model refused it as too long: less than before in any case. `window` is what the
/// error said of the model's real window. Nothing where there was no context left to leave out.
///
/// Where the error tells a smaller window, that holds. Otherwise the tokens were counted too low, and the context gives up
/// a quarter of its room each time.
#[must_use]
pub fn tighten(demand: TokenDemand, window: Option<u64>) -> Option<TokenDemand> {
    let before = demand.for_context();
    if before == 0 {
        return None;
    }
    let mut tighter = demand;
    if let Some(window) = window.filter(|window| (1..demand.window).contains(window)) {
        tighter.window = window;
        if demand.fixed.saturating_add(demand.output) >= window {
            tighter.output = demand.output.min((window / 4).max(1));
        }
    }
    let most = before - before.div_ceil(4);
    let excess = tighter.for_context().saturating_sub(most);
    // A window that the error told is right, so only its own share has to go; otherwise the counts are wrong.
    if tighter.window == demand.window || tighter.for_context() >= before {
        tighter.fixed = tighter.fixed.saturating_add(excess);
    }
    Some(tighter)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn needs(fixed: u64, output: Option<u64>) -> Needs {
        Needs {
            fixed,
            output,
            margin: 0.0,
        }
    }

    const SMALL: Capacity = Capacity {
        window: 4_000,
        max_output: 4_000,
    };
    const MIDDLE: Capacity = Capacity {
        window: 32_000,
        max_output: 4_000,
    };
    const LARGE: Capacity = Capacity {
        window: 200_000,
        max_output: 8_000,
    };

    #[test]
    fn output_is_what_is_wanted_and_possible() {
        assert_eq!(demand(SMALL, needs(100, None)).output, 1_000);
        assert_eq!(demand(LARGE, needs(100, None)).output, 8_000);
        assert_eq!(demand(LARGE, needs(100, Some(20_000))).output, 8_000);
        assert_eq!(demand(SMALL, needs(3_500, None)).output, 500);
        assert_eq!(demand(SMALL, needs(3_500, Some(1_000))).for_context(), 0);
    }

    #[test]
    fn the_margin_is_kept_free_as_far_as_there_is_room() {
        let with = |fixed, margin| {
            let needs = Needs {
                fixed,
                output: Some(1_000),
                margin,
            };
            demand(SMALL, needs)
        };
        assert_eq!(with(500, 0.1).for_context(), 3_000 - 500 - 300);
        let full = with(2_900, 0.1);
        assert_eq!((full.for_context(), full.fixed), (0, 3_000));
        assert_eq!(with(500, f64::NAN).for_context(), 2_500);
    }

    #[test]
    fn a_larger_model_is_taken_where_the_context_needs_it() {
        let among = |tokens| demand_among(SMALL, &[LARGE, MIDDLE], needs(500, Some(1_000)), tokens).window;
        assert_eq!(
            [2_500, 2_501, 30_500, 30_501, 900_000].map(among),
            [4_000, 32_000, 32_000, 200_000, 200_000]
        );
        assert_eq!(demand_among(SMALL, &[], needs(500, None), 900_000).window, 4_000);
    }

    #[test]
    fn a_told_window_holds() {
        let before = TokenDemand {
            window: 32_000,
            output: 1_000,
            fixed: 500,
        };
        let after = tighten(before, Some(8_192)).expect("there is context");
        assert_eq!((after.window, after.for_context()), (8_192, 6_692));
        let tiny = tighten(before, Some(1_400)).expect("there is context");
        assert_eq!((tiny.output, tiny.for_context()), (350, 550));
    }

    #[test]
    fn without_a_window_a_quarter_goes() {
        let before = TokenDemand {
            window: 4_000,
            output: 1_000,
            fixed: 1_000,
        };
        for told in [None, Some(0), Some(4_000), Some(128_000)] {
            assert_eq!(
                tighten(before, told).map(|demand| demand.for_context()),
                Some(1_500),
                "{told:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn tightening_ends(window in 0_u64..300_000, output in 0_u64..300_000, fixed in 0_u64..300_000, told in proptest::option::of(0_u64..300_000)) {
            let mut demand = TokenDemand { window, output, fixed };
            let mut times = 0;
            while let Some(tighter) = tighten(demand, told) {
                prop_assert!(tighter.for_context() < demand.for_context());
                prop_assert!(tighter.window <= demand.window && tighter.output <= demand.output);
                demand = tighter;
                times += 1;
                prop_assert!(times < 64);
            }
        }

        #[test]
        fn parts_are_the_window(window in 1_u64..300_000, max_output in 1_u64..300_000, fixed in 0_u64..400_000, output in proptest::option::of(1_u64..300_000), margin in 0.0..1.0) {
            let demand = demand(Capacity { window, max_output }, Needs { fixed, output, margin });
            prop_assert!(demand.output <= max_output && demand.fixed >= fixed);
            if fixed < window && output.is_none() {
                prop_assert_eq!(demand.output + demand.fixed + demand.for_context(), window);
            }
        }
    }
}
