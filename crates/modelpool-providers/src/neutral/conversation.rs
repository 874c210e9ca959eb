//! A request for a turn of a conversation.

use serde_json::{Map, Value};

use super::{Signature, Untranslatable};

/// A request for a turn of a conversation.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Conversation {
    /// In order, instructions included, wherever they stood. Wires that keep instructions apart gather
    /// them all before the conversation.
    pub(crate) messages: Vec<Message>,
    /// Functions the model may call.
    pub(crate) tools: Vec<Tool>,
    pub(crate) tool_choice: Option<ToolChoice>,
    /// Whether several tools may be called in one turn; `None` where the caller did not say.
    pub(crate) parallel_tools: Option<bool>,
    pub(crate) output: OutputForm,
    /// Most tokens of the answer, reasoning included.
    pub(crate) max_output_tokens: Option<u64>,
    pub(crate) sampling: Sampling,
    pub(crate) reasoning: Option<Reasoning>,
    /// Answers asked for; `None` is one.
    pub(crate) choices: Option<u32>,
    /// Log-probabilities are asked for, with so many alternatives for each token.
    pub(crate) logprobs: Option<u32>,
    pub(crate) stream: bool,
    /// What changes no meaning (`user`, `store`, `metadata`, …): the caller's name for it, and the value as it
    /// stood. A wire writes those it has a place for, and names the others as dropped.
    pub(crate) hints: Map<String, Value>,
    /// What carries meaning and has no neutral form (`previous_response_id`, tools that the vendor runs):
    /// the caller's name for it. No other wire can say it.
    pub(crate) untranslatable: Vec<String>,
}

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) role: Role,
    /// The name of its author, where the wire has one.
    pub(crate) name: Option<String>,
    pub(crate) content: Vec<Content>,
}

/// Who says a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Instructions; developer messages too.
    System,
    User,
    Assistant,
    /// Results of tools; holds nothing but [`Content::ToolResult`].
    Tool,
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Text(Text),
    Image(Media),
    Audio(Media),
    /// A document, such as a PDF.
    Document(Media),
    Reasoning(ReasoningPart),
    Refusal(String),
    ToolCall(ToolCall),
    ToolResult(ToolResult),
}

/// A text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Text {
    pub(crate) text: String,
    /// Where it is from, in the issuer's shape; only in answers.
    pub(crate) citations: Vec<Value>,
}

/// A picture, a sound or a document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Media {
    pub(crate) source: Source,
    /// How closely a picture is to be looked at: `low`, `high`, `auto`.
    pub(crate) detail: Option<String>,
    /// The name of a file.
    pub(crate) name: Option<String>,
}

/// Where the bytes of a medium are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// Here, in base64 without line ends.
    Data {
        /// Such as `image/png`, `audio/wav`, `application/pdf`.
        media_type: String,
        base64: String,
    },
    /// At an address.
    Url(String),
    /// At a vendor's, under its id: nobody else has it.
    FileId(String),
}

/// Reasoning of an earlier turn, or of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ReasoningPart {
    /// As far as it may be read.
    pub(crate) text: String,
    /// What proves to its issuer that it is the model's own.
    pub(crate) signature: Option<Signature>,
    /// Reasoning that only its issuer can read.
    pub(crate) encrypted: Option<Signature>,
}

/// A call of a tool by the model.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ToolCall {
    /// Ties the result to the call; made up where the wire has none ([`super::made_up_id`]).
    pub(crate) id: String,
    pub(crate) name: String,
    /// JSON as the model wrote it, which need not be valid; empty is `{}`.
    pub(crate) arguments: String,
    /// What Gemini wants back with the call.
    pub(crate) signature: Option<Signature>,
}

impl ToolCall {
    /// The arguments as JSON; an empty object where there are none, `None` where they are not JSON.
    pub(crate) fn arguments_value(&self) -> Option<Value> {
        match self.arguments.trim() {
            "" => Some(Value::Object(Map::new())),
            text => serde_json::from_str(text).ok(),
        }
    }
}

/// What a tool answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ToolResult {
    /// The id of the call.
    pub(crate) call_id: String,
    /// The tool's name, where the wire says it here; else that of the call with this id.
    pub(crate) name: Option<String>,
    /// Texts and media.
    pub(crate) content: Vec<Content>,
    /// The tool failed.
    pub(crate) is_error: bool,
}

/// A function the model may call.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// JSON Schema of the arguments; `None` for no arguments.
    pub(crate) parameters: Option<Value>,
    /// The arguments are to follow the schema strictly.
    pub(crate) strict: Option<bool>,
}

/// Which tools are to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ToolChoice {
    Auto,
    None,
    /// At least one.
    Required,
    /// That one.
    Named(String),
}

/// The form of the answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum OutputForm {
    #[default]
    Text,
    /// Any JSON.
    Json,
    /// JSON of a schema.
    Schema {
        name: Option<String>,
        description: Option<String>,
        schema: Value,
        strict: Option<bool>,
    },
}

/// How tokens are drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sampling {
    pub(crate) temperature: Option<f64>,
    pub(crate) top_p: Option<f64>,
    pub(crate) top_k: Option<u64>,
    pub(crate) frequency_penalty: Option<f64>,
    pub(crate) presence_penalty: Option<f64>,
    pub(crate) seed: Option<i64>,
    /// Texts at which the answer stops.
    pub(crate) stop: Vec<String>,
}

/// How much a model is to reason.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reasoning {
    pub(crate) effort: Option<Effort>,
    /// In tokens; `Some(0)` is none at all.
    pub(crate) budget_tokens: Option<u64>,
    /// Whether the caller wants to read it; `None` where it did not say.
    pub(crate) visible: Option<bool>,
}

