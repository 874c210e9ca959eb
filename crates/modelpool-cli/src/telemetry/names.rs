//! Names that more than one program agrees on, as constants of ours: the conventions for generative AI are still
//! moving, and a name that changes there changes here when we choose to.
//!
//! From <https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/> and
//! <https://github.com/open-telemetry/semantic-conventions-genai>, read 2026-11-27. What they have no word for begins
//! with `modelpool.`.

use modelpool::Operation;

pub(super) const OPERATION: &str = "gen_ai.operation.name";
pub(super) const PROVIDER: &str = "gen_ai.provider.name";
pub(super) const REQUEST_MODEL: &str = "gen_ai.request.model";
pub(super) const RESPONSE_MODEL: &str = "gen_ai.response.model";
pub(super) const TOKEN_TYPE: &str = "gen_ai.token.type";
pub(super) const ERROR_TYPE: &str = "error.type";
pub(super) const ALIAS: &str = "modelpool.alias";
pub(super) const OUTCOME: &str = "modelpool.outcome";
pub(super) const PURPOSE: &str = "modelpool.purpose";

/// A metric: its name, its unit (of UCUM), and what it says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) about: &'static str,
}

/// A metric of which the values are counted by size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sized {
    pub(super) metric: Metric,
    /// The upper bounds of all buckets but the last, each a part of its bucket.
    pub(super) bounds: &'static [f64],
}

pub(super) const TOKEN_USAGE: Sized = Sized {
    metric: Metric {
        name: "gen_ai.client.token.usage",
        unit: "{token}",
        about: "Input and output tokens of a call to a model, as its vendor counts them.",
    },
    bounds: &[
        1.0,
        4.0,
        16.0,
        64.0,
        256.0,
        1024.0,
        4096.0,
        16_384.0,
        65_536.0,
        262_144.0,
        1_048_576.0,
        4_194_304.0,
        16_777_216.0,
        67_108_864.0,
    ],
};

pub(super) const OPERATION_DURATION: Sized = Sized {
    metric: Metric {
        name: "gen_ai.client.operation.duration",
        unit: "s",
        about: "How long a call to a model took.",
    },
    bounds: &[
        0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
    ],
};

pub(super) const TIME_TO_FIRST_TOKEN: Sized = Sized {
    metric: Metric {
        name: "gen_ai.server.time_to_first_token",
        unit: "s",
        about: "When the first output of a streamed answer came, failed calls before it included.",
    },
    bounds: &[
        0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    ],
};

pub(super) const TIME_PER_OUTPUT_TOKEN: Sized = Sized {
    metric: Metric {
        name: "gen_ai.server.time_per_output_token",
        unit: "s",
        about: "Time per output token after the first of a streamed answer.",
    },
    bounds: &[
        0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5,
    ],
};

/// The most buckets a metric has.
pub(super) const MOST_BUCKETS: usize = TIME_TO_FIRST_TOKEN.bounds.len() + 1;

pub(super) const REQUESTS: Metric = Metric {
    name: "modelpool.requests",
    unit: "{request}",
    about: "Requests that ended, by outcome, at the model called last.",
};

pub(super) const ATTEMPTS: Metric = Metric {
    name: "modelpool.attempts",
    unit: "{call}",
    about: "Calls to a model that ended, by purpose and outcome.",
};

pub(super) const FAILOVERS: Metric = Metric {
    name: "modelpool.failovers",
    unit: "{failover}",
    about: "Calls that failed and after which another model was called, by what failed.",
};

pub(super) const CONTINUATIONS: Metric = Metric {
    name: "modelpool.continuations",
    unit: "{call}",
    about: "Calls that went on with an answer whose stream was lost, by outcome.",
};

pub(super) const COST: Metric = Metric {
    name: "modelpool.cost_usd",
    unit: "{USD}",
    about: "What calls to a model cost in US dollars, as far as it is known.",
};

pub(super) const SPANS_LEFT_OUT: Metric = Metric {
    name: "modelpool.spans.left_out",
    unit: "{request}",
    about: "Requests whose spans were not sent: more ended than the collector took, or it refused them.",
};

/// The conventions' name of an operation.
pub(super) fn operation(operation: Operation) -> &'static str {
    match operation {
        Operation::Chat => "chat",
        Operation::Embeddings => "embeddings",
        Operation::Completions => "text_completion",
        Operation::Images => "generate_content",
        // The conventions have no names for the others.
        other => other.name(),
    }
}

/// The conventions' name of a provider, where it is another than ours.
pub(super) fn provider(ours: &str) -> &str {
    match ours {
        "azure" => "azure.ai.openai",
        "bedrock" => "aws.bedrock",
        "gemini" => "gcp.gemini",
        "mistral" => "mistral_ai",
        "moonshot" => "moonshot_ai",
        "openai_responses" => "openai",
        "vertex" => "gcp.vertex_ai",
        "xai" => "x_ai",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_rise_and_there_is_room_for_their_buckets() {
        for sized in [
            TOKEN_USAGE,
            OPERATION_DURATION,
            TIME_TO_FIRST_TOKEN,
            TIME_PER_OUTPUT_TOKEN,
        ] {
            assert!(sized.bounds.is_sorted_by(|a, b| a < b), "{sized:?}");
            assert!(sized.bounds.len() < MOST_BUCKETS, "{sized:?}");
        }
    }

    #[test]
    fn every_provider_that_the_conventions_name_otherwise_is_one_of_ours() {
        for ours in [
            "azure",
            "bedrock",
            "gemini",
            "mistral",
            "moonshot",
            "openai_responses",
            "vertex",
            "xai",
        ] {
            assert_ne!(provider(ours), ours);
            assert!(
                modelpool::vendors().iter().any(|vendor| vendor.name == ours),
                "{ours}"
            );
        }
        assert_eq!(provider("groq"), "groq");
    }
}
