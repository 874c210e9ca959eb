//! The tools a model may call, by name.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

use super::arguments::ArgumentSchema;
use super::text::{clip, nearest};
use super::{FunctionTool, Tool, ToolContext, ToolDefinition, ToolOutput, ToolSource};

/// The longest name of a tool, in characters: what the vendors of models accept.
const LONGEST_NAME: usize = 64;
/// How many known names an error lists.
const LISTED: usize = 20;

/// A tool whose name and schema were checked, with its schema compiled; cheap to clone.
#[derive(Clone, Debug)]
pub struct CheckedTool(Arc<Checked>);

#[derive(Debug)]
struct Checked {
    tool: Arc<dyn Tool>,
    schema: ArgumentSchema,
}

impl CheckedTool {
    /// Checks a tool.
    ///
    /// # Errors
    /// Its name is not made of letters, digits, `_` and `-`, 1 to 64 of them; its schema is none, is not of an
    /// object, or refers to another document.
    pub fn new(tool: Arc<dyn Tool>) -> Result<Self, ToolSetError> {
        let definition = tool.definition();
        if !is_name(&definition.name) {
            return Err(ToolSetError::Name {
                name: clip(&definition.name, LONGEST_NAME),
            });
        }
        match ArgumentSchema::compile(&definition.parameters) {
            Ok(schema) => Ok(Self(Arc::new(Checked { tool, schema }))),
            Err(why) => Err(ToolSetError::Schema {
                name: definition.name.clone(),
                why,
            }),
        }
    }

    /// What it is.
    #[must_use]
    pub fn definition(&self) -> &ToolDefinition {
        self.0.tool.definition()
    }

    /// Reads what a model wrote as its arguments, and checks it against the schema.
    ///
    /// # Errors
    /// In words for the model: what is wrong, where, and what would be accepted.
    pub fn arguments(&self, text: &str) -> Result<Value, String> {
        self.0.schema.read(text)
    }

    /// Runs it with checked arguments.
    pub(super) async fn call(
        self,
        arguments: Value,
        context: ToolContext,
    ) -> Result<ToolOutput, super::ToolError> {
        self.0.tool.call(arguments, context).await
    }
}

/// The tools a model may call; cheap to clone, in the order they were added.
///
/// ```
/// use modelpool_agent::tool::{FunctionTool, Safety, ToolOutput, ToolSet};
/// # use modelpool_agent::tool::ToolSetError;
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Sum {
///     /// What to add up.
///     numbers: Vec<f64>,
/// }
///
/// let sum = FunctionTool::new("sum", "Adds numbers up.", |sum: Sum, _context| async move {
///     Ok(ToolOutput::from(sum.numbers.iter().sum::<f64>().to_string()))
/// });
/// let tools = ToolSet::new().with(sum.safety(Safety::Safe))?;
/// assert_eq!(tools.names(), ["sum"]);
/// assert_eq!(tools.definitions()[0]["function"]["name"], "sum");
/// # Ok::<(), ToolSetError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ToolSet {
    tools: Vec<CheckedTool>,
    sources: Vec<Arc<dyn ToolSource>>,
}

impl ToolSet {
    /// No tools.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A tool of an async function, to be put into a set; the same as [`FunctionTool::new`].
    pub fn function<Arguments, Function, Answer>(
        name: impl Into<String>,
        description: impl Into<String>,
        function: Function,
    ) -> FunctionTool
    where
        Arguments: serde::de::DeserializeOwned + schemars::JsonSchema + Send + 'static,
        Function: Fn(Arguments, ToolContext) -> Answer + Send + Sync + 'static,
        Answer: Future<Output = Result<ToolOutput, super::ToolError>> + Send + 'static,
    {
        FunctionTool::new(name, description, function)
    }

    /// Adds a tool.
    ///
    /// # Errors
    /// As [`CheckedTool::new`], or a tool of that name is there already.
    pub fn add(&mut self, tool: impl Tool + 'static) -> Result<(), ToolSetError> {
        self.add_checked(CheckedTool::new(Arc::new(tool))?)
    }

