"""The training script: trees to phrases, texts in several dresses, and a very short training."""

import json
import lzma
import random
from pathlib import Path

import pytest
import train_phrases
from train_phrases import Marked, Sentence, Word

from botconvo.phrases import load_pipeline

# Word/TAG/head/relation, a leading + where no space stands before.
SAMPLE = """
The/DET/3/det old/ADJ/3/amod cat/NOUN/4/nsubj sleeps/VERB/0/root +./PUNCT/4/punct
My/PRON/2/nmod:poss friend/NOUN/4/nmod:poss +'s/PART/2/case dog/NOUN/5/nsubj barks/VERB/0/root
I/PRON/2/nsubj like/VERB/0/root cats/NOUN/2/obj and/CCONJ/5/cc dogs/NOUN/3/conj +!/PUNCT/2/punct
There/PRON/2/expl is/VERB/0/root a/DET/4/det frog/NOUN/2/nsubj
Only/ADV/3/advmod the/DET/3/det man/NOUN/4/nsubj knows/VERB/0/root it/PRON/4/obj
She/PRON/2/nsubj opened/VERB/0/root a/DET/4/det can/NOUN/2/obj of/ADP/6/case meat/NOUN/4/nmod
Read/VERB/0/root page/NOUN/1/obj 4/NUM/2/nummod today/NOUN/1/obl:unmarked
New/PROPN/3/compound York/PROPN/1/flat Times/PROPN/0/root
John/PROPN/3/nsubj Smith/PROPN/1/flat sings/VERB/0/root loudly/ADV/3/advmod
A/DET/4/det very/ADV/3/advmod big/ADJ/4/amod storm/NOUN/5/nsubj came/VERB/0/root
We/PRON/2/nsubj sold/VERB/0/root "/PUNCT/5/punct +red/ADJ/5/amod wine/NOUN/2/obj +"/PUNCT/5/punct
It/PRON/5/nsubj is/AUX/5/cop a/DET/5/det war/NOUN/5/compound crime/NOUN/0/root
They/PRON/2/nsubj won/VERB/0/root the/DET/5/det big/ADJ/5/amod race/NOUN/2/obj
Who/PRON/2/nsubj took/VERB/0/root my/PRON/4/nmod:poss bike/NOUN/2/obj +?/PUNCT/2/punct
The/DET/2/det people/NOUN/0/root who/PRON/4/nsubj left/VERB/2/acl:relcl
Two/NUM/2/nummod men/NOUN/5/nsubj from/ADP/4/case town/NOUN/2/nmod ran/VERB/0/root
Thanks/NOUN/0/root +,/PUNCT/3/punct Anna/PROPN/1/vocative +!/PUNCT/1/punct
His/PRON/3/nmod:poss new/ADJ/3/amod car/NOUN/4/nsubj broke/VERB/0/root down/ADP/4/compound:prt
Nobody/PRON/2/nsubj wants/VERB/0/root cold/ADJ/4/amod soup/NOUN/2/obj
The/DET/3/det wifi/NOUN/3/compound password/NOUN/4/nsubj changed/VERB/0/root
"""

EXPECTED = """
[The old cat] sleeps.
[My friend's dog] barks
[I] like [cats] and [dogs]!
There is [a frog]
Only [the man] knows [it]
[She] opened [a can] of [meat]
Read [page 4] [today]
[New York Times]
[John Smith] sings loudly
[A very big storm] came
[We] sold "[red wine]"
[It] is [a war crime]
[They] won [the big race]
[Who] took [my bike]?
[The people] [who] left
[Two men] from [town] ran
[Thanks], [Anna]!
[His new car] broke down
[Nobody] wants [cold soup]
[The wifi password] changed
"""


def conllu(sample: str) -> str:
    """The shorthand above as a CoNLL-U file, every fourth sentence opening a document."""
    blocks = []
    for number, line in enumerate(sample.strip().splitlines()):
        words = line.split(" ")
        glued = [*(word.startswith("+") for word in words[1:]), False]
        rows = [f"# newdoc id = document-{number}"] if number % 4 == 0 else []
        for place, (word, no_space) in enumerate(zip(words, glued, strict=True), start=1):
            form, tag, head, relation = word.removeprefix("+").rsplit("/", 3)
            misc = "SpaceAfter=No" if no_space else "_"
            rows.append(f"{place}\t{form}\t_\t{tag}\t_\t_\t{head}\t{relation}\t_\t{misc}")
        blocks.append("\n".join(rows) + "\n\n")
    return "".join(blocks)


def the_sample() -> list[Sentence]:
    return list(train_phrases.read_conllu(conllu(SAMPLE).splitlines(keepends=True)))


def with_brackets(marked: Marked) -> str:
    text, ranges = train_phrases.render(marked)
    for start, end in reversed(ranges):
        text = f"{text[:start]}[{text[start:end]}]{text[end:]}"
    return text


