"""A service with OpenAI's interface: files, tuning jobs, models.  Every failure is one line.

The key goes to the endpoint's host and stands nowhere else: not in a log, an error or a ``repr``.
It knows nothing of projects, people or consent.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from botconvo.errors import ConfigError, ServiceError

if TYPE_CHECKING:
    import openai
    from openai.types.fine_tuning import FineTuningJob

__all__ = [
    "KEY",
    "Job",
    "Service",
    "check_endpoint",
    "check_installed",
    "explained",
    "host_of",
    "is_here",
    "require_openai",
]

KEY = "BOTCONVO_HOSTED_KEY"
"""The variable of the environment, or of ``.env``, that holds the key."""
_TIMEOUT_S = 60.0
_UPLOAD_S = 600.0
_SHORT_S = 15.0
"""For deleting, which somebody waits for."""
_LONGEST_REASON = 300
_EVENTS = 50
_DONE = {"succeeded", "completed"}
_OVER = _DONE | {"failed", "error", "cancelled", "canceled"}
"""Statuses after which nothing happens any more: OpenAI's, and others' spellings."""
_NO_MONEY = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
_T = TypeVar("_T")


def host_of(endpoint: str) -> str:
    """The host's name, by which consents name a service as a processor."""
    return urlsplit(endpoint).hostname or endpoint


def is_here(endpoint: str) -> bool:
    """Whether it is on this machine."""
    return host_of(endpoint) in ("127.0.0.1", "::1", "localhost")


def check_endpoint(endpoint: str) -> str:
    """The address without a slash at its end.

    Raises:
        ConfigError: it is none, or the key and the words would be readable on the way.
    """
    try:
        parts = urlsplit(endpoint)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.scheme not in ("http", "https") or parts.username:
        raise ConfigError(
            f"endpoint {endpoint!r}: this is no address such as https://api.openai.com/v1"
        )
    if parts.scheme == "http" and not is_here(endpoint):
        raise ConfigError(
            f"endpoint {endpoint!r}: anybody on the way could read the key and the words; "
            "take https"
        )
    return endpoint.rstrip("/")


def check_installed() -> None:
    """
    Raises:
        ConfigError: the library for services is not installed.
    """
    if find_spec("openai") is None:
        raise ConfigError(
            'hosted models need openai, which is not installed; pip install "botconvo[hosted]"'
        )


