"""A model of llama's architecture as a GGUF file, which is what llama.cpp's server loads."""

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy

EPSILON = 1e-5


@dataclass(frozen=True)
class Shape:
    width: int
    layers: int
    heads: int
    inner: int
    context: int


@dataclass(frozen=True)
class Vocabulary:
    """`kind` is llama.cpp's word for how text is cut into tokens."""

    kind: str
    tokens: list
    types: list
    end: int
    unknown: int
    scores: list | None = None
    begin: int | None = None


def matrices(shape: Shape) -> dict:
    """The names of a layer's matrices, with their rows and columns."""
    square = (shape.width, shape.width)
    attention = {name: square for name in ("attn_q", "attn_k", "attn_v", "attn_output")}
    up, down = (shape.inner, shape.width), (shape.width, shape.inner)
    return attention | {"ffn_gate": up, "ffn_up": up, "ffn_down": down}


def write(path: Path, name: str, shape: Shape, vocabulary: Vocabulary, template: str, tensors: dict) -> None:
    """Writes `tensors`, which have llama.cpp's names without `.weight`; norms that are not there are all ones."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(name)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_vocab_size(len(vocabulary.tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model(vocabulary.kind)
    writer.add_token_list(vocabulary.tokens)
    if vocabulary.scores is not None:
        writer.add_token_scores(vocabulary.scores)
    writer.add_token_types(vocabulary.types)
    writer.add_unk_token_id(vocabulary.unknown)
    writer.add_eos_token_id(vocabulary.end)
    if vocabulary.begin is not None:
        writer.add_bos_token_id(vocabulary.begin)
    writer.add_add_bos_token(vocabulary.begin is not None)
    writer.add_chat_template(template)

    ones = numpy.ones(shape.width, numpy.float32)
    norms = [f"blk.{layer}.{norm}" for layer in range(shape.layers) for norm in ("attn_norm", "ffn_norm")]
    for tensor, values in ({norm: ones for norm in [*norms, "output_norm"]} | tensors).items():
        writer.add_tensor(f"{tensor}.weight", numpy.asarray(values, numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
