//! The body of a request.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::family::{Claude, Family};
use super::messages::{self, Messages, Turn, bad_name, is_word};
use crate::neutral::{Conversation, Effort, OutputForm, Tool, ToolChoice, Untranslatable, Written};

/// Least budget that Claude thinks within.
const LEAST_BUDGET: u64 = 1_024;

/// Writes a conversation for a model of Bedrock's.
pub(super) fn write(conversation: &Conversation, model: &str) -> Result<Written, Untranslatable> {
    refuse(conversation)?;
    let family = Family::of(model);
    let messages = messages::write(conversation, family)?;
    let mut body = Body {
        conversation,
        family,
        thinks: false,
        fields: Map::new(),
        dropped: conversation.hints.keys().cloned().collect(),
    };
    body.dropped.extend(messages.dropped.iter().cloned());
    body.think(&messages.turns);
    let inference = body.inference();
    body.sampling_of_some();
    body.one_call_at_a_time(model)?;
    let tools = tool_config(conversation, &messages.turns)?;
    Ok(body.assemble(messages, inference, tools))
}

/// What carries meaning and has no place in any request to Bedrock.
fn refuse(conversation: &Conversation) -> Result<(), Untranslatable> {
    if let Some(field) = conversation.untranslatable.first() {
        return Err(Untranslatable::new(field, "is not known to Amazon Bedrock"));
    }
    if conversation.choices.is_some_and(|choices| choices > 1) {
        return Err(Untranslatable::new(
            "n",
            "is more than the one answer that Amazon Bedrock gives",
        ));
    }
    if conversation.logprobs.is_some() {
        return Err(Untranslatable::new("logprobs", "are not given by Amazon Bedrock"));
    }
    if conversation.output == OutputForm::Json {
        let reason = "of any JSON is not known to Amazon Bedrock, which wants a schema";
        return Err(Untranslatable::new("response_format", reason));
    }
    Ok(())
}

struct Body<'a> {
    conversation: &'a Conversation,
    family: Family,
    thinks: bool,
    /// `additionalModelRequestFields`.
    fields: Map<String, Value>,
    dropped: Vec<String>,
}

