"""Reading heads: everything that was written is found, and no damage ends in a traceback."""

import contextlib
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_model import make_tiny_base

from model_server.checkpoint.gguf_header import read_header
from model_server.errors import CheckpointError


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_base(tmp_path_factory.mktemp("head") / "base") / "base-weights.gguf"


def test_it_agrees_with_the_reader_of_the_gguf_package(weights: Path) -> None:
    header, reader = read_header(weights), gguf.GGUFReader(weights)
    for key, field in reader.fields.items():
        if not key.startswith("GGUF."):
            assert header.metadata[key] == pytest.approx(field.contents())
    assert set(header.metadata) == {key for key in reader.fields if not key.startswith("GGUF.")}
    for tensor in reader.tensors:
        info = header.tensors[tensor.name]
        assert info.shape == tuple(int(size) for size in reversed(tensor.shape))
        assert (info.kind, info.start, info.bytes) == (
            tensor.tensor_type.value,
            tensor.data_offset,
            tensor.n_bytes,
        )
    assert len(header.tensors) == len(reader.tensors)


def test_every_kind_of_value_is_read(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "kinds.gguf", "test")
    writer.add_uint8("u8", 200)
    writer.add_int8("i8", -100)
    writer.add_uint16("u16", 60000)
    writer.add_int16("i16", -30000)
    writer.add_uint64("u64", 2**63)
    writer.add_int64("i64", -(2**62))
    writer.add_float64("f64", 0.1)
    writer.add_bool("flag", True)
    writer.add_string("text", "für 😂")
    writer.add_array("numbers", [1, 2, 3])
    writer.add_array("texts", ["a", "", "😂"])
    writer.add_tensor("t", np.ones((3, 5), np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    header = read_header(tmp_path / "kinds.gguf")
    assert {key: header.metadata[key] for key in list(header.metadata)[1:]} == {
        "u8": 200,
        "i8": -100,
        "u16": 60000,
        "i16": -30000,
        "u64": 2**63,
        "i64": -(2**62),
        "f64": 0.1,
        "flag": True,
        "text": "für 😂",
        "numbers": [1, 2, 3],
        "texts": ["a", "", "😂"],
    }
    assert header.tensors["t"].shape == (3, 5)
    assert header.number("flag") is None
    assert header.text("u8") is None
    assert header.texts("numbers") is None


@given(share=st.floats(0, 1, exclude_max=True))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_that_is_cut_anywhere_is_refused(
    weights: Path, tmp_path: Path, share: float
) -> None:
    whole = weights.read_bytes()
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(CheckpointError, match=r"cut\.gguf"):
        read_header(cut)


@given(at=st.integers(0, 12_000), value=st.binary(min_size=1, max_size=9))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_is_read_or_refused_but_never_a_traceback(
    weights: Path, tmp_path: Path, at: int, value: bytes
) -> None:
    damaged = bytearray(weights.read_bytes())
    damaged[at : at + len(value)] = value
    path = tmp_path / "damaged.gguf"
    path.write_bytes(damaged)
    with contextlib.suppress(CheckpointError):
        read_header(path)


@pytest.mark.parametrize(
    "content", [b"", b"GGUF", b"<!DOCTYPE html><html></html>", b"GGUF\x09" * 9]
)
def test_what_is_not_gguf_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "page.gguf"
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        read_header(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nothing\.gguf: cannot be read"):
        read_header(tmp_path / "nothing.gguf")
