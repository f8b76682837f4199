"""What every route does with a request: its token, its body, and the client that may go away.

It knows nothing of completions, prompts or addresses.
"""

import asyncio
import hmac
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request, Response
from pydantic import BaseModel, ValidationError
from starlette.types import Receive

from model_server.completions import RefusalError
from model_server.metrics import Metrics
from model_server.schemas import ErrorBody, ErrorDetail

__all__ = [
    "error_answer",
    "gone",
    "json_answer",
    "parse",
    "read_body",
    "refusal_of",
    "require_token",
    "while_connected",
]

T = TypeVar("T")
Asked = TypeVar("Asked", bound=BaseModel)
_CLIENT_GONE = 499  # the status that nginx logs in this case; nobody receives it


def json_answer(
    body: BaseModel, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    return Response(
        body.model_dump_json(), status_code=status, media_type="application/json", headers=headers
    )


def error_answer(
    status: int, message: str, kind: str, headers: dict[str, str] | None = None
) -> Response:
    return json_answer(ErrorBody(error=ErrorDetail(message=message, type=kind)), status, headers)


def gone() -> Response:
    """What is answered to nobody."""
    return Response(status_code=_CLIENT_GONE)


def require_token(request: Request, token: str | None, *, in_body: str | None = None) -> None:
    """Let through whoever gives the token in a header, or in a body that may hold one.

    Raises:
        RefusalError: it is missing, or one that was given is wrong.
    """
    if token is None:
        return
    given = [] if in_body is None else [in_body]
    if "authorization" in request.headers:
        scheme, _, value = request.headers["authorization"].partition(" ")
        given.append(value.strip() if scheme.lower() == "bearer" else "")
    same = [hmac.compare_digest(each.encode(), token.encode()) for each in given]
    if not same or not all(same):
        raise RefusalError(
            401,
            "the token is missing or wrong; send it as 'Authorization: Bearer TOKEN'",
            "authentication_error",
            outcome="unauthorized",
            headers={"WWW-Authenticate": "Bearer"},
        )


async def read_body(request: Request, largest: int) -> bytes:
    """The body of a JSON request.

    A page in a browser can send other types to loopback without asking first.

    Raises:
        RefusalError: it is something else, or too large.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RefusalError(415, "the body has to be application/json", "invalid_request_error")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > largest:
            raise RefusalError(
                413, f"the body is larger than {largest} bytes; shorten it", "invalid_request_error"
            )
    return bytes(body)


def parse(kind: type[Asked], body: bytes) -> Asked:
    """
    Raises:
        RefusalError: the body is no JSON, or a value is not what it has to be.
    """
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise refusal_of(error) from None


def refusal_of(error: ValidationError) -> RefusalError:
    """The first fault in one sentence, without the value."""
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    key = ".".join(str(part) for part in fault["loc"])
    return RefusalError(
        400 if fault["type"] == "json_invalid" else 422,
        f"{key}: {fault['msg']}" if key else fault["msg"],
        "invalid_request_error",
    )


async def while_connected(
    receive: Receive, work: Coroutine[Any, Any, T], metrics: Metrics
) -> T | None:
    """The result of ``work``; it is cancelled, and None comes back, when the client goes away."""
    task = asyncio.create_task(work)
    leaving = asyncio.create_task(_disconnection(receive))
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        metrics.count("client_gone")
        return None
    finally:
        task.cancel()
        leaving.cancel()
        await asyncio.gather(task, leaving, return_exceptions=True)


async def _disconnection(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