def require_openai() -> None:
    """Import the library.

    Raises:
        ConfigError: it is not installed.
    """
    check_installed()
    import openai  # noqa: F401

    # At DEBUG it would write down everything that is sent.
    logging.getLogger("openai").setLevel(logging.INFO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """How a job stands.  ``news`` are (id, sentence), the oldest first."""

    id: str
    status: str
    model: str | None
    error: str | None
    results: tuple[str, ...]
    """Ids of files with its figures."""
    tokens: int | None
    """What it will be paid for, where the service says so."""

    @property
    def over(self) -> bool:
        return self.status in _OVER

    @property
    def succeeded(self) -> bool:
        return self.status in _DONE


class Service:
    """One endpoint with one key.  Whatever it is asked for raises a ServiceError where it fails."""

    def __init__(self, endpoint: str, key: SecretStr | None) -> None:
        self.host = host_of(endpoint)
        self._endpoint, self._key = endpoint, key
        self._client: openai.OpenAI | None = None

    def __enter__(self) -> "Service":
        require_openai()
        import openai

        if self._key is None or not self._key.get_secret_value():
            raise ConfigError(
                f"{self.host} needs a key; put it into .env beside config.toml as {KEY}=..."
            )
        self._client = openai.OpenAI(
            api_key=self._key.get_secret_value(),
            base_url=self._endpoint,
            # What is tried again is decided by whoever knows whether it may have happened already.
            max_retries=0,
            timeout=_TIMEOUT_S,
            http_client=openai.DefaultHttpxClient(trust_env=not is_here(self._endpoint)),
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()

    def upload(self, path: Path, name: str) -> str:
        """The file's id, once it is there whole under ``name``."""

        def send(client: "openai.OpenAI") -> str:
            with path.open("rb") as file:
                sent = client.with_options(timeout=_UPLOAD_S).files.create(
                    file=(name, file, "application/jsonl"), purpose="fine-tune"
                )
            return sent.id

        return self._ask(f"uploading {path.name}", send)

    def find_file(self, name: str) -> str | None:
        """The id of a file that is called so there; None where there is none."""

        def look(client: "openai.OpenAI") -> str | None:
            for file in client.files.list(purpose="fine-tune", order="desc", limit=100).data:
                if file.filename == name:
                    return file.id
            return None

        return self._ask("listing files", look)

    def start(
        self,
        *,
        base: str,
        train: str,
        validation: str | None,
        epochs: int,
        seed: int | None,
        suffix: str,
    ) -> Job:
        """A new job; money is spent from here on."""
        optional: dict[str, Any] = {"validation_file": validation, "seed": seed}

        def create(client: "openai.OpenAI") -> Job:
            made = client.fine_tuning.jobs.create(
                model=base,
                training_file=train,
                suffix=suffix,
                method={
                    "type": "supervised",
                    "supervised": {"hyperparameters": {"n_epochs": epochs}},
                },
                **{name: value for name, value in optional.items() if value is not None},
            )
            return _job(made)

        return self._ask(f"starting a job on {base}", create)

    def find_job(self, train: str) -> Job | None:
        """A job that trains on this file; None where there is none."""

        def look(client: "openai.OpenAI") -> Job | None:
            for job in client.fine_tuning.jobs.list(limit=100).data:
                if job.training_file == train:
                    return _job(job)
            return None

        return self._ask("listing jobs", look)

    def job(self, id: str) -> Job:
        return self._ask(
            f"looking at job {id}", lambda client: _job(client.fine_tuning.jobs.retrieve(id))
        )

    def news(self, id: str) -> tuple[tuple[str, str], ...]:
        """The newest events of a job, as (id, sentence), the oldest first."""

        def look(client: "openai.OpenAI") -> tuple[tuple[str, str], ...]:
            events = client.fine_tuning.jobs.list_events(id, limit=_EVENTS).data
            events.reverse()  # of the same second too the oldest comes first
            events.sort(key=lambda event: event.created_at or 0)
            return tuple((event.id, self._clean(event.message or "")) for event in events)

        return self._ask(f"looking at job {id}", look)

    def cancel(self, id: str) -> Job:
        return self._ask(
            f"cancelling job {id}", lambda client: _job(client.fine_tuning.jobs.cancel(id))
        )

    def delete(self, kind: str, id: str) -> None:
        """A "file" or a "model" goes, a "job" is cancelled; what is not there is gone already.

        An "upload" is a file known by its name, a "job on" a job known by the file it trains on.
        """
        if kind in ("upload", "job on"):
            found = self._find_job_on(id) if kind == "job on" else self.find_file(id)
            if found is not None:
                self.delete("job" if kind == "job on" else "file", found)
            return

        def remove(client: "openai.OpenAI") -> None:
            client = client.with_options(timeout=_SHORT_S)
            match kind:
                case "file":
                    client.files.delete(id)
                case "model":
                    client.models.delete(id)
                case "job":
                    job = _job(client.fine_tuning.jobs.retrieve(id))
                    if not job.over:
                        client.fine_tuning.jobs.cancel(id)

        try:
            self._ask(f"deleting {kind} {id}", remove)
        except ServiceError as error:
            if error.status != 404:
                raise

    def _find_job_on(self, file: str) -> str | None:
        job = self.find_job(file)
        return None if job is None else job.id

    def _ask(self, doing: str, call: "Callable[[openai.OpenAI], _T]") -> _T:
        import openai

        assert self._client is not None, "enter the service first"
        try:
            return call(self._client)
        except openai.OpenAIError as error:
            raise explained(error, self.host, doing, self._key) from None
        except (AttributeError, TypeError, ValueError):  # an answer of another shape
            raise ServiceError(
                f"{self.host}: {doing}: the answer is not of OpenAI's interface; check the endpoint"
            ) from None

    def _clean(self, text: str) -> str:
        return _one_line(text, self._key)


def _job(made: "FineTuningJob") -> Job:
    error = made.error.message if made.error is not None and made.error.message else None
    if not made.id or not made.status:
        raise ValueError("no job")
    return Job(
        id=made.id,
        status=made.status,
        model=made.fine_tuned_model,
        error=None if error is None else _one_line(error, None),
        results=tuple(made.result_files or ()),
        tokens=made.trained_tokens,
    )


def explained(
    error: "openai.OpenAIError", host: str, doing: str, key: SecretStr | None
) -> ServiceError:
    """What went wrong, in one line for the owner; ``doing`` says at what."""
    import openai

    match error:
        case openai.APITimeoutError():
            return ServiceError(
                f"{host}: {doing}: no answer in time; type the same again", retryable=True
            )
        case openai.APIConnectionError():
            cause = type(error.__cause__).__name__ if error.__cause__ else "no connection"
            return ServiceError(
                f"{host}: {doing}: the service cannot be reached ({cause}); check the address and "
                "the network, then type the same again",
                retryable=True,
            )
        case openai.APIStatusError():
            return _refused(error, host, doing, key)
        case _:
            return ServiceError(f"{host}: {doing}: {_one_line(str(error), key)}")


def _refused(
    error: "openai.APIStatusError", host: str, doing: str, key: SecretStr | None
) -> ServiceError:
    status, reason = error.status_code, _reason(error, key)
    out_of_money = getattr(error, "code", None) in _NO_MONEY
    wait_s = None if out_of_money else _retry_after(error)
    match status:
        case 401:  # its reason may hold a part of the key
            advice = (
                f"the service does not accept the key (401); put a valid one into .env as {KEY}"
            )
        case 403:
            advice = f"this key may not do that (403: {reason}); ask whoever owns the account"
        case 404:
            advice = (
                f"there is no such thing (404: {reason}); check the model's name and --endpoint"
            )
        case 429 if out_of_money:
            advice = f"the account has no credit (429: {reason}); add some there"
        case 429:
            when = "later" if wait_s is None else f"in {wait_s:.0f} s"
            advice = f"too many requests (429: {reason}); try again {when}"
        case _ if status >= 500:
            advice = f"the service has trouble of its own ({status}: {reason}); try again later"
        case _:
            advice = f"the service refused ({status}: {reason})"
    again = status >= 500 or (status == 429 and not out_of_money)
    return ServiceError(f"{host}: {doing}: {advice}", status=status, retryable=again, wait_s=wait_s)


def _reason(error: "openai.APIStatusError", key: SecretStr | None) -> str:
    body = error.body
    told = body.get("message") if isinstance(body, dict) else None
    return _one_line(str(told), key) if told else "no reason given"


def _retry_after(error: "openai.APIStatusError") -> float | None:
    try:
        return max(0.0, float(error.response.headers.get("retry-after", "")))
    except ValueError:
        return None


def _one_line(text: str, key: SecretStr | None) -> str:
    if key is not None and key.get_secret_value():
        text = text.replace(key.get_secret_value(), "...")
    plain = "".join(each if each.isprintable() else " " for each in text)
    return " ".join(plain.split())[:_LONGEST_REASON].rstrip(".")
