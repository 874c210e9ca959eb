//! What models are told of a folder.

use std::sync::Arc;
use std::time::Duration;

use modelpool_agent::tool::{
    FunctionTool, Safety, ToolContext, ToolError, ToolOutput, ToolSet, ToolSetError,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::folder::{Folder, Search};

#[derive(Deserialize, JsonSchema)]
struct Read {
    /// The file, from the folder on, such as `notes/may.md`.
    path: String,
    /// The line to begin with; 1 is the first.
    #[serde(default = "first")]
    first_line: usize,
    /// How many lines at most.
    #[serde(default = "many")]
    lines: usize,
}

#[derive(Deserialize, JsonSchema)]
struct List {
    /// The folder; `.` is the whole.
    #[serde(default = "here")]
    path: String,
}

#[derive(Deserialize, JsonSchema)]
struct Find {
    /// What lines hold; case does not matter.
    text: String,
    /// The file or folder to search; `.` is the whole.
    #[serde(default = "here")]
    path: String,
}

#[derive(Deserialize, JsonSchema)]
struct Write {
    /// The file, from the folder on.
    path: String,
    /// All of its text.
    text: String,
}

fn first() -> usize {
    1
}

fn many() -> usize {
    1000
}

fn here() -> String {
    ".".to_owned()
}

/// The tools of a folder; those that write only if it `may_write`.
pub(crate) fn tools(folder: Folder, may_write: bool) -> Result<ToolSet, ToolSetError> {
    let folder = Arc::new(folder);
    let of = Arc::clone(&folder);
    let read = FunctionTool::new(
        "read_file",
        "Reads a text file of the folder.",
        move |read: Read, _| {
            let folder = Arc::clone(&of);
            beside(move || folder.read(&read.path, read.first_line, read.lines))
        },
    );
    let of = Arc::clone(&folder);
    let list = FunctionTool::new(
        "list_folder",
        "Lists the files and folders in a folder.",
        move |list: List, _| {
            let folder = Arc::clone(&of);
            beside(move || folder.list(&list.path))
        },
    );
    let of = Arc::clone(&folder);
    let search = FunctionTool::new(
        "search_files",
        "Finds the lines of text files that hold a text.",
        move |find: Find, context: ToolContext| {
            let folder = Arc::clone(&of);
            beside(move || {
                let progress = |files: usize| {
                    // Word of progress that finds no room is no loss.
                    let _full = context.progress.try_send(format!("{files} files"));
                };
                let search = Search {
                    text: &find.text,
                    cancelled: &context.cancelled,
                    progress: &progress,
                };
                folder.search(&find.path, &search)
            })
        },
    );
    let mut tools = ToolSet::new();
    for tool in [read, list, search] {
        tools.add(tool.safety(Safety::Safe).timeout(Duration::from_secs(30)))?;
    }
    if may_write {
        let description = "Writes a text file of the folder, in place of what is there.";
        let write = FunctionTool::new("write_file", description, move |write: Write, _| {
            let folder = Arc::clone(&folder);
            beside(move || folder.write(&write.path, &write.text))
        });
        tools.add(write.safety(Safety::Exclusive))?;
    }
    Ok(tools)
}

/// Work with files, on a thread where it may block. What is no longer waited for ends by itself: all of it is
/// bounded, and a search looks whether it was cancelled.
async fn beside(
    work: impl FnOnce() -> Result<String, String> + Send + 'static,
) -> Result<ToolOutput, ToolError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(text)) => Ok(ToolOutput::from(text)),
        Ok(Err(why)) => Err(ToolError(why)),
        Err(_) => Err(ToolError("it failed for a reason of its own".to_owned())),
    }
}
