//! How the answer is drawn: `generationConfig`, <https://ai.google.dev/api/generate-content#GenerationConfig>.

use serde_json::{Map, Value, json};

use super::generation::Generation;
use super::schema;
use crate::neutral::{Conversation, Effort, OutputForm, Reasoning, Sampling, Untranslatable};

/// Most texts at which an answer stops, as the reference has it.
const MAX_STOP_SEQUENCES: usize = 5;

/// Most alternatives of a token.
const MAX_LOGPROBS: u32 = 20;

/// The members, and to `dropped` the names of hints that have no place.
pub(super) fn generation_config(
    conversation: &Conversation,
    generation: Generation,
    dropped: &mut Vec<String>,
) -> Result<Map<String, Value>, Untranslatable> {
    let mut config = sampling(&conversation.sampling, dropped)?;
    let mut put = |name: &str, value: Value| config.insert(name.to_owned(), value);
    if let Some(tokens) = conversation.max_output_tokens {
        put("maxOutputTokens", tokens.into());
    }
    if let Some(choices) = conversation.choices.filter(|choices| *choices != 1) {
        put("candidateCount", choices.into());
    }
    if let Some(alternatives) = conversation.logprobs {
        if alternatives > MAX_LOGPROBS {
            let reason = format!("asks for {alternatives}, and Gemini gives {MAX_LOGPROBS} at most");
            return Err(Untranslatable::new("top_logprobs", reason));
        }
        put("responseLogprobs", true.into());
        if alternatives > 0 {
            put("logprobs", alternatives.into());
        }
    }
    config.extend(output(conversation, generation)?);
    if let Some(reasoning) = &conversation.reasoning {
        match thinking(reasoning, generation) {
            Ok(Some(thinking)) => {
                config.insert("thinkingConfig".to_owned(), thinking);
            }
            Ok(None) => {}
            Err(name) => dropped.push(name.to_owned()),
        }
    }
    Ok(config)
}

fn sampling(sampling: &Sampling, dropped: &mut Vec<String>) -> Result<Map<String, Value>, Untranslatable> {
    let mut config = Map::new();
    for (name, value) in [
        ("temperature", sampling.temperature),
        ("topP", sampling.top_p),
        ("presencePenalty", sampling.presence_penalty),
        ("frequencyPenalty", sampling.frequency_penalty),
    ] {
        config.extend(value.map(|value| (name.to_owned(), json!(value))));
    }
    config.extend(sampling.top_k.map(|value| ("topK".to_owned(), value.into())));
    // The wire's seed has 32 bits.
    match sampling.seed.map(i32::try_from) {
        Some(Ok(seed)) => {
            config.insert("seed".to_owned(), seed.into());
        }
        Some(Err(_)) => dropped.push("seed".to_owned()),
        None => {}
    }
    if sampling.stop.len() > MAX_STOP_SEQUENCES {
        let reason = format!(
            "has {} texts, and Gemini takes {MAX_STOP_SEQUENCES} at most",
            sampling.stop.len()
        );
        return Err(Untranslatable::new("stop", reason));
    }
    if !sampling.stop.is_empty() {
        config.insert("stopSequences".to_owned(), json!(sampling.stop));
    }
    Ok(config)
}

/// The form of the answer. Its name and description have no place, and change nothing: JSON always follows the
/// schema on this wire.
fn output(conversation: &Conversation, generation: Generation) -> Result<Map<String, Value>, Untranslatable> {
    let mut config = Map::new();
    if conversation.output == OutputForm::Text {
        return Ok(config);
    }
    // https://ai.google.dev/gemini-api/docs/structured-output, on use with tools.
    if !conversation.tools.is_empty() && !generation.is_third() {
        return Err(Untranslatable::new(
            "response_format",
            "cannot stand beside tools on Gemini before version 3",
        ));
    }
    config.insert("responseMimeType".to_owned(), "application/json".into());
    if let OutputForm::Schema { schema, .. } = &conversation.output {
        let member = if schema::is_own_form(schema) {
            "responseSchema"
        } else {
            "responseJsonSchema"
        };
        config.insert(member.to_owned(), schema.clone());
    }
    Ok(config)
}

/// The member `thinkingConfig`; `Err` names the wish that the model has no place for. Steps become budgets as
/// Google's own OpenAI-compatible door has it (<https://ai.google.dev/gemini-api/docs/openai>), and budgets become
/// levels, which Google asks for from version 3 on (<https://ai.google.dev/gemini-api/docs/thinking>).
pub(super) fn thinking(reasoning: &Reasoning, generation: Generation) -> Result<Option<Value>, &'static str> {
    let mut config = Map::new();
    match generation {
        Generation::BeforeThinking if reasoning.as_budget_tokens().unwrap_or(0) > 0 => {
            return Err("reasoning_effort");
        }
        Generation::BeforeThinking => return Ok(None),
        Generation::Budget { pro } => {
            let stated = reasoning.budget_tokens;
            let tokens = stated.or_else(|| reasoning.effort.map(budget));
            // Pro cannot be told not to think.
            let (least, most) = if pro { (128, 32_768) } else { (0, 24_576) };
            let tokens = tokens.map(|tokens| tokens.clamp(least, most));
            config.extend(tokens.map(|tokens| ("thinkingBudget".to_owned(), tokens.into())));
        }
        Generation::Levels { pro } => {
            let level = reasoning.as_effort().map(|effort| level(effort, pro));
            config.extend(level.map(|level| ("thinkingLevel".to_owned(), level.into())));
        }
    }
    if let Some(visible) = reasoning.visible {
        config.insert("includeThoughts".to_owned(), visible.into());
    }
    Ok((!config.is_empty()).then(|| config.into()))
}

fn budget(effort: Effort) -> u64 {
    match effort {
        Effort::None => 0,
        Effort::Minimal | Effort::Low => 1_024,
        Effort::Medium => 8_192,
        Effort::High | Effort::ExtraHigh => 24_576,
    }
}

/// From version 3 on all models think; the least is what comes nearest to nothing.
fn level(effort: Effort, pro: bool) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal if !pro => "minimal",
        Effort::None | Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High | Effort::ExtraHigh => "high",
    }
}
