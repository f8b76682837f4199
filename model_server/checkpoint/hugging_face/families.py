"""What kinds of models can be converted, and how llama.cpp wants each of them to be laid out.

One function per kind: ``config.json`` in, a plan out.  A setting that llama.cpp would silently
compute otherwise is refused.  It knows nothing of files, weights or tokenizers.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from model_server.checkpoint.gguf_files import plan_gpt2
from model_server.checkpoint.gguf_writing import Array, Plan, Wanted
from model_server.checkpoint.hugging_face.settings import Settings
from model_server.checkpoint.manifest import Architecture
from model_server.checkpoint.sizes import MOST_LAYERS
from model_server.errors import CheckpointError

__all__ = ["Family", "family_of"]

_TANH_GELU = ("gelu_new", "gelu_pytorch_tanh", "gelu_fast")
"""One function under three names."""
_GEMMA3_TEXT = {
    "model_type": "gemma3_text",
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "vocab_size": 262_208,
    "max_position_embeddings": 131_072,
}
"""What a Gemma 3 with eyes leaves out of its ``text_config``."""
_WIDEST_HEAD = 1 << 16
_NORM_SHIFT = 1.0
"""Gemma's norms multiply by one more than their weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A kind of model: ``prefix`` stands before all its weights' names but the output layer's."""

    prefix: str
    plan: Callable[[Settings], Plan]


def family_of(settings: Settings) -> tuple[Family, Settings]:
    """The kind of model, and the settings of its part that speaks.

    Raises:
        CheckpointError: it cannot be converted.
    """
    kind = str(settings.get("model_type", "model of an unnamed kind"))
    _refuse_quantized(settings)
    heads = settings.get("architectures", [])
    if not isinstance(heads, list) or any(not _speaks(str(head)) for head in heads):
        raise CheckpointError(
            f"{settings.path}: is a {heads}, which continues no text; take a model for causal "
            "language modelling"
        )
    if kind == "gemma3" and "text_config" in settings:  # its eyes are left out
        settings = settings.part("text_config").over(_GEMMA3_TEXT)
        kind = settings.get("model_type")
    family = _FAMILIES.get(kind)
    if family is None:
        raise CheckpointError(
            f"{settings.path}: is a {kind}; models that can be served: {', '.join(_FAMILIES)}"
        )
    return family, settings


def _speaks(head: str) -> bool:
    return "For" not in head or head.endswith(("ForCausalLM", "ForConditionalGeneration"))


def _refuse_quantized(settings: Settings) -> None:
    if "quantization_config" in settings:
        raise CheckpointError(
            f"{settings.path}: is quantized already (quantization_config); take the model as it "
            "was before that"
        )


