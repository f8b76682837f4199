"""Train the small spaCy pipeline that finds base noun phrases, from dependency treebanks.

It knows nothing of the running system: treebank files go in, one pipeline folder comes out.
The two treebanks of the bundled pipeline are on GitHub (UD_English-EWT, UD_English-GUM). Run it
with OMP_NUM_THREADS=1 to get the same weights again:

    python scripts/train_phrases.py --train en_ewt-ud-train.conllu en_gum-train.conllu \\
        --dev en_ewt-ud-dev.conllu en_gum-dev.conllu \\
        --test en_ewt-ud-test.conllu en_gum-test.conllu \\
        --chat tests/data/chat-noun-phrases.txt --output src/botconvo/phrase_pipeline
"""

import argparse
import lzma
import random
import re
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training.initialize import init_nlp
from spacy.training.loop import train as run_training
from spacy.util import load_config_from_str

from botconvo.phrases import LABEL, has_content

NAME = "botconvo_noun_phrases"
VERSION = "1.0.0"
LICENCE = "CC BY-SA 4.0"

NOMINAL = {"NOUN", "PROPN", "PRON"}
NEVER_A_HEAD = {"compound", "det", "flat", "goeswith", "fixed"}
LEFT_MODIFIERS = {"det", "amod", "nummod", "compound", "nmod", "flat", "goeswith"}
STEPPED_OVER = {"punct", "advmod"}
CLAUSAL = {"acl", "advcl", "nsubj", "cop", "csubj", "parataxis"}
RIGHT_PARTS = {"flat", "goeswith", "fixed"}

Range = tuple[int, int]

# What chatters write for a word, and how often the chat copy does it. The very common words change
# rarely: half of all "to" as "2" would teach that a number is no number.
SLANG: dict[str, tuple[float, tuple[str, ...]]] = {
    "you": (0.5, ("u", "ya")),
    "are": (0.5, ("r",)),
    "your": (0.5, ("ur",)),
    "youre": (0.5, ("ur",)),
    "because": (0.5, ("cuz", "bc", "cause")),
    "people": (0.5, ("ppl",)),
    "though": (0.5, ("tho",)),
    "although": (0.5, ("altho",)),
    "really": (0.5, ("rly",)),
    "something": (0.5, ("smth", "sth")),
    "someone": (0.5, ("sm1", "some1")),
    "everyone": (0.5, ("every1",)),
    "anyone": (0.5, ("any1",)),
    "probably": (0.5, ("prob", "prolly")),
    "please": (0.5, ("pls", "plz")),
    "thanks": (0.5, ("thx", "ty")),
    "tomorrow": (0.5, ("tmrw", "tmr")),
    "tonight": (0.5, ("tn", "2nite")),
    "about": (0.5, ("abt",)),
    "through": (0.5, ("thru",)),
    "message": (0.5, ("msg",)),
    "right": (0.5, ("rite",)),
    "great": (0.5, ("gr8",)),
    "love": (0.5, ("luv",)),
    "okay": (0.5, ("ok", "k")),
    "before": (0.5, ("b4",)),
    "brother": (0.5, ("bro",)),
    "friend": (0.5, ("frend", "buddy")),
    "minutes": (0.5, ("mins",)),
    "hours": (0.5, ("hrs",)),
    "the": (0.1, ("da", "teh")),
    "to": (0.1, ("2",)),
    "for": (0.1, ("4",)),
    "and": (0.1, ("n", "&")),
    "with": (0.1, ("w", "wit")),
    "that": (0.1, ("dat",)),
    "this": (0.1, ("dis",)),
    "what": (0.1, ("wat", "wut")),
    "have": (0.1, ("hav",)),
    "be": (0.1, ("b",)),
    "why": (0.1, ("y",)),
    "see": (0.1, ("c",)),
}

