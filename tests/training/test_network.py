"""The network computes what the engine will compute, window by window."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_model import tiny_weights
from training.toy import QUICK, TINY, TOKENS

from botconvo.errors import TrainingError
from botconvo.training.examples import Window, batch_of
from botconvo.training.network import Network, choose_device, make_gpt2
from model_server.checkpoint.folder import load_checkpoint
from model_server.checkpoint.gguf_files import read_gpt2

WEIGHTS = tiny_weights(TINY, TOKENS)
CPU = torch.device("cpu")
LONG = Window(tokens=tuple(range(40, 90)), weights=(0.0, *([1.0] * 49)))
EXACT = replace(QUICK, precision="fp32")
SHORT = Window(tokens=tuple(range(100, 130)), weights=(0.0, *([0.5] * 29)))


@pytest.fixture
def network() -> Network:
    return Network(make_gpt2(WEIGHTS, TINY), EXACT, CPU)


def drawn_adapter(network: Network) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        name: torch.randn(p.shape, generator=generator) * 0.1
        for name, p in network.parameters.items()
    }


def test_windows_in_one_row_do_not_see_each_other(network: Network) -> None:
    network.set_learned(drawn_adapter(network))
    apart = network.mean_loss([(LONG,), (SHORT,)], batch=1, pad=0)
    together = network.mean_loss([(LONG, SHORT)], batch=1, pad=0)
    other_way = network.mean_loss([(SHORT, LONG)], batch=1, pad=0)
    assert together == pytest.approx(apart, rel=1e-5)
    assert other_way == pytest.approx(apart, rel=1e-5)
    assert together[1] == 49 + 29 * 0.5


def test_padding_changes_nothing(network: Network) -> None:
    padded = network.mean_loss([(LONG,), (SHORT,)], batch=2, pad=0)
    assert padded == pytest.approx(network.mean_loss([(LONG,), (SHORT,)], batch=1, pad=9), rel=1e-5)


def test_without_a_step_the_network_is_its_base(network: Network) -> None:
    gpt2 = make_gpt2(WEIGHTS, TINY).eval()
    tokens = torch.tensor([LONG.tokens])
    with torch.no_grad():
        logits = gpt2(input_ids=tokens).logits[0, :-1]
    expected = torch.nn.functional.cross_entropy(logits, tokens[0, 1:])
    assert network.mean_loss([(LONG,)], batch=1, pad=0)[0] == pytest.approx(float(expected))


def test_training_loss_is_weighted(network: Network) -> None:
    network.set_learned(drawn_adapter(network))
    heavy = network.mean_loss([(LONG,)], batch=1, pad=0)[0] * 49
    light = network.mean_loss([(SHORT,)], batch=1, pad=0)[0] * 14.5
    both = network.mean_loss([(LONG, SHORT)], batch=1, pad=0)[0]
    assert both == pytest.approx((heavy + light) / 63.5)


def test_an_adapter_taken_apart_is_the_adapter_put_back(network: Network) -> None:
    network.set_learned(drawn_adapter(network))
    before = network.mean_loss([(LONG,)], batch=1, pad=0)
    deltas = network.deltas()
    network.set_learned({name: torch.zeros_like(p) for name, p in network.parameters.items()})
    assert network.mean_loss([(LONG,)], batch=1, pad=0) != before
    network.set_deltas(deltas)
    assert network.mean_loss([(LONG,)], batch=1, pad=0) == before


def test_every_linear_layer_has_a_delta_of_the_rank(network: Network) -> None:
    deltas = network.deltas()
    assert len(deltas) == 4 * TINY.layers
    a, b = deltas["transformer.h.1.mlp.c_fc"]
    assert a.shape == (QUICK.rank, TINY.width)
    assert b.shape == (4 * TINY.width, QUICK.rank)


def test_only_the_adapter_learns(network: Network) -> None:
    network.loss(batch_of([(LONG,)], 0)).backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None for p in network.parameters.values())
    assert all("lora_" in name for name in network.parameters)


def test_weights_of_another_shape_are_one_line() -> None:
    weights = WEIGHTS | {"transformer.ln_f.bias": WEIGHTS["transformer.wpe.weight"]}
    with pytest.raises(TrainingError, match=r"do not make a gpt2: .*ln_f\.bias"):
        make_gpt2(weights, TINY)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_one_line() -> None:
    assert choose_device("auto") == CPU
    with pytest.raises(TrainingError, match="--device cpu"):
        choose_device("cuda")


def test_the_base_folder_is_what_the_network_is_made_of(tiny_base: Path) -> None:
    weights, architecture, _ = read_gpt2(load_checkpoint(tiny_base).base_path)
    network = Network(make_gpt2(weights, architecture), QUICK, CPU)
    assert network.mean_loss([(SHORT,)], batch=1, pad=0)[1] == 14.5
