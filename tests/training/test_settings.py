"""What training takes where nothing is said."""

import pytest

from botconvo.training.settings import TrainingSettings

SMALL, LARGE = 14_000_000, 124_000_000


def test_all_weights_of_a_small_base_are_trained_and_an_adapter_beside_a_large_one() -> None:
    small = TrainingSettings().for_base(SMALL, 512)
    large = TrainingSettings().for_base(LARGE, 512)
    assert (small.method, large.method) == ("full", "lora")
    assert 0.0 < small.rate < large.rate
    assert (small.epochs, large.epochs) == (1.5, 4.0)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_method_that_was_named_stays(method: str) -> None:
    settings = TrainingSettings(method=method)  # type: ignore[arg-type]
    assert settings.for_base(SMALL, 512).method == method
    assert settings.for_base(LARGE, 512).method == method


def test_what_was_named_stays() -> None:
    settings = TrainingSettings(rate=1e-5, block=128, epochs=3.0).for_base(SMALL, 512)
    assert (settings.rate, settings.block, settings.epochs) == (1e-5, 128, 3.0)
    assert TrainingSettings(block=1024).for_base(SMALL, 512).block == 512
