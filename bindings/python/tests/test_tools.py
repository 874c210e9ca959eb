"""Tools from functions: signatures, docstrings, checked arguments, results, failures."""

import asyncio
import dataclasses
import datetime
import decimal
import enum
import functools
import pathlib
import threading
import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NewType, Optional, TypedDict, Union

import pytest
from scripted import Scripted, calls, of, read

from modelpool import AgentController, InvalidValueError, StreamingGenerator, Tool, ToolContext, tool

pydantic = pytest.importorskip("pydantic")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Shape(enum.Enum):
    ROUND = object()
    FLAT = object()


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0
    tags: list[str] = dataclasses.field(default_factory=list)


class Options(TypedDict):
    deep: bool
    limit: int


class Street(pydantic.BaseModel):
    name: str


class Address(pydantic.BaseModel):
    city: str = pydantic.Field(description="where")
    street: Optional[Street] = None


UserId = NewType("UserId", int)


def generates():
    yield 1


async def generates_later():
    yield 1


def properties(function):
    return Tool(function).parameters["properties"]


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (None, {"type": "null"}),
        (Any, {}),
        (list, {"type": "array"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (Sequence[str], {"type": "array", "items": {"type": "string"}}),
        (set[str], {"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (
            tuple[int, str],
            {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2},
        ),
        (dict, {"type": "object"}),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (Mapping[str, Any], {"type": "object"}),
        (Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (Union[int, str], {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        (Literal["a", 1], {"enum": ["a", 1]}),
        (Colour, {"enum": ["red", "blue"]}),
        (Level, {"enum": [1, 2]}),
        (Shape, {"enum": ["ROUND", "FLAT"]}),
        (UserId, {"type": "integer"}),
        (Annotated[int, {"not": "hashable"}, "how many"], {"type": "integer", "description": "how many"}),
        (Annotated[int, "how many"], {"type": "integer", "description": "how many"}),
        (Annotated[int, pydantic.Field(description="how many")], {"type": "integer", "description": "how many"}),
        (datetime.datetime, {"type": "string", "format": "date-time"}),
        (datetime.date, {"type": "string", "format": "date"}),
        (uuid.UUID, {"type": "string", "format": "uuid"}),
        (pathlib.Path, {"type": "string"}),
        (decimal.Decimal, {"type": "number"}),
        (
            Point,
            {
                "type": "object",
                "properties": {
                    "x": {"type": "number"},
                    "y": {"type": "number", "default": 0.0},
                    "tags": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["x"],
                "additionalProperties": False,
            },
        ),
        (
            Options,
            {
                "type": "object",
                "properties": {"deep": {"type": "boolean"}, "limit": {"type": "integer"}},
                "required": ["deep", "limit"],
                "additionalProperties": False,
            },
        ),
    ],
    ids=str,
)
def test_annotations_become_schemas(annotation, schema):
    def function(value):
        pass

    function.__annotations__ = {"value": annotation}
    assert properties(function) == {"value": schema}


def test_models_of_pydantic_are_whole_in_themselves():
    def function(address: Address):
        pass

    schema = properties(function)["address"]
    assert schema["properties"]["city"]["description"] == "where" and schema["required"] == ["city"]
    assert "$ref" not in str(schema) and "name" in str(schema["properties"]["street"])


def test_what_is_told_of_a_function():
    @tool(safety="exclusive", timeout=2.5)
    def move(where: Colour, steps: int = 3, *, fast: bool = False, because: Optional[str] = None):
        """Moves the robot.

        It stops at walls.

        Args:
            where: the colour of the field
                that is the goal
            steps (int): at most so many
            because: no reason is needed

        Returns:
            nothing at all
        """

    assert move.name == "move" and move.safety == "exclusive" and move.timeout == 2.5
    assert move.description == "Moves the robot.\n\nIt stops at walls."
    assert move.parameters == {
        "type": "object",
        "properties": {
            "where": {"enum": ["red", "blue"], "description": "the colour of the field that is the goal"},
            "steps": {"type": "integer", "description": "at most so many", "default": 3},
            "fast": {"type": "boolean", "default": False},
            "because": {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "no reason is needed"},
        },
        "required": ["where"],
        "additionalProperties": False,
    }
    assert move.definition["function"]["name"] == "move" and move.__doc__.startswith("Moves the robot")


@pytest.mark.parametrize(
    "doc",
    [
        "Digs.\n\n    Args:\n        depth (int): how deep\n        kind: of soil\n\n    Raises:\n        OSError: never\n    ",
        "Digs.\n\n    Parameters\n    ----------\n    depth : int\n        how deep\n    kind\n        of soil\n\n    Returns\n    -------\n    str\n        gold\n    ",
        "Digs.\n\n    :param int depth: how\n        deep\n    :param kind: of soil\n    :returns: gold\n    ",
    ],
    ids=["google", "numpy", "sphinx"],
)
def test_docstrings_of_the_common_styles(doc):
    def dig(depth: int, kind: str) -> str:
        return ""

    dig.__doc__ = doc
    made = Tool(dig)
    assert made.description == "Digs."
    said = {name: schema["description"] for name, schema in made.parameters["properties"].items()}
    assert said == {"depth": "how deep", "kind": "of soil"}


def test_names_and_descriptions_may_be_given():
    made = tool(name="other", description="Says so.")(lambda x: x)
    assert (made.name, made.description) == ("other", "Says so.")
    assert made(3) == 3, "it is still the function"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: x, "`<lambda>` cannot be the name"),
        (lambda *x: x, "can be given by name"),
        (lambda **x: x, "can be given by name"),
        (3, "expected a function, got 3"),
        (generates, "got generator"),
        (generates_later, "got generator"),
    ],
)
def test_what_cannot_be_a_tool_says_so(function, words):
    with pytest.raises(InvalidValueError, match=words):
        Tool(function)


def test_types_that_cannot_be_said():
    def bad(key: dict[int, str]):
        pass

    def worse(value: threading.Thread):
        pass

    def unknown(value: "Nowhere"):  # noqa: F821
        pass

    for function, words in [(bad, "keys of a dict are strings"), (worse, "parameter `value`"), (unknown, "Nowhere")]:
        with pytest.raises(InvalidValueError, match=words):
            Tool(function)
    for given, words in [({"safety": "brave"}, "safe, cautious or exclusive"), ({"timeout": 0}, "seconds above 0")]:
        with pytest.raises(InvalidValueError, match=words):
            tool(**given)(test_types_that_cannot_be_said)


async def run(*tools, **arguments):
    """Has the first tool called once; answers what the model was told."""
    script = Scripted(calls(Tool.of(tools[0]).name, **arguments), ["done"])
    agent = AgentController(streaming_generator=StreamingGenerator(llm_provider=script), tools=tools)
    (result,) = of(await read(agent.stream_run("go", None)), "tool_result")
    told = script.asked[1]["messages"][-1]["content"]
    assert told == result.content
    return result


async def test_functions_are_given_their_types():
    given = {}

    @tool
    def take(
        colour: Colour, level: Level, shape: Shape, point: Point, options: Options, address: Address, when: datetime.date,
        many: set[int], pair: tuple[int, str], path: pathlib.Path, moment: datetime.datetime, either: Union[int, Point],
        number: float, maybe: Optional[Street] = None, text: str = "default",
    ):  # fmt: skip
        given.update(locals())

    result = await run(
        take, colour="blue", level=2, shape="FLAT", point={"x": 1}, options={"deep": True, "limit": 3},
        address={"city": "Bern", "street": {"name": "A"}}, when="2024-05-06", many=[1, 2], pair=[1, "a"], path="/tmp",
        moment="2024-05-06T07:08:09Z", either={"x": 2, "y": 3}, number=4, maybe={"name": "B"},
    )  # fmt: skip
    assert not result.failed and result.content == "done", result.content
    given.pop("given", None)
    assert given == {
        "colour": Colour.BLUE,
        "level": Level.HIGH,
        "shape": Shape.FLAT,
        "point": Point(1.0),
        "options": {"deep": True, "limit": 3},
        "address": Address(city="Bern", street=Street(name="A")),
        "when": datetime.date(2024, 5, 6),
        "many": {1, 2},
        "pair": (1, "a"),
        "path": pathlib.Path("/tmp"),
        "moment": datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.timezone.utc),
        "either": Point(2.0, 3.0),
        "number": 4.0,
        "maybe": Street(name="B"),
        "text": "default",
    }
    assert isinstance(given["level"], Level) and isinstance(given["number"], float)


async def test_arguments_that_do_not_fit_are_refused_before_the_call():
    called = []

    def add(a: int, when: Optional[datetime.date] = None):
        called.append(a)

    for arguments, words in [
        ({"a": "one"}, "integer"),
        ({}, "required"),
        ({"a": 1, "b": 2}, "unexpected"),
        ({"a": 1, "when": "soon"}, "when: "),
    ]:
        result = await run(add, **arguments)
        assert result.failed and words in result.content, result.content
    assert called == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("text", "text"),
        (None, "done"),
        (3, "3"),
        ({"a": [1, "é"]}, '{"a": [1, "é"]}'),
        (Point(1.0), '{"x": 1.0, "y": 0.0, "tags": []}'),
        (Address(city="Bern"), '{"city": "Bern"}'),
        ((1, 2), "[1, 2]"),
        (decimal.Decimal("1.5"), "1.5"),
    ],
    ids=str,
)
async def test_results_are_told_as_text_or_json(value, text):
    def give():
        return value

    async def give_later():
        return value

    assert (await run(give)).content == text
    assert (await run(give_later)).content == text


