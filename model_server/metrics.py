"""What a model server counts about itself, in Prometheus' text format.

Numbers only: no word of a prompt or a completion ever gets here.
"""

from collections.abc import Callable
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["Metrics", "Outcome"]

Outcome = Literal[
    "answered", "invalid", "unauthorized", "loading", "queue_full", "client_gone", "failed"
]
_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0, 12.0, 30.0)


class Metrics:
    """One registry per app, so that several apps can live in one process."""

    def __init__(self, *, waiting: Callable[[], float], taken: Callable[[], float]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "botconvo_completion_requests",
            "Requests for completions by how they ended",
            ["outcome"],
            registry=self._registry,
        )
        self._tokens = Counter(
            "botconvo_tokens",
            "Tokens by kind; cached ones are part of the prompt ones",
            ["kind"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "botconvo_completion_seconds",
            "Seconds from a request to its answer, waiting included",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._gauge("botconvo_queue_depth", "Requests that wait for a place", waiting)
        self._gauge("botconvo_active_completions", "Places at the engine in use", taken)

    def _gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        Gauge(name, text, registry=self._registry).set_function(value)

    def count(self, outcome: Outcome) -> None:
        self._requests.labels(outcome).inc()

    def answered(self, *, seconds: float, prompt: int, cached: int, completion: int) -> None:
        """Count an answer; ``seconds`` from its arrival, the rest are tokens."""
        self.count("answered")
        self._seconds.observe(seconds)
        for kind, tokens in (("prompt", prompt), ("cached", cached), ("completion", completion)):
            self._tokens.labels(kind).inc(tokens)

    def text(self) -> bytes:
        return generate_latest(self._registry)
