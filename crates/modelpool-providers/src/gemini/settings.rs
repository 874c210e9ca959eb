//! What a caller's body says beside its messages: how to draw the answer, tools, and the choice among them.

use serde_json::Value;

use super::conversation::fault;
use super::names::{camel, count, member, number, text};
use super::schema::from_own_form;
use crate::neutral::{Conversation, Effort, OutputForm, Reasoning, Tool, ToolChoice};
use crate::openai_chat::read::BodyError;

/// Reads `generationConfig`.
pub(super) fn generation_config(config: &Value, conversation: &mut Conversation) -> Result<(), BodyError> {
    let members = config
        .as_object()
        .ok_or_else(|| fault("generationConfig", config, "an object"))?;
    let mut output = Output::default();
    let mut wants_logprobs = false;
    let mut alternatives = 0;
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        let name = camel(name);
        let field = format!("generationConfig.{name}");
        if sampling(&name, value, &field, conversation)? {
            continue;
        }
        match name.as_ref() {
            "maxOutputTokens" => conversation.max_output_tokens = Some(whole(value, field)?),
            "candidateCount" => conversation.choices = Some(small(value, field)?),
            "responseLogprobs" => {
                wants_logprobs = value
                    .as_bool()
                    .ok_or_else(|| fault(field, value, "true or false"))?;
            }
            "logprobs" => alternatives = small(value, field)?,
            "responseMimeType" => output.media_type = Some(words(value, &field)?),
            "responseSchema" => output.schema = Some(from_own_form(value)),
            "responseJsonSchema" | "_responseJsonSchema" => output.schema = Some(value.clone()),
            "thinkingConfig" => conversation.reasoning = reasoning(value)?,
            "responseModalities" => {
                let modalities = value.as_array().map_or(&[][..], Vec::as_slice);
                let text = |modality: &Value| {
                    modality
                        .as_str()
                        .is_some_and(|word| word.eq_ignore_ascii_case("text"))
                };
                if !modalities.iter().all(text) {
                    conversation.untranslatable.push(field);
                }
            }
            "speechConfig" | "imageConfig" => conversation.untranslatable.push(field),
            _ => {
                conversation.hints.insert(field, value.clone());
            }
        }
    }
    conversation.logprobs = wants_logprobs.then_some(alternatives);
    output.settle(conversation);
    Ok(())
}

