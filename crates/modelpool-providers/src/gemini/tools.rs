//! Functions the model may call, and which it is to call:
//! <https://ai.google.dev/gemini-api/docs/function-calling>.

use serde_json::{Value, json};

use super::schema;
use crate::neutral::{Conversation, Tool, ToolChoice, Untranslatable};

/// The member `tools`; `None` without any.
pub(super) fn declarations(tools: &[Tool]) -> Option<Value> {
    let declarations: Vec<Value> = tools.iter().map(declaration).collect();
    (!declarations.is_empty()).then(|| json!([{"functionDeclarations": declarations}]))
}

fn declaration(tool: &Tool) -> Value {
    let mut declaration = json!({"name": tool.name});
    if let Some(description) = &tool.description {
        declaration["description"] = description.as_str().into();
    }
    // An object without properties is refused; a function without parameters takes none.
    if let Some(parameters) = tool
        .parameters
        .as_ref()
        .filter(|schema| !schema::is_empty_object(schema))
    {
        let member = if schema::is_own_form(parameters) {
            "parameters"
        } else {
            "parametersJsonSchema"
        };
        declaration[member] = parameters.clone();
    }
    declaration
}

/// The member `toolConfig`; `None` where the caller left the choice open. Hints that have no place go to `dropped`.
pub(super) fn config(
    conversation: &Conversation,
    dropped: &mut Vec<String>,
) -> Result<Option<Value>, Untranslatable> {
    if conversation.tools.is_empty() {
        return match &conversation.tool_choice {
            Some(ToolChoice::Required | ToolChoice::Named(_)) => Err(Untranslatable::new(
                "tool_choice",
                "asks for a tool where there is none",
            )),
            _ => Ok(None),
        };
    }
    conversation.one_call_at_a_time("Gemini's wire", dropped)?;
    let strict = conversation.tools.iter().any(|tool| tool.strict == Some(true));
    let calling = match &conversation.tool_choice {
        // Calls then follow their schemas, as they do where they are asked for.
        None | Some(ToolChoice::Auto) if strict => json!({"mode": "VALIDATED"}),
        None => return Ok(None),
        Some(ToolChoice::Auto) => json!({"mode": "AUTO"}),
        Some(ToolChoice::None) => json!({"mode": "NONE"}),
        Some(ToolChoice::Required) => json!({"mode": "ANY"}),
        Some(ToolChoice::Named(name)) => json!({"mode": "ANY", "allowedFunctionNames": [name]}),
    };
    Ok(Some(json!({"functionCallingConfig": calling})))
}