    /// The set with this tool, too.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn with(mut self, tool: impl Tool + 'static) -> Result<Self, ToolSetError> {
        self.add(tool)?;
        Ok(self)
    }

    /// Adds a tool that was checked before.
    ///
    /// # Errors
    /// A tool of that name is there already.
    pub fn add_checked(&mut self, tool: CheckedTool) -> Result<(), ToolSetError> {
        let name = &tool.definition().name;
        if self.get(name).is_some() {
            return Err(ToolSetError::Duplicate { name: name.clone() });
        }
        self.tools.push(tool);
        Ok(())
    }

    /// Adds a source of tools that may change; [`Self::current`] asks it.
    pub fn add_source(&mut self, source: Arc<dyn ToolSource>) {
        self.sources.push(source);
    }

    /// The set as it is now, for one turn: these tools, and those that its sources have at this moment. A source
    /// that fails, or a tool whose name is taken, is left out and told beside.
    pub async fn current(&self) -> (Self, Vec<ToolSetError>) {
        let mut current = Self {
            tools: self.tools.clone(),
            sources: Vec::new(),
        };
        let mut problems = Vec::new();
        for source in &self.sources {
            match source.tools().await {
                Ok(found) => {
                    problems.extend(found.problems);
                    let added = found.tools.into_iter().map(|tool| current.add_checked(tool));
                    problems.extend(added.filter_map(Result::err));
                }
                Err(why) => problems.push(ToolSetError::Source {
                    source_name: source.name().to_owned(),
                    why: why.0,
                }),
            }
        }
        (current, problems)
    }

    /// The tool of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&CheckedTool> {
        self.tools.iter().find(|tool| tool.definition().name == name)
    }

    /// Only the tools of these names, in the order of this set; without its sources.
    ///
    /// # Errors
    /// There is no tool of one of the names.
    pub fn subset<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<Self, ToolSetError> {
        let names: BTreeSet<&str> = names.into_iter().collect();
        if let Some(unknown) = names.iter().find(|name| self.get(name).is_none()) {
            return Err(self.unknown(unknown));
        }
        let kept = |tool: &&CheckedTool| names.contains(tool.definition().name.as_str());
        Ok(Self {
            tools: self.tools.iter().filter(kept).cloned().collect(),
            sources: Vec::new(),
        })
    }

    /// The names, in the order of the set.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let names = self.tools.iter().map(|tool| tool.definition().name.as_str());
        names.collect()
    }

    /// How many tools there are, those of sources left out.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tools.len()
    }

    /// Whether there are no tools, those of sources left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// The tools, in the order of the set.
    pub fn iter(&self) -> impl Iterator<Item = &CheckedTool> {
        self.tools.iter()
    }

    /// What a request for chat says of them as `tools`, in OpenAI's shape.
    #[must_use]
    pub fn definitions(&self) -> Vec<Value> {
        let definitions = self.tools.iter().map(|tool| {
            let definition = tool.definition();
            let mut parameters = definition.parameters.clone();
            // It says how the schema is read, which is not for models; some vendors refuse it.
            if let Value::Object(members) = &mut parameters {
                members.shift_remove("$schema");
            }
            json!({"type": "function", "function": {
                "name": definition.name,
                "description": definition.description,
                "parameters": parameters,
            }})
        });
        definitions.collect()
    }

    /// What is said of a name that no tool has.
    pub(super) fn unknown(&self, name: &str) -> ToolSetError {
        let names = self.names();
        ToolSetError::Unknown {
            name: clip(name, LONGEST_NAME),
            nearest: nearest(name, names.iter().copied()).map(str::to_owned),
            known: names.into_iter().map(str::to_owned).collect(),
        }
    }
}

/// Whether vendors of models accept it as the name of a tool.
pub(super) fn is_name(name: &str) -> bool {
    let fits = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'_' | b'-');
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(fits)
}

/// Why tools do not make a set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToolSetError {
    /// The name cannot be one.
    Name {
        /// It, clipped.
        name: String,
    },
    /// Two tools have this name.
    Duplicate {
        /// It.
        name: String,
    },
    /// The schema of the arguments cannot be used.
    Schema {
        /// The tool.
        name: String,
        /// Why.
        why: String,
    },
    /// No tool has this name.
    Unknown {
        /// It, clipped.
        name: String,
        /// The name that looks most like it.
        nearest: Option<String>,
        /// All names there are.
        known: Vec<String>,
    },
    /// A source of tools could not say which it has.
    Source {
        /// The source.
        source_name: String,
        /// Why.
        why: String,
    },
}

