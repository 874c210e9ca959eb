"""What the scripts of this folder share: llama.cpp's server, the gateway in front of it, and requests."""

import contextlib
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import xllamacpp

# What is looked at again and again comes true within this time, or it is a mistake.
PATIENCE_S = 30.0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class LlamaServer:
    """llama.cpp's server, in this process: it ends with it."""

    def __init__(self, model: Path, context: int, longest_answer: int = -1) -> None:
        settings = xllamacpp.CommonParams()
        settings.model.path = str(model)
        settings.port = free_port()
        settings.n_ctx = context
        settings.n_predict = longest_answer
        settings.n_parallel = 1
        settings.use_jinja = True
        settings.warmup = False
        settings.endpoint_slots = True
        # One core: two that wait for each other are slower than one where other programs run. And weights in memory of our own
        # stay there.
        settings.cpuparams.n_threads = 1
        settings.cpuparams_batch.n_threads = 1
        settings.load_mode = xllamacpp.llama_load_mode.LLAMA_LOAD_MODE_NONE
        # The likeliest token each time: what it says does not change from run to run.
        settings.sampling.temp = 0
        self._server = xllamacpp.Server(settings)
        self.address = self._server.listening_address

    def slot(self) -> dict:
        """What its one slot is doing."""
        status, slots = request(f"{self.address}/slots")
        assert status == 200, slots
        return json.loads(slots)[0]

    def is_busy(self) -> bool:
        return self.slot()["is_processing"]


@dataclass(frozen=True)
class Model:
    """A model of a configuration: its alias, its provider, where it is, and what is said of it."""

    alias: str
    provider: str
    base_url: str
    capabilities: str = "{}"

    def line(self) -> str:
        where = f'model_name: {self.alias}, base_url: "{self.base_url}", api_key: none'
        return f"  - {{alias: {self.alias}, provider: {self.provider}, {where}, capabilities: {self.capabilities}}}"


def configure(file: Path, models: list, *lines: str) -> None:
    file.write_text("\n".join([*lines, "models:", *(model.line() for model in models)]) + "\n")


@contextlib.contextmanager
def gateway(binary: str, configuration: Path, models: list):
    """The address of a gateway, which ends with this."""
    port = free_port()
    configure(configuration, models, f"listen: 127.0.0.1:{port}")
    address = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        try:
            return request(f"{address}/health/ready")[0] == 200
        except OSError:
            return False

    log = configuration.with_suffix(".log")
    with log.open("wb") as said:
        program = subprocess.Popen([binary, "serve", "--config", configuration], stdout=said, stderr=said)
    try:
        wait_until(ready, "the gateway is ready")
        yield address
    finally:
        program.terminate()
        program.wait()


def wait_until(holds, what: str) -> float:
    """The seconds it took."""
    begin = time.monotonic()
    while not holds():
        assert time.monotonic() - begin < PATIENCE_S, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - begin


def request(url: str, body=None):
    """Status and text of an answer."""
    try:
        with opened(url, body) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def opened(url: str, body=None):
    """An answer whose body is read while it comes."""
    data = None if body is None else json.dumps(body).encode()
    call = urllib.request.Request(url, data, {"content-type": "application/json"})
    return urllib.request.urlopen(call, timeout=120)