def _gpt2(settings: Settings) -> Plan:
    settings.expect("activation_function", "gelu_new", *_TANH_GELU)
    settings.expect("scale_attn_weights", True, True)
    settings.expect("scale_attn_by_inverse_layer_idx", False, False)
    settings.expect("add_cross_attention", False, False)
    architecture = Architecture(
        name="gpt2",
        layers=settings.count("n_layer", most=MOST_LAYERS),
        width=settings.count("n_embd"),
        heads=settings.count("n_head"),
        vocabulary=settings.count("vocab_size"),
        context=settings.count("n_positions"),
    )
    if architecture.width % architecture.heads:
        raise CheckpointError(
            f"{settings.path}: n_embd {architecture.width} cannot be shared by n_head "
            f"{architecture.heads}; fetch the model again"
        )
    return plan_gpt2(
        architecture,
        inner=settings.count("n_inner", 4 * architecture.width),
        epsilon=settings.real("layer_norm_epsilon", 1e-5),
        tied=settings.flag("tie_word_embeddings", True),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """The sizes that all newer kinds share."""

    layers: int
    width: int
    inner: int
    heads: int
    key_heads: int
    head: int
    vocabulary: int
    context: int


def _shape(settings: Settings) -> _Shape:
    width, heads = settings.count("hidden_size"), settings.count("num_attention_heads")
    head = settings.count("head_dim", max(1, width // heads), most=_WIDEST_HEAD)
    key_heads = settings.count("num_key_value_heads", heads)
    if heads % key_heads or head % 2:
        raise CheckpointError(
            f"{settings.path}: {heads} heads of {head} do not go with {key_heads} key heads; "
            "fetch the model again"
        )
    return _Shape(
        layers=settings.count("num_hidden_layers", most=MOST_LAYERS),
        width=width,
        inner=settings.count("intermediate_size"),
        heads=heads,
        key_heads=key_heads,
        head=head,
        vocabulary=settings.count("vocab_size"),
        context=settings.count("max_position_embeddings"),
    )


def _plan(
    name: str,
    settings: Settings,
    shape: _Shape,
    tensors: Iterator[Wanted],
    *,
    tied: bool,
    theta: float,
    plus: float = 0.0,
    numbers: Mapping[str, int | float | str],
) -> Plan:
    embedding = (shape.vocabulary, shape.width)
    outer = [
        Wanted(ours="token_embd.weight", theirs="model.embed_tokens.weight", shape=embedding),
        _norm("output_norm", "model.norm", shape.width, plus),
    ]
    if not settings.flag("tie_word_embeddings", tied):
        outer.append(Wanted(ours="output.weight", theirs="lm_head.weight", shape=embedding))
    return Plan(
        architecture=Architecture(
            name=name,
            layers=shape.layers,
            width=shape.width,
            heads=shape.heads,
            vocabulary=shape.vocabulary,
            context=shape.context,
        ),
        numbers={
            "feed_forward_length": shape.inner,
            "attention.head_count_kv": shape.key_heads,
            "attention.key_length": shape.head,
            "attention.value_length": shape.head,
            "attention.layer_norm_rms_epsilon": settings.real("rms_norm_eps", 1e-6),
            "rope.dimension_count": shape.head,
            "rope.freq_base": theta,
            **numbers,
        },
        tensors=(*outer, *tensors),
    )


def _norm(ours: str, theirs: str, width: int, plus: float = 0.0) -> Wanted:
    return Wanted(
        ours=f"{ours}.weight", theirs=f"{theirs}.weight", shape=(width,), exact=True, plus=plus
    )


def _linear(
    ours: str, theirs: str, out: int, width: int, bias: bool, heads: int = 0
) -> list[Wanted]:
    made = [
        Wanted(ours=f"{ours}.weight", theirs=f"{theirs}.weight", shape=(out, width), heads=heads)
    ]
    if bias:
        made.append(
            Wanted(
                ours=f"{ours}.bias",
                theirs=f"{theirs}.bias",
                shape=(out,),
                exact=True,
                heads=heads,
            )
        )
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """How the blocks of a kind differ.

    ``norms`` are its norms over the width, ``head_norms`` says that queries and keys have their
    own; ``in_turns`` that llama.cpp rotates neighbours of a head rather than its halves.
    """

    norms: Mapping[str, str]
    query_bias: bool = False
    output_bias: bool = False
    inner_bias: bool = False
    head_norms: bool = False
    in_turns: bool = False
    plus: float = 0.0


_TWO_NORMS = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"}
_FOUR_NORMS = {
    "attn_norm": "input_layernorm",
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
}


def _blocks(shape: _Shape, block: _Block) -> Iterator[Wanted]:
    for layer in range(shape.layers):
        yield from _block(f"blk.{layer}", f"model.layers.{layer}", shape, block)


def _block(ours: str, theirs: str, shape: _Shape, block: _Block) -> Iterator[Wanted]:
    for short, name in block.norms.items():
        yield _norm(f"{ours}.{short}", f"{theirs}.{name}", shape.width, block.plus)
    attention, inner = f"{theirs}.self_attn", f"{theirs}.mlp"
    for letter, heads in (("q", shape.heads), ("k", shape.key_heads), ("v", shape.key_heads)):
        yield from _linear(
            f"{ours}.attn_{letter}",
            f"{attention}.{letter}_proj",
            heads * shape.head,
            shape.width,
            block.query_bias,
            heads if block.in_turns and letter != "v" else 0,
        )
        if block.head_norms and letter != "v":
            name = f"{attention}.{letter}_norm"
            yield _norm(f"{ours}.attn_{letter}_norm", name, shape.head, block.plus)
    wide = shape.heads * shape.head
    yield from _linear(
        f"{ours}.attn_output", f"{attention}.o_proj", shape.width, wide, block.output_bias
    )
    for short, name in (("ffn_gate", "gate_proj"), ("ffn_up", "up_proj")):
        yield from _linear(
            f"{ours}.{short}", f"{inner}.{name}", shape.inner, shape.width, block.inner_bias
        )
    yield from _linear(
        f"{ours}.ffn_down", f"{inner}.down_proj", shape.width, shape.inner, block.inner_bias
    )


def _rope(settings: Settings, which: str | None = None) -> Settings:
    """How positions are rotated, in the form of transformers 5 or of the ones before.

    ``which`` kind of layers, where there are several.
    """
    if "rope_parameters" in settings:
        both = settings.part("rope_parameters")
        return both.part(which) if which is not None and which in both else both
    if which == "sliding_attention":  # Gemma's; the scaling is the other layers'
        return Settings(settings.path, {"rope_theta": settings.get("rope_local_base_freq")})
    scaling = settings.part("rope_scaling")
    kind = scaling.get("type", "default")
    return scaling.over({"rope_type": kind, "rope_theta": settings.get("rope_theta")})


def _scaling(rope: Settings) -> dict[str, int | float | str]:
    rope.expect("partial_rotary_factor", 1.0, 1.0)
    rope.expect("rope_type", "default", "default", "linear")
    if rope.get("rope_type", "default") == "default":
        return {}
    return {"rope.scaling.type": "linear", "rope.scaling.factor": rope.real("factor")}


def _llama(settings: Settings) -> Plan:
    """Llama, SmolLM and Mistral."""
    settings.expect("hidden_act", "silu", "silu")
    shape = _within_window(settings, _shape(settings))
    rope, bias = _rope(settings), settings.flag("attention_bias", False)
    theta = rope.real("rope_theta", 10000.0)
    by_frequency = rope.get("rope_type", "default") == "llama3"
    block = _Block(
        norms=_TWO_NORMS,
        query_bias=bias,
        output_bias=bias,
        inner_bias=settings.flag("mlp_bias", False),
        in_turns=True,
    )
    plan = _plan(
        "llama",
        settings,
        shape,
        _blocks(shape, block),
        tied=False,
        theta=theta,
        numbers={"vocab_size": shape.vocabulary, **({} if by_frequency else _scaling(rope))},
    )
    if by_frequency:
        return replace(plan, made={"rope_freqs.weight": _factors(rope, theta, shape.head)})
    return plan


def _factors(rope: Settings, theta: float, head: int) -> Array:
    """By how much Llama 3 slows each of a head's rotations down: fast ones not at all."""
    factor, original = rope.real("factor"), rope.count("original_max_position_embeddings")
    low, high = rope.real("low_freq_factor"), rope.real("high_freq_factor")
    with np.errstate(all="raise"):  # of numbers that make no sense
        lengths = 2 * math.pi * theta ** (np.arange(0, head, 2) / head)
        share = np.clip((original / lengths - low) / (high - low), 0.0, 1.0)
        factors: Array = (1 / ((1 - share) / factor + share)).astype(np.float32)
    return factors


def _within_window(settings: Settings, shape: _Shape) -> _Shape:
    """The context in which a sliding window, which llama.cpp does not know here, hides nothing."""
    if not settings.flag("use_sliding_window", True) or "sliding_window" not in settings:
        return shape
    return replace(shape, context=min(shape.context, settings.count("sliding_window")))


def _qwen2(settings: Settings) -> Plan:
    return _qwen("qwen2", settings, _Block(norms=_TWO_NORMS, query_bias=True))


def _qwen3(settings: Settings) -> Plan:
    settings.expect("attention_bias", False, False)
    return _qwen("qwen3", settings, _Block(norms=_TWO_NORMS, head_norms=True))


def _qwen(name: str, settings: Settings, block: _Block) -> Plan:
    settings.expect("hidden_act", "silu", "silu")
    shape = _shape(settings)
    if settings.flag("use_sliding_window", False):
        shape = _within_window(settings, shape)
    rope = _rope(settings)
    return _plan(
        name,
        settings,
        shape,
        _blocks(shape, block),
        tied=False,
        theta=rope.real("rope_theta", 10000.0),
        numbers=_scaling(rope),
    )


def _gemma1(settings: Settings) -> Plan:
    # Its first files say "gelu", and its makers computed the other one, as llama.cpp does.
    key = "hidden_activation" if "hidden_activation" in settings else "hidden_act"
    settings.expect(key, "gelu_pytorch_tanh", "gelu", *_TANH_GELU)
    settings.expect("attention_bias", False, False)
    settings.expect("tie_word_embeddings", True, True)
    settings.expect("use_bidirectional_attention", False, False)
    shape, rope = _shape(settings), _rope(settings)
    return _plan(
        "gemma",
        settings,
        shape,
        _blocks(shape, _Block(norms=_TWO_NORMS, plus=_NORM_SHIFT)),
        tied=True,
        theta=rope.real("rope_theta", 10000.0),
        plus=_NORM_SHIFT,
        numbers=_scaling(rope),
    )


def _gemma2(settings: Settings) -> Plan:
    rope = _rope(settings)
    return _gemma(
        "gemma2",
        settings,
        head_norms=False,
        pattern=2,
        largest=46,
        theta=rope.real("rope_theta", 10000.0),
        numbers={
            **_scaling(rope),
            "attn_logit_softcapping": settings.real("attn_logit_softcapping"),
            "final_logit_softcapping": settings.real("final_logit_softcapping"),
        },
    )


def _gemma3(settings: Settings) -> Plan:
    for key in ("attn_logit_softcapping", "final_logit_softcapping"):
        settings.expect(key, None, None)
    settings.expect("use_bidirectional_attention", False, False)
    rope, local = _rope(settings, "full_attention"), _rope(settings, "sliding_attention")
    local.expect("rope_type", "default", "default")
    return _gemma(
        "gemma3",
        settings,
        head_norms=True,
        pattern=6,
        largest=62,
        theta=rope.real("rope_theta", 1_000_000.0),
        numbers={**_scaling(rope), "rope.freq_base_swa": local.real("rope_theta", 10000.0)},
    )


def _gemma(
    name: str,
    settings: Settings,
    *,
    head_norms: bool,
    pattern: int,
    largest: int,
    theta: float,
    numbers: Mapping[str, int | float | str],
) -> Plan:
    key = "hidden_activation" if "hidden_activation" in settings else "hidden_act"
    settings.expect(key, "gelu_pytorch_tanh", *_TANH_GELU)
    settings.expect("attention_bias", False, False)
    settings.expect("tie_word_embeddings", True, True)
    shape = _shape(settings)
    # llama.cpp knows the largest model of each generation, which scales otherwise, by its layers.
    scale = shape.width // shape.heads if shape.layers == largest else shape.head
    settings.expect("query_pre_attn_scalar", 256, scale)
    block = _Block(norms=_FOUR_NORMS, head_norms=head_norms, plus=_NORM_SHIFT)
    return _plan(
        name,
        settings,
        shape,
        _blocks(shape, block),
        tied=True,
        theta=theta,
        plus=_NORM_SHIFT,
        numbers={
            **numbers,
            "attention.sliding_window": settings.count("sliding_window", 4096),
            "attention.sliding_window_pattern": _pattern(settings, shape.layers, pattern),
        },
    )


def _pattern(settings: Settings, layers: int, usual: int) -> int:
    """Every which layer sees everything; the others see a window."""
    given = settings.get("layer_types")
    if given is None:
        own = "_sliding_window_pattern"
        return settings.count(own if own in settings else "sliding_window_pattern", usual)
    full = [layer for layer, kind in enumerate(given) if kind == "full_attention"]
    period = full[0] + 1 if full else layers + 1
    if len(given) != layers or full != list(range(period - 1, layers, period)):
        raise CheckpointError(
            f"{settings.path}: layer_types has layers that see everything at uneven distances, "
            "which the engine cannot compute; take a model with the usual settings"
        )
    return period


_FAMILIES = {
    "gpt2": Family(prefix="transformer.", plan=_gpt2),
    "llama": Family(prefix="model.", plan=_llama),
    "mistral": Family(prefix="model.", plan=_llama),
    "qwen2": Family(prefix="model.", plan=_qwen2),
    "qwen3": Family(prefix="model.", plan=_qwen3),
    "gemma": Family(prefix="model.", plan=_gemma1),
    "gemma2": Family(prefix="model.", plan=_gemma2),
    "gemma3_text": Family(prefix="model.", plan=_gemma3),
}
