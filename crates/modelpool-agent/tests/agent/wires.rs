//! A turn with a tool over every wire: the agent speaks one dialect, and the pool the model's.

use modelpool::{Capabilities, Flag, ModelConfig, ModelPool};
use modelpool_agent::tool::{FunctionTool, Safety, ToolOutput, ToolSet};
use modelpool_agent::{AgentController, Stopped, StreamingGenerator};
use modelpool_testkit::wires::{Deed, Said, Upstream, Wire};

use crate::stage::ran;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Place {
    city: String,
}

fn weather() -> ToolSet {
    let weather = FunctionTool::new("weather", "The weather.", |place: Place, _| async move {
        Ok(ToolOutput::from(format!("rain in {}", place.city)))
    });
    ToolSet::new().with(weather.safety(Safety::Safe)).unwrap()
}

async fn turn_over(upstreams: &[(&str, &Upstream)]) -> crate::stage::Ran {
    let pool = ModelPool::builder()
        .environment(std::sync::Arc::new(|_| None))
        .build();
    for (place, (alias, upstream)) in upstreams.iter().enumerate() {
        let wire = upstream.wire();
        let capabilities = Capabilities::new().supports(Flag::Tools).context_window(100_000);
        let config = ModelConfig::new(*alias, wire.provider(), wire.model_name())
            .base_url(upstream.base_url())
            .api_key("k")
            .capabilities(capabilities.cost_per_1k_tokens(0.001 * (place + 1) as f64));
        pool.add(config).unwrap();
    }
    let agent = AgentController::new(StreamingGenerator::of_pool(pool)).tools(weather());
    ran(&agent, "What is the weather in Oslo?").await
}

#[tokio::test]
async fn every_wire_carries_calls_and_results() {
    for wire in Wire::ALL {
        let upstream = Upstream::start(wire).await.unwrap();
        upstream.next(Deed::says(Said::weather_call()));
        upstream.next(Deed::says(Said::text(["It ", "rains."])));
        let ran = turn_over(&[("one", &upstream)]).await;
        assert_eq!(
            ran.summary().stopped,
            Stopped::Done,
            "{wire:?}: {:?}",
            ran.contents("error")
        );
        assert_eq!(ran.answer(), "It rains.", "{wire:?}");
        assert_eq!(ran.contents("tool_result"), ["rain in Oslo"], "{wire:?}");
        assert_eq!(ran.summary().usage.total_tokens(), 36, "{wire:?}");
        let asked = upstream.asked();
        assert!(
            asked[1].body.to_string().contains("rain in Oslo"),
            "{wire:?}: {}",
            asked[1].body
        );
    }
}

#[tokio::test]
async fn a_loop_moves_from_any_wire_to_any_other() {
    for from in Wire::ALL {
        for to in Wire::ALL.into_iter().filter(|to| *to != from) {
            let (cheap, strong) = (
                Upstream::start(from).await.unwrap(),
                Upstream::start(to).await.unwrap(),
            );
            cheap.next(Deed::says(Said::weather_call()));
            cheap.next(Deed::says(Said::weather_call()));
            strong.next(Deed::says(Said::text(["It ", "rains."])));
            let ran = turn_over(&[("cheap", &cheap), ("strong", &strong)]).await;
            assert_eq!(
                ran.aliases(),
                ["cheap", "cheap", "strong"],
                "{from:?} to {to:?}: {:?}",
                ran.contents("error")
            );
            assert_eq!(ran.answer(), "It rains.", "{from:?} to {to:?}");
            let asked = strong.asked();
            assert_eq!(
                asked[0].body.to_string().matches("rain in Oslo").count(),
                2,
                "{from:?} to {to:?}"
            );
        }
    }
}
