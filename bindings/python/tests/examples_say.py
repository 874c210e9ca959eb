"""What each example says, whatever model answers it: here a simulated one, in `tests/servers` a real one."""

SAYS = {
    "example_1_basic": ["['default', 'vision', 'large-context']"],
    "example_2_selection": ["default\nvision\nlarge-context"],
    "example_3_agent": ["'type': 'llm_streaming'", "'model_alias': 'vision'", "'type': 'turn_complete'"],
    "example_4_selector": [],
    "example_5_flexibility": ["sql-expert\nlocal-llama\nsql-expert"],
    "configuration": ["fast: ", "fast strong"],
    "cost_tracking": ["dear ", "cheap "],
    "single_model": ["100% answered"],
    "old_and_new": ["old: my-provider: You said: Good", "new: small: ", "new: seeing: ", "new agent: small: "],
    "agent_tools": ["  weather: It is 21 degrees celsius in Bern.", "handy: ", "plain: "],
    "own_provider": ["polly: Hello there", "other: "],
}