# What chatters put before or after a sentence. Treebanks hardly know these words, and without the
# chat copies having them "my castle lmao" comes out as one phrase.
ASIDES_BEFORE = (
    *("lol", "lmao", "omg", "wtf", "ngl", "tbh", "idk", "imo", "ok", "nah", "yeah", "yep", "damn"),
    *("haha", "oof", "wow", "btw", "fr", "ugh", "hey", "yo", "bruh", "aw", "welp", "tfw", "gg"),
)
ASIDES_AFTER = (
    *("lol", "lmao", "lmfao", "omg", "wtf", "ngl", "tbh", "idk", "imo", "imho", "brb", "smh", "fr"),
    *("rn", "xd", "haha", "hahaha", "btw", "jk", "ffs", "afk", "gg", "lul", "ikr"),
)

SOURCES = {
    "en_ewt": {
        "name": "Universal Dependencies English Web Treebank (EWT), UD 2.16",
        "url": "https://github.com/UniversalDependencies/UD_English-EWT",
        "author": "The Board of Trustees of The Leland Stanford Junior University",
        "license": "CC BY-SA 4.0 (annotations)",
    },
    "en_gum": {
        "name": "Universal Dependencies English GUM, UD 2.16: texts in the public domain or under"
        " an attribution-only licence",
        "url": "https://github.com/UniversalDependencies/UD_English-GUM",
        "author": "Amir Zeldes and the GUM annotators",
        "license": "CC BY 4.0 (annotations)",
    },
}

CONFIG = """
[paths]
train = null
dev = null

[nlp]
lang = "en"
pipeline = ["noun_phrases"]

[components]

[components.noun_phrases]
factory = "ner"

[components.noun_phrases.model]
@architectures = "spacy.TransitionBasedParser.v2"
state_type = "ner"
extra_state_tokens = false
hidden_width = 64
maxout_pieces = 2
use_upper = true

[components.noun_phrases.model.tok2vec]
@architectures = "spacy.Tok2Vec.v2"

[components.noun_phrases.model.tok2vec.embed]
@architectures = "spacy.MultiHashEmbed.v2"
width = 64
attrs = ["NORM", "PREFIX", "SUFFIX", "SHAPE"]
rows = [4000, 500, 2000, 500]
include_static_vectors = false

[components.noun_phrases.model.tok2vec.encode]
@architectures = "spacy.MaxoutWindowEncoder.v2"
width = 64
depth = 4
window_size = 1
maxout_pieces = 3

[training]
seed = 0
gpu_allocator = null
dropout = 0.1
max_steps = 2000
eval_frequency = 250

[training.optimizer]
@optimizers = "Adam.v1"
use_averages = true
L2 = 0.01
grad_clip = 1.0

[training.optimizer.learn_rate]
@schedules = "warmup_linear.v1"
warmup_steps = 250
total_steps = 4500
initial_rate = 0.002

[training.batcher]
@batchers = "spacy.batch_by_words.v1"

[training.batcher.size]
@schedules = "compounding.v1"
start = 200
stop = 1500
compound = 1.002

[training.score_weights]
ents_f = 1.0
"""


