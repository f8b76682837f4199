"""The process: start, token, answers over a real socket, and every way to end."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import httpx
import pytest
from served import START_S, TOKEN, Serve, Served, server_environment
from tiny_model import (
    make_tiny_base,
    make_tiny_checkpoint,
    tiny_architecture,
    tiny_tokens,
    tiny_weights,
)

from model_server.__main__ import parse
from model_server.checkpoint.folder import load_checkpoint
from model_server.checkpoint.gguf_files import write_gpt2
from model_server.checkpoint.manifest import Architecture
from model_server.checkpoint.opening import open_checkpoint
from model_server.serving import Options, is_compact
from model_server.serving import serve as serve_here

PROMPT = "INIT;\nMilly: hello there\nBort:"
Refused = Callable[..., str]


def test_health_names_the_checkpoint_and_needs_no_token(bort: Served, checkpoint: Path) -> None:
    loaded = load_checkpoint(checkpoint)
    health = httpx.get(f"http://127.0.0.1:{bort.port}/health").json()
    assert health["status"] == "ready"
    assert health["persona"] == "Bort"
    assert health["checkpoint"] == loaded.digest
    assert loaded.manifest.prompt_format is not None
    assert health["prompt_format"] == loaded.manifest.prompt_format.digest()
    assert (health["context"], health["parallel"]) == (256, 5)


@pytest.mark.parametrize(
    ("name", "layers", "width", "heads", "quantised", "compact"),
    [
        ("gpt2", 12, 768, 12, True, True),
        ("gpt2", 48, 1600, 25, True, True),
        ("gpt2", 12, 768, 12, False, False),  # f16 was asked for
        ("gpt2", 6, 384, 6, True, False),  # the bundled base
        ("gpt2", 12, 768, 32, True, False),  # llama.cpp cannot: heads of 24
        ("mamba", 24, 768, 0, True, False),
        ("llama", 24, 2048, 32, True, False),
    ],
)
def test_a_large_gpt2_is_kept_compact(
    name: str, layers: int, width: int, heads: int, quantised: bool, compact: bool
) -> None:
    sizes = Architecture(
        name=name, layers=layers, width=width, heads=heads, vocabulary=50257, context=1024
    )
    assert is_compact(sizes, quantised=quantised) is compact


@pytest.mark.parametrize("precision", ["q8_0", "f16"])
def test_a_checkpoint_says_whether_its_weights_are_quantised(
    tmp_path: Path, precision: Literal["q8_0", "f16"]
) -> None:
    tokens = tiny_tokens()
    architecture = tiny_architecture(tokens)
    weights = tmp_path / "weights.gguf"
    write_gpt2(
        weights,
        tiny_weights(architecture, tokens),
        architecture,
        tokens,
        quantization=precision,
        name="tiny",
    )
    opened = open_checkpoint(weights, cache=tmp_path / "cache")
    assert opened.quantised is (precision == "q8_0")


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "x"}])
@pytest.mark.parametrize("path", ["/v1/completions", "/metrics"])
def test_without_the_token_nothing_is_told(bort: Served, path: str, header: dict[str, str]) -> None:
    address = f"http://127.0.0.1:{bort.port}{path}"
    method = "POST" if path.startswith("/v1") else "GET"
    response = httpx.request(method, address, headers=header, json={"prompt": "x"})
    assert response.status_code == 401
    assert response.json()["error"]["type"] == "authentication_error"
    assert "Bearer" in response.headers["www-authenticate"]


def test_without_a_token_only_names_of_this_computer_are_answered(
    serve: Serve, checkpoint: Path
) -> None:
    """A page of another site may point its own name at loopback, and then read the answers."""
    served = serve(checkpoint, "--no-token")
    statuses = {
        host: served.http.get("/health", headers={"Host": host}).status_code
        for host in ("localhost", f"127.0.0.1:{served.port}", "[::1]:80", "evil.example")
    }
    assert statuses.pop("evil.example") == 400
    assert set(statuses.values()) == {200}
    header = {"Host": f"127.0.0.1.evil.example:{served.port}", "prompt": "hello"}
    assert served.http.get("/", headers=header).status_code == 400


def test_with_a_token_a_server_may_be_called_by_any_name(bort: Served) -> None:
    assert bort.http.get("/metrics", headers={"Host": "bots.example"}).status_code == 200


def test_five_completions_of_one_prompt_differ_and_share_its_work(bort: Served) -> None:
    answer = bort.complete(prompt=PROMPT, n=5, max_tokens=20, seed=1).json()
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2, 3, 4]
    assert len({choice["text"] for choice in answer["choices"]}) == 5
    assert {choice["finish_reason"] for choice in answer["choices"]} <= {"length", "stop"}
    usage = answer["usage"]
    assert 0 < usage["prompt_tokens"] < len(PROMPT)  # once, not five times; "hello" is a token
    assert usage["completion_tokens"] <= 5 * 20
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_more_completions_than_slots_are_given_too(bort: Served) -> None:
    texts = bort.texts(prompt=PROMPT, n=12, max_tokens=8, seed=3)
    assert len(texts) == 12
    assert len(set(texts)) == 12


def test_a_completion_ends_before_the_stop_text(bort: Served) -> None:
    [whole] = bort.texts(prompt=PROMPT, max_tokens=40, seed=5)
    stop = whole[10]
    choice = bort.complete(prompt=PROMPT, max_tokens=40, seed=5, stop=stop).json()["choices"][0]
    assert choice["text"] == whole[: whole.index(stop)]
    assert choice["finish_reason"] == "stop"


def test_a_fresh_process_repeats_what_it_said(checkpoint: Path, serve: Serve) -> None:
    def talk() -> list[list[str]]:
        served = serve(checkpoint, "--threads", "1")
        prompt, said = PROMPT, []
        for turn in range(4):
            texts = served.texts(prompt=prompt, n=5, max_tokens=16, seed=turn, stop="\n")
            said.append(texts)
            prompt += f" {texts[0]}\nMilly: and then?\nBort:"
        return said

    assert talk() == talk()


def test_another_seed_says_something_else(bort: Served) -> None:
    assert bort.texts(prompt=PROMPT, max_tokens=20, seed=1) != bort.texts(
        prompt=PROMPT, max_tokens=20, seed=2
    )


def test_top_k_of_one_is_temperature_zero(bort: Served) -> None:
    greedy = bort.texts(prompt=PROMPT, max_tokens=20, temperature=0)
    assert bort.texts(prompt=PROMPT, max_tokens=20, temperature=1.5, top_k=1, seed=9) == greedy
    assert bort.texts(prompt=PROMPT, max_tokens=20, temperature=1.5, top_p=1e-6, seed=9) == greedy


def test_a_repetition_penalty_changes_what_is_likeliest(bort: Served) -> None:
    plain = bort.texts(prompt="aaaa", max_tokens=30, temperature=0)
    assert bort.texts(prompt="aaaa", max_tokens=30, temperature=0, repetition_penalty=5) != plain


def test_logprobs_belong_to_the_tokens_of_the_text(bort: Served) -> None:
    [whole] = bort.texts(prompt=PROMPT, max_tokens=30, temperature=0)
    answer = bort.complete(
        prompt=PROMPT, max_tokens=30, temperature=0, logprobs=3, stop=whole[12]
    ).json()["choices"][0]
    logprobs = answer["logprobs"]
    assert "".join(logprobs["tokens"]) == answer["text"]
    assert all(value <= 0 for value in logprobs["token_logprobs"])
    for token, value, top in zip(
        logprobs["tokens"], logprobs["token_logprobs"], logprobs["top_logprobs"], strict=True
    ):
        assert top[token] == pytest.approx(value)
        assert max(top.values()) == pytest.approx(value)


def test_a_stream_tells_the_same_as_an_answer(bort: Served) -> None:
    body = {"prompt": PROMPT, "n": 2, "max_tokens": 12, "seed": 7}
    bort.texts(**body)  # from here on the prompt is cached for both
    whole = bort.texts(**body)
    told, usage = ["", ""], {}
    with bort.http.stream("POST", "/v1/completions", json={**body, "stream": True}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        rows = [row.removeprefix("data: ") for row in response.iter_lines() if row]
    assert rows.pop() == "[DONE]"
    for event in map(json.loads, rows):
        [choice] = event["choices"]
        told[choice["index"]] += choice["text"]
        usage = event["usage"]
    assert told == whole
    assert usage["completion_tokens"] <= 24


def test_four_thousand_emoji_and_an_empty_prompt_are_answered(bort: Served) -> None:
    many = bort.complete(prompt="😂" * 4000, max_tokens=8).json()
    assert many["usage"]["prompt_tokens"] <= 256 - 8
    none = bort.complete(prompt="", max_tokens=8).json()
    assert none["usage"]["prompt_tokens"] == 1
    assert none["choices"][0]["text"]


def test_a_long_prompt_keeps_its_last_lines(bort: Served) -> None:
    end = "".join(f"Milly: line {number}\n" for number in range(8)) + "Bort:"
    body = {"n": 1, "max_tokens": 100, "temperature": 0}
    cut = bort.complete(prompt="Milly: long ago\n" * 500 + end, **body).json()
    assert 100 < cut["usage"]["prompt_tokens"] <= 156
    assert bort.texts(prompt="something else\n" + "Milly: long ago\n" * 60 + end, **body) == [
        cut["choices"][0]["text"]
    ]


def test_a_typed_end_of_text_is_only_letters(bort: Served) -> None:
    usage = bort.complete(prompt="<|endoftext|>", max_tokens=2).json()["usage"]
    assert usage["prompt_tokens"] == len("<|endoftext|>")


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ('{"prompt": "x", "n": 0}', 422, "n: "),
        ('{"prompt": 5}', 422, "prompt: "),
        ('{"prompt": "x", "max_tokens": 256}', 422, "max_tokens: 256"),
        ("{", 400, "JSON"),
        ('{"prompt": "' + "x" * 1_000_000 + '"}', 413, "larger"),
    ],
)
def test_a_bad_request_is_refused_in_one_sentence(
    bort: Served, body: str, status: int, word: str
) -> None:
    response = bort.http.post(
        "/v1/completions", content=body, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == status
    message = response.json()["error"]["message"]
    assert word in message
    assert "\n" not in message


def test_a_form_of_a_web_page_is_refused(bort: Served) -> None:
    response = bort.http.post(
        "/v1/completions", content='{"prompt": "x"}', headers={"Content-Type": "text/plain"}
    )
    assert response.status_code == 415


def test_metrics_count_tokens_and_outcomes_and_hold_no_words(bort: Served) -> None:
    bort.texts(prompt="Milly: quetzalcoatl\nBort:", max_tokens=4)
    bort.complete(prompt=3)
    text = bort.http.get("/metrics").text
    values = dict(row.rsplit(" ", 1) for row in text.splitlines() if not row.startswith("#"))
    assert float(values['botconvo_completion_requests_total{outcome="answered"}']) >= 1
    assert float(values['botconvo_completion_requests_total{outcome="invalid"}']) >= 1
    assert float(values['botconvo_tokens_total{kind="completion"}']) >= 4
    assert float(values['botconvo_completion_seconds_bucket{le="+Inf"}']) >= 1
    assert values["botconvo_active_completions"] == values["botconvo_queue_depth"] == "0.0"
    assert "quetzalcoatl" not in text


def test_a_server_ends_with_its_parent(checkpoint: Path, serve: Serve) -> None:
    served = serve(checkpoint)
    served.end_input()
    assert served.wait() == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to ask a process with")
@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_in_order(checkpoint: Path, serve: Serve, asked: int) -> None:
    served = serve(checkpoint)
    served.process.send_signal(asked)
    assert served.wait() == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to ask a process with")
def test_a_server_killed_at_work_still_ends_in_order(checkpoint: Path, serve: Serve) -> None:
    served = serve(checkpoint, "--parallel", "1")
    body = {"prompt": "x", "max_tokens": 250, "n": 64, "stream": True}
    with served.http.stream("POST", "/v1/completions", json=body) as response:
        next(response.iter_lines())
        served.process.send_signal(signal.SIGTERM)
        assert served.wait() == 0


def test_the_permit_of_the_launcher_is_heard(checkpoint: Path, serve: Serve) -> None:
    digest = load_checkpoint(checkpoint).digest
    with_permit = serve(checkpoint, BOTCONVO_PERMIT=digest)
    without = serve(checkpoint, BOTCONVO_PERMIT="0" * 64)
    for served in (with_permit, without):
        served.end_input()
        served.wait()
    assert with_permit.errors() == ""
    assert "consent was not checked" in without.errors()


def test_the_token_may_stand_in_a_file(checkpoint: Path, serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from the file\n", encoding="utf-8")
    served = serve(checkpoint, "--token-file", str(file), BOTCONVO_MODEL_SERVER_TOKEN="")
    assert served.complete(prompt="x", max_tokens=2).status_code == 401
    served.http.headers["Authorization"] = "Bearer from the file"
    assert served.complete(prompt="x", max_tokens=2).status_code == 200


def test_no_token_is_refused(checkpoint: Path, refused: Refused, tmp_path: Path) -> None:
    assert "BOTCONVO_MODEL_SERVER_TOKEN" in refused(checkpoint, BOTCONVO_MODEL_SERVER_TOKEN="")
    assert "everybody" in refused(checkpoint, "--no-token", "--host", "0.0.0.0")  # noqa: S104
    missing = str(tmp_path / "nothing")
    assert missing in refused(checkpoint, "--token-file", missing, BOTCONVO_MODEL_SERVER_TOKEN="")


def test_a_port_in_use_is_named(checkpoint: Path, refused: Refused) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refused(checkpoint, "--port", str(port))
    assert str(port) in line
    assert "choose another port" in line


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signal to one process")
def test_whoever_serves_by_hand_is_told_where(checkpoint: Path, tmp_path: Path) -> None:
    words = ["serve-model", str(checkpoint), "--port", "0", "--project", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "botconvo", *words],
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=server_environment(),
    )
    with process:
        assert process.stderr is not None
        told = process.stderr.readline()
        address = re.search(r"^Bort is served at (http://127\.0\.0\.1:\d+)/v1/completions; ", told)
        assert address is not None, told
        headers = {"Authorization": f"Bearer {TOKEN}"}
        body = {"prompt": PROMPT, "max_tokens": 2}
        assert httpx.post(f"{address[1]}/v1/completions", json=body, headers=headers).is_success
        process.send_signal(signal.SIGINT)
        assert process.wait(START_S) == 0


def test_an_address_that_is_not_ours_is_named(checkpoint: Path, refused: Refused) -> None:
    assert "192.0.2.1" in refused(checkpoint, "--host", "192.0.2.1")


def test_truncated_weights_are_named(tmp_path: Path, refused: Refused) -> None:
    checkpoint = make_tiny_checkpoint(tmp_path)
    weights = checkpoint / "bort-adapter.gguf"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert str(weights) in refused(checkpoint)


def test_the_base_of_another_tokenizer_is_refused(tmp_path: Path, refused: Refused) -> None:
    checkpoint = make_tiny_checkpoint(tmp_path / "a")
    other = make_tiny_base(tmp_path / "b" / "base", tokens=tiny_tokens(without=1))
    (tmp_path / "a" / "base").rename(tmp_path / "a" / "gone")
    line = refused(checkpoint, "--base", str(other))
    assert "base.sha256" in line
    assert str(other) in line


def test_a_folder_that_is_no_checkpoint_is_named(tmp_path: Path, refused: Refused) -> None:
    assert "manifest.json" in refused(tmp_path)
    assert "no such folder" in refused(tmp_path / "nowhere")


def test_serving_from_another_program_refuses_as_plainly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        serve_here(Options(checkpoint=tmp_path, port=0), {"BOTCONVO_MODEL_SERVER_TOKEN": "x"}) == 2
    )
    assert capsys.readouterr().err.count("\n") == 1


def test_arguments_become_options(tmp_path: Path) -> None:
    words = [str(tmp_path), "--context", "128", "--parallel", "2", "--threads", "3", "--no-token"]
    assert parse(words) == Options(
        checkpoint=tmp_path, context=128, parallel=2, threads=3, no_token=True
    )


def test_starting_loads_nothing_heavy() -> None:
    code = (
        "import sys, model_server.app, model_server.serving;"
        "heavy = {'torch', 'transformers', 'numpy', 'gguf', 'spacy'} & set(sys.modules);"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
