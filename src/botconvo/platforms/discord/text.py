"""Words on their way to Discord, and back: made harmless, cut to fit, decorated.  Pure.

Lengths are UTF-16 units: whichever way Discord counts a character, it never counts more of them.
"""

import re
import unicodedata
from collections.abc import Mapping

__all__ = ["LIMIT", "cut", "fitted", "harmless", "named", "plain", "quote", "unnamed", "unquoted"]

LIMIT = 2000
"""What Discord takes in one message of a bot."""

_EXCERPT = 80
_LINK = re.compile(r"(?:https?://|www\.)\S*|\b[a-z][a-z0-9+.-]*://\S*", re.IGNORECASE)
# Discord shows an invitation for these without "https://" in front, too.
_INVITE = re.compile(r"dis(?:cord(?:app)?\.(?:gg|com/invite|io|me|li)|\.gd)/\S*", re.IGNORECASE)
_EMOJI = re.compile(r":(\w{2,32}):")
_MARKUP = re.compile(r"[\\*_~|`\[\]<]")
_LINE_START = re.compile(r"^(#{1,6}|-#|>{1,3}|[-+]|\d+(?=\.))(?=[\s.])", re.MULTILINE)
_BREAKS = re.compile(r"\r\n?|[\u0085\u2028\u2029\v\f]")
_MANY_SPACES = re.compile(r"[^\S\n]+")
_MANY_BREAKS = re.compile(r" *\n\s*")
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs"})
_JOINERS = "\u200c\u200d"
"""They make one emoji of several, and the shape of Persian and Indic words."""
_BREAKER = "\u200b"
"""Zero width; put behind an "@" it keeps Discord from seeing a mention."""
_ESCAPED = re.compile(r"\\([\\*_~|`\[\]<#>+.-])")
_JUMP = r"https?://[^\s/]+/channels/(?:@me|\d+)/(?P<channel>\d+)/(?P<message>\d+)"
_QUOTE = re.compile(rf"> [^\n]*{_JUMP}\n")
_NAMED = re.compile(r"\*\*(?P<name>[^\n]+?)\*\*: (?P<text>.*)\Z", re.DOTALL)


def units(text: str) -> int:
    """How long it is, in UTF-16 units."""
    return len(text) + sum(ord(c) > 0xFFFF for c in text)


def harmless(text: str, emojis: Mapping[str, str] | None = None) -> str:
    """The text as Discord will show it word for word: no markdown, link, invitation or mention.

    ``emojis`` are the server's own, from name to markup: ``:name:`` becomes that emoji.
    """
    text = _BREAKS.sub("\n", text)
    text = "".join(c for c in text if c in "\n" + _JOINERS or not _is_hidden(c))
    text = _INVITE.sub(" ", _LINK.sub(" ", text))
    text = _MANY_BREAKS.sub("\n", _MANY_SPACES.sub(" ", text)).strip()
    pieces, end = [], 0
    for match in _EMOJI.finditer(text):
        if markup := (emojis or {}).get(match[1]):
            pieces += [_escaped(text[end : match.start()]), markup]
            end = match.end()
    shown = "".join([*pieces, _escaped(text[end:])])
    return _LINE_START.sub(lambda found: _guarded(found[1]), shown)


def fitted(text: str, limit: int = LIMIT, emojis: Mapping[str, str] | None = None) -> str:
    """The same, cut where a sentence, a word or at least a character ends; may be empty."""
    shown, room = harmless(text, emojis), limit
    while units(shown) > limit:
        text = cut(text, room)
        shown, room = harmless(text, emojis), room * 4 // 5
    return shown


def quote(name: str, text: str, link: str) -> str:
    """The line above a reply, where Discord lets nobody reply: who said what, and where."""
    said = " ".join(harmless(text).split())
    if units(said) > _EXCERPT:
        said = harmless(cut(plain(said), _EXCERPT))
    words = f"**{harmless(name)}**: {said}" if said else f"**{harmless(name)}**"
    return f"> {words} {link}\n"


def unquoted(content: str) -> tuple[tuple[int, int] | None, str]:
    """What ``quote`` was put in front of, and the channel and message that it leads to."""
    match = _QUOTE.match(content)
    if match is None:
        return None, content
    return (int(match["channel"]), int(match["message"])), content[match.end() :]


def named(name: str, text: str) -> str:
    """Words under a name, where no webhook can carry it."""
    return f"**{harmless(name)}**: {text}"


def unnamed(content: str) -> tuple[str | None, str]:
    """Who says it, and the words, if ``named`` made it."""
    match = _NAMED.match(content)
    return (None, content) if match is None else (plain(match["name"]), match["text"])


def plain(shown: str) -> str:
    """The words that ``harmless`` was given, as near as can be told."""
    return _ESCAPED.sub(r"\1", shown).replace(_BREAKER, "")


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN


def _escaped(text: str) -> str:
    text = _MARKUP.sub(lambda found: f"\\{found[0]}", text)
    return text.replace("@", f"@{_BREAKER}")


def _guarded(mark: str) -> str:
    """A mark that begins a heading, a quotation or a list, as a mere sign."""
    return f"{mark}\\" if mark.isdigit() else f"\\{mark}"


def cut(text: str, limit: int) -> str:
    """The longest beginning of at most ``limit`` units that ends well."""
    if units(text) <= limit:
        return text
    end = taken = 0
    for place, character in enumerate(text):
        taken += units(character)
        if taken > limit - 1:  # room for the dots
            break
        if not _joins(text, place + 1):
            end = place + 1
    kept = text[:end]
    sentence = max(kept.rfind(mark) for mark in (". ", "! ", "? ", "\n")) + 1
    if sentence > end // 2:
        return kept[:sentence].rstrip()
    space = kept.rfind(" ")
    return (kept[:space] if space > end // 2 else kept).rstrip() + "…"


def _joins(text: str, place: int) -> bool:
    """Whether what stands at ``place`` belongs to the character before it."""
    if not 0 < place < len(text):
        return False
    here, before = text[place], text[place - 1]
    if unicodedata.category(here) in ("Mn", "Me", "Mc") or here in _JOINERS or before == "\u200d":
        return True
    if "\U0001f3fb" <= here <= "\U0001f3ff":  # a skin tone
        return True
    if _is_flag_letter(here) and _is_flag_letter(before):
        run = place
        while run > 0 and _is_flag_letter(text[run - 1]):
            run -= 1
        return (place - run) % 2 == 1
    return False


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
