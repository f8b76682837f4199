"""A clone that speaks through a service, as people use it; what the service is told, and not."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest
from builders import a_message, an_author
from cli.typing_in import Done, typed
from fake_service import FakeService, Refusal
from hosted.hosting import HOST, refused, train
from packing.packs import agree

from botconvo.build import build_cast
from botconvo.config import load_settings
from botconvo.conversation.history import History
from botconvo.corpus.sessions import SILENCE
from botconvo.messages import AuthorId
from botconvo.orchestrator.clock import RealClock
from botconvo.orchestrator.permits import Permits
from botconvo.people import People
from botconvo.store import STORE_NAME, Store


@pytest.fixture
def tuned(project: Path, service: FakeService) -> Path:
    """A project in which Bort speaks through the service."""
    done = train(project, "--yes")
    assert done.code == 0, done
    return project


def generate(project: Path, *words: object) -> Done:
    return typed("generate", "Bort", "--config", project / "config.toml", *words)


def test_what_the_model_says_is_printed(tuned: Path, service: FakeService) -> None:
    done = generate(tuned, "-n", 2, "--context", "Fishvilla: who is up?")
    assert (done.code, done.err) == (0, ""), done
    assert set(done.out.splitlines()) == {"hello there", "what a day"}
    asked = service.completions[0]
    assert asked["model"] in service.models
    assert asked["messages"][0]["role"] == "system"
    assert asked["messages"][1:] == [
        {"role": "user", "content": "Fishvilla: INIT;\nFishvilla: who is up?"}
    ]


@pytest.mark.parametrize(
    ("form", "end"),
    [
        ("completions", "Fishvilla: who is up?\nBort: so"),
        ("window", "Fishvilla: who is up?\n\n Bort: so"),
    ],
)
def test_each_form_is_asked_as_it_was_tuned(
    project: Path, service: FakeService, form: str, end: str
) -> None:
    train(project, "--yes", "--form", form)
    done = generate(project, "-n", 1, "--context", "Fishvilla: who is up?", "--prompt", "so")
    assert (done.code, done.err) == (0, ""), done
    assert done.out.startswith("so ")
    assert service.completions[0]["prompt"].endswith(end)


def test_a_chat_model_cannot_be_given_its_first_words(tuned: Path, service: FakeService) -> None:
    assert "cannot be made to begin" in refused(generate(tuned, "--prompt", "so"))
    assert not service.completions


def test_lines_of_who_did_not_agree_to_the_service_stay_here(
    tuned: Path, service: FakeService
) -> None:
    agree(tuned, "Fishvilla", ("local",))
    done = generate(tuned, "-n", 1, "--context", "Fishvilla: a secret", "--context", "You: hi")
    assert done.code == 0, done
    assert "secret" not in json.dumps(service.completions)
    assert "You: hi" in json.dumps(service.completions)


def test_in_a_channel_only_those_are_heard_who_agreed_to_the_service(tuned: Path) -> None:
    with Store.open(tuned / STORE_NAME) as store:
        (member,) = build_cast(load_settings(tuned / "config.toml"), store)
        permits = Permits(store, RealClock())
        persona = permits.bounded(member).persona
        stranger = replace(
            an_author("Fishvilla"), id=AuthorId("discord:1")
        )  # who only calls himself so
        history = History(People(), SILENCE)
        history.add(a_message("psst", author=stranger, id="1"))
        history.add(a_message("hello", author="Fishvilla", id="2"))
        said = [line.argument for line in history.context(9, (persona,)) if line.says]
        assert said == ["hello"]
        assert permits.refusal(member) is None
    agree(tuned, "Bort", ("local",))
    with Store.open(tuned / STORE_NAME) as store:
        why = Permits(store, RealClock()).refusal(member)
    assert why == (
        "Bort has left: the consent for this clone does not let '127.0.0.1' work on their words"
    )


def test_without_consent_to_the_service_nothing_is_asked(tuned: Path, service: FakeService) -> None:
    agree(tuned, "Bort", ("local",))
    said = refused(generate(tuned))
    assert "does not let '127.0.0.1' work on their words" in said
    assert "--processor 127.0.0.1" in said
    assert not service.completions


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (Refusal(method="POST", path="/chat", status=404, message="gone"), "404: gone"),
        (Refusal(method="POST", path="/chat", status=401), "does not accept the key"),
        (Refusal(method="POST", path="/chat", status=400, message="odd"), "400: odd"),
        (Refusal(method="POST", path="/chat", status=429, retry_after="9"), "in 9 s"),
        (Refusal(method="POST", path="/chat"), "cannot be reached"),
    ],
)
def test_a_service_that_fails_is_one_line(
    tuned: Path, service: FakeService, refusal: Refusal, told: str
) -> None:
    service.refusals.append(refusal)
    assert told in refused(generate(tuned))


def test_a_run_talks_through_the_service_and_chat_too(tuned: Path, service: FakeService) -> None:
    with (tuned / "config.toml").open("a", encoding="utf-8") as config:
        config.write("[conversation]\ngap_s = [0.0, 0.0]\nanswer_s = [0.0, 0.0]\nsamples = 2\n")
    service.says = [f"number {n} is the best of all numbers" for n in range(40)]
    run = botconvo(tuned, "run", "--platform", "console", "--max-messages", "1", "--json")
    assert run.returncode == 0, run.stderr
    rows = [json.loads(row) for row in run.stdout.splitlines()]
    assert [row["persona"] for row in rows] == ["Bort"]
    assert all("number" in row["text"] for row in rows)
    before = len(service.completions)
    chat = botconvo(tuned, "chat", "Bort", given="what is your number?\n")
    assert chat.returncode == 0, chat.stderr
    assert "is the best of all numbers" in chat.stdout
    assert "You: what is your number?" in json.dumps(service.completions[before:])


def botconvo(project: Path, *words: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "botconvo", *words],
        cwd=project,
        input=given,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={key: value for key, value in os.environ.items() if not key.startswith("BOTCONVO_")},
    )


def test_what_is_missing_is_said_before_anything_is_asked(
    tuned: Path, service: FakeService
) -> None:
    (tuned / ".env").unlink()
    assert "needs a key; put it into .env" in refused(generate(tuned))
    assert not service.completions


def test_who_measures_is_told_that_the_weights_are_elsewhere(tuned: Path) -> None:
    done = typed("evaluate", "Bort", "--project", tuned)
    assert "its model is at a service" in refused(done)


# ---- forgetting --------------------------------------------------------------------------


def forget(project: Path, name: str, *words: object) -> Done:
    return typed("forget", name, "--project", project, "--yes", *words)


def test_who_is_forgotten_is_gone_from_the_service_too(tuned: Path, service: FakeService) -> None:
    planned = forget(tuned, "Bort", "--dry-run")
    assert f"a hosted model: {next(iter(service.models))} at {HOST}, for Bort's" in planned.out
    assert service.models
    done = forget(tuned, "Bort")
    assert done.code == 0, done
    assert "1 x a hosted model" in done.out
    assert not service.models
    assert not list((tuned / "hosted").rglob("*.json*"))
    assert "hosted" not in (tuned / "config.toml").read_text().partition("poll_s")[2]


def test_an_answer_that_was_lost_is_forgotten_too(project: Path, service: FakeService) -> None:
    service.refusals.append(Refusal(method="POST", path="/jobs", done=True))
    refused(train(project, "--yes"))
    assert forget(project, "Bort").code == 0
    assert [job["status"] for job in service.jobs.values()] == ["cancelled"]
    assert not service.files


def test_where_words_went_is_told_and_goes_along_when_a_project_moves(
    tuned: Path, service: FakeService, tmp_path: Path
) -> None:
    assert typed("pack", tmp_path / "moved.zip", "--project", tuned).code == 0
    with ZipFile(tmp_path / "moved.zip") as moved:
        assert [name for name in moved.namelist() if name.startswith("hosted/")]
    out = tmp_path / "fishvilla.zip"
    assert typed("consent", "export", "Fishvilla", "--out", out, "--project", tuned).code == 0
    with ZipFile(out) as held:
        texts = [held.read(name).decode() for name in held.namelist()]
    assert any(f"{HOST}, in the tuning job botconvo-" in text for text in texts)


def test_a_job_under_way_ends_with_who_is_forgotten(project: Path, service: FakeService) -> None:
    service.refusals.append(Refusal(method="GET", path="/jobs/", status=404))
    refused(train(project, "--yes"))
    assert len(service.files) == 2
    assert forget(project, "Fishvilla").code == 0
    assert [job["status"] for job in service.jobs.values()] == ["cancelled"]
    assert not service.files


def test_a_clone_that_saw_their_lines_is_not_served_any_more(
    tuned: Path, service: FakeService
) -> None:
    done = forget(tuned, "Fishvilla")
    assert f"Bort: {load_settings(tuned / 'config.toml').personas[0].hosted.model}" in done.out  # type: ignore[union-attr]
    assert not service.models
    assert "was trained on lines of somebody who was forgotten" in refused(generate(tuned))
    assert not service.completions


def test_a_service_out_of_reach_holds_no_forget_up_and_is_tried_again(
    tuned: Path, service: FakeService
) -> None:
    service.refusals.append(Refusal(method="DELETE", path="/models/"))
    done = forget(tuned, "Bort")
    assert done.code == 0, done
    model = next(iter(service.models))
    assert f"a model at {HOST} that could not be deleted yet: {model}" in done.out
    (receipt,) = (tuned / "receipts").iterdir()
    assert model in receipt.read_text()
    assert "Bort" not in (tuned / "hosted" / "to-delete.json").read_text()
    assert forget(tuned, "Fishvilla").code == 0
    assert not service.models
    assert not (tuned / "hosted" / "to-delete.json").exists()
