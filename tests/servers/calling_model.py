"""A model that learns here, in minutes, to call tools and to answer with what they gave.

It reads dialogues that are made up: somebody asks for the weather of a city, for a file or a word, a tool is called by
its name with what was asked for, and the answer is the first line of what the tool gave. Cities, files and words are
mostly letters drawn by chance, so what it learns is to carry over what it reads; of the world it knows nothing. Who
asks for something else is told HELP. The seed is fixed; the same processor makes the same model.
"""

import hashlib
import json
import os
import random
import subprocess
import sys
from functools import partial
from pathlib import Path

import gguf
import gguf_file
import jax
import jax.numpy as jnp
import numpy

SHAPE = gguf_file.Shape(width=96, layers=3, heads=4, inner=192, context=2048)
LENGTH, BATCH, STEPS, RATE, SEED = 176, 16, 1600, 2e-2, 7

SPECIAL = ("<|end|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|tools|>")
END, USER, ASSISTANT, TOOL, TOOLS = range(len(SPECIAL))
MARKS = ("<tool_call>", "</tool_call>", '{"name": "', '", "arguments": {', '": "', '"}}', "}}", '"}')
WORDS = """and are boat book bread can city close cloud cold colour could day degrees celsius does eight evening fahrenheit file find
five folder for four from garden good green had has have hello here his house how its july june last letter light like line list
long look march may meeting milk monday month morning name new nine north not note nothing now old one open our paint plan please
project rain read red said say search seven she short show six snow south sun sunday tea tell ten text thank that the there they
this three time today tool two use warm was water weather week were what when where which white who will wind with word words
would year yellow yes you your""".split()
HELP = "I can look things up for you."
NONE_FITS = "I have no tool for that."

# Instructions are left out, and all of tools but their names: it was not taught to read them. They have to be looked at all the
# same, or the server takes the template for one without them, and puts them into what the user says.
TEMPLATE = """\
{%- if tools %}<|tools|>{% for tool in tools %}{{ tool.function.name }} {% endfor %}{% endif %}
{%- for message in messages %}
{%- if message.role == 'system' %}{{ message.content[:0] }}{% endif %}
{%- if message.role == 'user' %}<|user|>{{ message.content }}{% endif %}
{%- if message.role == 'tool' %}<|tool|>{{ message.content }}{% endif %}
{%- if message.role == 'assistant' %}<|assistant|>{{ message.content or '' }}
{%- for call in message.tool_calls or [] %}<tool_call>{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}</tool_call>{% endfor %}<|end|>{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|assistant|>{% endif %}"""


def pieces() -> dict:
    """The number of each token that text is made of: bytes, words, marks of calls."""
    known = [bytes([byte]) for byte in range(256)] + [text.encode() for text in [*MARKS, *WORDS]]
    return {piece: number for number, piece in enumerate(known, len(SPECIAL))}


PIECES = pieces()
LONGEST = max(map(len, PIECES))


def encode(text: str) -> list:
    """Numbers of tokens, the longest first: as llama.cpp does it where the vocabulary is called `rwkv`."""
    rest, numbers = text.encode(), []
    while rest:
        piece = next(rest[:length] for length in range(LONGEST, 0, -1) if rest[:length] in PIECES)
        numbers.append(PIECES[piece])
        rest = rest[len(piece) :]
    return numbers


def letters(draw: random.Random) -> str:
    return "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(3, 8)))


def name(draw: random.Random) -> str:
    return letters(draw).capitalize() if draw.random() < 0.8 else letters(draw)


def word(draw: random.Random) -> str:
    return draw.choice([letters(draw), draw.choice(WORDS)])


def file(draw: random.Random) -> str:
    parts = [word(draw) for _ in range(draw.choice([1, 1, 2]))]
    number = f"_{draw.randint(1, 99)}" if draw.random() < 0.2 else ""
    return "/".join(parts) + number + draw.choice([".md", ".txt", ".csv", ".json", ".rs", ".py"])


def line(draw: random.Random) -> str:
    """A line as a tool may give it."""
    made = [lambda: draw.choice(WORDS)] * 8 + [lambda: name(draw)] * 2
    made += [lambda: letters(draw), lambda: file(draw), lambda: str(draw.randint(0, 999))]
    said = [draw.choice(made)() + (draw.choice(",:;") if draw.random() < 0.1 else "") for _ in range(draw.randint(2, 8))]
    said = [word.capitalize() if draw.random() < 0.1 else word for word in said]
    text = " ".join(said)
    text = text[0].upper() + text[1:] if draw.random() < 0.7 else text
    return text + draw.choice([".", ".", ".", "", "!"])


