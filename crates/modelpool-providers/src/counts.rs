//! Counts of tokens that vendors of one wire mean differently.

/// Output tokens with the reasoning among them. OpenAI counts reasoning within the output; xAI counts it beside, as
/// its total shows, and bills it: <https://docs.x.ai/docs/key-information/consumption-and-rate-limits>.
pub(crate) fn output_with_reasoning(input: u64, output: u64, reasoning: u64, total: u64) -> u64 {
    let with_reasoning = output.saturating_add(reasoning);
    if reasoning > 0 && total == input.saturating_add(with_reasoning) {
        with_reasoning
    } else {
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_says_where_reasoning_is_counted() {
        for (input, output, reasoning, total, expected) in [
            // The example of xAI's guide to reasoning.
            (32, 9, 94, 135, 103),
            // OpenAI's: reasoning is within the output.
            (75, 1186, 1024, 1261, 1186),
            (10, 5, 0, 15, 5),
            // Without a total nothing is known.
            (10, 5, 7, 0, 5),
            (0, u64::MAX, 1, u64::MAX, u64::MAX),
        ] {
            assert_eq!(output_with_reasoning(input, output, reasoning, total), expected);
        }
    }
}