# Reading trees


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    text: str
    upos: str
    head: int
    """Index of the head within the sentence, -1 for the root."""
    relation: str
    space: bool
    """Whether a space follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    document: str
    words: tuple[Word, ...]


def open_lines(path: Path) -> Iterator[str]:
    """The lines of a text file, unpacked when its name ends in .xz."""
    opener = lzma.open if path.suffix == ".xz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        yield from file


def read_conllu(lines: Iterable[str]) -> Iterator[Sentence]:
    """The sentences of a CoNLL-U file, in order."""
    document = ""
    for blank, block in groupby(lines, key=lambda line: not line.strip()):
        if blank:
            continue
        rows = []
        for line in block:
            if line.startswith("# newdoc id"):
                document = line.partition("=")[2].strip()
            elif not line.startswith("#"):
                rows.append(line.rstrip("\n").split("\t"))
        if rows:
            yield Sentence(document=document, words=tuple(_words(rows)))


def _words(rows: Sequence[Sequence[str]]) -> Iterator[Word]:
    glued_until, space_after_range = 0, True
    for row in rows:
        space = "SpaceAfter=No" not in row[9].split("|")
        if "-" in row[0]:  # a range such as 3-4 "don't": its parts follow, written together
            glued_until, space_after_range = int(row[0].split("-")[1]), space
        elif "." not in row[0]:  # 8.1 is a word that was left out of the text
            number = int(row[0])
            if number <= glued_until:
                space = number == glued_until and space_after_range
            yield Word(text=row[1], upos=row[3], head=int(row[6]) - 1, relation=row[7], space=space)


# Trees to phrases


class Tree:
    """A sentence with its children at hand."""

    def __init__(self, words: Sequence[Word]) -> None:
        self.words = words
        self.children: list[list[int]] = [[] for _ in words]
        for index, word in enumerate(words):
            if word.head >= 0:
                self.children[word.head].append(index)

    def relation(self, index: int) -> str:
        """The relation without its subtype: nmod for nmod:poss."""
        return self.words[index].relation.partition(":")[0]

    def subtree(self, index: int) -> list[int]:
        found = [index]
        for place in found:
            found.extend(self.children[place])
        return sorted(found)

    def is_clausal(self, subtree: Iterable[int]) -> bool:
        return any(self.relation(index) in CLAUSAL for index in subtree)


def base_noun_phrases(words: Sequence[Word]) -> list[Range]:
    """The outermost base noun phrases as word ranges, as spaCy's noun chunks would have them."""
    tree = Tree(words)
    found = [
        (_left_edge(tree, head), _right_edge(tree, head) + 1)
        for head in range(len(words))
        if _heads_a_phrase(tree, head)
    ]
    return _outermost(found)


def _heads_a_phrase(tree: Tree, index: int) -> bool:
    word, relation = tree.words[index], tree.relation(index)
    if word.upos not in NOMINAL or relation in NEVER_A_HEAD:
        return False
    if relation == "expl" and word.text.lower() == "there":
        return False
    return not _is_left_modifier(tree, index)


def _is_left_modifier(tree: Tree, index: int) -> bool:
    word = tree.words[index]
    if word.head < index or tree.words[word.head].upos not in NOMINAL:
        return False
    if word.relation in {"nmod:poss", "nmod:desc"}:
        return True
    has_preposition = any(
        tree.relation(child) == "case" and child < index for child in tree.children[index]
    )
    return word.relation == "nmod:unmarked" and not has_preposition


def _left_edge(tree: Tree, head: int) -> int:
    edge = head
    for child in sorted((c for c in tree.children[head] if c < head), reverse=True):
        if tree.relation(child) in STEPPED_OVER:
            continue
        subtree = tree.subtree(child)
        if tree.relation(child) not in LEFT_MODIFIERS or tree.is_clausal(subtree):
            break
        edge = min(edge, subtree[0])
    while edge < head and tree.words[edge].upos == "PUNCT":
        edge += 1
    return edge


def _right_edge(tree: Tree, head: int) -> int:
    edge, number_taken = head, False
    for child in (c for c in tree.children[head] if c > head):
        subtree = tree.subtree(child)
        if tree.relation(child) in RIGHT_PARTS and subtree[0] == edge + 1:
            edge = subtree[-1]
        elif tree.relation(child) == "nummod" and child == edge + 1 and not number_taken:
            edge, number_taken = child, True
    return edge


def _outermost(ranges: Iterable[Range]) -> list[Range]:
    kept: list[Range] = []
    for start, end in sorted(set(ranges), key=lambda found: (found[0], -found[1])):
        if not kept or start >= kept[-1][1]:
            kept.append((start, end))
    return kept


# Marked text: words with phrases, in several dresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """Running text as words, with or without a space after each, and its phrases as ranges."""

    words: tuple[str, ...]
    spaces: tuple[bool, ...]
    phrases: tuple[Range, ...]


