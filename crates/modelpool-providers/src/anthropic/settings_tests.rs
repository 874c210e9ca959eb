//! Sampling and thinking, as far as a model takes them.

use serde_json::{Value, json};

use super::write_tests::{NEW, OLD, assistant, call, hello, result, user, written, written_for};
use crate::neutral::{Content, Effort, Message, Reasoning, Role, ToolChoice};

#[test]
fn sampling_as_far_as_it_goes() {
    for (model, temperature, top_p, expected, dropped) in [
        (OLD, Some(0.5), None, json!([0.5, null]), vec![]),
        (OLD, Some(1.5), None, json!([1.0, null]), vec!["temperature"]),
        (OLD, Some(0.5), Some(0.9), json!([0.5, null]), vec!["top_p"]),
        (OLD, Some(0.5), Some(1.0), json!([0.5, null]), vec![]),
        (OLD, None, Some(0.9), json!([null, 0.9]), vec![]),
        (
            "claude-3-5-haiku",
            Some(0.5),
            Some(0.9),
            json!([0.5, 0.9]),
            vec![],
        ),
        (
            NEW,
            Some(0.5),
            Some(0.9),
            json!([null, null]),
            vec!["temperature", "top_p"],
        ),
        (NEW, Some(1.0), Some(1.0), json!([null, null]), vec![]),
    ] {
        let mut conversation = hello();
        conversation.sampling.temperature = temperature;
        conversation.sampling.top_p = top_p;
        let (body, named) = written_for(model, &conversation).unwrap();
        assert_eq!(
            json!([body["temperature"], body["top_p"]]),
            expected,
            "{model} {temperature:?} {top_p:?}"
        );
        assert_eq!(named, dropped);
    }
    let mut conversation = hello();
    conversation.sampling.top_k = Some(5);
    conversation.sampling.stop = vec!["END".to_owned()];
    conversation.sampling.seed = Some(1);
    conversation.sampling.presence_penalty = Some(0.0);
    conversation.sampling.frequency_penalty = Some(1.0);
    conversation.stream = true;
    let (body, dropped) = written(&conversation);
    assert_eq!(
        (&body["top_k"], &body["stop_sequences"]),
        (&json!(5), &json!(["END"]))
    );
    assert_eq!(
        (&body["stream"], dropped),
        (
            &json!(true),
            ["frequency_penalty", "presence_penalty", "seed"]
                .map(str::to_owned)
                .to_vec()
        )
    );
}

#[test]
fn thinking_by_generation() {
    let budget = |tokens: u64| json!({"type": "enabled", "budget_tokens": tokens});
    let adaptive = || json!({"type": "adaptive"});
    let off = || json!({"type": "disabled"});
    let effort = |effort| (Some(effort), None);
    for (model, (effort, tokens), max, thinking, word, max_tokens, dropped) in [
        (
            OLD,
            effort(Effort::Medium),
            None,
            budget(4096),
            None,
            8192,
            vec![],
        ),
        (
            OLD,
            effort(Effort::High),
            Some(3000),
            budget(2999),
            None,
            3000,
            vec![],
        ),
        (
            OLD,
            effort(Effort::Low),
            Some(1024),
            Value::Null,
            None,
            1024,
            vec!["reasoning_effort"],
        ),
        (
            OLD,
            (None, Some(100)),
            None,
            budget(1024),
            None,
            5120,
            vec!["thinking.budget_tokens"],
        ),
        (
            OLD,
            (None, Some(2000)),
            Some(9000),
            budget(2000),
            None,
            9000,
            vec![],
        ),
        (OLD, (None, None), None, budget(4096), None, 8192, vec![]),
        (OLD, effort(Effort::None), None, Value::Null, None, 4096, vec![]),
        ("glm-4.6", (None, Some(0)), None, off(), None, 4096, vec![]),
        (
            "claude-3-5-haiku",
            effort(Effort::Low),
            None,
            Value::Null,
            None,
            4096,
            vec!["reasoning_effort"],
        ),
        (
            NEW,
            effort(Effort::ExtraHigh),
            Some(10),
            adaptive(),
            Some("xhigh"),
            10,
            vec![],
        ),
        (
            NEW,
            (None, Some(5000)),
            None,
            adaptive(),
            Some("medium"),
            4096,
            vec![],
        ),
        (NEW, (None, None), None, adaptive(), None, 4096, vec![]),
        (NEW, effort(Effort::None), None, off(), None, 4096, vec![]),
        (
            "claude-opus-5-5",
            effort(Effort::None),
            None,
            Value::Null,
            Some("low"),
            4096,
            vec!["reasoning_effort"],
        ),
        (
            "claude-fable-5",
            effort(Effort::None),
            None,
            Value::Null,
            Some("low"),
            4096,
            vec!["reasoning_effort"],
        ),
    ] {
        let mut conversation = hello();
        conversation.max_output_tokens = max;
        conversation.reasoning = Some(Reasoning {
            effort,
            budget_tokens: tokens,
            visible: None,
        });
        let (body, named) = written_for(model, &conversation).unwrap();
        let case = format!("{model} {effort:?} {tokens:?}");
        assert_eq!(body["thinking"], thinking, "{case}");
        assert_eq!(body["output_config"]["effort"], json!(word), "{case}");
        assert_eq!(
            (&body["max_tokens"], named),
            (
                &json!(max_tokens),
                dropped.iter().map(|own| (*own).to_owned()).collect()
            ),
            "{case}"
        );
    }
}

