//! The names of a file: each stands for one thing, and each that is used exists.

use std::collections::{HashMap, HashSet};

use super::file::sections;
use super::node::Span;
use super::path::Path;
use super::problem::Collector;
use super::tables;
use super::view::{View, Word};
use super::walk::{did_you_mean, quoted};

/// The word a client sends to leave the choice to the pool.
const AUTO: &str = "auto";

/// How many names a message lists at most.
const MAX_LISTED: usize = 20;

/// What the names of a file stand for.
pub(super) struct Names<'a> {
    aliases: Vec<Word<'a>>,
    pools: Vec<Word<'a>>,
    /// All of `aliases` and `pools`, for looking one up.
    alias_names: HashSet<&'a str>,
    pool_names: HashSet<&'a str>,
}

impl<'a> Names<'a> {
    /// Collects the names, and reports those that are no names or that two things share.
    pub(super) fn collect(file: &View<'a>, problems: &mut Collector) -> Self {
        let models = file.list("models", &tables::MODEL);
        let aliases = models.iter().filter_map(|model| model.word("alias"));
        let aliases: Vec<_> = aliases.filter(|alias| !alias.text.is_empty()).collect();
        let mut owners: HashMap<&str, &Path> = HashMap::new();
        for alias in &aliases {
            check_characters(alias, problems);
            check_wildcard(alias, problems);
            check_reserved(alias.text, &alias.path, alias.span, problems);
            if let Some(owner) = owners.get(alias.text) {
                let message = format!("{} is already the name at {owner}", shown(alias));
                problems.report(&alias.path, alias.span, message, None);
            } else {
                owners.insert(alias.text, &alias.path);
            }
        }
        for model in &models {
            check_model_name(model, problems);
        }
        let mut pools = Vec::new();
        for (entry, path) in file.map("pools") {
            let name = Word {
                text: &entry.key,
                from_variable: false,
                span: entry.key_span,
                path,
            };
            if name.text.is_empty() {
                problems.report(&name.path, name.span, "a pool needs a name", None);
            }
            check_characters(&name, problems);
            check_reserved(name.text, &name.path, name.span, problems);
            if name.text.contains('*') {
                let message = "a pool's name cannot hold a `*`, only an alias can be a wildcard";
                problems.report(&name.path, name.span, message, None);
            }
            if let Some(owner) = owners.get(name.text) {
                let message = format!("{} is already the name at {owner}", shown(&name));
                problems.report(&name.path, name.span, message, None);
            }
            pools.push(name);
        }
        Self {
            alias_names: aliases.iter().map(|alias| alias.text).collect(),
            pool_names: pools.iter().map(|pool| pool.text).collect(),
            aliases,
            pools,
        }
    }

    /// The aliases of models that can be chosen without being named.
    pub(super) fn concrete_aliases(&self) -> Vec<&'a str> {
        let aliases = self.aliases.iter().map(|alias| alias.text);
        aliases.filter(|alias| !is_wildcard(alias)).collect()
    }

    /// Whether a wildcard of the file takes this name.
    fn has_wildcard_for(&self, name: &str) -> bool {
        self.aliases.iter().any(|alias| match alias.text {
            "*" => !name.contains('/'),
            wildcard => wildcard
                .strip_suffix('*')
                .is_some_and(|prefix| name.len() > prefix.len() && name.starts_with(prefix)),
        })
    }
}

/// Reports every name that is used and does not exist, or stands twice in a list.
pub(super) fn check_references(file: &View<'_>, names: &Names<'_>, problems: &mut Collector) {
    if let Some(default) = file.word("default") {
        check_alias(&default, names, problems);
    }
    for model in file.list("models", &tables::MODEL) {
        let own = model.word("alias");
        let fallbacks = model.words("fallbacks");
        check_distinct(&fallbacks, problems);
        for fallback in fallbacks {
            if own.as_ref().is_some_and(|own| own.text == fallback.text) {
                let message = "a model cannot fail over to itself";
                problems.report(&fallback.path, fallback.span, message, None);
            } else {
                check_alias(&fallback, names, problems);
            }
        }
    }
    for (_, pool) in sections(file, "pools", &tables::POOL) {
        let members = pool.words("models");
        check_distinct(&members, problems);
        for member in members {
            check_alias(&member, names, problems);
        }
    }
    check_keys(file, names, problems);
}

/// An alias of a model that can be chosen by itself, which a wildcard cannot.
fn check_alias(name: &Word<'_>, names: &Names<'_>, problems: &mut Collector) {
    if name.text.is_empty() || problems.is_full() {
        return; // an empty name is reported as such
    }
    if is_wildcard(name.text) {
        let message = format!("{} stands for many models, name one", shown(name));
        problems.report(&name.path, name.span, message, None);
    } else if !names.alias_names.contains(name.text) {
        let message = format!("no model has the alias {}", shown(name));
        let concrete = names.aliases.iter().filter(|alias| !is_wildcard(alias.text));
        let hint = known(name, concrete, "aliases");
        problems.report(&name.path, name.span, message, hint);
    }
}

