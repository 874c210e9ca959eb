"""The examples of the repository run, and say what they promise."""

import os
import pathlib
import subprocess
import sys

import pytest
from examples_say import SAYS

FOLDER = pathlib.Path(os.environ.get("EXAMPLES", pathlib.Path(__file__).parents[3] / "examples" / "python"))


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