impl Body<'_> {
    /// Claude takes its own word for it beside Converse's members, but not beside a choice among them: a request with
    /// both is refused.
    fn one_call_at_a_time(&mut self, model: &str) -> Result<(), Untranslatable> {
        let is_free = matches!(self.conversation.tool_choice, None | Some(ToolChoice::Auto));
        let forbidden =
            self.conversation.parallel_tools == Some(false) && !self.conversation.tools.is_empty();
        if is_free && forbidden && Family::takes_claudes_choice(model) {
            let choice = json!({"type": "auto", "disable_parallel_tool_use": true});
            self.fields.insert("tool_choice".to_owned(), choice);
            return Ok(());
        }
        self.conversation
            .one_call_at_a_time("Amazon Bedrock", &mut self.dropped)
    }

    fn drop(&mut self, name: &str) {
        self.dropped.push(name.to_owned());
    }

    /// How much to reason: <https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html>
    /// and <https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-adaptive-thinking.html>
    /// (both read 2026-11-27).
    fn think(&mut self, turns: &[Turn]) {
        let Some(reasoning) = &self.conversation.reasoning else {
            return;
        };
        // Not to reason is what all of them do unless told otherwise, or cannot be told at all.
        let asked = reasoning.as_effort().filter(|effort| *effort != Effort::None);
        let Some(effort) = asked else { return };
        let budget = reasoning.as_budget_tokens().unwrap_or_default();
        let forced = matches!(
            self.conversation.tool_choice,
            Some(ToolChoice::Required | ToolChoice::Named(_))
        );
        let prefill = turns.last().is_some_and(|turn| !turn.is_user);
        let thinking = match self.family {
            _ if forced || prefill => None,
            Family::Claude(Claude::Budget) if !goes_on_unthought(turns) => {
                budget_within(budget, self.conversation.max_output_tokens)
                    .map(|budget| json!({"type": "enabled", "budget_tokens": budget}))
            }
            Family::Claude(Claude::Adaptive | Claude::Fixed) => {
                let effort = json!({ "effort": effort_word(effort) });
                self.fields.insert("output_config".to_owned(), effort);
                Some(json!({"type": "adaptive"}))
            }
            _ => None,
        };
        match thinking {
            Some(thinking) => {
                self.thinks = true;
                self.fields.insert("thinking".to_owned(), thinking);
            }
            None => self.drop("reasoning"),
        }
    }

    /// `inferenceConfig`: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InferenceConfiguration.html>.
    fn inference(&mut self) -> Map<String, Value> {
        let sampling = &self.conversation.sampling;
        let mut config = Map::new();
        if let Some(tokens) = self.conversation.max_output_tokens {
            config.insert("maxTokens".to_owned(), tokens.into());
        }
        if let Some(temperature) = sampling.temperature {
            if self.refuses_sampling() {
                self.drop("temperature");
            } else {
                config.insert("temperature".to_owned(), temperature.into());
            }
        }
        if let Some(top_p) = sampling.top_p {
            if self.refuses_sampling() || self.takes_only_one(config.contains_key("temperature")) {
                self.drop("top_p");
            } else {
                config.insert("topP".to_owned(), top_p.into());
            }
        }
        if !sampling.stop.is_empty() {
            config.insert("stopSequences".to_owned(), json!(sampling.stop));
        }
        config
    }

    /// While it thinks, Claude samples as it does; after 4.6 always.
    fn refuses_sampling(&self) -> bool {
        self.thinks || self.family == Family::Claude(Claude::Fixed)
    }

    /// From 4 on, Claude refuses a temperature and `top_p` together.
    fn takes_only_one(&self, has_temperature: bool) -> bool {
        let newer = matches!(
            self.family,
            Family::Claude(Claude::Budget | Claude::Adaptive | Claude::Fixed)
        );
        newer && has_temperature
    }

    /// Sampling that only some families know, or none.
    fn sampling_of_some(&mut self) {
        let sampling = &self.conversation.sampling;
        if let Some(top_k) = sampling.top_k {
            match self.family {
                Family::Claude(_) if !self.refuses_sampling() => {
                    self.fields.insert("top_k".to_owned(), top_k.into());
                }
                // <https://docs.aws.amazon.com/nova/latest/userguide/using-converse-api.html>
                Family::Nova => {
                    let config = json!({ "topK": top_k });
                    self.fields.insert("inferenceConfig".to_owned(), config);
                }
                _ => self.drop("top_k"),
            }
        }
        for (name, given) in [
            ("frequency_penalty", sampling.frequency_penalty.is_some()),
            ("presence_penalty", sampling.presence_penalty.is_some()),
            ("seed", sampling.seed.is_some()),
        ] {
            if given {
                self.drop(name);
            }
        }
    }

    fn assemble(self, messages: Messages, inference: Map<String, Value>, tools: Option<Value>) -> Written {
        let turns = messages.turns.into_iter().map(|turn| {
            let role = if turn.is_user { "user" } else { "assistant" };
            json!({"role": role, "content": turn.blocks})
        });
        let mut body = Map::new();
        body.insert("messages".to_owned(), turns.collect());
        if !messages.system.is_empty() {
            body.insert("system".to_owned(), messages.system.into());
        }
        if !inference.is_empty() {
            body.insert("inferenceConfig".to_owned(), inference.into());
        }
        if let Some(tools) = tools {
            body.insert("toolConfig".to_owned(), tools);
        }
        if let Some(output) = output_config(&self.conversation.output) {
            body.insert("outputConfig".to_owned(), output);
        }
        if !self.fields.is_empty() {
            body.insert("additionalModelRequestFields".to_owned(), self.fields.into());
        }
        if matches!(self.family, Family::Claude(_)) && !self.conversation.sampling.stop.is_empty() {
            // Converse itself only says that one of them was met.
            let paths = json!(["/stop_sequence"]);
            body.insert("additionalModelResponseFieldPaths".to_owned(), paths);
        }
        Written {
            body: Bytes::from(Value::Object(body).to_string()),
            dropped: self.dropped,
        }
    }
}

