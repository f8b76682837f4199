"""Running one checkpoint as one process: address, token, start, stop.

It knows nothing of prompts or completions.  Heavy imports stand inside functions, in the order in
which they let the engine load beside them.
"""

import ipaddress
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model_server.errors import ModelServerError, ServingError

if TYPE_CHECKING:
    import uvicorn

    from model_server.checkpoint.conversion import Precision
    from model_server.checkpoint.folder import Checkpoint
    from model_server.checkpoint.manifest import Architecture
    from model_server.engine import Engine, EngineSettings

__all__ = [
    "DEFAULT_HOST",
    "DEFAULT_PARALLEL",
    "DEFAULT_PORT",
    "PERMIT_VARIABLE",
    "TOKEN_VARIABLE",
    "Options",
    "is_compact",
    "serve",
    "serve_or_raise",
]

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8080
DEFAULT_PARALLEL = 5
"""Completions at once: as many as candidates that the orchestrator asks for."""

TOKEN_VARIABLE = "BOTCONVO_MODEL_SERVER_TOKEN"  # noqa: S105  (a name, not a token)
PERMIT_VARIABLE = "BOTCONVO_PERMIT"
"""Holds the digest of the checkpoint whose consent the launcher has checked."""
_LARGEST_DEFAULT_CONTEXT = 1024
_LARGE = 12 * 768
"""Layers times width of GPT-2 124M, of which five contexts of 512 take 94 MB at f16."""
_Q8_0_BLOCK = 32
"""Values of a head that are quantised together."""
_GRACE_S = 2
"""Seconds that running answers get at a stop."""
_HARD_STOP_S = 3.0
"""Seconds after which a process whose parent has died ends in any case."""
_FAILED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to serve, and where.

    A ``checkpoint`` of another program is converted once, into ``cache`` (None: the user's) at
    ``precision``.  ``base`` are the weights under an adapter whose manifest names no path;
    ``port`` 0 takes a free one; ``context`` None takes what the weights were trained for (at most
    1024), and no value goes past that; ``threads`` None takes half the processors, at most 4.
    ``permit`` is the digest of the checkpoint whose consent the caller has checked (None: the
    environment's, if any).  ``report_port`` prints one JSON line with port and pid on stdout once
    the port is bound; ``exit_with_parent`` ends the process when its stdin does.
    """

    checkpoint: Path
    base: Path | None = None
    cache: Path | None = None
    precision: "Precision" = "q8_0"
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    context: int | None = None
    parallel: int = DEFAULT_PARALLEL
    threads: int | None = None
    token_file: Path | None = None
    no_token: bool = False
    permit: str | None = None
    report_port: bool = False
    exit_with_parent: bool = False


def serve(
    options: Options,
    environment: Mapping[str, str] = os.environ,
    opened: "Checkpoint | None" = None,
) -> int:
    """Serve until told to stop; the exit code is 0, or 2 with one line on stderr that says why.

    ``opened`` is ``options.checkpoint`` where somebody has opened it already.
    """
    try:
        serve_or_raise(options, environment, opened)
    except ModelServerError as error:
        print(error, file=sys.stderr)
        return _FAILED
    return 0


def serve_or_raise(
    options: Options,
    environment: Mapping[str, str] = os.environ,
    opened: "Checkpoint | None" = None,
) -> None:
    """``serve`` for a caller that tells people itself what is wrong.

    Raises:
        ModelServerError: the checkpoint or the address cannot be used, or there is no token.
    """
    with suppress(KeyboardInterrupt):  # a signal ended a conversion
        _serve(options, environment, opened)


class _Stop:
    """The one way to end, whoever asks for it and however early."""

    def __init__(self) -> None:
        self._asked = False
        self._server: uvicorn.Server | None = None

    def ask(self) -> None:
        self._asked = True
        if self._server is not None:
            self._server.should_exit = True

    def attach(self, server: "uvicorn.Server") -> None:
        self._server = server
        if self._asked:
            server.should_exit = True


def _serve(options: Options, environment: Mapping[str, str], opened: "Checkpoint | None") -> None:
    stop = _Stop()
    if options.exit_with_parent:
        threading.Thread(target=_await_parent, args=(stop.ask,), daemon=True).start()
    token = _token(options, environment)
    with _on_signals(stop.ask), _bind(options.host, options.port) as listening:
        checkpoint = opened or _load(options, environment)
        if options.report_port:
            port = listening.getsockname()[1]
            print(json.dumps({"port": port, "pid": os.getpid()}), flush=True)
        permit = options.permit
        permit = environment.get(PERMIT_VARIABLE) if permit is None else permit
        _run(options, checkpoint, token, listening, stop, permit)


def _load(options: Options, environment: Mapping[str, str]) -> "Checkpoint":
    from model_server.checkpoint.opening import open_checkpoint, user_cache

    return open_checkpoint(
        options.checkpoint,
        base=options.base,
        cache=options.cache or user_cache(environment),
        precision=options.precision,
    )


def _run(
    options: Options,
    checkpoint: "Checkpoint",
    token: str | None,
    listening: socket.socket,
    stop: _Stop,
    permit: str | None,
) -> None:
    settings = _engine_settings(options, checkpoint)
    engine = _load_in_background(checkpoint, settings)

    import uvicorn  # these take longer than the engine, which loads meanwhile

    from model_server.app import ServerSettings, create_app

    app = create_app(checkpoint, engine, ServerSettings(engine=settings, host=options.host), token)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
            timeout_keep_alive=75,  # a talk pauses for longer than uvicorn's 5 s
        )
    )
    stop.attach(server)
    engine.add_done_callback(lambda done: stop.ask() if done.exception() else None)
    words = list(_greeting(options, checkpoint, listening, permit))
    engine.add_done_callback(lambda done: None if done.exception() else _say(words))
    try:
        server.run(sockets=[listening])
    finally:
        failure = engine.exception()
        app.state.completions.close()
    if failure is not None:
        raise failure


def _greeting(
    options: Options, checkpoint: "Checkpoint", listening: socket.socket, permit: str | None
) -> Iterator[str]:
    """What is said once the engine has loaded; never in front of an error, which is one line."""
    manifest = checkpoint.manifest
    if (manifest.consent or manifest.source) and permit != checkpoint.digest:
        yield f"{options.checkpoint}: started by hand; consent was not checked by this server"
    if not options.report_port:  # nobody else has told the person where it is
        host = f"[{options.host}]" if ":" in options.host else options.host
        name = manifest.persona or options.checkpoint.name
        port = listening.getsockname()[1]
        yield f"{name} is served at http://{host}:{port}/v1/completions; Ctrl-C ends it"


def _say(words: list[str]) -> None:
    for line in words:
        print(line, file=sys.stderr)


def _engine_settings(options: Options, checkpoint: "Checkpoint") -> "EngineSettings":
    from model_server.engine import EngineSettings, default_threads

    trained = checkpoint.manifest.architecture.context
    return EngineSettings(
        context=min(trained, options.context or _LARGEST_DEFAULT_CONTEXT),
        parallel=options.parallel,
        threads=options.threads or default_threads(),
        compact=is_compact(checkpoint.manifest.architecture, quantised=checkpoint.quantised),
    )


def is_compact(sizes: "Architecture", *, quantised: bool) -> bool:
    """Whether what has been read is kept at q8_0: of a GPT-2 that is large, and quantised itself.

    It takes 45 MB less for a persona on GPT-2 124M, moves the log-probabilities less than q8_0
    weights do, and costs a tenth of the speed where the prompt fills the context (BENCHMARKS.md).
    Other architectures share keys among heads and need little; who asks for f16 wants what the
    model says, exactly.
    """
    return (
        quantised
        and sizes.name == "gpt2"
        and sizes.layers * sizes.width >= _LARGE
        and sizes.heads > 0
        and sizes.width // sizes.heads % _Q8_0_BLOCK == 0
    )


def _load_in_background(checkpoint: "Checkpoint", settings: "EngineSettings") -> "Future[Engine]":
    from model_server.engine import LlamaEngine

    loading: Future[Engine] = Future()

    form = checkpoint.manifest.prompt_format

    def load() -> None:
        try:
            engine = LlamaEngine(
                checkpoint.base_path,
                checkpoint.adapter_path,
                settings,
                end_of_text=checkpoint.end_of_text,
                special_tokens=form is not None and form.uses_tokens,
                reading=checkpoint.reading,
            )
        except BaseException as error:  # handed on: it is raised where the future is read
            loading.set_exception(error)
        else:
            loading.set_result(engine)

    threading.Thread(target=load, name="engine loader", daemon=True).start()
    return loading


def _token(options: Options, environment: Mapping[str, str]) -> str | None:
    if options.no_token:
        if not _is_loopback(options.host):
            raise ServingError(
                f"--no-token with --host {options.host} would let everybody in; "
                f"set {TOKEN_VARIABLE} instead"
            )
        return None
    token = environment.get(TOKEN_VARIABLE, "").strip()
    if not token and options.token_file is not None:
        token = _read_token(options.token_file)
    if not token:
        raise ServingError(
            f"no token: set {TOKEN_VARIABLE}, or give --token-file FILE, "
            "or --no-token for this computer alone"
        )
    return token


def _read_token(path: Path) -> str:
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        raise ServingError(f"--token-file {path}: cannot be read: {reason}") from None
    if not token:
        raise ServingError(f"--token-file {path}: is empty; put the token into it")
    return token


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=128)
    except (OSError, OverflowError) as error:
        reason = "0 to 65535 are ports"
        if isinstance(error, OSError):  # ``create_server`` adds the address in words of its own
            reason = (error.strerror or str(error)).partition(" (while ")[0]
        raise ServingError(
            f"cannot listen on {host} port {port}: {reason}; "
            "choose another port (0 takes a free one)"
        ) from None
    # asyncio sets this only on sockets that name their protocol; create_server's do not, and every
    # answer would wait up to 40 ms for an acknowledgement.  Accepted connections inherit it.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


@contextmanager
def _on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """A first signal stops in order.

    uvicorn takes the signals over while it runs and raises them once more when it is done; then
    these handlers catch them, so that an ordered stop ends with exit code 0.
    """
    names = ("SIGINT", "SIGTERM", "SIGBREAK")  # SIGBREAK is Windows' Ctrl-Break
    before = {}
    if threading.current_thread() is threading.main_thread():  # no other may set handlers
        for number in (getattr(signal, name) for name in names if hasattr(signal, name)):
            before[number] = signal.signal(number, lambda *_: stop())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _await_parent(stop: Callable[[], None]) -> None:
    """Wait for the end of stdin, which comes when the parent dies, on Windows and on Linux.

    ``os.read`` rather than ``sys.stdin``: a thread that waits in the latter holds a lock that the
    interpreter needs at its end.
    """
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass  # no stdin at all: the parent is gone as well
    stop()
    threading.Event().wait(_HARD_STOP_S)
    os._exit(1)
