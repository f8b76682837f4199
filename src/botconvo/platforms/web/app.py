"""The page's routes: its files, and what it may ask for.

Bytes are checked here; what they mean is the host's business.  The token of the run is in the
served page and comes back in a header or in the first message of the stream, never in an address,
where histories and logs would keep it.
"""

import html
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp

from botconvo.errors import BotConvoError
from botconvo.messages import ChannelId
from botconvo.personas import PersonaName
from botconvo.platforms.web.guard import Guard, own_hosts
from botconvo.platforms.web.host import BusyError, Host
from botconvo.platforms.web.live import Live
from botconvo.platforms.web.steering import Body, Steering, meant
from botconvo.platforms.web.view import noted_json, refused_json, round_json, verdict_json
from botconvo.ports import Controls, Game, Lines, Removed

__all__ = ["MAX_BODY", "TOKEN_HEADER", "create_app"]

MAX_BODY = 64 * 1024
"""Bytes of a request's body; 2,000 emoji are at most 24,000 in JSON."""
TOKEN_HEADER = "X-BotConvo-Token"  # noqa: S105 - the header's name, not a token

_PAGE = Path(__file__).parent / "page"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class _Say(Body):
    name: Annotated[str, Field(max_length=200)]
    text: str


class _Typing(Body):
    name: Annotated[str, Field(max_length=200)]


class _Lines(Body):
    """Asks for every line that was noted, in any channel."""

    channel: Annotated[str, Field(max_length=300)]


class _Play(Body):
    """Asks for a round of the blind game, under a visitor's name."""

    name: Annotated[str, Field(max_length=200)]
    persona: Annotated[str, Field(max_length=200)]


class _Guess(Body):
    name: Annotated[str, Field(max_length=200)]
    round: Annotated[str, Field(max_length=100)]
    guess: Literal["friend", "clone"]


_Model = TypeVar("_Model", bound=Body)


def create_app(host: Host, port: int) -> ASGIApp:
    """The whole ASGI application of a page that is served on ``port``."""
    api = _Api(host)
    routes = [
        Route("/", api.page),
        Route("/page/{name}", api.file),
        Route("/avatars/{persona}", api.avatar),
        Route("/api/say", api.say, methods=["POST"]),
        Route("/api/typing", api.typing, methods=["POST"]),
        Route("/api/steer", api.steer, methods=["POST"]),
        Route("/api/lines", api.lines, methods=["POST"]),
        Route("/api/game/round", api.round, methods=["POST"]),
        Route("/api/game/answer", api.answer, methods=["POST"]),
        WebSocketRoute("/api/live", Live(host, api.knows).serve),
    ]
    starlette = Starlette(
        routes=routes, exception_handlers={HTTPException: _explain, BotConvoError: _explain}
    )
    return Guard(starlette, hosts=own_hosts(port))


class _Api:
    """The handlers of one run."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._files = {path.name: path.read_bytes() for path in _PAGE.iterdir() if path.is_file()}

    def knows(self, token: str) -> bool:
        """Whether this is the token of the run (compared in constant time)."""
        return secrets.compare_digest(token.encode("utf-8", "replace"), self._host.token.encode())

    async def page(self, request: Request) -> Response:
        text = self._files["index.html"].decode()
        for mark, value in (("token", self._host.token), ("title", self._host.title)):
            text = text.replace("{{" + mark + "}}", html.escape(value))
        return HTMLResponse(text)

    async def file(self, request: Request) -> Response:
        name = request.path_params["name"]
        kind = _TYPES.get(Path(name).suffix)
        if kind is None or name not in self._files:
            raise HTTPException(404, "no such file")
        return Response(self._files[name], media_type=kind)

    async def avatar(self, request: Request) -> Response:
        picture = self._host.pictures.get(request.path_params["persona"])
        if picture is None:
            raise HTTPException(404, "no such picture")
        kind, data = picture
        return Response(data, media_type=kind)

    async def say(self, request: Request) -> Response:
        body = await self._body(request, _Say)
        return JSONResponse(self._host.hear(body.name, body.text))

    async def typing(self, request: Request) -> Response:
        body = await self._body(request, _Typing)
        self._host.see_typing(body.name)
        return JSONResponse({})

    async def steer(self, request: Request) -> Response:
        body = await self._body(request, Steering)
        steer = meant(body, self._host.said)
        said = await self._controls().steer(ChannelId(body.channel), steer, "the page")
        return JSONResponse({"said": said})

    async def lines(self, request: Request) -> Response:
        body = await self._body(request, _Lines)
        channel, controls = ChannelId(body.channel), self._controls()
        starred = Lines(kind="favourite", everywhere=True)
        saved = Lines(kind="saved", everywhere=True)
        disowned = Lines(kind="disowned", everywhere=True)
        removed = await controls.query(channel, Removed(everywhere=True), "the page")
        return JSONResponse(
            {
                "favourites": noted_json(await controls.query(channel, starred, "the page")),
                "saved": noted_json(await controls.query(channel, saved, "the page")),
                "removed": refused_json(removed),
                "disowned": noted_json(await controls.query(channel, disowned, "the page")),
            }
        )

    async def round(self, request: Request) -> Response:
        body = await self._body(request, _Play)
        player = self._host.player(body.name)
        shown = await self._game().round(PersonaName(body.persona), player, "web")
        return JSONResponse(round_json(shown))

    async def answer(self, request: Request) -> Response:
        body = await self._body(request, _Guess)
        player = self._host.player(body.name)
        return JSONResponse(
            verdict_json(await self._game().answer(body.round, body.guess, player, "web"))
        )

    def _game(self) -> Game:
        if (game := self._host.game) is None:
            raise BusyError("there is nothing to play with here")
        return game

    def _controls(self) -> Controls:
        if (controls := self._host.controls) is None:
            raise BusyError("the talk has not begun yet; try again in a moment")
        return controls

    async def _body(self, request: Request, model: type[_Model]) -> _Model:
        if not self.knows(request.headers.get(TOKEN_HEADER, "")):
            raise HTTPException(401, "this page is from an earlier run; load it again")
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise HTTPException(415, "a JSON body is expected")
        try:
            return model.model_validate_json(await _bytes(request))
        except ValidationError as error:
            raise HTTPException(422, _first(error)) from None


async def _bytes(request: Request) -> bytes:
    """The body, read no further than its limit."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY:
            raise HTTPException(
                413, f"at most {MAX_BODY} bytes are taken", headers={"Connection": "close"}
            )
    return bytes(data)


def _first(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in problem["loc"]) or "body"
    return f"{where}: {problem['msg']}"


async def _explain(request: Request, error: Exception) -> Response:
    """Every refusal as ``{"error": one line}``."""
    headers: Mapping[str, Any] | None = None
    match error:
        case HTTPException():
            status, why, headers = error.status_code, error.detail, error.headers
        case BusyError():
            status, why, headers = 503, str(error), {"Retry-After": "1"}
        case _:
            status, why = 400, str(error)
    return JSONResponse({"error": why}, status, headers=headers)
