"""Whether requests and answers are as Discord's own OpenAPI document says.

The document is no part of BotConvo: https://github.com/discord/discord-api-spec (MIT).
"""

import gzip
import json
from pathlib import Path
from typing import Any, Self

__all__ = ["ApiCheck"]

_DOCUMENT = "urn:discord"
_JSON = "application/json"
_LISTS_OF_IDS = ("messages", "users", "roles")
"""Here and in fields named ``…_id``, discord.py may send numbers, and Discord takes them."""


class ApiCheck:
    """Compares bodies with the document's schemas.  Needs ``jsonschema`` and ``referencing``."""

    def __init__(self, document: dict[str, Any]) -> None:
        from jsonschema import Draft202012Validator
        from referencing import Registry, Resource
        from referencing.jsonschema import DRAFT202012

        self._document = document
        resource = Resource.from_contents(document, default_specification=DRAFT202012)
        self._registry: Any = Registry().with_resource(_DOCUMENT, resource)
        self._make = Draft202012Validator
        self._validators: dict[str, Any] = {}
        self.checked = 0
        """How many bodies were compared."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the document, gzipped or not."""
        data = path.read_bytes()
        return cls(json.loads(gzip.decompress(data) if path.suffix == ".gz" else data))

    def request(self, method: str, path: str, body: Any) -> list[str]:
        """What is wrong with a request's body; ``path`` with names in braces."""
        operation = self._operation(method, path)
        if operation is None:
            return [f"{method} {path}: Discord's document does not know it"]
        if body is None:
            return []
        if "requestBody" not in operation:
            return [f"{method} {path}: Discord's document knows no body for it"]
        pointer = [*self._pointer(method, path), "requestBody", "content", _JSON, "schema"]
        return self._compare(f"{method} {path}, asked", pointer, _with_text_ids(body))

    def answer(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """What is wrong with an answer."""
        operation = self._operation(method, path)
        if operation is None:
            return []
        where = f"{method} {path}, answered {status}"
        responses = operation["responses"]
        found = next((key for key in (str(status), f"{status // 100}XX") if key in responses), None)
        if found is None:
            return [f"{where}: Discord's document knows {', '.join(responses)}"]
        pointer = [*self._pointer(method, path), "responses", found]
        if "$ref" in responses[found]:
            pointer = responses[found]["$ref"].removeprefix("#/").split("/")
        content = self._at(pointer).get("content")
        if body is None or content is None:
            right = (body is None) == (content is None)
            return [] if right else [f"{where}: a body where there is none, or none where one is"]
        if status >= 400 and isinstance(body, dict):
            # The document wants numbers for the codes inside, where Discord itself says
            # "BASE_TYPE_MAX_LENGTH": https://discord.com/developers/docs/reference#error-messages
            body = {key: value for key, value in body.items() if key != "errors"}
        return self._compare(where, [*pointer, "content", _JSON, "schema"], body)

    # ---- the document --------------------------------------------------------------------

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        item = self._document["paths"].get(path, {})
        found: dict[str, Any] | None = item.get(method.lower())
        return found

    @staticmethod
    def _pointer(method: str, path: str) -> list[str]:
        return ["paths", path, method.lower()]

    def _at(self, pointer: list[str]) -> dict[str, Any]:
        found: dict[str, Any] = self._document
        for part in pointer:
            found = found[part]
        return found

    def _compare(self, where: str, pointer: list[str], body: Any) -> list[str]:
        self.checked += 1
        parts = (part.replace("~", "~0").replace("/", "~1") for part in pointer)
        reference = f"{_DOCUMENT}#/{'/'.join(parts)}"
        validator = self._validators.get(reference)
        if validator is None:
            validator = self._make({"$ref": reference}, registry=self._registry)
            self._validators[reference] = validator
        return [f"{where}: {_told(error)}" for error in validator.iter_errors(body)]


def _told(error: Any) -> str:
    """The innermost reason of an error, with where it is."""
    while error.context:
        error = max(error.context, key=lambda inner: len(inner.absolute_path))
    place = ".".join(str(part) for part in error.absolute_path)
    return f"{place or 'body'}: {error.message[:200]}"


def _with_text_ids(body: Any, field: str = "") -> Any:
    """The body as Discord reads it."""
    match body:
        case dict():
            return {key: _with_text_ids(value, key) for key, value in body.items()}
        case list():
            return [_with_text_ids(value, field) for value in body]
        case int() if field == "id" or field.endswith("_id") or field in _LISTS_OF_IDS:
            return str(body)
        case _:
            return body