/// A turn goes on after tools were called, and the calls have no thinking of Claude's before them: it would refuse
/// to think on.
fn goes_on_unthought(turns: &[Turn]) -> bool {
    let [.., called, results] = turns else {
        return false;
    };
    let goes_on = results
        .blocks
        .iter()
        .any(|block| block.get("toolResult").is_some());
    let thought = called
        .blocks
        .first()
        .is_some_and(|block| block.get("reasoningContent").is_some());
    goes_on && !thought
}

/// A budget that leaves room for an answer, where one can be.
fn budget_within(budget: u64, most_tokens: Option<u64>) -> Option<u64> {
    let budget = budget.max(LEAST_BUDGET);
    match most_tokens {
        Some(most) if budget >= most => Some(most / 2).filter(|half| *half >= LEAST_BUDGET),
        _ => Some(budget),
    }
}

/// Claude's steps; it has one above `high` that all who think by effort know.
fn effort_word(effort: Effort) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::ExtraHigh => "max",
    }
}

/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolConfiguration.html>. Bedrock knows no
/// choice of none, and wants tools declared where messages speak of some.
fn tool_config(conversation: &Conversation, turns: &[Turn]) -> Result<Option<Value>, Untranslatable> {
    let speaks_of_tools = turns
        .iter()
        .flat_map(|turn| &turn.blocks)
        .any(|block| block.get("toolUse").is_some() || block.get("toolResult").is_some());
    let none = conversation.tool_choice == Some(ToolChoice::None);
    if conversation.tools.is_empty() || none {
        return match (speaks_of_tools, none) {
            (false, _) => Ok(None),
            (true, true) => {
                let reason = "cannot be `none` on Amazon Bedrock where messages hold calls of tools";
                Err(Untranslatable::new("tool_choice", reason))
            }
            (true, false) => {
                let reason =
                    "are missing, and Amazon Bedrock wants them declared where messages hold calls of tools";
                Err(Untranslatable::new("tools", reason))
            }
        };
    }
    let tools: Result<Vec<Value>, Untranslatable> = conversation
        .tools
        .iter()
        .enumerate()
        .map(|(at, tool)| tool_spec(tool, at))
        .collect();
    let mut config = json!({ "tools": tools? });
    match &conversation.tool_choice {
        Some(ToolChoice::Required) => config["toolChoice"] = json!({"any": {}}),
        Some(ToolChoice::Named(name)) => config["toolChoice"] = json!({"tool": {"name": name}}),
        // Models that know no choice refuse the member, and all choose by themselves.
        Some(ToolChoice::Auto | ToolChoice::None) | None => {}
    }
    Ok(Some(config))
}

/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolSpecification.html> (read 2026-11-27).
fn tool_spec(tool: &Tool, at: usize) -> Result<Value, Untranslatable> {
    if !is_word(&tool.name) {
        return Err(bad_name(&format!("tools[{at}]"), &tool.name));
    }
    let mut spec = json!({ "name": tool.name });
    if let Some(description) = tool.description.as_ref().filter(|text| !text.is_empty()) {
        spec["description"] = json!(description);
    }
    let nothing = || json!({"type": "object", "properties": {}});
    spec["inputSchema"] = json!({"json": tool.parameters.clone().unwrap_or_else(nothing)});
    if tool.strict == Some(true) {
        spec["strict"] = true.into();
    }
    Ok(json!({ "toolSpec": spec }))
}

/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_OutputFormat.html> and
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_JsonSchemaDefinition.html> (both read
/// 2026-11-27): the schema is a text, and always binding.
fn output_config(output: &OutputForm) -> Option<Value> {
    let OutputForm::Schema {
        name,
        description,
        schema,
        ..
    } = output
    else {
        return None;
    };
    let mut definition = json!({ "schema": schema.to_string() });
    if let Some(name) = name {
        definition["name"] = json!(name);
    }
    if let Some(description) = description {
        definition["description"] = json!(description);
    }
    Some(json!({"textFormat": {"type": "json_schema", "structure": {"jsonSchema": definition}}}))
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
