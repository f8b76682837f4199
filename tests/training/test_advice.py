"""Which base is advised, and that the README has the same table."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from botconvo.training.advice import TABLE, Hardware, advise, better, table

GB = 10**9
LAPTOP = Hardware(memory=12 * GB, gpu=0, cores=8)
SIZES = st.integers(0, 200 * GB)


def test_few_lines_or_little_hardware_are_for_the_base_that_comes_along() -> None:
    assert advise(80, Hardware(memory=500 * GB, gpu=80 * GB, cores=64)).base is None
    assert advise(9000, Hardware(memory=2 * GB, gpu=0, cores=8)).base is None
    assert advise(9000, Hardware(memory=20 * GB, gpu=0, cores=2)).base is None


def test_more_lines_and_a_gpu_are_for_larger_ones() -> None:
    assert advise(2000, LAPTOP).base == "HuggingFaceTB/SmolLM2-135M"
    small, large = (Hardware(memory=16 * GB, gpu=size * GB, cores=8) for size in (12, 80))
    assert advise(2000, small).base == "HuggingFaceTB/SmolLM2-360M"
    assert advise(5000, large).base == "Qwen/Qwen2.5-1.5B"


@given(st.integers(0, 10_000), SIZES, SIZES, st.integers(1, 64), st.integers(0, 5000))
def test_more_of_anything_never_advises_a_smaller_base(
    lines: int, memory: int, gpu: int, cores: int, more: int
) -> None:
    one = Hardware(memory=memory, gpu=gpu, cores=cores)
    other = Hardware(memory=memory + more * 10**7, gpu=gpu + more * 10**7, cores=cores + more)
    assert advise(lines + more, other).parameters >= advise(lines, one).parameters


def test_the_table_is_in_order_and_says_what_is_a_rule_of_thumb() -> None:
    assert [each.parameters for each in TABLE] == sorted(each.parameters for each in TABLE)
    assert table().count("(rule of thumb)") == sum(not each.measured for each in TABLE)


def test_the_readme_has_the_table() -> None:
    readme = Path(__file__).parents[2] / "README.md"
    assert table() in readme.read_text(encoding="utf-8").replace("\n   |", "\n|")


def test_a_line_is_said_only_where_another_base_is_clearly_better() -> None:
    weights = {each.base: each.parameters for each in TABLE}
    said = better(weights[None], 2000, LAPTOP)
    assert said is not None
    assert "--base HuggingFaceTB/SmolLM2-135M" in said
    assert "rule of thumb" in said
    assert better(weights["HuggingFaceTB/SmolLM2-135M"], 2000, LAPTOP) is None
    large = better(weights["Qwen/Qwen2.5-1.5B"], 80, LAPTOP)
    assert large is not None
    assert "1540 million weights is large for 80 own lines" in large
