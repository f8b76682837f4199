"""A service with OpenAI's interface on loopback: files, tuning jobs, the models that come of them.

It keeps what it is given, moves a job on by a step whenever somebody looks at it, answers as the
models that it made, and has bad days: refusals, and connections that end before or after something
has happened.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

__all__ = ["KEY", "FakeService", "Refusal", "fake_service"]

KEY = "sk-a-secret-of-the-tests"
_LIFE = ("validating_files", "queued", "running", "running", "running")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What becomes of a request.  With ``status`` None the connection ends without an answer.

    ``done`` says whether what was asked for happens all the same.
    """

    method: str
    path: str
    """What the path holds."""
    status: int | None = None
    message: str = "no"
    code: str | None = None
    retry_after: str | None = None
    done: bool = False


@dataclass(slots=True)
class FakeService:
    """``bases`` can be tuned; ``ending`` is what becomes of jobs, ``hold`` where they stay."""

    address: str = ""
    bases: tuple[str, ...] = ("gpt-4.1-nano-2025-04-14", "babbage-002", "tiny")
    ending: str = "succeeded"
    error: str = "the training file has 3 rows that cannot be read"
    hold: str | None = None
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """Name and content by id."""
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The job that each came of."""
    refusals: list[Refusal] = field(default_factory=list)
    """Each is used once, by the first request that it fits."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of every request."""
    completions: list[dict[str, Any]] = field(default_factory=list)
    """Bodies of what models were asked."""
    says: list[str] = field(default_factory=lambda: ["hello there", "what a day"])
    ids: Iterator[int] = field(default_factory=lambda: count(1))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Of the file whose name ends so."""
        found = [content for called, content in self.files.values() if called.endswith(name)]
        assert len(found) == 1, self.files
        return [json.loads(row) for row in found[0].decode().splitlines()]

    def asked_for(self, method: str, path: str) -> int:
        """How many requests held this path."""
        return sum(m == method and path in p for m, p in self.asked)

    # ---- what it does --------------------------------------------------------------------

    def answer(self, method: str, path: str, body: bytes, kind: str) -> tuple[int, Any]:
        match method, path.removeprefix("/v1/").split("?")[0].split("/"):
            case "POST", ["files"]:
                return self._take_file(body, kind)
            case "GET", ["files"]:
                return 200, _listed([self._file(each) for each in reversed(self.files)])
            case "DELETE", ["files", id]:
                return self._delete(self.files, id, "file")
            case "DELETE", ["models", id]:
                return self._delete(self.models, id, "model")
            case "POST", ["fine_tuning", "jobs"]:
                return self._start(json.loads(body))
            case "GET", ["fine_tuning", "jobs"]:
                return 200, _listed(list(reversed(self.jobs.values())))
            case "GET", ["fine_tuning", "jobs", id] if id in self.jobs:
                self._move_on(self.jobs[id])
                return 200, _without_steps(self.jobs[id])
            case "GET", ["fine_tuning", "jobs", id, "events"] if id in self.jobs:
                return 200, _listed(self._events(self.jobs[id]))
            case "POST", ["fine_tuning", "jobs", id, "cancel"] if id in self.jobs:
                self.jobs[id]["status"] = "cancelled"
                return 200, _without_steps(self.jobs[id])
            case "POST", ["chat", "completions"]:
                return self._complete(json.loads(body), "chat.completion")
            case "POST", ["completions"]:
                return self._complete(json.loads(body), "text_completion")
        return 404, _error("there is nothing here")

    def _take_file(self, body: bytes, kind: str) -> tuple[int, Any]:
        parsed = BytesParser(policy=HTTP).parsebytes(
            b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body
        )
        parts = {
            part.get_param("name", header="content-disposition"): part
            for part in parsed.iter_parts()
        }
        assert parts["purpose"].get_payload(decode=True) == b"fine-tune"
        content = parts["file"].get_payload(decode=True)
        assert isinstance(content, bytes)
        file = f"file-{next(self.ids)}"
        self.files[file] = (parts["file"].get_filename() or "", content)
        return 200, self._file(file)

    def _file(self, id: str) -> dict[str, Any]:
        name, content = self.files[id]
        return {
            "id": id,
            "object": "file",
            "bytes": len(content),
            "created_at": 1,
            "filename": name,
            "purpose": "fine-tune",
            "status": "processed",
        }

    def _delete(self, there: dict[str, Any], id: str, kind: str) -> tuple[int, Any]:
        if there.pop(id, None) is None:
            return 404, _error(f"no such {kind}: {id}")
        return 200, {"id": id, "object": kind, "deleted": True}

    def _start(self, asked: dict[str, Any]) -> tuple[int, Any]:
        if asked["model"] not in self.bases:
            return 404, _error(f"the model {asked['model']!r} does not exist", "model_not_found")
        for key in ("training_file", "validation_file"):
            if asked.get(key) is not None and asked[key] not in self.files:
                return 400, _error(f"there is no {asked[key]}")
        job = f"ftjob-{next(self.ids)}"
        epochs = asked["method"]["supervised"]["hyperparameters"]["n_epochs"]
        self.jobs[job] = {
            "id": job,
            "object": "fine_tuning.job",
            "created_at": 1,
            "error": None,
            "fine_tuned_model": None,
            "finished_at": None,
            "hyperparameters": {"n_epochs": epochs},
            "model": asked["model"],
            "organization_id": "org-1",
            "result_files": [],
            "seed": asked.get("seed", 1),
            "status": _LIFE[0],
            "trained_tokens": None,
            "training_file": asked["training_file"],
            "validation_file": asked.get("validation_file"),
            "suffix": asked["suffix"],
            "steps": 0,
        }
        return 200, _without_steps(self.jobs[job])

    def _move_on(self, job: dict[str, Any]) -> None:
        if job["status"] in ("succeeded", "failed", "cancelled") or job["status"] == self.hold:
            return
        job["steps"] += 1
        if job["steps"] < len(_LIFE):
            job["status"] = _LIFE[job["steps"]]
            return
        job["status"] = self.ending
        if self.ending == "failed":
            job["error"] = {"code": "invalid", "message": self.error, "param": "training_file"}
        elif self.ending == "succeeded":
            job["fine_tuned_model"] = f"ft:{job['model']}:org:{job['suffix']}"
            job["trained_tokens"] = 12345
            result = f"file-{next(self.ids)}"
            self.files[result] = ("step_metrics.csv", b"step,loss\n")
            job["result_files"] = [result]
            self.models[job["fine_tuned_model"]] = job

    def _events(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        """The newest first, as OpenAI has them."""
        told = ["Created fine-tuning job"]
        told += [
            f"Step {n}/3: training loss={4 - n}.00" for n in range(1, max(1, job["steps"] - 1))
        ]
        return [
            {
                "id": f"ev-{n}",
                "object": "fine_tuning.job.event",
                "created_at": n,
                "level": "info",
                "message": message,
                "type": "message",
            }
            for n, message in reversed(list(enumerate(told)))
        ]

    def _complete(self, asked: dict[str, Any], kind: str) -> tuple[int, Any]:
        self.completions.append(asked)
        if asked["model"] not in self.models:
            return 404, _error(f"the model {asked['model']!r} does not exist", "model_not_found")
        unknown = asked.keys() - {
            *(
                "model",
                "messages",
                "prompt",
                "n",
                "temperature",
                "top_p",
                "max_tokens",
                "stop",
                "seed",
            )
        }
        if unknown:
            return 400, _error(f"unknown argument: {min(unknown)}")
        choices = []
        for index in range(asked.get("n", 1)):
            text = self.says[(index + len(self.completions)) % len(self.says)]
            said = (
                {"message": {"role": "assistant", "content": text}}
                if kind == "chat.completion"
                else {"text": f" {text}"}
            )
            choices.append({"index": index, "finish_reason": "stop", "logprobs": None, **said})
        return 200, {
            "id": "cmpl-1",
            "object": kind,
            "created": 1,
            "model": asked["model"],
            "choices": choices,
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        }


def _without_steps(job: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in job.items() if key not in ("steps", "suffix")}


def _listed(data: list[Any]) -> dict[str, Any]:
    return {"object": "list", "data": data, "has_more": False}


def _error(message: str, code: str | None = None) -> dict[str, Any]:
    return {
        "error": {"message": message, "type": "invalid_request_error", "code": code, "param": None}
    }


@contextmanager
def fake_service() -> Iterator[FakeService]:
    """One that answers until the context is left; its ``address`` is an endpoint."""
    service = FakeService()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            with service.lock:
                service.asked.append((self.command, self.path))
                refusal = self._refusal()
                status, answer = 500, _error("unused")
                if refusal is None or refusal.done:
                    status, answer = self._answered(body)
            if refusal is None:
                self._send(status, answer, None)
            elif refusal.status is None:
                self.close_connection = True
            else:
                error = _error(refusal.message, refusal.code)
                self._send(refusal.status, error, refusal.retry_after)

        def _answered(self, body: bytes) -> tuple[int, Any]:
            if self.headers.get("authorization") != f"Bearer {KEY}":
                given = self.headers.get("authorization", "")
                return 401, _error(f"Incorrect API key provided: {given}", "invalid_api_key")
            return service.answer(
                self.command, self.path, body, self.headers.get("content-type", "")
            )

        def _refusal(self) -> Refusal | None:
            for refusal in service.refusals:
                if refusal.method == self.command and refusal.path in self.path:
                    service.refusals.remove(refusal)
                    return refusal
            return None

        def _send(self, status: int, answer: Any, retry_after: str | None) -> None:
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            if retry_after is not None:
                self.send_header("retry-after", retry_after)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service.address = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
