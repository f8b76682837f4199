"""Takes the power to ping anybody out of generated text.  Pure."""

import re
import unicodedata

__all__ = ["scrub"]

_MARKUP = re.compile(r"<(?:@[!&]?|#|/[\w -]+:|id:)[\w]*>?")
_AT = re.compile(r"@(?=\S)")
_LINK = re.compile(r"\b(?:https?://|www\.)\S*", re.IGNORECASE)
_SPACES = re.compile(r"\s+")


def scrub(text: str) -> str:
    """The text without mentions, links or control characters, on one line.

    ``@everyone`` becomes ``everyone``: the words stay, the ping does not.
    """
    text = _LINK.sub("", _MARKUP.sub("", text))
    text = _AT.sub("", text)
    # Cc and Cf hold terminal escapes and direction overrides; U+200D joins emoji and stays.
    kept = (c if c == "\u200d" or unicodedata.category(c) not in _HIDDEN else " " for c in text)
    return _SPACES.sub(" ", "".join(kept)).strip()


_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs"})
