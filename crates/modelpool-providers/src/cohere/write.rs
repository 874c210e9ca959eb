//! A conversation, as the body of a request to `/v2/chat`: its members. The messages are in `messages`.

mod messages;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::neutral::{Conversation, OutputForm, Reasoning, Tool, ToolChoice, Untranslatable, Written};
use crate::wire::Target;

/// Most stop sequences of a request.
const MAX_STOPS: usize = 5;

/// Most tokens `k` draws from.
const MAX_K: u64 = 500;

/// Hints with a place of the same name.
const HINTS: [&str; 2] = ["safety_mode", "citation_options"];

/// Writes the body, and names what was left out.
pub(super) fn body(conversation: &Conversation, target: &Target<'_>) -> Result<Written, Untranslatable> {
    refuse(conversation)?;
    let mut dropped = Vec::new();
    let mut body = Map::new();
    body.insert("model".to_owned(), target.model.into());
    body.insert(
        "messages".to_owned(),
        messages::messages(conversation, &mut dropped)?.into(),
    );
    body.insert("stream".to_owned(), target.stream.into());
    if !conversation.tools.is_empty() {
        conversation.one_call_at_a_time("Cohere's wire", &mut dropped)?;
        write_tools(conversation, &mut body, &mut dropped);
    }
    if let Some(format) = response_format(&conversation.output) {
        body.insert("response_format".to_owned(), format);
    }
    if let Some(thinking) = conversation.reasoning.as_ref().and_then(thinking) {
        body.insert("thinking".to_owned(), thinking);
    }
    if conversation.logprobs.is_some() {
        body.insert("logprobs".to_owned(), true.into());
    }
    write_sampling(conversation, &mut body, &mut dropped);
    for (name, value) in &conversation.hints {
        if HINTS.contains(&name.as_str()) {
            body.insert(name.clone(), value.clone());
        } else {
            dropped.push(name.clone());
        }
    }
    Ok(Written {
        body: Bytes::from(Value::Object(body).to_string()),
        dropped,
    })
}

/// What the wire cannot say of the request as a whole.
fn refuse(conversation: &Conversation) -> Result<(), Untranslatable> {
    let refusal = |field: &str, reason: &str| Err(Untranslatable::new(field, reason));
    if let Some(field) = conversation.untranslatable.first() {
        return refusal(field, "is not known to Cohere's wire");
    }
    if conversation.choices.is_some_and(|choices| choices > 1) {
        return refusal("n", "asks for several answers, and Cohere's wire gives one");
    }
    if conversation.logprobs.is_some_and(|alternatives| alternatives > 0) {
        return refusal(
            "top_logprobs",
            "asks for alternatives, and Cohere's wire gives none",
        );
    }
    if conversation.sampling.stop.len() > MAX_STOPS {
        return Err(Untranslatable::new(
            "stop",
            format!("holds more than the {MAX_STOPS} texts that Cohere's wire takes"),
        ));
    }
    if !conversation.tools.is_empty() {
        refuse_with_tools(conversation)?;
    }
    Ok(())
}

fn refuse_with_tools(conversation: &Conversation) -> Result<(), Untranslatable> {
    let refusal = |field: &str, reason: &str| Err(Untranslatable::new(field, reason));
    if conversation.output != OutputForm::Text {
        return refusal("response_format", "cannot stand beside `tools` on Cohere's wire");
    }
    if let Some(ToolChoice::Named(name)) = &conversation.tool_choice
        && !conversation.tools.iter().any(|tool| tool.name == *name)
    {
        return refusal("tool_choice", "names a tool that is not among `tools`");
    }
    Ok(())
}

/// The choice is left out where the model is free. The wire knows only whether a tool is to be called: where the caller
/// names one, it is the only one the model is told of.
fn write_tools(conversation: &Conversation, body: &mut Map<String, Value>, dropped: &mut Vec<String>) {
    let named = match &conversation.tool_choice {
        Some(ToolChoice::Named(name)) => Some(name),
        _ => None,
    };
    let told = || {
        let tools = conversation.tools.iter().enumerate();
        tools.filter(|(_, tool)| named.is_none_or(|name| tool.name == *name))
    };
    let tools = told().map(|(_, tool)| {
        // The wire wants a schema, even of no arguments.
        let none = || json!({"type": "object", "properties": {}});
        let mut function = json!({"name": tool.name});
        if let Some(description) = &tool.description {
            function["description"] = description.as_str().into();
        }
        function["parameters"] = tool.parameters.clone().unwrap_or_else(none);
        json!({"type": "function", "function": function})
    });
    body.insert("tools".to_owned(), tools.collect());
    // Strictness is of all tools or of none.
    let strict = |tool: &Tool| tool.strict == Some(true);
    if told().all(|(_, tool)| strict(tool)) {
        body.insert("strict_tools".to_owned(), true.into());
    } else {
        for (index, tool) in told() {
            if strict(tool) {
                dropped.push(format!("tools[{index}].strict"));
            }
        }
    }
    let choice = match conversation.tool_choice {
        None | Some(ToolChoice::Auto) => return,
        Some(ToolChoice::None) => "NONE",
        Some(ToolChoice::Required | ToolChoice::Named(_)) => "REQUIRED",
    };
    body.insert("tool_choice".to_owned(), choice.into());
}

/// <https://docs.cohere.com/v2/docs/structured-outputs>.
fn response_format(output: &OutputForm) -> Option<Value> {
    match output {
        OutputForm::Text => None,
        OutputForm::Json => Some(json!({"type": "json_object"})),
        OutputForm::Schema { schema, .. } => Some(json!({"type": "json_object", "schema": schema})),
    }
}

/// <https://docs.cohere.com/v2/docs/reasoning>: models that reason do so unless told otherwise, and a budget is a
/// positive number. `None` where the model is to do as it does.
fn thinking(reasoning: &Reasoning) -> Option<Value> {
    match reasoning.as_budget_tokens() {
        Some(0) => Some(json!({"type": "disabled"})),
        Some(tokens) => Some(json!({"type": "enabled", "token_budget": tokens})),
        None => (reasoning.visible == Some(true)).then(|| json!({"type": "enabled"})),
    }
}

/// Numbers outside of what Cohere takes are hints that have no place: it would refuse the request for them.
fn write_sampling(conversation: &Conversation, body: &mut Map<String, Value>, dropped: &mut Vec<String>) {
    let sampling = &conversation.sampling;
    let mut write = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    let mut within = |caller_s_name: &str, fits: bool| {
        if !fits {
            dropped.push(caller_s_name.to_owned());
        }
        fits
    };
    write("max_tokens", conversation.max_output_tokens.map(Value::from));
    write("temperature", sampling.temperature.map(Value::from));
    write("p", sampling.top_p.map(Value::from));
    let k = sampling.top_k.filter(|k| within("top_k", *k <= MAX_K));
    write("k", k.map(Value::from));
    let seed = sampling.seed.filter(|seed| within("seed", *seed >= 0));
    write("seed", seed.map(Value::from));
    for (name, penalty) in [
        ("frequency_penalty", sampling.frequency_penalty),
        ("presence_penalty", sampling.presence_penalty),
    ] {
        let penalty = penalty.filter(|penalty| within(name, (0.0..=1.0).contains(penalty)));
        write(name, penalty.map(Value::from));
    }
    let stop = (!sampling.stop.is_empty()).then(|| sampling.stop.clone().into());
    write("stop_sequences", stop);
}
