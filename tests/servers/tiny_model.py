"""A model of 130,000 random numbers, as llama.cpp's server loads it: what it says means nothing, how it is said is real."""

from pathlib import Path

import gguf
import gguf_file
import numpy

WORDS = "the a quick brown fox jumps over lazy dog and then it was seen by all of us who are here now with rain in Oslo"
CHARACTERS = (
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,?!:;'\"{}[]()<>|_-\n/\\\u2581"
)
SHAPE = gguf_file.Shape(width=64, layers=2, heads=4, inner=128, context=4096)

# Knows system messages, tools and their results.
TEMPLATE = """\
{%- if tools %}<|system|>
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}<tool_call>{"name": "name", "arguments": {}}</tool_call>
{% endif %}
{%- for message in messages %}<|{{ message.role }}|>
{%- for call in message.tool_calls or [] %}
<tool_call>{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}</tool_call>
{%- endfor %}
{{ message.content }}
{% endfor %}
{%- if add_generation_prompt %}<|assistant|>
{% endif %}"""


def write(path: Path) -> None:
    """Writes the model; the same at every run."""
    random = numpy.random.default_rng(7)
    words = ["\u2581" + word for word in WORDS.split()]
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + words + list(CHARACTERS)
    unknown, control, byte, normal = (
        gguf.TokenType.UNKNOWN,
        gguf.TokenType.CONTROL,
        gguf.TokenType.BYTE,
        gguf.TokenType.NORMAL,
    )
    first_word = 3 + 256
    vocabulary = gguf_file.Vocabulary(
        kind="llama",
        tokens=tokens,
        types=[unknown, control, control] + [byte] * 256 + [normal] * (len(tokens) - first_word),
        scores=[0.0] * first_word + [-1.0] * len(words) + [-10.0] * len(CHARACTERS),
        unknown=0,
        begin=1,
        end=2,
    )

    def matrix(rows: int, columns: int, scale: float = 0.3):
        return (random.standard_normal((rows, columns)) * scale).astype(numpy.float32)

    # It speaks in whole words, and never ends by itself.
    spoken = numpy.zeros((len(tokens), SHAPE.width), numpy.float32)
    spoken[first_word : first_word + len(words)] = matrix(len(words), SHAPE.width, 0.6)
    tensors = {"token_embd": matrix(len(tokens), SHAPE.width, 1.0), "output": spoken}
    for layer in range(SHAPE.layers):
        for name, (rows, columns) in gguf_file.matrices(SHAPE).items():
            tensors[f"blk.{layer}.{name}"] = matrix(rows, columns)
    gguf_file.write(path, "tiny", SHAPE, vocabulary, TEMPLATE, tensors)
