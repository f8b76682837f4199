"""The noun phrases of a message, and the draw of the one that a prompt starts with.

It knows nothing of prompts, of platforms or of who wrote the message: text in, phrases out. This
is the only module that imports spaCy, and only to load a pipeline: cleaning and drawing are pure.
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from botconvo.errors import BotConvoError

if TYPE_CHECKING:
    import random

    from spacy.language import Language
    from spacy.tokens import Doc, Span, Token

LABEL = "NP"
"""The label under which our own pipeline marks a base noun phrase."""

PREFERRED_PACKAGE = "en_core_web_sm"
LONGEST_MESSAGE = 2000
LONGEST_PHRASE = 100

_OWN_COMPONENT = "noun_phrases"
_BUNDLED_FOLDER = "phrase_pipeline"

# Stop words as friends type them, and what spaCy's tokenizer leaves of "im", "dont" and "y'all".
_CHAT_STOP_WORDS = frozenset(
    {"u", "ur", "ya", "y", "y'", "yall", "em", "im", "r", "k", "m", "s", "d", "ll", "ve", "nt"}
    | {"da", "teh", "dat", "dis", "wat", "wut", "sth", "smth", "sm1", "some1", "any1", "every1"}
    | {"somebody", "anybody", "everybody"}
)


class PhraseError(BotConvoError):
    """The noun-phrase pipeline that the settings ask for cannot be used."""


class NoPhrases:
    """For where nothing begins with a phrase: a pipeline takes a second to load."""

    def noun_phrases(self, text: str) -> tuple[str, ...]:
        return ()


class PhrasePipeline:
    """Finds the noun phrases of messages with one loaded spaCy pipeline."""

    def __init__(self, nlp: Language, description: str) -> None:
        self.description = description
        self._nlp = nlp
        # spaCy refuses a second memory zone on one vocabulary, so two threads must take turns.
        self._lock = threading.Lock()

    def noun_phrases(self, text: str) -> tuple[str, ...]:
        """The phrases that say something, in order: "the goblin sword", but not "you" or "that"."""
        pieces = clean_for_phrases(_cut(text))
        # Without the zone the pipeline would keep every word that was ever typed.
        with self._lock, self._nlp.memory_zone():
            docs = self._nlp.pipe(pieces)
            found = [c.text for doc in docs for c in doc.noun_chunks if has_content(c)]
        phrases = (_on_one_line(phrase) for phrase in found)
        return tuple(phrase for phrase in phrases if len(phrase) <= LONGEST_PHRASE)


class LoadingPipeline:
    """A pipeline that loads in a thread of its own; whoever asks first waits for it.

    Loading takes a second, most of it spaCy's import, and model servers can start meanwhile.
    """

    def __init__(self, setting: str = "auto") -> None:
        executor = ThreadPoolExecutor(1, thread_name_prefix="phrases")
        self._loading = executor.submit(load_pipeline, setting)
        executor.shutdown(wait=False)

    def noun_phrases(self, text: str) -> tuple[str, ...]:
        """See ``PhrasePipeline``.

        Raises:
            PhraseError: the pipeline that the settings ask for cannot be used.
        """
        return self._loading.result().noun_phrases(text)

    @property
    def description(self) -> str:
        """Waits for the pipeline too."""
        return self._loading.result().description


def has_content(phrase: Span) -> bool:
    """Whether it has a word other than stop words and pronouns."""
    return any(_is_content(token) for token in phrase)


def _is_content(token: Token) -> bool:
    if token.is_stop or token.pos_ == "PRON" or not _has_letter_or_digit(token.text):
        return False
    return token.lang_ != "en" or token.lower_ not in _CHAT_STOP_WORDS


def pick_phrase(
    phrases: Iterable[str], rng: random.Random, *, avoid: Collection[str] = ()
) -> str | None:
    """Draw one phrase; None when none is left that has a letter and is not in `avoid`."""
    avoided = {_on_one_line(phrase).casefold() for phrase in avoid}
    tidy = (_on_one_line(phrase) for phrase in phrases)
    left = [p for p in tidy if _has_letter_or_digit(p) and p.casefold() not in avoided]
    return rng.choice(left) if left else None


def pick_classic_phrase(phrases: Iterable[str], sentence: str, rng: random.Random) -> str | None:
    """Draw one as BotConvo did: of several never the last, and no whole sentence.

    A phrase in which a word begins or ends with an apostrophe is none: half a contraction.
    """
    tidy = [_on_one_line(phrase) for phrase in phrases]
    left = [p for p in tidy if p and not any(_APOSTROPHE.search(word) for word in p.split())]
    if not left:
        return None
    picked = left[rng.randrange(max(1, len(left) - 1))]
    return None if picked == sentence else picked


def classic_sentence(text: str) -> str:
    """The sentence of a message that BotConvo looked at: the longest, and none if it links."""
    sentences = [_on_one_line(sentence) for sentence in _SENTENCE_END.split(text)]
    longest = max(sentences, key=len)
    return "" if "http" in longest else longest


_APOSTROPHE = re.compile(r"^['’]|['’]$")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|[\n\r]+")

# Loading


def load_pipeline(setting: str = "auto") -> PhrasePipeline:
    """Load what the setting `spacy_pipeline` names.

    "auto" is `en_core_web_sm` where it is installed, else the bundled pipeline; "bundled" is always
    ours; anything else is a spaCy package or a folder, and is never replaced by something else.
    """
    with _torch_left_out(wanted=setting not in ("auto", "bundled")):
        from spacy.util import is_package

    if setting == "auto":
        setting = PREFERRED_PACKAGE if is_package(PREFERRED_PACKAGE) else "bundled"
    if setting == "bundled":
        with as_file(files("botconvo") / _BUNDLED_FOLDER) as folder:
            nlp = _load(str(folder))
        return PhrasePipeline(nlp, f"{nlp.meta['name']} {nlp.meta['version']} (bundled)")
    if not setting or not (is_package(setting) or Path(setting).is_dir()):
        raise PhraseError(_missing(setting))
    nlp = _load(setting)
    name = f"{nlp.meta['lang']}_{nlp.meta['name']} {nlp.meta['version']}"
    return PhrasePipeline(nlp, name if is_package(setting) else f"{name} ({setting})")


@contextmanager
def _torch_left_out(*, wanted: bool) -> Iterator[None]:
    """Let spaCy be imported without torch, which it would load wherever it is installed.

    That costs whoever trains here 2 seconds and 130 MB at every start of a talk, and neither of
    the pipelines that "auto" takes computes with it.  Another pipeline may.
    """
    if wanted or not {"torch", "thinc"}.isdisjoint(sys.modules):
        yield
        return
    sys.modules["torch"] = None  # type: ignore[assignment]  # how Python marks what is not there
    try:
        yield
    finally:
        del sys.modules["torch"]


def _missing(setting: str) -> str:
    if re.fullmatch(r"[a-z]{2,3}_\w+", setting):
        return (
            f'spacy_pipeline: "{setting}" is not installed; run: python -m spacy download {setting}'
        )
    return (
        f'spacy_pipeline: "{setting}" is neither an installed spaCy package nor a folder; name one,'
        ' for example en_core_web_sm (python -m spacy download en_core_web_sm), or set "bundled"'
    )


def _load(name: str) -> Language:
    import spacy

    try:
        # Their results are never read, and each costs time on every message.
        nlp = spacy.load(name, exclude=["ner", "lemmatizer", "textcat"])
    # The last two come from a package that has nothing to do with spaCy.
    except (OSError, ValueError, ImportError, AttributeError, TypeError) as error:
        reason = _on_one_line(str(error))
        raise PhraseError(f'spacy_pipeline: "{name}" cannot be loaded: {reason}') from error
    if _OWN_COMPONENT in nlp.pipe_names:
        # Not saved with a pipeline, and read when a Doc is made: it has to be set before the first.
        # spaCy's annotation promises Spans, but its Doc unpacks (start, end, label).
        nlp.vocab.get_noun_chunks = _labelled_chunks  # type: ignore[assignment]
    else:
        _check_noun_chunks(nlp, name)
    return nlp


def _labelled_chunks(text: Doc | Span) -> Iterator[tuple[int, int, int]]:
    for entity in text.ents:
        if entity.label_ == LABEL:
            yield entity.start, entity.end, entity.label


def _check_noun_chunks(nlp: Language, name: str) -> None:
    """Refuse now what would otherwise fail at the first message."""
    if nlp.vocab.get_noun_chunks is None:
        raise PhraseError(
            f'spacy_pipeline: spaCy finds no noun phrases in the language "{nlp.lang}" of "{name}";'
            ' choose a pipeline of another language or set "bundled"'
        )
    if not any("token.dep" in nlp.get_pipe_meta(pipe).assigns for pipe in nlp.pipe_names):
        raise PhraseError(
            f'spacy_pipeline: "{name}" has no parser, and noun phrases need one;'
            ' choose a pipeline with a parser or set "bundled"'
        )


# Cleaning

_EMOJI = (
    r"(?:[\U0001F000-\U0001FAFF\u2190-\u21FF\u2300-\u23FF\u25A0-\u27BF\u2B00-\u2BFF]"
    r"[\uFE0F\u200D\U000E0020-\U000E007F]*)+"
    r"|[0-9#*]\uFE0F?\u20E3"
)

_FLAGS = re.VERBOSE | re.DOTALL | re.MULTILINE | re.IGNORECASE

# In this order: code first, for what stands inside it is no markup. A thing that ends a thought
# (a link, an emoji, code) becomes a line break, one that stands for a name or a time a space.
_MARKUP: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, _FLAGS), replacement)
    for pattern, replacement in (
        (r"[\u200B\u2060\uFEFF\u00AD]", ""),
        (r"``` .*? (?: ``` | \Z ) | `` .+? `` | ` [^`\n]+ ` | `+", "\n"),
        # [text](address), of which only the text is shown
        (r"\[ ([^\[\]\n]+) \] \( <? https?:// [^\s()]+ \)", r"\1"),
        (r"<? \b (?: https?:// | www\. ) [^\s>]+ >?", "\n"),
        (r"(?<!\S) [^\s@]+ @ [^\s@]+ \. \w+", "\n"),
        (r"< a? : \w+ : \d+ >", "\n"),
        (r"¯ \\* _+ \(ツ\) _+ / ¯", "\n"),
        (_EMOJI, "\n"),
        # :joy: as Slack and a hurried hand write it, but not the middle of 12:30:45
        (r"(?<![\w:]) : (?= [\w+-]* [a-z] ) [\w+-]{2,} : (?!\w)", "\n"),
        (r"< (?: @[!&]? | \# ) \d+ > | @ (?: everyone | here ) \b", " "),
        (r"<t: -? \d+ (?: : [a-zA-Z] )? > | </ [^<>:]+ : \d+ >", " "),
        # quotes, headings, lists
        (r"^ [ \t]* (?: (?: >{1,3} | \#{1,3} | -\# | [-*+] | \d{1,2}[.)] ) [ \t]+ )+", ""),
        (r"(?<!\S) @ (?= \w )", ""),
        (r"\|\|", " "),
        (r"\\ (?= [^\w\s] )", ""),
        # bold, italics and strike-through marks, but not snake_case or 5*3
        (r"\*{2,} | ~~ | (?<![^\W_]) [*_~|]+ | [*_~|]+ (?![^\W_])", ""),
    )
)


def clean_for_phrases(text: str) -> list[str]:
    """The message as plain pieces, a line or less each, with Discord's markup taken off."""
    for pattern, replacement in _MARKUP:
        text = pattern.sub(replacement, text)
    pieces = (_on_one_line(line) for line in text.splitlines())
    return [piece for piece in pieces if _has_letter_or_digit(piece)]


def _cut(text: str) -> str:
    """At most LONGEST_MESSAGE characters, with no torn word at the end."""
    text = text.strip()
    if len(text) <= LONGEST_MESSAGE:
        return text
    return text[:LONGEST_MESSAGE].rsplit(maxsplit=1)[0]


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def _has_letter_or_digit(text: str) -> bool:
    return any(char.isalnum() for char in text)