ASKED = {
    "weather": (
        "What is the weather in {}?",
        "How is the weather in {} today?",
        "Please tell me the weather in {}.",
        "Will it rain in {}?",
        "What is the weather like in {} now?",
        "Is it cold in {}?",
    ),
    "read_file": (
        "What is in {}?",
        "What does {} say?",
        "Read {}.",
        "Please read the file {}.",
        "Show me {}",
        "Read {} and tell me what it says.",
        "What does the file {} say?",
    ),
    "search_files": ("Find the word {}.", "Search for {}.", "Where is the word {}?", "Which file has the word {}?"),
    "list_folder": ("List the files.", "Which files are there?", "What is in this folder?", "Please list the folder."),
}
ARGUMENT = {"weather": "city", "read_file": "path", "search_files": "text"}
BY_NAME = ("Please use the tool {}.", "Use the tool {}.", "Use the tool {} now.")
SMALL_TALK = ("Hello!", "Thank you.", "Good morning!", "Hi", "Good evening!", "Thanks!")


def turn(draw: random.Random, offered: list) -> list:
    """Text and numbers of tokens, each with whether the model is to say it."""
    chance = draw.random()
    tool, arguments = None, {}
    if chance < 0.1:
        question = draw.choice([draw.choice(SMALL_TALK), line(draw)])
    elif chance < 0.27:
        tool = draw.choice([*offered, letters(draw)])
        question = draw.choice(BY_NAME).format(tool)
    else:
        asked = [tool for tool in offered if tool in ASKED] or list(ASKED)
        tool = draw.choice(asked if draw.random() < 0.85 else list(ASKED))
        made = {"weather": name, "read_file": file, "search_files": word}.get(tool, letters)
        value = made(draw)
        question = draw.choice(ASKED[tool]).format(value)
        arguments = {ARGUMENT[tool]: value} if tool in ARGUMENT else {}
    said = [([USER], False), (question, False), ([ASSISTANT], False)]
    if tool in offered:
        call = json.dumps({"name": tool, "arguments": arguments})
        answer = line(draw)
        more = f"\n{line(draw)}" if draw.random() < 0.15 else draw.choice(["", "", "\n"])
        said += [(f"<tool_call>{call}</tool_call>", True), ([END], True)]
        said += [([TOOL], False), (answer + more, False), ([ASSISTANT], False), (answer, True)]
    else:
        said.append((NONE_FITS if tool else HELP, True))
    return [*said, ([END], True)]


def conversation(draw: random.Random) -> tuple:
    """Numbers of tokens, and for each whether the model is to say it: some turns, cut where there are enough."""
    offered = [*draw.sample(list(ASKED), draw.choice([0, 1, 1, 2, 3, 4])), *(letters(draw) for _ in range(draw.choice([0, 0, 1])))]
    draw.shuffle(offered)
    said = [([TOOLS], False), ("".join(f"{tool} " for tool in offered), False)] if offered else []
    numbers, own = [], []
    while len(numbers) < LENGTH:
        for part, mine in said:
            part = part if isinstance(part, list) else encode(part)
            numbers += part
            own += [mine] * len(part)
        said = turn(draw, offered)
    return numbers[:LENGTH], own[:LENGTH]


def batch(draw: random.Random):
    numbers, own = zip(*(conversation(draw) for _ in range(BATCH)))
    return numpy.array(numbers, numpy.int32), numpy.array(own, numpy.float32)


def fresh() -> dict:
    """Weights to begin with, by their names in the file."""
    draw = numpy.random.default_rng(SEED)

    def matrix(rows: int, columns: int, scale: float):
        return jnp.asarray(draw.standard_normal((rows, columns)) * scale, jnp.float32)

    size = len(SPECIAL) + len(PIECES)
    weights = {"token_embd": matrix(size, SHAPE.width, 1.0), "output": matrix(size, SHAPE.width, 0.05)}
    weights["output_norm"] = jnp.ones(SHAPE.width)
    for layer in range(SHAPE.layers):
        for matrix_name, (rows, columns) in gguf_file.matrices(SHAPE).items():
            # What adds to the stream begins small.
            scale = (0.5 if matrix_name in ("attn_output", "ffn_down") else 1.0) * columns**-0.5
            weights[f"blk.{layer}.{matrix_name}"] = matrix(rows, columns, scale)
        for norm in ("attn_norm", "ffn_norm"):
            weights[f"blk.{layer}.{norm}"] = jnp.ones(SHAPE.width)
    return weights


def normed(x, weight):
    return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + gguf_file.EPSILON) * weight


def turned(x):
    """Positions: each pair of neighbours is turned, as llama.cpp does it for this architecture."""
    length, size = x.shape[1], x.shape[-1]
    angle = jnp.arange(length)[:, None] * 10000.0 ** (-jnp.arange(0, size, 2) / size)
    cosine, sine = jnp.cos(angle)[None, :, None], jnp.sin(angle)[None, :, None]
    even, odd = x[..., 0::2], x[..., 1::2]
    return jnp.stack([even * cosine - odd * sine, even * sine + odd * cosine], -1).reshape(x.shape)