/// Callers are told apart by name and recognised by key; both have to be distinct, and none of them
/// may open the administration.
fn check_keys(file: &View<'_>, names: &Names<'_>, problems: &mut Collector) {
    let mut by_name: HashMap<&str, Path> = HashMap::new();
    let mut by_value: HashMap<&str, Path> = HashMap::new();
    if let Some(admin) = file.word("admin_key").filter(|value| !value.text.is_empty()) {
        by_value.insert(admin.text, admin.path);
    }
    for key in file.list("keys", &tables::KEY) {
        if let Some(name) = key.word("name") {
            check_characters(&name, problems);
            match by_name.get(name.text) {
                Some(first) => {
                    let message = format!("{} is already the name at {first}", shown(&name));
                    problems.report(&name.path, name.span, message, None);
                }
                None => {
                    by_name.insert(name.text, name.path);
                }
            }
        }
        if let Some(value) = key.word("key").filter(|value| !value.text.is_empty()) {
            match by_value.get(value.text) {
                Some(first) => {
                    let message = format!("the same key as {first}");
                    let hint = Some("give each caller its own".to_owned());
                    problems.report(&value.path, value.span, message, hint);
                }
                None => {
                    by_value.insert(value.text, value.path);
                }
            }
        }
        let models = key.words("models");
        check_distinct(&models, problems);
        for name in models.iter().filter(|name| !name.text.is_empty()) {
            let exists = names.alias_names.contains(name.text)
                || names.pool_names.contains(name.text)
                || (!is_wildcard(name.text) && names.has_wildcard_for(name.text));
            if !exists && !problems.is_full() {
                let message = format!("no model, pool or wildcard has the name {}", shown(name));
                let hint = known(name, names.aliases.iter().chain(&names.pools), "names");
                problems.report(&name.path, name.span, message, hint);
            }
        }
    }
}

fn check_distinct(words: &[Word<'_>], problems: &mut Collector) {
    let mut seen = HashSet::new();
    for word in words {
        if !seen.insert(word.text) {
            let message = format!("{} stands in the list twice", shown(word));
            problems.report(&word.path, word.span, message, None);
        }
    }
}

fn check_reserved(name: &str, path: &Path, span: Span, problems: &mut Collector) {
    if name == AUTO {
        let message = "`auto` is what a client writes to leave the choice to the pool";
        let hint = Some("use another name".to_owned());
        problems.report(path, span, message, hint);
    }
}

/// Names go into headers, logs and tables.
fn check_characters(name: &Word<'_>, problems: &mut Collector) {
    let blank_ends = name.text.trim() != name.text;
    if blank_ends || name.text.chars().any(char::is_control) {
        let message = "a name cannot begin or end with a space, or hold control characters";
        problems.report(&name.path, name.span, message, None);
    }
}

/// `*` alone, or at the end after a slash.
fn check_wildcard(alias: &Word<'_>, problems: &mut Collector) {
    let Some(star) = alias.text.find('*') else {
        return;
    };
    let prefix = &alias.text[..star];
    let at_end = star + 1 == alias.text.len();
    let after_slash = prefix.len() > 1 && prefix.ends_with('/');
    if !(at_end && (prefix.is_empty() || after_slash)) {
        let message = format!("{} is not a wildcard", shown(alias));
        let hint = Some("write `*`, or a prefix with a slash such as `groq/*`".to_owned());
        problems.report(&alias.path, alias.span, message, hint);
    }
}

/// A model needs the vendor's name for it; a wildcard takes that from the request.
fn check_model_name(model: &View<'_>, problems: &mut Collector) {
    let (Some(alias), Some(span)) = (model.word("alias"), model.span()) else {
        return;
    };
    match model.node("model_name") {
        None if !is_wildcard(alias.text) => {
            let message = "missing the key `model_name`";
            let hint = Some("only a wildcard alias goes without".to_owned());
            problems.report(&model.path, span, message, hint);
        }
        Some((node, path)) if is_wildcard(alias.text) => {
            let message = "a wildcard takes the model's name from the request";
            let hint = Some("remove the key".to_owned());
            problems.report(&path, node.span, message, hint);
        }
        _ => {}
    }
}

fn is_wildcard(alias: &str) -> bool {
    alias.contains('*')
}

/// A name as a message shows it: not at all if it came out of a variable.
fn shown(word: &Word<'_>) -> String {
    if word.from_variable {
        "`[redacted]`".to_owned()
    } else {
        format!("`{}`", quoted(word.text))
    }
}

/// The nearest name, and the first of those there are. What came out of a variable is left out.
fn known<'a>(word: &Word<'_>, names: impl Iterator<Item = &'a Word<'a>>, what: &str) -> Option<String> {
    let mut seen = HashSet::new();
    let names = names.filter(|name| !name.from_variable && !name.text.is_empty());
    let names: Vec<&str> = names
        .map(|name| name.text)
        .filter(|name| seen.insert(*name))
        .collect();
    if names.is_empty() {
        return None;
    }
    let near = if word.from_variable {
        String::new()
    } else {
        did_you_mean(word.text, names.iter().copied())
    };
    let listed: Vec<_> = names.iter().take(MAX_LISTED).map(|name| quoted(name)).collect();
    let more = if names.len() > MAX_LISTED { ", …" } else { "" };
    Some(format!("{near}{what}: {}{more}", listed.join(", ")))
}