def mark(sentence: Sentence) -> Marked:
    return Marked(
        words=tuple(word.text for word in sentence.words),
        spaces=tuple(word.space for word in sentence.words),
        phrases=tuple(base_noun_phrases(sentence.words)),
    )


def join(parts: Sequence[Marked]) -> Marked:
    """Several texts as one, a space between them."""
    words: list[str] = []
    spaces: list[bool] = []
    phrases: list[Range] = []
    for part in parts:
        phrases.extend((start + len(words), end + len(words)) for start, end in part.phrases)
        words.extend(part.words)
        spaces.extend((*part.spaces[:-1], True))
    return Marked(words=tuple(words), spaces=tuple(spaces), phrases=tuple(phrases))


def lower(marked: Marked) -> Marked:
    return replace(marked, words=tuple(word.lower() for word in marked.words))


def upper(marked: Marked) -> Marked:
    return replace(marked, words=tuple(word.upper() for word in marked.words))


def plain(marked: Marked) -> Marked:
    """Lower-cased, with no punctuation: "don't" is "dont", "well-known" is "well known"."""
    words: list[str] = []
    spaces: list[bool] = []
    kept_before = [0]
    for word, space in zip(marked.words, marked.spaces, strict=True):
        letters = _without_punctuation(word.lower())
        if letters:
            words.append(letters)
            spaces.append(space)
        elif words:
            spaces[-1] = spaces[-1] or space or word not in {"'", "’"}
        kept_before.append(len(words))
    phrases = ((kept_before[start], kept_before[end]) for start, end in marked.phrases)
    return Marked(
        words=tuple(words),
        spaces=tuple(spaces),
        phrases=tuple((start, end) for start, end in phrases if start < end),
    )


def _without_punctuation(word: str) -> str:
    return "".join(char for char in word if not unicodedata.category(char).startswith("P"))


def chat(marked: Marked, rng: random.Random) -> Marked:
    """Plain text as friends type it: slang, a lol around it, now and then a letter held dooown."""
    text = plain(marked)
    typed = (
        _as_typed(word, rng) if _stands_alone(text, index) else word
        for index, word in enumerate(text.words)
    )
    text = replace(text, words=tuple(typed))
    before = [_aside(ASIDES_BEFORE, rng)] if rng.random() < 0.15 else []
    after = [_aside(ASIDES_AFTER, rng)] if rng.random() < 0.15 else []
    return join([*before, text, *after]) if text.words else text


def _aside(words: Sequence[str], rng: random.Random) -> Marked:
    return Marked(words=(rng.choice(words),), spaces=(True,), phrases=())


def _stands_alone(marked: Marked, index: int) -> bool:
    last = index == len(marked.words) - 1
    return (index == 0 or marked.spaces[index - 1]) and (last or marked.spaces[index])


def _as_typed(word: str, rng: random.Random) -> str:
    chance, forms = SLANG.get(word, (0.0, ()))
    if rng.random() < chance:
        return rng.choice(forms)
    if rng.random() < 0.01:
        return word + word[-1] * rng.randint(1, 3)
    return word


def render(marked: Marked) -> tuple[str, list[Range]]:
    """The text, and the phrases as character ranges in it."""
    starts: list[int] = []
    text = ""
    for word, space in zip(marked.words, marked.spaces, strict=True):
        starts.append(len(text))
        text += word + (" " if space else "")
    ends = [start + len(word) for start, word in zip(starts, marked.words, strict=True)]
    return text.rstrip(), [(starts[start], ends[end - 1]) for start, end in marked.phrases]


def read_brackets(lines: Iterable[str]) -> Iterator[tuple[str, list[Range]]]:
    """Messages whose phrases stand in [square brackets], one message per line."""
    for line in lines:
        text, ranges = "", []
        for piece in re.split(r"(\[[^\[\]]*\])", line.strip()):
            inside = piece.removeprefix("[").removesuffix("]")
            if inside != piece:
                ranges.append((len(text), len(text) + len(inside)))
            text += inside
        if text:
            yield text, ranges