def logits(weights: dict, numbers):
    x = weights["token_embd"][numbers]
    rows, length = numbers.shape
    later = jnp.where(jnp.tril(jnp.ones((length, length), bool)), 0.0, -1e9)
    for layer in range(SHAPE.layers):
        of = lambda name: weights[f"blk.{layer}.{name}"]  # noqa: B023, E731
        y = normed(x, of("attn_norm"))
        q, k, v = ((y @ of(name).T).reshape(rows, length, SHAPE.heads, -1) for name in ("attn_q", "attn_k", "attn_v"))
        near = jnp.einsum("nihd,njhd->nhij", turned(q), turned(k)) * q.shape[-1] ** -0.5 + later
        seen = jnp.einsum("nhij,njhd->nihd", jax.nn.softmax(near), v).reshape(x.shape)
        x = x + seen @ of("attn_output").T
        y = normed(x, of("ffn_norm"))
        x = x + (jax.nn.silu(y @ of("ffn_gate").T) * (y @ of("ffn_up").T)) @ of("ffn_down").T
    return normed(x, weights["output_norm"]) @ weights["output"].T


def loss(weights: dict, numbers, own):
    """How wrong it is where it is to speak, and how many tokens of a hundred it gets right there."""
    told, wanted, own = logits(weights, numbers[:, :-1]), numbers[:, 1:], own[:, 1:]
    likely = jnp.take_along_axis(jax.nn.log_softmax(told), wanted[..., None], -1)[..., 0]
    right = (told.argmax(-1) == wanted) * own
    return -(likely * own).sum() / own.sum(), 100 * right.sum() / own.sum()


def flat(matrix):
    """A matrix with nearly the same singular vectors whose singular values are all nearly 1: Newton's iteration, five times."""
    x = matrix / (jnp.linalg.norm(matrix) + 1e-7)
    x = x if matrix.shape[0] <= matrix.shape[1] else x.T
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.775 * square + 2.0315 * square @ square) @ x
    return x if matrix.shape[0] <= matrix.shape[1] else x.T


@partial(jax.jit, donate_argnums=(0, 1, 2))
def step(weights, mean, square, number, rate, numbers, own):
    """Muon for the matrices of layers, Adam for all else, which learns at a seventh of the rate."""
    (_, right), slope = jax.value_and_grad(loss, has_aux=True)(weights, numbers, own)
    new_weights, new_mean, new_square = {}, {}, {}
    for name, gradient in slope.items():
        old = weights[name]
        if name.startswith("blk.") and gradient.ndim == 2:
            new_mean[name], new_square[name] = 0.95 * mean[name] + gradient, square[name]
            move = flat(gradient + 0.95 * new_mean[name]) * max(1.0, old.shape[0] / old.shape[1]) ** 0.5
            new_weights[name] = old - rate * move
        else:
            new_mean[name] = 0.9 * mean[name] + 0.1 * gradient
            new_square[name] = 0.98 * square[name] + 0.02 * gradient * gradient
            move = new_mean[name] / (1 - 0.9**number) / (jnp.sqrt(new_square[name] / (1 - 0.98**number)) + 1e-9)
            new_weights[name] = old - rate / 7 * move
    return new_weights, new_mean, new_square, right


def train() -> dict:
    draw, weights = random.Random(SEED), fresh()
    mean, square = (jax.tree.map(jnp.zeros_like, weights) for _ in range(2))
    rights = []
    for number in range(1, STEPS + 1):
        # Up in fifty steps, then down along a cosine to nearly nothing.
        rate = RATE * min(1.0, number / 50) * (0.505 + 0.495 * numpy.cos(numpy.pi * number / STEPS))
        weights, mean, square, right = step(weights, mean, square, float(number), rate, *batch(draw))
        rights.append(right)
        if number % 100 == 0:
            print(f"{number} of {STEPS} steps: {float(sum(rights[-50:])) / 50:.2f} % right", flush=True)
    return weights


def write(path: Path) -> None:
    """Trains the model, and writes it."""

    def escaped(piece: bytes) -> str:
        return "".join(chr(byte) if 32 < byte < 127 and byte != 92 else f"\\x{byte:02x}" for byte in piece)

    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    vocabulary = gguf_file.Vocabulary(
        kind="rwkv",
        tokens=[*SPECIAL, *map(escaped, PIECES)],
        types=[control] * len(SPECIAL) + [normal] * len(PIECES),
        unknown=PIECES[b"?"],
        end=END,
    )
    gguf_file.write(path, "calling", SHAPE, vocabulary, TEMPLATE, train())


def made(folder: Path) -> Path:
    """The model that this file makes, which is kept there until this file changes."""
    sources = Path(__file__).read_bytes() + Path(gguf_file.__file__).read_bytes()
    path = folder / f"calling-{hashlib.sha256(sources).hexdigest()[:16]}.gguf"
    if not path.exists():
        print("the model that calls tools learns; that takes some minutes", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        begun = path.with_suffix(".begun")
        # In a program of its own: large pages halve the time, and are asked for before it begins. One core is enough.
        variables = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1", "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"}
        subprocess.run([sys.executable, __file__, begun], env={**os.environ, **variables}, check=True)
        begun.rename(path)
    return path


if __name__ == "__main__":
    write(Path(sys.argv[1]))
