"""A causal language model in torch, with an adapter or trained whole: made and taken apart.

It knows nothing of steps, files of a run, or people.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from torch.nn import functional
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, GPT2Config
from transformers.initialization import no_init_weights
from transformers.pytorch_utils import Conv1D

from botconvo.errors import TrainingError
from botconvo.training.bases import Base
from botconvo.training.examples import Batch, Window, batch_of
from botconvo.training.settings import Precision, TrainingSettings
from model_server.checkpoint.gguf_files import read_gpt2
from model_server.checkpoint.gguf_reading import read_weights
from model_server.checkpoint.gguf_writing import Array
from model_server.checkpoint.manifest import Architecture

__all__ = ["Network", "choose_device", "free_on", "is_half", "make_gpt2", "make_model", "model_of"]

Arrays = Iterable[tuple[str, Array]]
"""By their names in transformers."""

_LAYER_NORM_EPSILON = 1e-5  # of every published GPT-2 configuration, and of our GGUF files
_DROPOUTS = ("resid_pdrop", "embd_pdrop", "attn_pdrop", "attention_dropout")
_NO_TOKENS: dict[str, Any] = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"))
"""Nothing is generated here, and a padding token would be left out of what is learned."""
_EAGER = ("gemma2",)
"""Kinds whose attention caps its scores, which torch's fused attention leaves out."""
_SUREST = 0.9999
"""A probability above this is as good as certain: saying anything else has no slope there."""
_DTYPES = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device(wanted: str) -> torch.device:
    """ "auto", "cpu", "cuda" or "mps" as a device; auto is an NVIDIA GPU if there is one.

    Raises:
        TrainingError: a GPU was wanted and there is none.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise TrainingError(
            "device cuda: this torch finds no NVIDIA GPU; install a CUDA build of torch, "
            "or use --device cpu"
        )
    if wanted == "mps" and not torch.backends.mps.is_available():
        raise TrainingError(
            "device mps: this torch finds no GPU of Apple's; that takes macOS on Apple silicon, "
            "elsewhere use --device cpu"
        )
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wanted)


def free_on(device: torch.device) -> int:
    """Bytes that are free on a GPU with memory of its own; 0 for any other device."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0


def is_half(precision: Precision, device: torch.device) -> bool:
    """Whether a type of two bytes is multiplied in there."""
    return _dtype_for(precision, device) is not None


def make_gpt2(weights: Mapping[str, Array], architecture: Architecture) -> Any:
    """A GPT2LMHeadModel with these weights, of the sizes and settings of every published GPT-2.

    Raises:
        TrainingError: the weights do not fit.
    """
    config = GPT2Config(
        vocab_size=architecture.vocabulary,
        n_positions=architecture.context,
        n_embd=architecture.width,
        n_layer=architecture.layers,
        n_head=architecture.heads,
        n_inner=weights["transformer.h.0.mlp.c_fc.weight"].shape[1],
        layer_norm_epsilon=_LAYER_NORM_EPSILON,
        **_NO_TOKENS,
    )
    return _make(config, weights.items())


def make_model(settings: Mapping[str, Any], weights: Iterable[tuple[str, Array]]) -> Any:
    """A causal language model with these weights, by the values of its ``config.json``.

    No code but transformers' own is run; ``weights`` are taken one at a time.

    Raises:
        TrainingError: the weights do not fit.
    """
    config = CONFIG_MAPPING[settings["model_type"]].from_dict({**settings, **_NO_TOKENS})
    return _make(config, weights)


def model_of(base: Base, changed: Callable[[Arrays], Arrays] = lambda weights: weights) -> Any:
    """The base in torch, of the very numbers that are served; ``changed`` may add to them.

    Raises:
        TrainingError: the weights do not fit.
    """
    path = base.checkpoint.base_path
    if base.config is None:
        weights, architecture, _ = read_gpt2(path)
        return make_gpt2(dict(changed(weights.items())), architecture)
    return make_model(base.config, changed(read_weights(path, base.plan)))


def _make(config: Any, weights: Iterable[tuple[str, Array]]) -> Any:
    for name in _DROPOUTS:
        if hasattr(config, name):
            setattr(config, name, 0.0)
    if config.model_type == "gpt2":
        config.activation_function = "gelu_pytorch_tanh"  # "gelu_new" in one fused step
    if config.model_type == "gemma":
        config.hidden_act = "gelu_pytorch_tanh"  # whatever its file says, see the conversion
    config.use_cache = False
    attention = "eager" if config.model_type in _EAGER else "sdpa"
    make: Any = AutoModelForCausalLM.from_config
    with no_init_weights():
        model = make(config, dtype=torch.float32, attn_implementation=attention)
    model.tie_weights()
    _fill(model, weights, config.model_type)
    return model


def _fill(model: Any, weights: Iterable[tuple[str, Array]], kind: str) -> None:
    waiting = dict(model.named_parameters())
    with torch.no_grad():
        for name, array in weights:
            parameter = waiting.pop(name, None)
            if parameter is None or tuple(parameter.shape) != array.shape:
                raise TrainingError(f"the base's weights do not make a {kind}: {name} does not fit")
            parameter.copy_(torch.from_numpy(np.array(array)))
    if waiting:
        raise TrainingError(f"the base's weights do not make a {kind}: {min(waiting)} is missing")