async def test_a_tool_that_fails_is_told_to_the_model():
    def fail():
        raise KeyError("no such drawer")

    async def fail_later():
        raise ValueError

    async def cancel_itself():
        raise asyncio.CancelledError

    result = await run(fail)
    assert result.failed and result.content == "error: KeyError: 'no such drawer'"
    assert (await run(fail_later)).content == "error: ValueError"
    assert "cancelled from within" in (await run(cancel_itself)).content


async def test_a_tool_that_fails_again_and_again_is_taken_away():
    @tool
    def fail():
        raise OSError("broken")

    script = Scripted(*(calls("fail") for _ in range(3)), ["I give up"])
    agent = AgentController(
        streaming_generator=StreamingGenerator(llm_provider=script), tools=[fail], leaves_stuck_models=False
    )
    events = await read(agent.stream_run("go", None))
    assert [event.taken_away for event in of(events, "tool_result")] == [False, False, True]
    assert events[-1].content == "I give up"


async def test_a_tool_that_is_too_slow_is_stopped():
    ended = []

    @tool(timeout=0.05)
    async def slow():
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    result = await run(slow)
    assert result.failed and "did not end within 0.05 s" in result.content
    await asyncio.sleep(0.05)
    assert ended == [True]


async def test_where_functions_run():
    here, threads = threading.get_ident(), {}

    async def on_the_loop():
        threads["loop"] = threading.get_ident()

    def on_a_thread():
        threads["thread"] = threading.get_ident()

    await run(on_the_loop)
    await run(on_a_thread)
    assert threads["loop"] == here and threads["thread"] != here