#[test]
fn what_stands_against_thinking() {
    let mut thinking = hello();
    thinking.reasoning = Some(Reasoning {
        effort: Some(Effort::Medium),
        budget_tokens: None,
        visible: Some(false),
    });
    assert_eq!(
        written_for(NEW, &thinking).unwrap().0["thinking"]["display"],
        "omitted"
    );
    assert_eq!(written(&thinking).1, ["thinking.display"]);

    let mut sampled = thinking.clone();
    sampled.sampling.temperature = Some(0.2);
    sampled.sampling.top_k = Some(3);
    let (body, dropped) = written(&sampled);
    assert_eq!(
        (&body["temperature"], &body["top_k"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(dropped, ["thinking.display", "temperature", "top_k"]);

    let mut forced = thinking.clone();
    forced.tool_choice = Some(ToolChoice::Required);
    assert_eq!(written(&forced).1, ["reasoning_effort"]);
    let (body, dropped) = written_for(NEW, &forced).unwrap();
    assert_eq!(
        (&body["thinking"]["type"], &body["output_config"]["effort"]),
        (&json!("disabled"), &json!("medium"))
    );
    assert_eq!(dropped, ["thinking"]);
    assert_eq!(
        written_for("claude-opus-5-5", &forced).unwrap_err().field,
        "tool_choice"
    );
    if let Some(reasoning) = &mut forced.reasoning {
        reasoning.effort = Some(Effort::ExtraHigh);
    }
    let (body, _) = written_for(NEW, &forced).unwrap();
    assert_eq!(body["output_config"]["effort"], "high");

    let mut prefilled = thinking.clone();
    prefilled.messages.push(assistant(vec![Content::text("so")]));
    assert_eq!(written(&prefilled).0["thinking"], Value::Null);

    // A turn that another model began, without thinking that Anthropic signed.
    let mut begun = thinking;
    begun.messages.push(assistant(vec![call("1", "{}")]));
    begun
        .messages
        .push(Message::new(Role::Tool, vec![result("1", vec![], false)]));
    assert_eq!(written(&begun).0["thinking"], Value::Null);
    assert_eq!(
        written_for(NEW, &begun).unwrap().0["thinking"]["type"],
        "adaptive"
    );
    begun.messages.push(user("and by the way"));
    assert_eq!(written(&begun).0["thinking"], Value::Null);
    begun.messages.push(assistant(vec![Content::text("done")]));
    begun.messages.push(user("and now?"));
    assert_eq!(written(&begun).0["thinking"]["type"], "enabled");
}
