"""GPT-2 in torch with a LoRA adapter on it: made, measured, and taken apart again.

It knows nothing of steps, files of a run, or people.
"""

import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from torch.nn import functional
from transformers import GPT2Config, GPT2LMHeadModel

from botconvo.errors import TrainingError
from botconvo.training.examples import Batch, Window, batch_of
from botconvo.training.settings import TrainingSettings
from model_server.checkpoint.gguf_files import Array
from model_server.checkpoint.manifest import Architecture

__all__ = ["Network", "choose_device", "make_gpt2"]

_MODULES = ("c_attn", "c_proj", "c_fc")
"""All linear layers of a block."""
_LAYER_NORM_EPSILON = 1e-5  # of every published GPT-2 configuration, and of our GGUF files


def choose_device(wanted: str) -> torch.device:
    """ "auto", "cpu" or "cuda" as a device.

    Raises:
        TrainingError: "cuda" was wanted and there is none.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise TrainingError(
            "device cuda: this torch finds no NVIDIA GPU; install a CUDA build of torch, "
            "or use --device cpu"
        )
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wanted)


def make_gpt2(weights: Mapping[str, Array], architecture: Architecture) -> Any:
    """A GPT2LMHeadModel with these weights, in training mode.

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
        # GPT-2's "gelu_new" in one fused step.
        activation_function="gelu_pytorch_tanh",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=None,
        eos_token_id=None,
        use_cache=False,
    )
    model = GPT2LMHeadModel(config)
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in weights.items()}
    tensors["lm_head.weight"] = tensors["transformer.wte.weight"]
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise TrainingError(f"the base's weights do not make a GPT-2: {first}") from None
    return model


class Network:
    """A frozen GPT-2 with a LoRA adapter that can be trained, on one device.

    The adapter begins as nothing: until the first step the network is its base.
    """

    def __init__(self, gpt2: Any, settings: TrainingSettings, device: torch.device) -> None:
        torch.manual_seed(settings.seed)
        config = LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            target_modules=list(_MODULES),
            fan_in_fan_out=True,  # GPT-2's Conv1D keeps its matrices input by output
            bias="none",
            task_type="CAUSAL_LM",
        )
        self.device = device
        with warnings.catch_warnings():
            # peft asks transformers for an attribute by its old name.
            warnings.simplefilter("ignore", FutureWarning)
            self._model: Any = get_peft_model(gpt2, config).to(device)
        self._gpt2: Any = self._model.base_model.model
        self.bfloat16 = _has_bfloat16(device)

    @property
    def parameters(self) -> dict[str, torch.nn.Parameter]:
        """What is trained, by name."""
        return {name: p for name, p in self._model.named_parameters() if p.requires_grad}

    def copy_of_adapter(self) -> dict[str, torch.Tensor]:
        """The adapter as it is now, on the CPU."""
        return {name: p.detach().cpu().clone() for name, p in self.parameters.items()}

    def set_adapter(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Put an earlier copy back."""
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(tensors[name])

    def deltas(self) -> dict[str, tuple[Array, Array]]:
        """The adapter as ``write_lora`` takes it: module -> A (rank, in), B (out, rank)."""
        halves: dict[str, dict[str, Array]] = {}
        for name, tensor in self.copy_of_adapter().items():
            module, _, half = name.removeprefix("base_model.model.").partition(".lora_")
            halves.setdefault(module, {})[half[0]] = tensor.float().numpy()
        return {module: (half["A"], half["B"]) for module, half in halves.items()}

    def set_deltas(self, deltas: Mapping[str, tuple[Array, Array]]) -> None:
        """Put an adapter of the same shape in."""
        self.set_adapter(
            {
                f"base_model.model.{module}.lora_{half}.default.weight": torch.from_numpy(
                    np.array(array)
                )
                for module, pair in deltas.items()
                for half, array in zip("AB", pair, strict=True)
            }
        )

    def loss(self, batch: Batch) -> torch.Tensor:
        """The weighted mean loss of a batch in nats a token, for training."""
        self._model.train()
        losses, weights = self._losses(batch)
        return (losses * weights).sum() / weights.sum()

    @torch.no_grad()
    def mean_loss(
        self, rows: Sequence[Sequence[Window]], *, batch: int, pad: int
    ) -> tuple[float, float]:
        """Weighted mean loss in nats a token over all rows, and the weights' sum."""
        self._model.eval()
        total = count = 0.0
        for start in range(0, len(rows), batch):
            losses, weights = self._losses(batch_of(rows[start : start + batch], pad))
            total += float((losses.double() * weights).sum())
            count += float(weights.sum())
        return total / max(count, 1e-9), count

    def _losses(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Losses and weights of those tokens that have a weight."""
        tokens = torch.from_numpy(batch.tokens).to(self.device)
        positions = torch.from_numpy(batch.positions).to(self.device)
        weights = torch.from_numpy(batch.weights).to(self.device)[:, 1:]
        wanted = weights > 0
        with self._autocast():
            hidden = self._gpt2.transformer(
                input_ids=tokens, position_ids=positions, use_cache=False
            ).last_hidden_state
            # The vocabulary is the widest layer: only tokens that count go through it.
            logits = self._gpt2.lm_head(hidden[:, :-1][wanted])
        losses = functional.cross_entropy(logits.float(), tokens[:, 1:][wanted], reduction="none")
        return losses, weights[wanted]

    def _autocast(self) -> AbstractContextManager[Any]:
        if not self.bfloat16:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)


def _has_bfloat16(device: torch.device) -> bool:
    """Whether the device itself multiplies bfloat16; emulated, it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