def marked(text: str) -> Marked:
    """Words with a space between all of them; phrases in [brackets]."""
    words = text.split()
    starts = [place for place, word in enumerate(words) if word.startswith("[")]
    ends = [place + 1 for place, word in enumerate(words) if word.endswith("]")]
    return Marked(
        words=tuple(word.strip("[]") for word in words),
        spaces=(True,) * len(words),
        phrases=tuple(zip(starts, ends, strict=True)),
    )


# Trees to phrases


@pytest.mark.parametrize(
    ("sentence", "expected"),
    list(zip(the_sample(), EXPECTED.strip().splitlines(), strict=True)),
    ids=EXPECTED.strip().splitlines(),
)
def test_a_tree_gives_its_base_noun_phrases(sentence: Sentence, expected: str) -> None:
    assert with_brackets(train_phrases.mark(sentence)) == expected


def a_tree(*words: tuple[str, str, int, str]) -> list[Word]:
    return [
        Word(text=text, upos=upos, head=head - 1, relation=relation, space=True)
        for text, upos, head, relation in words
    ]


def test_a_modifier_with_a_clause_in_it_stays_outside() -> None:
    words = a_tree(
        ("a", "DET", 6, "det"),
        ("what", "PRON", 4, "nsubj"),
        ("they", "PRON", 4, "nsubj"),
        ("call", "VERB", 5, "acl"),
        ("big", "ADJ", 6, "amod"),
        ("car", "NOUN", 0, "root"),
    )
    assert (5, 6) in train_phrases.base_noun_phrases(words)
    assert (0, 6) not in train_phrases.base_noun_phrases(words)


def test_phrases_never_overlap() -> None:
    for sentence in the_sample():
        phrases = train_phrases.base_noun_phrases(sentence.words)
        assert phrases == sorted(phrases)
        ends = [end for _, end in phrases]
        assert all(start >= end for (start, _), end in zip(phrases[1:], ends, strict=False))


# Reading


def test_a_range_of_words_is_written_together_and_a_missing_word_is_left_out() -> None:
    rows = ["1-2 don't _", "1 do AUX", "2 n't PART", "2.1 not VERB", "3 go VERB", "4 . PUNCT"]
    lines = []
    for row in rows:
        number, form, tag = row.split(" ")
        misc = "SpaceAfter=No" if form == "go" else "_"
        head = "_" if "-" in number or "." in number else "3" if number != "3" else "0"
        lines.append(f"{number}\t{form}\t_\t{tag}\t_\t_\t{head}\tdep\t_\t{misc}\n")
    (sentence,) = train_phrases.read_conllu(lines)
    assert train_phrases.render(train_phrases.mark(sentence))[0] == "don't go."


def test_a_sentence_knows_its_document() -> None:
    assert [sentence.document for sentence in the_sample()[3:5]] == ["document-0", "document-4"]


