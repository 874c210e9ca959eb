//! Files as people have them, and single lines that are easy to get wrong. Whatever comes out has
//! to be a configuration our own reader takes.

use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use modelpool::config::{self, BreakerSettings, FileConfig, Format, NoChecks, RetryPolicy};

use super::{Imported, convert};

/// Converts, and reads the result as the gateway would, with every variable set.
fn carried(source: &str) -> (Imported, FileConfig) {
    let imported = convert(source).unwrap_or_else(|error| panic!("{error:?}"));
    let environment = |name: &str| {
        Some(match name.ends_with("_BASE") {
            true => "http://127.0.0.1:9/v1".to_owned(),
            false => format!("value-of-{name}"),
        })
    };
    let config = config::read(&imported.yaml, Format::Yaml, "out.yaml", &environment, &NoChecks);
    let config = config.unwrap_or_else(|problems| panic!("{problems}\n{}", imported.yaml));
    (imported, config)
}

/// One entry of `model_list`, from its parameters in one line.
fn model(name: &str, params: &str) -> String {
    format!("  - {{model_name: {name}, litellm_params: {{{params}}}}}\n")
}

fn reasons(imported: &Imported) -> Vec<String> {
    let lines = imported.not_carried_over.iter();
    lines
        .map(|line| format!("{}:{} {}: {}", line.line, line.column, line.path, line.reason))
        .collect()
}

#[test]
fn a_small_file_is_carried_over_whole() {
    let (imported, config) = carried(
        "model_list:\n  - model_name: gpt-4o-mini\n    litellm_params:\n      model: openai/gpt-4o-mini\n      \
         api_key: os.environ/OPENAI_API_KEY\n  - model_name: fast\n    litellm_params: {model: groq/llama-3.1-8b-instant}\n",
    );
    assert_eq!(reasons(&imported), [""; 0]);
    assert_eq!(
        imported.yaml,
        "models:\n  - alias: gpt-4o-mini\n    provider: openai\n    model_name: gpt-4o-mini\n    \
         api_key: ${OPENAI_API_KEY}\n  - alias: fast\n    provider: groq\n    \
         model_name: llama-3.1-8b-instant\n    api_key: ${GROQ_API_KEY}\n"
    );
    assert_eq!(config.models.len(), 2);
}

#[test]
fn a_production_file_says_all_that_is_missing() {
    let (imported, config) = carried(include_str!("../../../tests/litellm/production.yaml"));
    let aliases: Vec<&str> = config.models.iter().map(|model| model.alias.as_str()).collect();
    let expected = [
        "gpt-4o-1",
        "gpt-4o-2",
        "llama",
        "qwen-coder",
        "embeddings",
        "groq/*",
        "*",
    ];
    assert_eq!(aliases, expected);
    let pools: Vec<&str> = config.pools.iter().map(|pool| pool.name.as_str()).collect();
    assert_eq!(pools, ["gpt-4o", "gpt-4"]);
    assert_eq!(config.keys.len(), 1);
    assert_eq!(config.timeouts.total.map(|total| total.as_secs()), Some(120));
    assert_eq!(config.retry.same_model, 3);
    let limits = |at: usize| {
        let limits = config.models[at].limits;
        (
            limits.requests_per_minute.map(NonZeroU64::get),
            limits.tokens_per_minute.map(NonZeroU64::get),
            limits.max_concurrent.map(NonZeroUsize::get),
        )
    };
    assert_eq!(limits(0), (Some(500), Some(300_000), None));
    assert_eq!(limits(1), limits(0), "a merged key");
    assert_eq!(limits(2), (None, None, Some(10)));
    assert_eq!(limits(3), (None, None, None));
    assert_eq!(config.models[2].fallbacks, ["gpt-4o-1", "gpt-4o-2", "qwen-coder"]);
    assert_eq!(
        config.models[4].fallbacks, [""; 0],
        "a model that chats cannot stand in for one that embeds"
    );
    assert_eq!(
        config.pools[0]
            .selector
            .as_ref()
            .map(|selector| selector.value.to_string())
            .as_deref(),
        Some(
            r#"{"kind":"tiers","tiers":[["gpt-4o-1","gpt-4o-2"],["llama"]],"within":{"kind":"weighted","weights":{"gpt-4o-1":9,"gpt-4o-2":1}}}"#
        )
    );
    let lines: Vec<usize> = imported.not_carried_over.iter().map(|line| line.line).collect();
    let expected = [5, 33, 43, 52, 68, 72, 73, 74, 75, 76, 77, 82, 86];
    assert_eq!(lines, expected, "{:#?}", reasons(&imported));
}

