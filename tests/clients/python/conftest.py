"""The gateway under test and its simulated upstream, as `cargo xtask test clients` started them."""

import itertools
import os

import anthropic
import pytest
from google import genai
from openai import AsyncOpenAI, OpenAI

from simulator import Simulator
from wires import WIRES, Wire

# The SDK would try again by itself, and then errors were not seen.
SETTINGS = {"base_url": os.environ["GATEWAY_URL"], "max_retries": 0, "timeout": 20.0}

# Where paths of other dialects begin.
ROOT = os.environ["GATEWAY_URL"].removesuffix("/v1")


@pytest.fixture(scope="session")
def client():
    """A caller that may name every model."""
    with OpenAI(api_key=os.environ["FULL_KEY"], **SETTINGS) as client:
        yield client


@pytest.fixture(scope="session")
def limited_client():
    """A caller that may name `plain` and nothing else."""
    with OpenAI(api_key=os.environ["LIMITED_KEY"], **SETTINGS) as client:
        yield client


@pytest.fixture(scope="session")
def stranger():
    """A caller whose key is not known."""
    with OpenAI(api_key="sk-not-known-here", **SETTINGS) as client:
        yield client


@pytest.fixture
def make_async_client():
    """Makes callers for code that runs in an event loop of its own."""
    return lambda: AsyncOpenAI(api_key=os.environ["FULL_KEY"], **SETTINGS)


def make_anthropic(key):
    return anthropic.Anthropic(api_key=key, base_url=ROOT, max_retries=0, timeout=20.0)


def make_google(key):
    # Milliseconds, and the first call is the only one.
    options = {"base_url": ROOT, "timeout": 20_000, "retry_options": {"attempts": 1}}
    return genai.Client(api_key=key, http_options=options)


@pytest.fixture(scope="session")
def anthropic_client():
    with make_anthropic(os.environ["FULL_KEY"]) as client:
        yield client


@pytest.fixture(scope="session")
def anthropic_stranger():
    with make_anthropic("sk-not-known-here") as client:
        yield client


@pytest.fixture(scope="session")
def google_client():
    return make_google(os.environ["FULL_KEY"])


@pytest.fixture(scope="session")
def google_stranger():
    return make_google("not-known-here")


@pytest.fixture(params=WIRES)
def wire(request):
    """Every way to the upstream, one after the other."""
    return Wire(request.param)


@pytest.fixture(scope="session")
def simulator():
    return Simulator(os.environ["SIMULATOR_URL"])


class OwnModel:
    """A model that only one test uses, so that its faults and records are its own."""

    numbers = itertools.count(1)

    def __init__(self):
        self.upstream = f"python-{os.getpid()}-{next(OwnModel.numbers)}"
        self.alias = f"test/{self.upstream}"


@pytest.fixture
def own_model():
    return OwnModel()
