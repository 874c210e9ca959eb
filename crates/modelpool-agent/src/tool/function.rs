//! A tool that is an async function of this program.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{DEFAULT_TIMEOUT, Safety, Tool, ToolContext, ToolDefinition, ToolError, ToolOutput};
use crate::BoxFuture;

type Function = dyn Fn(Value, ToolContext) -> BoxFuture<'static, Result<ToolOutput, ToolError>> + Send + Sync;

/// A tool that is an async function; its schema is derived from the type of its arguments.
///
/// The arguments are a struct with named fields (one without fields, if there are none). What its doc comments say of the
/// fields, models read. [`Safety::Cautious`] and [`DEFAULT_TIMEOUT`] hold unless something else is said.
///
/// The function runs in the task that reads the run's events: what computes for long, or blocks, belongs in
/// `tokio::task::spawn_blocking`.
///
/// ```
/// use std::time::Duration;
/// use modelpool_agent::tool::{FunctionTool, Safety, ToolError, ToolOutput};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Division {
///     dividend: f64,
///     /// Not zero.
///     divisor: f64,
/// }
///
/// let divide = FunctionTool::new("divide", "Divides two numbers.", |numbers: Division, _context| async move {
///     if numbers.divisor == 0.0 {
///         return Err(ToolError::from("`divisor` is zero"));
///     }
///     Ok(ToolOutput::from((numbers.dividend / numbers.divisor).to_string()))
/// });
/// let divide = divide.safety(Safety::Safe).timeout(Duration::from_secs(1));
/// # let _ = divide;
/// ```
#[derive(Clone)]
pub struct FunctionTool {
    definition: ToolDefinition,
    function: Arc<Function>,
}

impl FunctionTool {
    /// The tool of that name and function. Whether name and schema can be used is checked when it is added to a set.
    pub fn new<Arguments, Body, Answer>(
        name: impl Into<String>,
        description: impl Into<String>,
        function: Body,
    ) -> Self
    where
        Arguments: DeserializeOwned + JsonSchema + Send + 'static,
        Body: Fn(Arguments, ToolContext) -> Answer + Send + Sync + 'static,
        Answer: Future<Output = Result<ToolOutput, ToolError>> + Send + 'static,
    {
        let function = move |arguments: Value, context: ToolContext| {
            // A schema cannot say everything that a type demands, so a mistake is the model's to mend here, too.
            let answer = serde_json::from_value::<Arguments>(arguments)
                .map_err(|mistake| ToolError(format!("the arguments do not fit: {mistake}")))
                .map(|arguments| function(arguments, context));
            let answer: BoxFuture<'static, _> = match answer {
                Ok(answer) => Box::pin(answer),
                Err(mistake) => Box::pin(std::future::ready(Err(mistake))),
            };
            answer
        };
        Self {
            definition: ToolDefinition {
                name: name.into(),
                description: description.into(),
                parameters: schema_of::<Arguments>(),
                safety: Safety::default(),
                timeout: DEFAULT_TIMEOUT,
            },
            function: Arc::new(function),
        }
    }

    /// How it may run beside others.
    #[must_use]
    pub fn safety(mut self, safety: Safety) -> Self {
        self.definition.safety = safety;
        self
    }

    /// The longest it may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.definition.timeout = timeout;
        self
    }
}

impl Tool for FunctionTool {
    fn definition(&self) -> &ToolDefinition {
        &self.definition
    }

    fn call(&self, arguments: Value, context: ToolContext) -> BoxFuture<'_, Result<ToolOutput, ToolError>> {
        (self.function)(arguments, context)
    }
}

impl fmt::Debug for FunctionTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FunctionTool").field(&self.definition).finish()
    }
}

/// The schema of a type, as models are told it: whole in itself where the type is not recursive, because some vendors
/// refuse references, and without its own name.
fn schema_of<Arguments: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<Arguments>();
    schema.remove("title");
    schema.into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tool::testing::context;

    #[derive(serde::Deserialize, JsonSchema)]
    struct Lines {
        /// Counted from 1.
        from: u8,
        to: Option<u8>,
    }

    #[derive(serde::Deserialize, JsonSchema)]
    struct Read {
        path: String,
        lines: Option<Lines>,
    }

    fn read() -> FunctionTool {
        FunctionTool::new("read", "Reads.", |read: Read, _context| async move {
            let lines = read.lines.map(|lines| (lines.from, lines.to));
            Ok(ToolOutput::from(format!("{} {lines:?}", read.path)))
        })
    }

    #[test]
    fn the_schema_is_that_of_the_type() {
        let schema = read().definition.parameters;
        assert_eq!(schema["type"], "object");
        assert_eq!(schema["required"], json!(["path"]));
        assert!(schema.get("title").is_none() && schema.get("$schema").is_none());
        let told = schema.to_string();
        assert!(
            told.contains("Counted from 1.") && !told.contains("$ref"),
            "{told}"
        );
    }

    #[tokio::test]
    async fn the_function_gets_its_type() {
        let (context, _progress) = context();
        let answer = read()
            .call(json!({"path": "a", "lines": {"from": 2}}), context)
            .await;
        assert_eq!(answer, Ok(ToolOutput::from("a Some((2, None))")));
    }

    #[tokio::test]
    async fn what_the_schema_let_through_is_told_to_the_model() {
        let (context, _progress) = context();
        let answer = read()
            .call(json!({"path": "a", "lines": {"from": 300}}), context)
            .await;
        let told = answer.expect_err("too large").0;
        assert!(told.contains("300"), "{told}");
    }

    #[test]
    fn safety_and_timeout_are_settable() {
        let tool = read().safety(Safety::Exclusive).timeout(Duration::from_secs(1));
        let definition = tool.definition();
        assert_eq!(
            (definition.safety, definition.timeout),
            (Safety::Exclusive, Duration::from_secs(1))
        );
        assert_eq!(read().definition.safety, Safety::Cautious);
    }
}
