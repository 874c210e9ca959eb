"""The examples of the repository run, and say what they promise."""

import os
import pathlib
import subprocess
import sys

import pytest

FOLDER = pathlib.Path(os.environ.get("EXAMPLES", pathlib.Path(__file__).parents[3] / "examples" / "python"))

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


def run(name, upstream):
    environment = {**os.environ, "MODELPOOL_EXAMPLE_URL": upstream, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", f"{name}.py"],
        cwd=FOLDER, env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_no_example_is_forgotten():
    assert {file.stem for file in FOLDER.glob("*.py")} == set(SAYS)


@pytest.mark.parametrize("name", SAYS)
def test_examples(name, upstream):
    said = run(name, upstream)
    for words in SAYS[name]:
        assert words in said
    if name == "example_4_selector":
        assert said.strip() in ("fast", "cheap")
    if name == "cost_tracking":
        assert said.index("dear ") < said.index("cheap ")
