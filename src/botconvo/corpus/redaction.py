"""Finds what no clone may learn by heart: addresses, numbers and keys of people.  Pure.

Phone numbers are told by ``phonenumbers``, card numbers and bank accounts by their check digits
(``stdnum``), IP addresses by the standard library; the shapes of keys are those that their issuers
document.  A line in which something is found is left out of a corpus whole, because

- what stands beside it mostly belongs to it (the floor, the name at the bell, the password);
- a placeholder such as ``[phone]`` would be said by the clone one day, and words in its place
  ("my number") would teach it to make up numbers that are somebody's;
- there are few such lines, and a corpus does not miss them.
"""

import ipaddress
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from phonenumbers import Leniency, PhoneNumberMatcher
from stdnum import iban, luhn

__all__ = ["Kind", "Private", "find_private"]


class Kind(StrEnum):
    """What was found; the words are shown to people."""

    EMAIL = "e-mail"
    PHONE = "phone"
    TOKEN = "token"  # noqa: S105 - a word for people, no password
    CARD = "card"
    IP = "IP address"
    STREET = "street address"


@dataclass(frozen=True, slots=True, order=True)
class Private:
    """Something private in a text, from ``start`` to before ``end`` (characters)."""

    start: int
    end: int
    kind: Kind


_EMAIL = re.compile(
    r"[\w.+%-]{1,64}(?:@|\s?[\[(]\s?at\s?[\])]\s?)(?:[\w-]{1,63}(?:\.|\s?[\[(]\s?dot\s?[\])]\s?)){1,4}"
    r"[a-z]{2,24}\b",
    re.I,
)

_DIGITS = re.compile(r"(?:\d[^\w\n]{0,3}){6}\d")
"""Without that many there is no number of anything."""
_REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "BR", "IN", "AU", "PL", "SE")
"""Whose national ways of writing are tried; with a ``+`` every country's is understood."""
_CALLED = re.compile(
    r"\b(?:call|ring|text|phone|number|cell|mobile|whats?app|tel|telegram|sms|handy|nummer|"
    r"numero|número|numéro|telefon\w*|anrufen|reach me|hit me up)\b",
    re.I,
)
_GROUPED = re.compile(r"\d[\s()./-]+\d")

_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){11,18}(?![\w-])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b")

_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){3,7}(?![\w:])", re.I)
_VERSION = re.compile(r"(?:\bv|version|ver\.?|firmware|build|release|update|patch)\s*\Z", re.I)

_TOKENS = re.compile(
    r"""(?<![\w-])(?:
        [MNO][\w-]{22,28}\.[\w-]{6}\.[\w-]{27,45}               # Discord
      | gh[pousr]_[A-Za-z0-9]{30,} | github_pat_\w{40,}
      | xox[abeprs]-[\w-]{10,} | sk-[\w-]{20,} | [sr]k_(?:live|test)_\w{16,}
      | hf_[A-Za-z0-9]{20,} | glpat-[\w-]{20,} | npm_\w{30,} | pypi-[\w-]{30,}
      | AKIA[0-9A-Z]{16} | AIza[\w-]{35} | ya29\.[\w-]{20,}
      | eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}
      | \d{8,10}:[\w-]{35}                                      # Telegram's bots
      | -----BEGIN\ [A-Z\ ]*PRIVATE\ KEY-----
    )""",
    re.X,
)
_LONG_WORD = re.compile(r"(?<![\w/+=-])[\w/+=-]{24,}(?![\w/+=-])")
_BITS = 3.6
"""Of a character: words and repeated letters lie below, random ones above."""
_PASSWORD = re.compile(
    r"\b(?:passwords?|passwort|passwd|pwd?|passphrase|api[ _-]?key|secret[ _-]?key|token|pin)\b"
    r"(?:\s*(?:is|ist|=|:)\s*|\s*[:=]\s*)(?P<secret>\S{4,})",
    re.I,
)

_NOT_A_STREET = (
    r"(?!(?:a|an|the|of|on|in|at|to|my|your|our|his|her|their|this|that|these|those|more|other|"
    r"down|up|off|out|for|and|or|with|from|is|are|was|were|by|into|over|across|along|each|per|"
    r"miles?|km|meters?|metres?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?|people|"
    r"guys|cars?|times|lane)\b)"
)
_STREET = re.compile(
    rf"\b\d{{1,5}}[a-z]?,?\s(?:[NSEW]\.?\s)?(?:{_NOT_A_STREET}[\w'.-]+\s){{1,3}}"
    r"(?:street|avenue|ave|road|rd|lane|boulevard|blvd|parkway|pkwy|highway|hwy)\b\.?"
    r"|\b(?:rue|avenue|boulevard|allée|chemin|place)\s(?:de\s|du\s|des\s|la\s|le\s|l')*[\w'-]+,?\s"
    r"\d{1,4}\b"
    r"|\b\d{1,4}(?:\sbis|\ster)?,?\s(?:rue|avenue|boulevard|allée|chemin|quai)\s\w[\w' -]+"
    r"|\b(?:calle|avenida|avda\.?|paseo|plaza|carrer|via|viale|corso|piazza|rua|ulica|ul\.)\s"
    r"(?:[\w'.-]+\s){0,3}?[\w'.-]+,?\s(?:n[ºo.]+\s?)?\d{1,4}\b"
    r"|\b[\w-]{3,60}(?:stra(?:ß|ss)e|straat|strasse|gasse|weg|allee|platz|laan|gatan|vägen|ufer|damm)\s"
    r"\d{1,4}\s?[a-z]?\b"
    r"|\b\w{2,}str\.?\s?\d{1,4}\s?[a-z]?\b"
    r"|\b(?:p\.?\s?o\.?\s?box)\s\d{1,6}\b",
    re.I,
)
_STREET_IN_CAPITALS = re.compile(
    r"\b\d{1,5}[A-Za-z]?,?\s(?:[NSEW]\.?\s)?(?:[A-Z][\w'.-]*\s){1,3}"
    r"(?:St|Dr|Ln|Drive|Ct|Court|Way|Place|Pl|Close|Terrace|Crescent|Square|Sq|Circle|Cir|Trail|"
    r"Gardens|Grove|Hill|Row|Mews|Walk)\b\.?"
)
_POSTCODE = re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]?\s\d[ABD-HJLNP-UW-Z]{2}\b")
"""A British one: it is a dozen houses."""


