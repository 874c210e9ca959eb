"""Tools of MCP servers: started when needed, ended with what started them."""

import gc
import os
import pathlib
import subprocess
import sys
import textwrap
import time

import pytest
from scripted import Scripted, calls, of, read

from modelpool import AgentController, InvalidValueError, McpError, McpServer, StreamingGenerator

SERVER = pathlib.Path(__file__).with_name("mcp_server.py")


def server(**options):
    return McpServer.stdio("test", sys.executable, [os.fspath(SERVER)], {"WORD": "secret-word"}, **options)


def agent(script, *tools):
    return AgentController(streaming_generator=StreamingGenerator(llm_provider=script), tools=tools)


def is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def gone(process):
    end = time.monotonic() + 10
    while is_alive(process):
        assert time.monotonic() < end, f"process {process} is still there"
        time.sleep(0.01)


async def process_of(given):
    (result,) = of(await read(agent(Scripted(calls("test__process"), ["done"]), given).stream_run("go")), "tool_result")
    number, word = result.content.split()
    assert word == "secret-word"
    return int(number)


async def test_an_agent_takes_the_tools_of_a_server():
    async with server(safety="safe", safety_of={"echo": "exclusive"}) as given:
        assert await given.connect() == ["test__echo", "test__process", "test__sleep"]
        script = Scripted(calls("test__echo", text="hello"), calls("test__echo"), ["done"])
        results = of(await read(agent(script, given).stream_run("go")), "tool_result")
        assert results[0].content == "hello" and not results[0].failed
        assert results[1].failed and "text" in results[1].content, "arguments are checked here, before the server"
        process = await process_of(given)
    gone(process)
    events = await read(agent(Scripted(["alone"]), given).stream_run("go"))
    assert "was closed" in of(events, "error")[0].content and events[-1].content == "alone"


async def test_a_server_is_started_when_it_is_needed_and_ended_when_let_go_of():
    given = server(prefix="")
    assert await given.connect() == ["echo", "process", "sleep"]
    given = server()
    process = await process_of(given)
    assert await process_of(given) == process, "it is the same for every run"
    assert is_alive(process)
    del given
    gc.collect()
    gone(process)


async def test_a_call_that_is_given_up_leaves_the_server_there():
    async with server() as given:
        process = await process_of(given)
        async with agent(Scripted(calls("test__sleep")), given).stream_run("go") as run:
            async for event in run:
                if event.type == "tool_call":
                    break
        assert is_alive(process)
    gone(process)


def test_scripts():
    with server() as given:
        assert "test__echo" in given.connect_sync()
        script = Scripted(calls("test__echo", text="hi"), ["done"])
        assert "hi" in str(list(agent(script, given).stream_run_sync("go")))
    assert repr(given) == "McpServer('test')"


def test_a_program_that_ends_takes_its_servers_along():
    program = f"""
        import sys, os
        sys.path.insert(0, {os.fspath(SERVER.parent)!r})
        from test_mcp import *
        import asyncio
        given = server()
        print(asyncio.run(process_of(given)), flush=True)
    """
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], env=environment, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    gone(int(done.stdout))


async def test_what_cannot_be_started_says_so():
    for given, words in [
        (McpServer.stdio("none", "/no/such/program"), "`none` could not be started"),
        (McpServer.stdio("dies", sys.executable, ["-c", "import sys; sys.exit('no licence')"]), "no licence"),
        (McpServer.http("web", "http://127.0.0.1:9/mcp", start_timeout=5), "`web`"),
        (server(safety_of={"ecco": "safe"}), "no tool `ecco`; known are echo"),
        (McpServer.stdio("a b", "x"), "letters, digits"),
    ]:
        with pytest.raises(McpError, match=words) as caught:
            await given.connect()
        assert caught.value.code == "mcp"
    events = await read(agent(Scripted(["alone"]), McpServer.stdio("none", "/no/such/program")).stream_run("go"))
    assert of(events, "error")[0].recovered and events[-1].content == "alone"
    for options in ({"safety": "brave"}, {"call_timeout": 0}, {"restarts": -1}):
        with pytest.raises(InvalidValueError, match=next(iter(options))):
            server(**options)