# Training documents


def in_groups(sentences: Iterable[Marked], rng: random.Random) -> Iterator[Marked]:
    """One to three consecutive sentences at a time: a message is rarely longer."""
    waiting = list(sentences)
    while waiting:
        size = rng.choices((1, 2, 3), weights=(4, 2, 1))[0]
        yield join(waiting[:size])
        del waiting[:size]


def training_texts(sentences: Iterable[Sentence], rng: random.Random) -> Iterator[Marked]:
    """Every group as it is, lower-cased and as chat; a tenth of them shouted as well.

    Without the shouted copies a message in capitals comes out as one single phrase.
    """
    for _, document in groupby(sentences, key=lambda sentence: sentence.document):
        for group in in_groups(map(mark, document), rng):
            yield from (group, lower(group), chat(group, rng))
            if rng.random() < 0.1:
                yield upper(group)


def dev_texts(sentences: Iterable[Sentence]) -> Iterator[Marked]:
    for sentence in sentences:
        yield from (mark(sentence), plain(mark(sentence)))


def make_doc(nlp: Language, text: str, ranges: Iterable[Range]) -> Doc:
    """The text in the pipeline's own tokens: the treebank's are not those of a running system."""
    doc = nlp.make_doc(text)
    spans = (
        doc.char_span(start, end, label=LABEL, alignment_mode="contract") for start, end in ranges
    )
    doc.ents = tuple(span for span in spans if span is not None)
    return doc


def save_docs(texts: Iterable[Marked], path: Path) -> int:
    """Write the texts as training documents; returns the number of tokens."""
    nlp = spacy.blank("en")
    docs = [make_doc(nlp, *render(text)) for text in texts if text.words]
    DocBin(docs=docs).to_disk(path)
    return sum(len(doc) for doc in docs)


def read_treebanks(paths: Iterable[Path]) -> list[Sentence]:
    return [sentence for path in paths for sentence in read_conllu(open_lines(path))]


def train_pipeline(train: Path, dev: Path, work: Path, overrides: dict[str, Any]) -> Language:
    """Train on two DocBin files; gives back the checkpoint that did best on `dev`."""
    paths = {"paths.train": str(train), "paths.dev": str(dev)}
    config = load_config_from_str(CONFIG, overrides=overrides | paths)
    run_training(init_nlp(config), work, stdout=sys.stdout)
    return spacy.load(work / "model-best")


# Measuring


@dataclass(slots=True)
class Tally:
    right: int = 0
    found: int = 0
    expected: int = 0

    def add(self, found: set[Range], expected: set[Range]) -> None:
        self.right += len(found & expected)
        self.found += len(found)
        self.expected += len(expected)

    @property
    def f1(self) -> float:
        return 2 * self.right / max(1, self.found + self.expected)


def measure(nlp: Language, texts: Iterable[tuple[str, list[Range]]]) -> tuple[float, float]:
    """F1 with exact boundaries: over all phrases, and over those with content only."""
    every, content = Tally(), Tally()
    expected_docs = [make_doc(nlp, text, ranges) for text, ranges in texts]
    found_docs = nlp.pipe(doc.text for doc in expected_docs)
    for expected, found in zip(expected_docs, found_docs, strict=True):
        every.add(_ranges(found.ents), _ranges(expected.ents))
        content.add(_ranges(_with_content(found)), _ranges(_with_content(expected)))
    return every.f1, content.f1


def _ranges(spans: Iterable[Span]) -> set[Range]:
    return {(span.start, span.end) for span in spans}


def _with_content(doc: Doc) -> Iterator[Span]:
    return (span for span in doc.ents if has_content(span))


DRESSES: dict[str, Callable[[Marked], Marked]] = {
    "as is": lambda marked: marked,
    "lower-cased": lower,
    "plain": plain,
    "upper-cased": upper,
}