/// Whether the member is one of those, and then it is read.
fn sampling(
    name: &str,
    value: &Value,
    field: &str,
    conversation: &mut Conversation,
) -> Result<bool, BodyError> {
    let sampling = &mut conversation.sampling;
    let fraction = || number(value).ok_or_else(|| fault(field, value, "a number"));
    match name {
        "temperature" => sampling.temperature = Some(fraction()?),
        "topP" => sampling.top_p = Some(fraction()?),
        "presencePenalty" => sampling.presence_penalty = Some(fraction()?),
        "frequencyPenalty" => sampling.frequency_penalty = Some(fraction()?),
        // Clients write `40.0`.
        "topK" => sampling.top_k = Some(whole(value, field)?),
        "seed" => {
            let seed = value.as_i64().or_else(|| value.as_str()?.parse().ok());
            sampling.seed = Some(seed.ok_or_else(|| fault(field, value, "a whole number"))?);
        }
        "stopSequences" => {
            let texts = value
                .as_array()
                .ok_or_else(|| fault(field, value, "a list of texts"))?;
            sampling.stop = texts
                .iter()
                .map(|text| words(text, field))
                .collect::<Result<_, _>>()?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn whole(value: &Value, field: impl Into<String>) -> Result<u64, BodyError> {
    count(value).ok_or_else(|| fault(field, value, "a whole number of at least 0"))
}

fn small(value: &Value, field: impl Into<String>) -> Result<u32, BodyError> {
    let number = count(value).and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| fault(field, value, "a whole number of at least 0"))
}

fn words(value: &Value, field: &str) -> Result<String, BodyError> {
    let text = value.as_str().ok_or_else(|| fault(field, value, "a text"))?;
    Ok(text.to_owned())
}

/// What is said of the answer's form, in several members.
#[derive(Default)]
struct Output {
    media_type: Option<String>,
    schema: Option<Value>,
}

impl Output {
    fn settle(self, conversation: &mut Conversation) {
        match (self.media_type.as_deref(), self.schema) {
            (None | Some("application/json"), Some(schema)) => {
                conversation.output = OutputForm::Schema {
                    name: None,
                    description: None,
                    schema,
                    strict: None,
                };
            }
            (Some("application/json"), None) => conversation.output = OutputForm::Json,
            (None | Some("text/plain" | ""), None) => {}
            // `text/x.enum`, one of a list of words, among others.
            (Some(_), _) => conversation
                .untranslatable
                .push("generationConfig.responseMimeType".to_owned()),
        }
    }
}

fn reasoning(config: &Value) -> Result<Option<Reasoning>, BodyError> {
    let field = |name: &str| format!("generationConfig.thinkingConfig.{name}");
    let mut reasoning = Reasoning::default();
    if let Some(budget) = member(config, "thinkingBudget") {
        // -1 leaves it to the model.
        let left_open = number(budget).is_some_and(|budget| budget < 0.0);
        if !left_open {
            reasoning.budget_tokens = Some(whole(budget, field("thinkingBudget"))?);
        }
    }
    if let Some(level) = member(config, "thinkingLevel") {
        let word = words(level, &field("thinkingLevel"))?.to_ascii_lowercase();
        if word != "thinking_level_unspecified" {
            let expected = "`MINIMAL`, `LOW`, `MEDIUM` or `HIGH`";
            let effort = Effort::from_word(&word);
            reasoning.effort = Some(effort.ok_or_else(|| fault(field("thinkingLevel"), level, expected))?);
        }
    }
    reasoning.visible = member(config, "includeThoughts").and_then(Value::as_bool);
    Ok((reasoning != Reasoning::default()).then_some(reasoning))
}

/// Reads `tools`. Tools that Google runs have no form elsewhere.
pub(super) fn tools(tools: &Value, conversation: &mut Conversation) -> Result<(), BodyError> {
    let list = match tools {
        Value::Array(list) => list.as_slice(),
        one @ Value::Object(_) => std::slice::from_ref(one),
        other => return Err(fault("tools", other, "a list of tools")),
    };
    for (at, tool) in list.iter().enumerate() {
        let members = tool
            .as_object()
            .ok_or_else(|| fault(format!("tools[{at}]"), tool, "an object"))?;
        for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            let field = format!("tools[{at}].{}", camel(name));
            if camel(name) == "functionDeclarations" {
                declarations(value, &field, conversation)?;
            } else {
                conversation.untranslatable.push(field);
            }
        }
    }
    Ok(())
}

fn declarations(list: &Value, field: &str, conversation: &mut Conversation) -> Result<(), BodyError> {
    let each = list
        .as_array()
        .ok_or_else(|| fault(field, list, "a list of functions"))?;
    for (at, function) in each.iter().enumerate() {
        let name = text(function, "name").filter(|name| !name.is_empty());
        let name =
            name.ok_or_else(|| fault(format!("{field}[{at}]"), function, "a function with a `name`"))?;
        let own = member(function, "parameters").map(from_own_form);
        conversation.tools.push(Tool {
            name: name.to_owned(),
            description: text(function, "description").map(str::to_owned),
            parameters: own.or_else(|| member(function, "parametersJsonSchema").cloned()),
            strict: None,
        });
    }
    Ok(())
}

/// Reads `toolConfig`, after the tools.
pub(super) fn tool_config(config: &Value, conversation: &mut Conversation) -> Result<(), BodyError> {
    let members = config
        .as_object()
        .ok_or_else(|| fault("toolConfig", config, "an object"))?;
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        let name = camel(name);
        if name == "functionCallingConfig" {
            calling(value, conversation)?;
        } else {
            conversation
                .hints
                .insert(format!("toolConfig.{name}"), value.clone());
        }
    }
    Ok(())
}

fn calling(config: &Value, conversation: &mut Conversation) -> Result<(), BodyError> {
    let field = "toolConfig.functionCallingConfig";
    let mode = member(config, "mode");
    let word = mode
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_ascii_uppercase();
    let choice = match word.as_str() {
        "" if mode.is_none() => None,
        "MODE_UNSPECIFIED" => None,
        "AUTO" => Some(ToolChoice::Auto),
        "VALIDATED" => {
            // Its calls follow their schemas.
            conversation
                .tools
                .iter_mut()
                .for_each(|tool| tool.strict = Some(true));
            Some(ToolChoice::Auto)
        }
        "ANY" => Some(ToolChoice::Required),
        "NONE" => Some(ToolChoice::None),
        _ => {
            let found = mode.unwrap_or(&Value::Null);
            return Err(fault(
                format!("{field}.mode"),
                found,
                "`AUTO`, `ANY`, `NONE` or `VALIDATED`",
            ));
        }
    };
    conversation.tool_choice = choice;
    let Some(Value::Array(allowed)) = member(config, "allowedFunctionNames") else {
        return Ok(());
    };
    // The others may not be called, so the model need not know them.
    if !allowed.is_empty() && word != "NONE" {
        let is_allowed = |tool: &Tool| {
            allowed
                .iter()
                .any(|name| name.as_str() == Some(tool.name.as_str()))
        };
        if !conversation.tools.iter().any(is_allowed) {
            let list = Value::Array(allowed.clone());
            return Err(fault(
                format!("{field}.allowedFunctionNames"),
                &list,
                "names of functions in `tools`",
            ));
        }
        match (allowed.as_slice(), &conversation.tool_choice) {
            ([Value::String(name)], Some(ToolChoice::Required)) => {
                conversation.tool_choice = Some(ToolChoice::Named(name.clone()));
            }
            _ => conversation.tools.retain(is_allowed),
        }
    }
    Ok(())
}
