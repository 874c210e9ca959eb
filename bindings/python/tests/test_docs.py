"""What the documentation shows runs."""

import ast
import inspect
import os
import pathlib
import re

import pytest

PACKAGE = pathlib.Path(__file__).parents[1]
PAGES = [PACKAGE.parents[1] / "docs" / "python.md", PACKAGE / "README.md"]
SHOWN = "http://127.0.0.1:8081/v1"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
async def test_pieces_run_one_after_the_other(page, upstream):
    text = page.read_text(encoding="utf-8")
    names: dict[str, object] = {}
    pieces = list(re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    assert pieces
    for piece in pieces:
        # Lines are counted as in the page, so that a failure names its place.
        code = "\n" * text.count("\n", 0, piece.start(1)) + piece.group(1).replace(SHOWN, upstream)
        compiled = compile(code, os.fspath(page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        waited = eval(compiled, names)
        if inspect.isawaitable(waited):
            await waited