def measure_treebank(nlp: Language, sentences: Sequence[Sentence]) -> dict[str, float]:
    """F1 per dress of the same sentences, the second figure of each for phrases with content."""
    figures = {}
    marked = [mark(sentence) for sentence in sentences]
    for name, dress in DRESSES.items():
        figures[name], figures[f"{name}, content"] = measure(
            nlp, (render(dress(m)) for m in marked)
        )
    return figures


def measure_all(nlp: Language, tests: Iterable[Path], chat_set: Path | None) -> dict[str, Any]:
    figures: dict[str, Any] = {
        _stem(path): measure_treebank(nlp, read_treebanks([path])) for path in tests
    }
    if chat_set:
        every, content = measure(nlp, read_brackets(open_lines(chat_set)))
        figures["chat"] = {"as is": every, "as is, content": content}
    return {
        name: {dress: round(figure, 4) for dress, figure in row.items()}
        for name, row in figures.items()
    }


def table(figures: dict[str, dict[str, float]]) -> str:
    """F1 as text, a line per dress and a column per test set."""
    names = list(figures)
    lines = ["F1".ljust(24) + "".join(name.rjust(28) for name in names)]
    for dress in dict.fromkeys(dress for row in figures.values() for dress in row):
        cells = (f"{figures[name][dress]:.3f}" if dress in figures[name] else "-" for name in names)
        lines.append(dress.ljust(24) + "".join(cell.rjust(28) for cell in cells))
    return "\n".join(lines)


# Saving


def sources(paths: Iterable[Path]) -> list[dict[str, str]]:
    """What the treebank files are, as far as their names tell."""
    found: list[dict[str, str]] = []
    for path in paths:
        known = [SOURCES[start] for start in SOURCES if path.name.startswith(start)]
        source = known[0] if known else {"name": _stem(path)}
        if source not in found:
            found.append(source)
    return found


def _stem(path: Path) -> str:
    return path.name.partition(".")[0]


def save(nlp: Language, output: Path, meta: dict[str, Any]) -> None:
    """Write the pipeline without its vocabulary: the training words are never looked up again."""
    nlp.meta.update(meta)
    config = nlp.config.copy()
    # Training leaves the paths of the machine that trained in the config.
    config["paths"] = dict.fromkeys(config["paths"])
    nlp.config = config
    nlp.to_disk(output, exclude=["vocab"])


def describe(files: Iterable[Path], figures: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": NAME,
        "version": VERSION,
        "description": "Base noun phrases of English web text and chat, as entities labelled NP",
        "license": LICENCE,
        "author": "The BotConvo authors",
        "sources": sources(files),
        "performance": figures,
    }


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name in ("train", "dev", "test"):
        parser.add_argument(
            f"--{name}",
            type=Path,
            nargs="+",
            required=name != "test",
            default=[],
            help=f"CoNLL-U files to {name} on, plain or .xz",
        )
    parser.add_argument("--chat", type=Path, help="messages with [bracketed] phrases to test on")
    parser.add_argument("--output", type=Path, required=True, help="folder for the pipeline")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-steps", type=int, default=2000)
    parser.add_argument("--eval-frequency", type=int, default=250)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse_arguments(arguments)
    overrides = {
        "training.seed": options.seed,
        "training.max_steps": options.max_steps,
        "training.eval_frequency": options.eval_frequency,
    }
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        train, dev = work / "train.spacy", work / "dev.spacy"
        tokens = save_docs(training_texts(read_treebanks(options.train), rng), train)
        save_docs(dev_texts(read_treebanks(options.dev)), dev)
        print(f"training on {tokens:,} tokens")
        nlp = train_pipeline(train, dev, work, overrides)
    figures = measure_all(nlp, options.test, options.chat)
    save(nlp, options.output, describe([*options.train, *options.dev], figures))
    print(table(figures))


if __name__ == "__main__":
    main()
