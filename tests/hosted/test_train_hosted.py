"""``botconvo train NAME --engine hosted`` as typed, against a service that lives and fails."""

import io
import json
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from cli.typing_in import typed
from fake_service import KEY, FakeService, Refusal
from hosted.hosting import BOTH, refused, train
from packing.packs import agree
from processes import until
from pydantic import SecretStr

from botconvo.hosted.prices import Estimate, price_of
from botconvo.hosted.records import debts, records, update
from botconvo.hosted.service import Service
from botconvo.hosted.tuning import start

POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows knows no such signals")


LONG_S = 120.0


def nothing_is_left(project: Path, service: FakeService) -> None:
    assert not service.files
    assert not list((project / "hosted").rglob("*.json*"))


def test_a_friend_is_tuned_and_configured(project: Path, service: FakeService) -> None:
    done = train(project, "--yes", "--price", "3")
    assert (done.code, done.err) == (0, ""), done
    assert "Bort: 56 own lines to train on and 8 held out, with lines of Fishvilla" in done.out
    assert "at $3 a million (as you say)" in done.out
    assert "Job ftjob-3 is running" in done.out
    assert done.out.count("Step 1/3: training loss=3.00") == 1
    assert "12,345 tokens were paid for" in done.out
    (job,) = service.jobs.values()
    assert job["suffix"].startswith("botconvo-")
    assert "bort" not in job["suffix"].casefold()
    assert job["hyperparameters"] == {"n_epochs": 3}
    text = (project / "config.toml").read_text(encoding="utf-8")
    assert text.startswith("# mine")
    (persona,) = tomllib.loads(text)["personas"]
    assert persona == {
        "name": "Bort",
        "hosted": {"endpoint": service.address, "model": job["fine_tuned_model"], "form": "chat"},
    }
    (record,) = records(project)
    assert (record.model, record.files, record.ended) == (job["fine_tuned_model"], {}, True)
    assert not service.files, "words stay there for no longer than they are needed"
    assert not list(project.rglob("*.jsonl"))


def test_a_second_training_puts_the_new_model_in_the_place_of_the_old(
    project: Path, service: FakeService
) -> None:
    train(project, "--yes")
    done = train(project, "--yes", "--form", "window")
    assert done.code == 0, done
    (persona,) = tomllib.loads((project / "config.toml").read_text())["personas"]
    assert persona["hosted"]["form"] == "window"
    assert persona["hosted"]["model"] == list(service.models)[-1]
    assert len(service.models) == 2


@pytest.mark.parametrize("form", ["chat", "completions", "window"])
def test_a_dry_run_writes_the_files_and_sends_nothing(
    project: Path, service: FakeService, form: str
) -> None:
    (project / ".env").unlink()
    for _ in range(2):  # the second takes the place of the first
        done = train(project, "--dry-run", "--form", form)
        assert (done.code, done.err) == (0, ""), done
    assert "nothing was sent" in done.out
    assert "What that costs is not known here" in done.out
    assert not service.asked
    (folder,) = (project / "hosted").iterdir()
    rows = [
        json.loads(row)
        for name in ("train.jsonl", "validation.jsonl")
        for row in (folder / name).read_text(encoding="utf-8").splitlines()
    ]
    keys = {"messages"} if form == "chat" else {"prompt", "completion"}
    assert all(row.keys() == keys for row in rows)


def test_who_did_not_agree_to_the_service_is_not_sent_there(
    project: Path, service: FakeService
) -> None:
    agree(project, "Bort", ("local",))
    said = refused(train(project, "--yes"))
    assert "Bort has no live consent for '127.0.0.1' work" in said
    assert "--processor local --processor 127.0.0.1" in said
    assert not service.asked

    agree(project, "Bort", BOTH)
    agree(project, "Fishvilla", ("local",))
    service.refusals.append(Refusal(method="GET", path="/jobs/", status=404))
    refused(train(project, "--yes"))
    words = json.dumps(service.rows("train.jsonl"))
    assert "Fishvilla" not in words
    assert "Bort" in words


def test_without_a_yes_nothing_is_sent(
    project: Path, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())  # nobody is there to answer
    done = train(project)
    assert done.code == 130
    assert not service.asked
    assert not (project / "hosted").exists()


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (Refusal(method="GET", path="/files", status=403, message="not yours"), "not yours"),
        (Refusal(method="POST", path="/jobs", status=400, message="bad rows"), "400: bad rows"),
        (
            Refusal(method="POST", path="/files", status=429, message="slow", retry_after="77"),
            "try again in 77 s",
        ),
        (
            Refusal(
                method="POST", path="/jobs", status=429, message="pay", code="insufficient_quota"
            ),
            "the account has no credit",
        ),
        (Refusal(method="POST", path="/files", status=503), "trouble of its own (503"),
        (Refusal(method="POST", path="/files"), "cannot be reached"),
        (Refusal(method="GET", path="/jobs/", status=404, message="gone"), "404: gone"),
        (
            Refusal(method="GET", path="/jobs/", status=429, message="no", retry_after="4000"),
            "try again in 4000 s",
        ),
    ],
)
def test_a_refusal_is_one_line_and_the_same_command_goes_on(
    project: Path, service: FakeService, refusal: Refusal, told: str
) -> None:
    service.refusals.append(refusal)
    assert told in refused(train(project, "--yes"))
    again = train(project, "--yes")
    assert again.code == 0, again
    assert len(service.jobs) == 1, "nothing is paid for twice"
    assert not service.files