def find_private(text: str) -> tuple[Private, ...]:
    """What is private in a text, in order; pieces do not overlap."""
    found = [
        Private(match.start(), match.end(), kind)
        for kind, pattern, hint in _SHAPES
        if hint.search(text)  # most lines hold nothing of all this, and are told quickly
        for match in pattern.finditer(text)
    ]
    found.extend(_secrets(text))
    if ":" in text or text.count(".") > 2:
        found.extend(_addresses(text))
    if _DIGITS.search(text):
        found.extend(_numbers(text))
    return _apart(found)


_DIGIT = re.compile(r"\d")
_SHAPES = (
    (Kind.EMAIL, _EMAIL, re.compile(r"@|[\[(]\s?at", re.I)),
    (Kind.TOKEN, _TOKENS, re.compile(r"[-_.:]|AKIA|AIza")),
    (Kind.STREET, _STREET, _DIGIT),
    (Kind.STREET, _STREET_IN_CAPITALS, _DIGIT),
    (Kind.STREET, _POSTCODE, _DIGIT),
)
_RANK = (Kind.EMAIL, Kind.TOKEN, Kind.CARD, Kind.IP, Kind.PHONE, Kind.STREET)
"""Which of two that overlap is meant."""


def _secrets(text: str) -> Iterator[Private]:
    for match in _PASSWORD.finditer(text):
        secret = match["secret"]
        # "the password is wrong" tells no password; one with a digit or a sign inside is one.
        if re.search(r"[\d!@#$%^&*_]", secret[:-1]) or "=" in match[0] or ":" in match[0]:
            yield Private(match.start("secret"), match.end("secret"), Kind.TOKEN)
    for match in _LONG_WORD.finditer(text):
        if _is_random(match[0]):
            yield Private(match.start(), match.end(), Kind.TOKEN)


def _is_random(word: str) -> bool:
    kinds = (str.islower, str.isupper, str.isdigit)
    if sum(any(map(kind, word)) for kind in kinds) < 2 or not any(map(str.isdigit, word)):
        return False
    counts = Counter(word).values()
    bits = -sum(count / len(word) * math.log2(count / len(word)) for count in counts)
    return bits >= _BITS or re.fullmatch(r"[0-9a-f]{32,}", word, re.I) is not None


def _addresses(text: str) -> Iterator[Private]:
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            try:
                address = ipaddress.ip_address(match[0])
            except ValueError:
                continue
            nobodys = address.is_loopback or address.is_unspecified
            if not nobodys and not _VERSION.search(text[: match.start()]):
                yield Private(match.start(), match.end(), Kind.IP)


def _numbers(text: str) -> Iterator[Private]:
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        # Discord's ids have 17 to 19 digits; a card's 19 are written in groups.
        fits = len(digits) in (13, 14, 15, 16) or (len(digits) == 19 and " " in match[0])
        if fits and digits[0] in "23456" and luhn.is_valid(digits):
            yield Private(match.start(), match.end(), Kind.CARD)
    for match in _IBAN.finditer(text):
        if iban.is_valid(match[0]):
            yield Private(match.start(), match.end(), Kind.CARD)
    yield from _phones(text)


def _phones(text: str) -> Iterator[Private]:
    asked = _CALLED.search(text) is not None
    seen: set[tuple[int, int]] = set()
    for region in _regions(text, asked=asked):
        for match in PhoneNumberMatcher(text, region, leniency=Leniency.VALID):
            span = (match.start, match.end)
            if span in seen:
                continue
            seen.add(span)
            # Without a plus any long number is some country's; people write theirs in groups.
            sure = region is None or match.raw_string.lstrip("(").startswith(("0", "1-"))
            mobile = phonenumbers.number_type(match.number) != phonenumbers.PhoneNumberType.UNKNOWN
            grouped = _GROUPED.search(match.raw_string) is not None
            if mobile and (region is None or asked or (grouped and (sure or region == "US"))):
                yield Private(match.start, match.end, Kind.PHONE)


def _regions(text: str, *, asked: bool) -> Iterator[str | None]:
    """Whose ways of writing are tried; None is the international one."""
    if "+" in text or "\uff0b" in text:
        yield None
    if asked or _GROUPED.search(text) is not None:
        yield from _REGIONS


def _apart(found: Iterable[Private]) -> tuple[Private, ...]:
    kept: list[Private] = []
    for each in sorted(found, key=lambda each: (_RANK.index(each.kind), each.start - each.end)):
        if all(each.end <= other.start or other.end <= each.start for other in kept):
            kept.append(each)
    return tuple(sorted(kept))