#[test]
fn several_deployments_become_a_pool_of_their_name() {
    for (routing, expected) in [
        ("", r#""round_robin""#),
        (
            "router_settings: {routing_strategy: simple-shuffle}",
            r#""round_robin""#,
        ),
        (
            "router_settings: {routing_strategy: least-busy}",
            r#""least_busy""#,
        ),
        (
            "router_settings: {routing_strategy: latency-based-routing}",
            r#""latency""#,
        ),
        (
            "router_settings: {routing_strategy: cost-based-routing}",
            r#""cost""#,
        ),
    ] {
        let entries =
            model("a", "model: openai/x") + &model("a", "model: groq/y") + &model("b", "model: xai/z");
        let (imported, config) = carried(&format!("model_list:\n{entries}{routing}\n"));
        assert_eq!(reasons(&imported), [""; 0]);
        assert_eq!(config.pools.len(), 1);
        assert_eq!(config.pools[0].models, ["a-1", "a-2"]);
        let selector = config.pools[0]
            .selector
            .as_ref()
            .map(|selector| selector.value.to_string());
        assert_eq!(selector.as_deref(), Some(expected), "{routing}");
    }
}

#[test]
fn retries_cooldowns_and_limits_hold_for_all_models() {
    let entries = model("a", "model: openai/x") + &model("b", "model: groq/y, rpm: 7, cooldown_time: 9");
    let settings = "router_settings:\n  num_retries: 2\n  allowed_fails: 3\n  cooldown_time: 2.5\n  \
                    default_max_parallel_requests: 4\nlitellm_settings:\n  num_retries: 5\n";
    let (imported, config) = carried(&format!("model_list:\n{entries}{settings}"));
    let retry = RetryPolicy {
        same_model: 2,
        ..RetryPolicy::default()
    };
    assert_eq!(config.retry, retry, "what the router says holds");
    let open = Duration::from_millis(2500);
    let breaker = BreakerSettings {
        failures: 4,
        window: Duration::from_secs(60),
        open_first: open,
        open_cap: open,
    };
    assert_eq!(config.breaker, breaker, "after more failures than are allowed");
    let concurrent = [0, 1].map(|at| config.models[at].limits.max_concurrent.map(NonZeroUsize::get));
    assert_eq!(
        concurrent,
        [Some(4), None],
        "a default is for what has no limit of its own"
    );
    assert_eq!(
        reasons(&imported),
        [
            "3:61 model_list[1].litellm_params.cooldown_time: breakers are the same for all models here: `breaker: {open_s: …}`",
            "10:3 litellm_settings.num_retries: what was said elsewhere holds over this",
        ]
    );
}

#[test]
fn limits_that_our_file_does_not_take_are_said() {
    let entries = model(
        "a",
        "model: openai/x, rpm: 0, tpm: 1.5, max_parallel_requests: 1e9",
    );
    let settings = "router_settings: {num_retries: 11, cooldown_time: 0, allowed_fails: 1e5}\n";
    let (imported, config) = carried(&format!("model_list:\n{entries}{settings}"));
    assert_eq!(config.models[0].limits, modelpool::ModelLimits::default());
    assert_eq!(config.retry, RetryPolicy::default());
    assert_eq!(config.breaker, BreakerSettings::default());
    let reasons = reasons(&imported);
    assert_eq!(reasons.len(), 6, "{reasons:#?}");
    assert!(reasons[0].ends_with("rpm: here it has to be a whole number from 1 to 1000000000000"));
}

/// As LiteLLM shares requests out where nobody wrote weights.
#[test]
fn limits_are_weights_where_there_are_none() {
    for (first, second, expected) in [
        ("rpm: 10", "rpm: 30", r#"{"a-1":10,"a-2":30}"#),
        ("tpm: 10", "tpm: 30", r#"{"a-1":10,"a-2":30}"#),
        ("weight: 1, rpm: 10", "weight: 2, rpm: 10", r#"{"a-1":1,"a-2":2}"#),
    ] {
        let entries = model("a", &format!("model: openai/x, {first}"))
            + &model("a", &format!("model: groq/y, {second}"));
        let (_, config) = carried(&format!("model_list:\n{entries}"));
        let selector = &config.pools[0].selector.as_ref().unwrap().value;
        assert_eq!(selector["weights"].to_string(), expected);
    }
}

#[test]
fn a_strategy_we_do_not_have_is_said_and_not_replaced_in_silence() {
    let entries = model("a", "model: openai/x") + &model("a", "model: groq/y");
    let source =
        format!("model_list:\n{entries}router_settings:\n  routing_strategy: usage-based-routing-v2\n");
    let (imported, _) = carried(&source);
    assert_eq!(
        reasons(&imported),
        [
            "5:3 router_settings.routing_strategy: there is no such selector here; pools take their models in turn"
        ]
    );
}

#[test]
fn an_alias_made_up_for_a_deployment_takes_nobodys_name() {
    let entries =
        model("a", "model: openai/x") + &model("a", "model: groq/y") + &model("a-1", "model: xai/z");
    let (_, config) = carried(&format!("model_list:\n{entries}"));
    let aliases: Vec<&str> = config.models.iter().map(|model| model.alias.as_str()).collect();
    assert_eq!(aliases, ["a-2", "a-3", "a-1"]);
}

#[test]
fn providers_keys_and_addresses() {
    for (params, expected) in [
        ("model: gpt-4o", "openai gpt-4o - ${OPENAI_API_KEY}"),
        ("model: o3-mini", "openai o3-mini - ${OPENAI_API_KEY}"),
        (
            "model: openai/gpt-4o, api_base: https://api.openai.com/v1",
            "openai gpt-4o https://api.openai.com/v1 ${OPENAI_API_KEY}",
        ),
        // The key of OpenAI must not be sent to somebody else's server.
        (
            "model: openai/m, api_base: http://10.0.0.1/v1",
            "openai_compatible m http://10.0.0.1/v1 -",
        ),
        (
            "model: openai/m, api_base: os.environ/A_BASE, api_key: sk-1",
            "openai_compatible m ${A_BASE} sk-1",
        ),
        (
            "model: openrouter/meta/llama, api_key: os.environ/K",
            "openrouter meta/llama - ${K}",
        ),
        ("model: m, custom_llm_provider: groq", "groq m - ${GROQ_API_KEY}"),
        (
            r#"model: together_ai/meta-llama/L, api_key: "a${b}""#,
            r#"together meta-llama/L - "a$${b}""#,
        ),
        ("model: hosted_vllm/q", "vllm q ${HOSTED_VLLM_API_BASE} -"),
        (
            "model: dashscope/qwen-max",
            "qwen qwen-max https://dashscope-intl.aliyuncs.com/compatible-mode/v1 ${DASHSCOPE_API_KEY}",
        ),
    ] {
        let (imported, _) = carried(&format!("model_list:\n{}", model("a", params)));
        assert_eq!(reasons(&imported), [""; 0], "{params}");
        let value = |key: &str| {
            let line = imported
                .yaml
                .lines()
                .find_map(|line| line.trim().strip_prefix(key));
            line.unwrap_or("-").to_owned()
        };
        let found = ["provider: ", "model_name: ", "base_url: ", "api_key: "]
            .map(value)
            .join(" ");
        assert_eq!(found, expected, "{params}");
    }
}

#[test]
fn a_model_nobody_here_can_call_is_left_out_and_said_to_be() {
    for (params, reason) in [
        (
            "model: azure/g, api_base: https://x",
            "the provider `azure` is not available in this version; the model is left out",
        ),
        (
            "model: claude-3-5-sonnet",
            "the provider `anthropic` is not available in this version; the model is left out",
        ),
        (
            "model: m, custom_llm_provider: bedrock",
            "the provider `bedrock` is not available in this version; the model is left out",
        ),
        (
            "model: my-model",
            "the provider of `my-model` is not named: write it as PROVIDER/my-model; the model is left out",
        ),
        (
            "model: openai_like/m",
            "the provider needs an `api_base`; the model is left out",
        ),
        (
            "model: os.environ/MODEL",
            "a model named by a variable says nothing of its provider; it is left out",
        ),
        (
            "model: openai/*",
            "a name without `*` cannot stand for many models; it is left out",
        ),
    ] {
        let (imported, config) = carried(&format!("model_list:\n{}", model("a", params)));
        assert!(config.models.is_empty());
        assert_eq!(imported.not_carried_over.len(), 1, "{:?}", reasons(&imported));
        assert_eq!(imported.not_carried_over[0].reason, reason);
        assert_eq!(imported.not_carried_over[0].line, 2);
    }
}

#[test]
fn names_that_mean_something_else_here_are_refused() {
    for name in ["auto", "\"gpt-*\"", "\"a*b\""] {
        let (imported, config) = carried(&format!("model_list:\n{}", model(name, "model: openai/*")));
        assert!(config.models.is_empty());
        assert_eq!(imported.not_carried_over.len(), 1, "{name}");
    }
}

#[test]
fn fallbacks_lead_only_to_what_is_there() {
    let entries =
        model("a", "model: openai/x") + &model("b", "model: groq/y") + &model("c", "model: azure/z");
    let settings = "litellm_settings:\n  fallbacks: [{a: [b, c, zzz]}]\n  default_fallbacks: [a]\n";
    let (imported, config) = carried(&format!("model_list:\n{entries}{settings}"));
    assert_eq!(config.models[0].fallbacks, ["b"]);
    assert_eq!(
        config.models[1].fallbacks,
        ["a"],
        "those of all who have none of their own"
    );
    let reasons = reasons(&imported);
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    assert!(reasons[1].ends_with("fallbacks[0].a[1]: no model that was carried over has the name `c`"));
    assert!(reasons[2].ends_with("fallbacks[0].a[2]: no model that was carried over has the name `zzz`"));
}

#[test]
fn yaml_is_read_as_python_reads_it() {
    let source = "x-shared: &shared\n  model: openai/x\n  api_key: os.environ/K\nmodel_list:\n\
                  - model_name: a\n  litellm_params: {<<: *shared, model: openai/y}\n  model_info: {supports_vision: yes, \
                  input_cost_per_token: 3e-6, output_cost_per_token: \"0.000015\"}\n";
    let (imported, config) = carried(source);
    assert_eq!(
        config.models[0].model_name.as_deref(),
        Some("y"),
        "an own key holds over a merged one"
    );
    let capabilities = config.models[0]
        .capabilities
        .as_ref()
        .map(|located| located.value.to_string());
    let expected = r#"{"supports_vision":true,"price":{"input":3,"output":15}}"#;
    assert_eq!(capabilities.as_deref(), Some(expected));
    let lines: Vec<usize> = imported.not_carried_over.iter().map(|line| line.line).collect();
    assert_eq!(lines, [1, 2, 3], "a section nobody knows, line by line");
}

#[test]
fn prices_are_carried_over_with_all_that_vendors_bill() {
    let source = "model_list:
  - model_name: a
    litellm_params: {model: openai/z, input_cost_per_token: 1.25e-6, output_cost_per_token_above_200k_tokens: 15e-6}
    model_info:
      input_cost_per_token: 9
      output_cost_per_token: 10e-6
      cache_read_input_token_cost: 1.25e-7
      input_cost_per_token_above_200k_tokens: 2.5e-6
      cache_creation_input_token_cost: 2e-6
      cache_creation_input_token_cost_above_1hr: 3e-6
      cache_creation_input_token_cost_above_1hr_above_200k_tokens: 6e-6
      output_cost_per_reasoning_token: 11e-6
      input_cost_per_token_batches: 1e-7
  - model_name: b
    litellm_params: {model: openai/x}
    model_info: {output_cost_per_image: 0.04}
  - model_name: c
    litellm_params: {model: openai/y}
    model_info:
      input_cost_per_request: 0.005
      tiered_pricing:
        - {range: [0, 32000.0], input_cost_per_token: 1e-6, output_cost_per_token: 5e-6}
        - {range: [32000.0, 1e6], input_cost_per_token: 2e-6, output_cost_per_token: 9e-6, odd: 1}
        - {input_cost_per_token: 2e-6}
";
    let (imported, config) = carried(source);
    let price = |at: usize| {
        let capabilities = config.models[at].capabilities.as_ref().unwrap();
        modelpool::Capabilities::from_json(&capabilities.value)
            .unwrap()
            .declared_price()
            .cloned()
            .unwrap()
    };
    let tier = |above_input_tokens, input, output| modelpool::PriceTier {
        above_input_tokens,
        input,
        output,
        ..modelpool::PriceTier::default()
    };
    let of_a = modelpool::Price {
        input: 1.25,
        output: 10.0,
        cached_input: Some(0.125),
        cache_write: Some(2.0),
        cache_write_1h: Some(3.0),
        reasoning: Some(11.0),
        tiers: vec![modelpool::PriceTier {
            cached_input: Some(0.125),
            cache_write: Some(2.0),
            cache_write_1h: Some(6.0),
            reasoning: Some(11.0),
            ..tier(200_000, 2.5, 15.0)
        }],
        ..modelpool::Price::default()
    };
    assert_eq!(price(0), of_a, "{}", imported.yaml);
    let of_b = modelpool::Price {
        image: Some(0.04),
        ..modelpool::Price::default()
    };
    assert_eq!(price(1), of_b);
    let of_c = modelpool::Price {
        input: 1.0,
        output: 5.0,
        request: Some(0.005),
        tiers: vec![tier(32_000, 2.0, 9.0)],
        ..modelpool::Price::default()
    };
    assert_eq!(price(2), of_c);
    let reasons = reasons(&imported);
    assert_eq!(reasons.len(), 3, "{reasons:#?}");
    assert!(
        reasons[0].contains("input_cost_per_token_batches"),
        "{reasons:#?}"
    );
    assert!(reasons[1].contains("tiered_pricing[1].odd"), "{reasons:#?}");
    assert!(reasons[2].ends_with("tiered_pricing[2]: a tier needs its `range`, such as [32000, 128000]"));
}

#[test]
fn what_is_no_configuration_is_refused_with_its_place() {
    for (source, line) in [
        ("", 1),
        ("- a\n", 1),
        ("a: [1\nb: 2\n", 2),
        ("a: *b\n", 1),
        ("? [a]\n: b\n", 1),
    ] {
        let error = convert(source).expect_err(source);
        assert_eq!(error.place.line, line, "{source:?}: {error:?}");
    }
    let deep = "a: ".to_owned() + &"[".repeat(100_000);
    assert!(convert(&deep).is_err());
    let bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned()
        + &(1..9).map(|n| {
            let (name, last) = (char::from(b'a' + n), char::from(b'a' + n - 1));
            format!("{name}: &{name} [*{last}, *{last}, *{last}, *{last}, *{last}, *{last}, *{last}, *{last}, *{last}, *{last}]\n")
        }).collect::<String>();
    assert!(convert(&bomb).is_err());
}

#[test]
fn values_of_the_wrong_type_are_said_and_harm_nothing_else() {
    let source = "model_list:\n  - 7\n  - {model_name: a}\n  - model_name: b\n    litellm_params: {model: openai/x, timeout: soon}\n\
                  litellm_settings: 3\nrouter_settings: {fallbacks: {a: b}, model_group_alias: {z: {model: b}}}\n";
    let (imported, config) = carried(source);
    assert_eq!(config.models.len(), 1);
    let reasons = reasons(&imported);
    assert_eq!(reasons.len(), 6, "{reasons:#?}");
}