def test_a_wrong_address_can_be_mended(project: Path, service: FakeService) -> None:
    for address in ("http://127.0.0.1:9/v1", service.address.removesuffix("/v1") + "/v2"):
        refused(train(project, "--yes", "--endpoint", address, "--base", "tiny"))
    done = train(project, "--yes")
    assert done.code == 0, done
    assert "going on" not in done.out


def test_a_wrong_key_is_said_without_the_key(project: Path, service: FakeService) -> None:
    (project / ".env").write_text("BOTCONVO_HOSTED_KEY=sk-wrong-one\n")
    said = refused(train(project, "--yes"))
    assert "does not accept the key (401)" in said
    assert "sk-wrong-one" not in said
    (project / ".env").write_text("BOTCONVO_HOSTED_KEY=\n")
    assert "needs a key; put it into .env" in refused(train(project, "--yes"))


def test_a_model_that_nobody_knows_leaves_nothing_there(
    project: Path, service: FakeService
) -> None:
    assert "'nonsense' does not exist" in refused(train(project, "--yes", "--base", "nonsense"))
    nothing_is_left(project, service)
    assert train(project, "--yes").code == 0


@pytest.mark.parametrize("path", ["/files", "/jobs"])
def test_an_answer_that_was_lost_is_not_paid_for_twice(
    project: Path, service: FakeService, path: str
) -> None:
    service.refusals.append(Refusal(method="POST", path=path, done=True))
    assert "cannot be reached" in refused(train(project, "--yes"))
    done = train(project)  # it was agreed to already
    assert done.code == 0, done
    assert "going on with an upload" in done.out
    assert (len(service.jobs), service.asked_for("POST", "/jobs")) == (1, 1)
    assert service.asked_for("POST", "/files") == 2
    assert not service.files


def test_a_short_failure_while_it_is_followed_is_told_and_waited_for(
    project: Path, service: FakeService
) -> None:
    service.refusals += [
        Refusal(method="GET", path="/events"),
        Refusal(method="GET", path="/jobs/", status=429, retry_after="0"),
    ]
    done = train(project, "--yes")
    assert done.code == 0, done
    assert done.out.count("looking again in") == 2


@pytest.mark.parametrize(
    ("ending", "told"),
    [("failed", "failed: the training file has 3 rows"), ("cancelled", "was cancelled")],
)
def test_a_job_that_fails_says_why_and_leaves_nothing(
    project: Path, service: FakeService, ending: str, told: str
) -> None:
    service.ending = ending
    assert told in refused(train(project, "--yes"))
    nothing_is_left(project, service)
    assert "personas" not in (project / "config.toml").read_text()


def in_background(project: Path, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "botconvo", "train", "Bort", "--engine", "hosted", "--yes", *words],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={key: value for key, value in os.environ.items() if not key.startswith("BOTCONVO_")},
    )


def interrupt(process: "subprocess.Popen[str]") -> tuple[str, str]:
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=LONG_S)
    assert process.returncode == 130, said
    return said


@POSIX
def test_ctrl_c_leaves_the_job_alone_and_the_same_command_follows_it(
    project: Path, service: FakeService
) -> None:
    service.hold = "running"
    process = in_background(project)
    assert until(lambda: service.asked_for("GET", "/events") > 4, LONG_S)
    _, err = interrupt(process)
    assert "Job ftjob-3 goes on at 127.0.0.1" in err
    assert err.count("\n") == 1, err
    service.hold = None
    done = train(project)
    assert done.code == 0, done
    assert "going on with job ftjob-3" in done.out
    assert service.asked_for("POST", "/fine_tuning/jobs") == 1


def test_who_follows_a_job_hears_that_somebody_was_forgotten(
    project: Path, service: FakeService
) -> None:
    service.hold = "running"
    process = in_background(project)
    assert until(lambda: service.asked_for("GET", "/events") > 4, LONG_S)
    assert typed("forget", "Fishvilla", "--project", project, "--yes").code == 0
    out, err = process.communicate(timeout=LONG_S)
    assert (process.returncode, err.count("\n")) == (2, 1), (out, err)
    # Their consent ends a moment before the job is given up.
    assert "was forgotten meanwhile" in err or "does not agree any more" in err
    assert [job["status"] for job in service.jobs.values()] == ["cancelled"]
    assert not (project / "hosted").exists() or not list((project / "hosted").iterdir())