/// Steps of effort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    ExtraHigh,
}

impl Conversation {
    /// Sees to it that the wish for one call at a time is not lost in silence on a wire that has no word for it.
    ///
    /// Without tools, or where none may be called, there is nothing to wish. With a single tool, as clients that want
    /// a structured answer set it, two calls at once are hardly to be expected: the wish is named as left out.
    /// Several tools may well be called together, and a caller who forbids it may be unable to read that.
    pub(crate) fn one_call_at_a_time(
        &self,
        wire: &str,
        dropped: &mut Vec<String>,
    ) -> Result<(), Untranslatable> {
        const MEMBER: &str = "parallel_tool_calls";
        if self.parallel_tools != Some(false) || self.tool_choice == Some(ToolChoice::None) {
            return Ok(());
        }
        match self.tools.len() {
            0 => Ok(()),
            1 => {
                dropped.push(MEMBER.to_owned());
                Ok(())
            }
            _ => Err(Untranslatable::new(
                MEMBER,
                format!("cannot be false on {wire}, where a model may call several tools at once"),
            )),
        }
    }

    /// The name of the tool that a result belongs to.
    pub(crate) fn tool_name_of<'a>(&'a self, result: &'a ToolResult) -> Option<&'a str> {
        let of_call = || {
            let contents = self.messages.iter().rev().flat_map(|message| &message.content);
            contents
                .filter_map(|content| match content {
                    Content::ToolCall(call) if call.id == result.call_id => Some(call.name.as_str()),
                    _ => None,
                })
                .next()
        };
        result.name.as_deref().or_else(of_call)
    }

    /// The text of all instructions, in order, two line ends between them, and between the parts of one; `None`
    /// where there are none.
    pub(crate) fn instructions(&self) -> Option<String> {
        let said = self
            .messages
            .iter()
            .filter(|message| message.role == Role::System);
        let texts = said
            .flat_map(|message| &message.content)
            .filter_map(|part| match part {
                Content::Text(text) => Some(text.text.as_str()),
                _ => None,
            });
        let texts: Vec<&str> = texts.filter(|text| !text.is_empty()).collect();
        (!texts.is_empty()).then(|| texts.join("\n\n"))
    }
}

impl Message {
    pub(crate) fn new(role: Role, content: Vec<Content>) -> Self {
        Self {
            role,
            name: None,
            content,
        }
    }

    /// The texts of its parts, joined.
    pub(crate) fn text(&self) -> String {
        text_of(&self.content)
    }
}

impl Content {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Content::Text(Text {
            text: text.into(),
            citations: Vec::new(),
        })
    }
}

impl Media {
    pub(crate) fn of(source: Source) -> Self {
        Self {
            source,
            detail: None,
            name: None,
        }
    }
}

/// The texts of parts, joined.
pub(crate) fn text_of(content: &[Content]) -> String {
    let texts = content.iter().filter_map(|part| match part {
        Content::Text(text) => Some(text.text.as_str()),
        _ => None,
    });
    texts.collect()
}

impl Source {
    /// From `data:image/png;base64,…`, or an address.
    pub(crate) fn from_url(url: &str) -> Self {
        let data = url.strip_prefix("data:").and_then(|data| data.split_once(','));
        match data.and_then(|(head, base64)| Some((head.strip_suffix(";base64")?, base64))) {
            Some((media_type, base64)) => Source::Data {
                media_type: media_type.split(';').next().unwrap_or_default().to_owned(),
                base64: base64.to_owned(),
            },
            None => Source::Url(url.to_owned()),
        }
    }

    /// As an address, a `data:` one where the bytes are here; `None` for a file's id.
    pub(crate) fn to_url(&self) -> Option<String> {
        match self {
            Source::Data { media_type, base64 } => Some(format!("data:{media_type};base64,{base64}")),
            Source::Url(url) => Some(url.clone()),
            Source::FileId(_) => None,
        }
    }
}

impl Effort {
    /// `none`, `minimal`, `low`, `medium`, `high`, `xhigh`.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "none" => Effort::None,
            "minimal" => Effort::Minimal,
            "low" => Effort::Low,
            "medium" => Effort::Medium,
            "high" => Effort::High,
            "xhigh" | "max" => Effort::ExtraHigh,
            _ => return None,
        })
    }

    /// The word of OpenAI's wires.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Effort::None => "none",
            Effort::Minimal => "minimal",
            Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
            Effort::ExtraHigh => "xhigh",
        }
    }

    /// A budget in tokens for wires that take one; ours, in the steps other gateways use.
    pub(crate) fn budget_tokens(self) -> u64 {
        match self {
            Effort::None => 0,
            Effort::Minimal | Effort::Low => 1_024,
            Effort::Medium => 4_096,
            Effort::High => 16_384,
            Effort::ExtraHigh => 32_768,
        }
    }

    /// The step nearest to a budget, for wires that take steps.
    pub(crate) fn from_budget_tokens(tokens: u64) -> Self {
        match tokens {
            0 => Effort::None,
            1..=2_048 => Effort::Low,
            2_049..=8_192 => Effort::Medium,
            8_193..=24_576 => Effort::High,
            _ => Effort::ExtraHigh,
        }
    }
}

impl Reasoning {
    /// As steps, from whichever the caller gave.
    pub(crate) fn as_effort(&self) -> Option<Effort> {
        self.effort
            .or_else(|| self.budget_tokens.map(Effort::from_budget_tokens))
    }

    /// As tokens, from whichever the caller gave.
    pub(crate) fn as_budget_tokens(&self) -> Option<u64> {
        self.budget_tokens
            .or_else(|| self.effort.map(Effort::budget_tokens))
    }
}
