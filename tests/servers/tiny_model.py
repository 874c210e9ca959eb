"""A model of 130,000 random numbers, as llama.cpp's server loads it: what it says means nothing, how it is said is real."""

from pathlib import Path

import gguf
import numpy

WORDS = "the a quick brown fox jumps over lazy dog and then it was seen by all of us who are here now with rain in Oslo"
CHARACTERS = (
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,?!:;'\"{}[]()<>|_-\n/\\\u2581"
)
WIDTH, LAYERS, HEADS, INNER = 64, 2, 4, 128
CONTEXT = 4096

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

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * first_word + [-1.0] * len(words) + [-10.0] * len(CHARACTERS))
    writer.add_token_types(
        [unknown, control, control] + [byte] * 256 + [normal] * (len(tokens) - first_word)
    )
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    writer.add_chat_template(TEMPLATE)

    def matrix(rows: int, columns: int, scale: float = 0.3):
        return (random.standard_normal((rows, columns)) * scale).astype(numpy.float32)

    # It speaks in whole words, and never ends by itself.
    spoken = numpy.zeros((len(tokens), WIDTH), numpy.float32)
    spoken[first_word : first_word + len(words)] = matrix(len(words), WIDTH, 0.6)
    ones = numpy.ones(WIDTH, numpy.float32)
    writer.add_tensor("token_embd.weight", matrix(len(tokens), WIDTH, 1.0))
    writer.add_tensor("output.weight", spoken)
    writer.add_tensor("output_norm.weight", ones)
    for layer in range(LAYERS):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", matrix(WIDTH, WIDTH))
        writer.add_tensor(f"blk.{layer}.ffn_gate.weight", matrix(INNER, WIDTH))
        writer.add_tensor(f"blk.{layer}.ffn_up.weight", matrix(INNER, WIDTH))
        writer.add_tensor(f"blk.{layer}.ffn_down.weight", matrix(WIDTH, INNER))
        writer.add_tensor(f"blk.{layer}.attn_norm.weight", ones)
        writer.add_tensor(f"blk.{layer}.ffn_norm.weight", ones)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