def test_a_packed_treebank_reads_like_a_plain_one(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.conllu", tmp_path / "a.conllu.xz"
    plain.write_text(conllu(SAMPLE), encoding="utf-8")
    packed.write_bytes(lzma.compress(conllu(SAMPLE).encode()))
    assert train_phrases.read_treebanks([packed]) == train_phrases.read_treebanks([plain])


def test_bracketed_messages_are_read_with_their_phrases() -> None:
    assert list(train_phrases.read_brackets(["[i]'m on [the bus]\n", "\n", "ok\n"])) == [
        ("i'm on the bus", [(0, 1), (7, 14)]),
        ("ok", []),
    ]


# Dresses


def test_plain_text_has_no_punctuation_and_keeps_its_phrases() -> None:
    sentences = the_sample()
    plain = [with_brackets(train_phrases.plain(train_phrases.mark(s))) for s in sentences]
    assert plain[1] == "[my friends dog] barks"
    assert plain[10] == "[we] sold [red wine]"
    assert plain[16] == "[thanks] [anna]"


def test_a_phrase_of_punctuation_only_is_gone_from_plain_text() -> None:
    assert with_brackets(train_phrases.plain(marked("[:)] said [Ann]"))) == "said [ann]"


def test_a_hyphen_leaves_a_space_and_an_apostrophe_does_not() -> None:
    name = Marked(
        words=("well", "-", "known", "O", "'", "Hara"),
        spaces=(False, False, True, False, False, False),
        phrases=((0, 6),),
    )
    assert with_brackets(train_phrases.plain(name)) == "[well known ohara]"


def test_shouting_and_lower_case_change_nothing_but_the_case() -> None:
    sentence = train_phrases.mark(the_sample()[0])
    assert with_brackets(train_phrases.upper(sentence)) == "[THE OLD CAT] SLEEPS."
    assert with_brackets(train_phrases.lower(sentence)) == "[the old cat] sleeps."


def test_chat_text_has_slang_and_asides_outside_the_phrases() -> None:
    rng = random.Random(5)
    message = marked("Really , [you] like [people] because [the cat] sleeps")
    copies = [with_brackets(train_phrases.chat(message, rng)) for _ in range(300)]
    text = "\n".join(copies)
    assert "[u]" in text
    assert "[ppl]" in text
    assert "rly" in text
    assert {copy.split()[0] for copy in copies} & set(train_phrases.ASIDES_BEFORE)
    assert {copy.split()[-1] for copy in copies} & set(train_phrases.ASIDES_AFTER)
    assert all(copy.count("[") == 3 for copy in copies)


def test_words_glued_to_another_are_no_slang() -> None:
    glued = Marked(words=("you", "'re"), spaces=(False, True), phrases=((0, 1),))
    rng = random.Random(0)
    texts = {train_phrases.render(train_phrases.chat(glued, rng))[0] for _ in range(100)}
    assert any("youre" in text.split() for text in texts)
    assert not any("ure" in text.split() for text in texts)


def test_groups_keep_every_sentence_in_order() -> None:
    sentences = [marked(f"[sentence] {number}") for number in range(40)]
    groups = list(train_phrases.in_groups(sentences, random.Random(0)))
    assert {len(group.phrases) for group in groups} == {1, 2, 3}
    text = " ".join(train_phrases.render(group)[0] for group in groups)
    assert text == " ".join(f"sentence {number}" for number in range(40))


def test_no_group_spans_two_documents() -> None:
    texts = train_phrases.training_texts(the_sample(), random.Random(0))
    rendered = [train_phrases.render(text)[0] for text in texts]
    assert not any("frog Only" in text for text in rendered)


# Training


def run(folder: Path, *, seed: int = 0) -> Path:
    """Two steps on the sample; returns the folder of the pipeline."""
    treebank = folder / "sample.conllu"
    treebank.write_text(conllu(SAMPLE), encoding="utf-8")
    chat = folder / "chat.txt"
    chat.write_text(EXPECTED, encoding="utf-8")
    output = folder / f"pipeline-{seed}"
    arguments = ["--train", treebank, "--dev", treebank, "--test", treebank, "--chat", chat]
    arguments += ["--output", output, "--max-steps", 2, "--eval-frequency", 1, "--seed", seed]
    train_phrases.main([str(argument) for argument in arguments])
    return output


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("training"))


def test_what_was_trained_can_be_loaded_and_used(trained: Path) -> None:
    pipeline = load_pipeline(str(trained))
    assert "botconvo_noun_phrases 1.0.0" in pipeline.description
    assert all(phrase.strip() for phrase in pipeline.noun_phrases("The old cat sleeps."))


def test_what_was_trained_says_what_it_is(trained: Path) -> None:
    meta = json.loads((trained / "meta.json").read_text(encoding="utf-8"))
    assert (meta["name"], meta["license"]) == ("botconvo_noun_phrases", "CC BY-SA 4.0")
    assert meta["sources"] == [{"name": "sample"}]
    assert set(meta["performance"]) == {"sample", "chat"}
    assert "plain, content" in meta["performance"]["sample"]
    assert meta["labels"] == {"noun_phrases": ["NP"]}


def test_the_two_treebanks_of_the_bundled_pipeline_are_named_once_each() -> None:
    files = ["en_ewt-ud-train.conllu", "en_ewt-ud-dev.conllu.xz", "en_gum-train.conllu"]
    names = [source["name"] for source in train_phrases.sources(map(Path, files))]
    assert len(names) == 2
    assert "EWT" in names[0]
    assert "GUM" in names[1]


def test_neither_the_vocabulary_nor_a_path_of_the_trainer_is_saved(trained: Path) -> None:
    assert not (trained / "vocab").exists()
    for name in ("config.cfg", "meta.json"):
        assert str(trained.parent) not in (trained / name).read_text(encoding="utf-8")
        assert ".spacy" not in (trained / name).read_text(encoding="utf-8")


def test_the_same_seed_trains_the_same_weights(trained: Path, tmp_path: Path) -> None:
    weights = Path("noun_phrases") / "model"
    again, other = run(tmp_path), run(tmp_path, seed=1)
    assert (again / weights).read_bytes() == (trained / weights).read_bytes()
    assert (other / weights).read_bytes() != (trained / weights).read_bytes()


def test_training_leaves_the_licence_in_the_folder_and_prints_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    licence = tmp_path / "pipeline-0" / "LICENSE"
    licence.parent.mkdir()
    licence.write_text("ours")
    run(tmp_path)
    assert licence.read_text() == "ours"
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["F1", "sample", "chat"] for line in lines)
    assert any(line.startswith("plain, content") for line in lines)
