//! `modelpool trace ID`.

use anstyle::Style;
use jiff::Timestamp;
use serde_json::Value;

use crate::arguments::TraceArguments;
use crate::ask;
use crate::exit::{Exit, Failure};
use crate::output::{BAD, FAINT, GOOD, HEADING, Output, harmless};
use crate::table::Table;

pub(crate) fn run(arguments: &TraceArguments, output: Output) -> Result<Exit, Failure> {
    let trace = ask::get(&arguments.gateway, &["requests", &arguments.id])?;
    if output.is_json() {
        output.document(&trace)?;
    } else {
        output.text(&render(&trace))?;
    }
    Ok(Exit::Success)
}

fn render(trace: &Value) -> String {
    let mut text = head(trace);
    if list(&trace["attempts"]).is_empty() {
        text.push_str("\nno model was called\n");
    } else {
        text.push_str(&format!("\n{}", attempts(trace).render()));
    }
    let plan = &trace["plan"];
    if !plan.is_null() {
        text.push_str(&planned(plan));
    }
    text
}

/// What was asked, how it ended, how long it took.
fn head(trace: &Value) -> String {
    let style = if trace["ending"] == "completed" { GOOD } else { BAD };
    let ending = words(&trace["ending"]);
    let mut lines = vec![format!(
        "{HEADING}{}{HEADING:#}  {style}{ending}{style:#} after {} ms",
        words(&trace["request_id"]),
        milliseconds(&trace["total_ms"])
    )];
    let mut line = |name: &str, text: String| lines.push(format!("{name:<9}{text}"));
    let mut asked = words(&trace["requested_model"]);
    if let Some(pool) = trace["pool"].as_str().filter(|pool| *pool != asked) {
        asked.push_str(&format!(" (pool {})", harmless(pool)));
    }
    if trace["stream"] == true {
        asked.push_str(", streamed");
    }
    line("asked", asked);
    if trace["caller"].is_string() {
        line("by", words(&trace["caller"]));
    }
    if trace["trace_id"].is_string() {
        line("trace", words(&trace["trace_id"]));
    }
    if let Some(began) = trace["began_unix_ms"].as_i64()
        && let Ok(began) = Timestamp::from_millisecond(began)
    {
        line("at", began.to_string());
    }
    if let Some(usage) = used(&trace["usage"], &trace["cost_usd"]) {
        line("used", usage);
    }
    let error = &trace["error"];
    if !error.is_null() {
        line("error", failure(error));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn used(usage: &Value, cost: &Value) -> Option<String> {
    let (input, output) = (usage["input_tokens"].as_u64()?, usage["output_tokens"].as_u64()?);
    let about = if usage["estimated"] == true { "about " } else { "" };
    let cost = match cost.as_f64() {
        Some(dollars) => format!("${dollars:.6}"),
        None => "cost unknown".to_owned(),
    };
    Some(format!("{about}{input} tokens in, {output} out, {cost}"))
}

fn attempts(trace: &Value) -> Table {
    let headings = [
        "attempt",
        "alias",
        "began ms",
        "took ms",
        "first token ms",
        "outcome",
    ];
    let mut table = (2..=4).fold(Table::new(headings), Table::right);
    for (place, attempt) in list(&trace["attempts"]).iter().enumerate() {
        let error = &attempt["error"];
        let outcome = if error.is_null() {
            "answered".to_owned()
        } else {
            failure(error)
        };
        let purpose = match attempt["purpose"].as_str() {
            Some("hedge") => "beside a slow one: ",
            Some("continue") => "goes on with a lost stream: ",
            _ => "",
        };
        table.row(
            if error.is_null() { GOOD } else { Style::new() },
            [
                (place + 1).to_string(),
                words(&attempt["alias"]),
                milliseconds(&attempt["began_after_ms"]),
                milliseconds(&attempt["latency_ms"]),
                milliseconds(&attempt["first_token_ms"]),
                format!("{purpose}{outcome}"),
            ],
        );
    }
    table
}

/// The ranking, and what the others lacked.
fn planned(plan: &Value) -> String {
    let mut text = format!(
        "\n{HEADING}plan{HEADING:#} of selector {}\n",
        words(&plan["selector"])
    );
    let (ranking, rejected) = (list(&plan["ranking"]), list(&plan["rejected"]));
    if !ranking.is_empty() {
        let mut table = Table::new(["rank", "alias", "reason"]);
        for model in ranking {
            let cells = [
                model["rank"].to_string(),
                words(&model["alias"]),
                words(&model["reason"]),
            ];
            table.row(Style::new(), cells);
        }
        text.push_str(&table.render());
    }
    if !rejected.is_empty() {
        let mut table = Table::new(["does not fit", "because"]);
        for model in rejected {
            let missing: Vec<String> = list(&model["missing"]).iter().map(missing).collect();
            table.row(FAINT, [words(&model["alias"]), missing.join("\n")]);
        }
        text.push_str(&table.render());
    }
    text
}

fn missing(missing: &Value) -> String {
    let (key, wanted, has) = (words(&missing["key"]), &missing["wanted"], &missing["has"]);
    if has.is_null() {
        format!("{key}: wanted {wanted}, unknown")
    } else {
        format!("{key}: wanted {wanted}, has {has}")
    }
}

/// `overloaded, status 503: …`
fn failure(error: &Value) -> String {
    let status = error["status"].as_u64();
    let status = status.map_or_else(String::new, |status| format!(", status {status}"));
    format!("{}{status}: {}", words(&error["code"]), words(&error["message"]))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Text from elsewhere, fit for a terminal.
fn words(value: &Value) -> String {
    harmless(value.as_str().unwrap_or_default())
}

fn milliseconds(value: &Value) -> String {
    let number = value.as_f64();
    number.map_or_else(|| "-".to_owned(), |number| format!("{number:.1}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plain(trace: &Value) -> String {
        anstream::adapter::strip_str(&render(trace)).to_string()
    }

    #[test]
    fn a_failover_is_told_attempt_by_attempt() {
        let text = plain(&json!({
            "request_id": "id-1", "began_unix_ms": 0, "caller": "team", "requested_model": "auto",
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "pool": "auto", "stream": true, "ending": "completed", "error": null, "total_ms": 33.04,
            "first_token_ms": 20.0, "skipped_events": 0, "cost_usd": 0.00002,
            "usage": {"input_tokens": 8, "output_tokens": 4, "estimated": false},
            "attempts": [
                {"alias": "a", "purpose": "answer", "began_after_ms": 0.1, "latency_ms": 2.0, "first_token_ms": null,
                 "error": {"code": "overloaded", "status": 503, "message": "not\u{1b}[31m now"}},
                {"alias": "b", "purpose": "answer", "began_after_ms": 2.2, "latency_ms": 30.5,
                 "first_token_ms": 17.8, "error": null},
            ],
            "plan": {
                "selector": "capability",
                "ranking": [{"rank": 1, "alias": "a", "reason": "cheap"}, {"rank": 2, "alias": "b", "reason": "dear"}],
                "rejected": [{"alias": "c", "missing": [{"key": "supports_vision", "wanted": true, "has": null}]}],
            },
        }));
        assert_eq!(
            text,
            "id-1  completed after 33.0 ms\n\
             asked    auto, streamed\n\
             by       team\n\
             trace    4bf92f3577b34da6a3ce929d0e0e4736\n\
             at       1970-01-01T00:00:00Z\n\
             used     8 tokens in, 4 out, $0.000020\n\
             \n\
             attempt  alias  began ms  took ms  first token ms  outcome\n\
             1        a           0.1      2.0               -  overloaded, status 503: not[31m now\n\
             2        b           2.2     30.5            17.8  answered\n\
             \n\
             plan of selector capability\n\
             rank  alias  reason\n\
             1     a      cheap\n\
             2     b      dear\n\
             does not fit  because\n\
             c             supports_vision: wanted true, unknown\n"
        );
    }

    #[test]
    fn a_request_that_called_nobody_says_so() {
        let text = plain(&json!({
            "request_id": "id-2", "ending": "failed", "requested_model": "nobody", "total_ms": 0.1,
            "error": {"code": "model_not_found", "status": null, "message": "no such model"},
        }));
        assert!(text.contains("failed after 0.1 ms") && text.contains("model_not_found: no such model"));
        assert!(text.ends_with("no model was called\n"), "{text}");
    }
}