impl fmt::Display for ToolSetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { name } => write!(
                f,
                "`{name}` cannot be the name of a tool: 1 to {LONGEST_NAME} letters, digits, `_` and `-` can"
            ),
            Self::Duplicate { name } => write!(f, "two tools are called `{name}`; each needs its own name"),
            Self::Schema { name, why } => {
                write!(
                    f,
                    "the schema of the arguments of tool `{name}` cannot be used: {why}"
                )
            }
            Self::Unknown { name, nearest, known } => {
                write!(f, "no tool is called `{name}`")?;
                if let Some(nearest) = nearest {
                    write!(f, "; did you mean `{nearest}`?")?;
                }
                if known.is_empty() {
                    return write!(f, "; there are no tools");
                }
                write!(f, "; known are {}", known[..known.len().min(LISTED)].join(", "))?;
                match known.len().saturating_sub(LISTED) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            Self::Source { source_name, why } => {
                write!(f, "the tools of `{source_name}` cannot be had: {why}")
            }
        }
    }
}

impl std::error::Error for ToolSetError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::SourcedTools;
    use crate::tool::testing::{Scripted, named};

    fn set(names: &[&str]) -> ToolSet {
        let mut set = ToolSet::new();
        for name in names {
            set.add(named(name)).expect("a tool");
        }
        set
    }

    #[test]
    fn names_are_those_that_vendors_accept() {
        for name in ["", "a b", "lösche", "a.b", &"x".repeat(65)] {
            let mistake = ToolSet::new().with(named(name)).map(drop).expect_err(name);
            assert!(mistake.to_string().contains("1 to 64 letters"), "{mistake}");
        }
        assert!(ToolSet::new().with(named(&"x".repeat(64))).is_ok());
    }

    #[test]
    fn two_tools_of_one_name_are_refused() {
        let mistake = set(&["read"]).with(named("read")).map(drop);
        assert_eq!(
            mistake,
            Err(ToolSetError::Duplicate {
                name: "read".to_owned()
            })
        );
    }

    #[test]
    fn a_schema_that_leads_elsewhere_is_refused_with_the_tools_name() {
        let mut tool = named("read");
        tool.definition.parameters = json!({"$ref": "https://example.com/arguments.json"});
        let mistake = ToolSet::new().with(tool).map(drop).expect_err("a remote schema");
        let told = mistake.to_string();
        assert!(told.contains("`read`") && told.contains("example.com"), "{told}");
    }

    #[test]
    fn a_subset_keeps_the_order_of_the_set() {
        let set = set(&["a", "b", "c"]);
        let subset = set.subset(["c", "a"]).expect("known names");
        assert_eq!(subset.names(), ["a", "c"]);
        let mistake = set
            .subset(["bb"])
            .map(drop)
            .expect_err("an unknown name")
            .to_string();
        assert_eq!(
            mistake,
            "no tool is called `bb`; did you mean `b`?; known are a, b, c"
        );
    }

    #[test]
    fn definitions_have_the_shape_of_openai() {
        let mut tool = named("read");
        let parameters = tool.definition.parameters.clone();
        tool.definition.parameters["$schema"] = "http://json-schema.org/draft-07/schema#".into();
        let definitions = ToolSet::new().with(tool).expect("a tool").definitions();
        assert_eq!(
            definitions,
            [json!({"type": "function", "function": {
                "name": "read", "description": "does `read`", "parameters": parameters,
            }})]
        );
    }

    #[derive(Debug)]
    struct Source(&'static str, Option<Vec<&'static str>>);

    impl ToolSource for Source {
        fn name(&self) -> &str {
            self.0
        }

        fn tools(&self) -> crate::BoxFuture<'_, Result<SourcedTools, super::super::ToolError>> {
            let checked = |name: &&str| CheckedTool::new(Arc::new(Scripted::new(name))).expect("a tool");
            let tools = self.1.as_ref().map(|names| names.iter().map(checked).collect());
            let found = tools.map(|tools| SourcedTools {
                tools,
                problems: Vec::new(),
            });
            Box::pin(async move { found.ok_or(super::super::ToolError("gone".to_owned())) })
        }
    }

    #[tokio::test]
    async fn sources_add_their_tools_and_a_lost_one_is_told() {
        let mut set = set(&["a"]);
        set.add_source(Arc::new(Source("first", Some(vec!["b", "a"]))));
        set.add_source(Arc::new(Source("second", None)));
        let (current, problems) = set.current().await;
        assert_eq!(current.names(), ["a", "b"]);
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "two tools are called `a`; each needs its own name",
                "the tools of `second` cannot be had: gone"
            ]
        );
    }
}