def test_who_stops_before_the_job_has_paid_for_nothing(project: Path, service: FakeService) -> None:
    train(project, "--dry-run")
    (record,) = records(project)
    with Service(service.address, SecretStr(KEY)) as there:
        record = start(project, record, there, say=print, stopped=lambda: bool(service.files))
        assert (record.job, list(record.files)) == (None, ["train.jsonl"])
        assert not service.jobs
    done = train(project)
    assert done.code == 0, done
    assert service.asked_for("POST", "/files") == 2


def test_a_clone_that_was_not_taken_in_yet_is_not_paid_for_again(
    project: Path, service: FakeService
) -> None:
    assert train(project, "--yes").code == 0
    (record,) = records(project)
    update(project, record.model_copy(update={"ended": False}))  # as if it had been killed
    config = (project / "config.toml").read_text().partition("[[personas]]")[0]
    (project / "config.toml").write_text(config)
    done = train(project)
    assert done.code == 0, done
    assert len(service.jobs) == 1
    assert "[personas.hosted]" in (project / "config.toml").read_text()


@pytest.mark.parametrize(
    ("host", "model", "price"),
    [
        ("api.openai.com", "gpt-4.1-mini-2025-04-14", 5.0),
        ("api.openai.com", "gpt-4o-mini-2024-07-18", 3.0),
        ("api.openai.com", "gpt-9", None),
        ("models.example", "gpt-4o-mini", None),
    ],
)
def test_a_price_is_known_or_not(host: str, model: str, price: float | None) -> None:
    assert price_of(host, model) == price
    estimate = Estimate(tokens=1_000_000, epochs=3, price=price)
    assert estimate.dollars == (None if price is None else 3 * price)


def test_cancel_ends_the_job_and_takes_the_words_back(project: Path, service: FakeService) -> None:
    assert "no hosted job" in refused(train(project, "--cancel"))
    service.refusals.append(Refusal(method="GET", path="/jobs/", status=404))
    refused(train(project, "--yes"))
    done = train(project, "--cancel")
    assert (done.code, done.out) == (0, "Bort: job ftjob-3 is cancelled.\n"), done
    assert service.jobs["ftjob-3"]["status"] == "cancelled"
    nothing_is_left(project, service)


def test_what_may_have_gone_out_is_taken_back_too(project: Path, service: FakeService) -> None:
    for path in ("/files", "/jobs"):
        service.refusals.append(Refusal(method="POST", path=path, done=True))
        refused(train(project, "--yes"))
        assert service.files
        assert typed("forget", "Fishvilla", "--project", project, "--dry-run").code == 0
        assert train(project, "--cancel").code == 0
        nothing_is_left(project, service)
    assert [job["status"] for job in service.jobs.values()] == ["cancelled"]


def test_a_consent_that_ends_meanwhile_stops_it(project: Path, service: FakeService) -> None:
    service.refusals.append(Refusal(method="GET", path="/jobs/", status=404))
    refused(train(project, "--yes"))
    agree(project, "Fishvilla", ("local",))
    said = refused(train(project))
    assert "Fishvilla does not agree any more that their words go to '127.0.0.1'" in said
    assert "--cancel" in said
    assert train(project, "--cancel").code == 0


def test_a_file_that_cannot_be_deleted_there_is_tried_again(
    project: Path, service: FakeService
) -> None:
    service.refusals.append(Refusal(method="DELETE", path="/files/", status=500))
    done = train(project, "--yes")
    assert "warning: 1 files could not be deleted at 127.0.0.1 yet" in done.err
    assert len(debts(project)) == len(service.files) == 1
    train(project, "--yes")
    assert not debts(project)
    assert not service.files


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--endpoint", "http://example.com/v1"], "take https"),
        (["--endpoint", "nonsense"], "this is no address"),
        (["--endpoint", "https://models.example/v1"], "say which of its models"),
        (["--epochs", "1.5"], "whole numbers from 1 to 50"),
        (["--rank", "4"], "--rank is not for --engine hosted"),
        (["--no-redact"], "leave out --no-redact"),
        (["--output", "x"], "made here"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_sent(
    project: Path, service: FakeService, words: list[str], told: str
) -> None:
    assert told in refused(train(project, "--yes", *words))
    assert not service.asked


def test_options_for_a_service_need_the_engine(tmp_path: Path) -> None:
    done = typed("train", "Bort", "--project", tmp_path, "--dry-run")
    assert "are for --engine hosted" in refused(done)