class Network:
    """A model that can be trained, on one device: a LoRA adapter beside frozen weights, or all.

    An adapter begins as nothing: until the first step the network is its base.
    """

    def __init__(self, model: Any, settings: TrainingSettings, device: torch.device) -> None:
        assert settings.method != "auto", "settings.for_base chooses"
        torch.manual_seed(settings.seed)
        self.device = device
        self._dtype = _dtype_for(settings.precision, device)
        self._core: Any = model
        self._model: Any = model
        if settings.method == "lora":
            self._model = _with_adapter(model, settings)
            if self._dtype is not None:
                _store_in(self._dtype, self._model)
        self._model.to(device)

    @property
    def module(self) -> Any:
        """The model itself, with its adapter if it has one."""
        return self._model

    @property
    def is_fp16(self) -> bool:
        """Whether small gradients are lost unless they are scaled up."""
        return self._dtype == torch.float16

    @property
    def parameters(self) -> dict[str, torch.nn.Parameter]:
        """What is trained, by name."""
        return {name: p for name, p in self._model.named_parameters() if p.requires_grad}

    def learned(self) -> dict[str, torch.Tensor]:
        """A copy of what is trained as it is now, on the CPU."""
        return {name: p.detach().cpu().clone() for name, p in self.parameters.items()}

    def set_learned(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Put an earlier copy back."""
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(tensors[name])

    def weights(self) -> dict[str, Array]:
        """All weights by their names in transformers, of a network without an adapter."""
        return {n: p.detach().cpu().float().numpy() for n, p in self._core.named_parameters()}

    def deltas(self) -> dict[str, tuple[Array, Array]]:
        """The adapter as ``write_lora`` takes it: module -> A (rank, in), B (out, rank)."""
        halves: dict[str, dict[str, Array]] = {}
        for name, tensor in self.learned().items():
            module, _, half = name.removeprefix("base_model.model.").partition(".lora_")
            halves.setdefault(module, {})[half[0]] = tensor.float().numpy()
        return {module: (half["A"], half["B"]) for module, half in halves.items()}

    def set_deltas(self, deltas: Mapping[str, tuple[Array, Array]]) -> None:
        """Put an adapter of the same shape in."""
        self.set_learned(
            {
                f"base_model.model.{module}.lora_{half}.default.weight": torch.from_numpy(
                    np.array(array)
                )
                for module, pair in deltas.items()
                for half, array in zip("AB", pair, strict=True)
            }
        )

    def loss(self, batch: Batch, total: float | None = None) -> torch.Tensor:
        """The weighted mean loss of a batch in nats a token, for training.

        ``total`` is the sum of all weights of the step that the batch is a part of; None where it
        is all of it.
        """
        self._model.train()
        losses, weights = self._losses(batch)
        return (losses * weights).sum() / (weights.sum() if total is None else total)

    @torch.no_grad()
    def mean_loss(
        self, rows: Sequence[Sequence[Window]], *, batch: int, pad: int
    ) -> tuple[float, float]:
        """Weighted mean loss in nats a token over all rows, and the weights' sum."""
        self._model.eval()
        total = count = 0.0
        for start in range(0, len(rows), batch):
            losses, weights = self._losses(batch_of(rows[start : start + batch], pad))
            total += float((losses.cpu().double() * weights.cpu()).sum())  # MPS knows no double
            count += float(weights.sum())
        return total / max(count, 1e-9), count

    def _losses(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Losses of those tokens that have a weight, and the weights' sizes.

        Where the weight is below 0 the loss is that of saying anything else.
        """
        tokens = torch.from_numpy(batch.tokens).to(self.device)
        positions = torch.from_numpy(batch.positions).to(self.device)
        weights = torch.from_numpy(batch.weights).to(self.device)[:, 1:]
        wanted = weights != 0
        with self._autocast():
            hidden = self._core.base_model(
                input_ids=tokens, position_ids=positions, use_cache=False
            ).last_hidden_state
            # The vocabulary is the widest layer: only tokens that count go through it.
            logits = self._core.get_output_embeddings()(hidden[:, :-1][wanted]).float()
        losses = functional.cross_entropy(
            self._capped(logits), tokens[:, 1:][wanted], reduction="none"
        )
        weights = weights[wanted]
        if bool((weights < 0).any()):
            others = -torch.log1p(-torch.exp(-losses).clamp(max=_SUREST))
            losses = torch.where(weights < 0, others, losses)
        return losses, weights.abs()

    def _capped(self, logits: torch.Tensor) -> torch.Tensor:
        """As Gemma 2 bends its logits."""
        cap = getattr(self._core.config, "final_logit_softcapping", None)
        return logits if cap is None else torch.tanh(logits / cap) * cap

    def _autocast(self) -> AbstractContextManager[Any]:
        if self._dtype is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self._dtype)


def _with_adapter(model: Any, settings: TrainingSettings) -> Any:
    turned = any(isinstance(module, Conv1D) for module in model.modules())
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules="all-linear",  # of the blocks: the output layer is left out
        fan_in_fan_out=turned,  # GPT-2's Conv1D keeps its matrices input by output
        bias="none",
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        # peft asks transformers for an attribute by its old name.
        warnings.simplefilter("ignore", FutureWarning)
        return get_peft_model(model, config)


def _store_in(dtype: torch.dtype, model: Any) -> None:
    """Frozen matrices are multiplied in this type anyway; so they take half the memory."""
    embedding = model.get_input_embeddings().weight
    for module in model.modules():
        if not isinstance(module, torch.nn.Linear | Conv1D):
            continue
        weight = module.weight
        if weight is not embedding and not weight.requires_grad:
            weight.data = weight.data.to(dtype)


def _dtype_for(precision: Precision, device: torch.device) -> torch.dtype | None:
    """The lower type to multiply in, or None."""
    if precision == "auto":
        precision = "bf16" if _has_bfloat16(device) else "fp32"
    return _DTYPES[precision]


def _has_bfloat16(device: torch.device) -> bool:
    """Whether the device itself multiplies bfloat16; emulated, it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "mps":
        return False
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