@pytest.mark.parametrize(("safety", "most"), [("safe", 4), ("cautious", 2), ("exclusive", 1)])
async def test_safety_says_how_many_run_side_by_side(safety, most):
    under_way, seen = 0, []

    @tool(safety=safety)
    async def work(number: int):
        nonlocal under_way
        under_way += 1
        seen.append(under_way)
        await asyncio.sleep(0.02)
        under_way -= 1

    answer = [piece for at in range(4) for piece in calls("work", at=at, number=at)]
    agent = AgentController(
        streaming_generator=StreamingGenerator(llm_provider=Scripted(answer, ["done"])), tools=[work]
    )
    events = await read(agent.stream_run("go", None))
    assert len(of(events, "tool_result")) == 4 and max(seen) == most


async def test_progress_is_told():
    @tool
    def climb(height: int, context: ToolContext) -> str:
        for metre in range(height):
            context.progress(f"{metre + 1} m")
        return "up"

    assert list(climb.parameters["properties"]) == ["height"]
    script = Scripted(calls("climb", height=3), ["done"])
    agent = AgentController(streaming_generator=StreamingGenerator(llm_provider=script), tools=[climb])
    events = await read(agent.stream_run("go", None))
    assert [event.content for event in of(events, "tool_progress")] == ["1 m", "2 m", "3 m"]


async def test_results_are_bounded():
    def much() -> str:
        return "x" * 100_000

    result = await run(much)
    assert result.truncated and len(result.content) < 40_000 and "bytes were left out" in result.content


async def test_methods_partials_and_objects():
    class Drawer:
        def __init__(self, thing):
            self.thing = thing

        @tool(safety="safe")
        def open(self, slowly: bool = False) -> str:
            """Opens the drawer."""
            return self.thing

        def shut(self) -> str:
            return f"no {self.thing}"

        def __call__(self, wish: str) -> str:
            return f"{wish} of {self.thing}"

    def add(a: int, b: int) -> int:
        return a + b

    drawer = Drawer("socks")
    assert drawer.open.safety == "safe" and drawer.open.description == "Opens the drawer."
    assert (await run(drawer.open, slowly=True)).content == "socks"
    assert (await run(drawer.shut)).content == "no socks"
    assert (await run(tool(name="wish")(drawer), wish="pair")).content == "pair of socks"
    assert (await run(functools.partial(add, b=2), a=1)).content == "3"
