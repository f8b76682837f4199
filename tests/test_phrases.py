"""Noun phrases: finding them, cleaning what they are found in, drawing one, choosing a pipeline."""

import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import is_package

from botconvo.errors import BotConvoError
from botconvo.phrases import (
    LONGEST_MESSAGE,
    LONGEST_PHRASE,
    PREFERRED_PACKAGE,
    PhraseError,
    PhrasePipeline,
    classic_sentence,
    clean_for_phrases,
    has_content,
    load_pipeline,
    pick_classic_phrase,
    pick_phrase,
)

CHAT_SET = Path(__file__).parent / "data" / "chat-noun-phrases.txt"


def marked_messages() -> list[str]:
    """Invented messages with their phrases in [brackets]."""
    return CHAT_SET.read_text(encoding="utf-8").splitlines()


def without_brackets(line: str) -> str:
    return line.replace("[", "").replace("]", "")


@pytest.fixture(scope="module")
def bundled() -> PhrasePipeline:
    return load_pipeline("bundled")


# A parser that needs no training: each word hangs on the last, and the last is a noun.


@Language.component("phrases_test_parser", assigns=["token.dep", "token.head", "token.pos"])
def all_words_modify_the_last(doc: Doc) -> Doc:
    for token in doc:
        token.head, token.dep_, token.pos_ = doc[-1], "compound", "NOUN"
    if len(doc):
        doc[-1].dep_ = "ROOT"
    return doc


def a_pipeline(*, name: str = "friends", lang: str = "en", parser: bool = True) -> Language:
    nlp = spacy.blank(lang, meta={"name": name, "version": "9.9.9"})
    if parser:
        nlp.add_pipe("phrases_test_parser")
    return nlp


def a_saved_pipeline(folder: Path, *, lang: str = "en", parser: bool = True) -> str:
    a_pipeline(lang=lang, parser=parser).to_disk(folder)
    return str(folder)


PACKAGE_CODE = """
from spacy.util import load_model_from_init_py

def load(**overrides):
    return load_model_from_init_py(__file__, **overrides)
"""


def install_package(site: Path, package: str) -> None:
    """What pip leaves of a spaCy package: a module with load(), its pipeline, and the metadata."""
    lang, _, name = package.partition("_")
    nlp = a_pipeline(name=name, lang=lang)
    (site / package).mkdir()
    nlp.to_disk(site / package / f"{package}-9.9.9")
    (site / package / "__init__.py").write_text(PACKAGE_CODE)
    (site / package / "meta.json").write_text(
        (site / package / f"{package}-9.9.9" / "meta.json").read_text()
    )
    metadata = site / f"{package}-9.9.9.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 9.9.9\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder from which packages can be imported until the test is over."""
    before = set(sys.modules)
    monkeypatch.delitem(sys.modules, PREFERRED_PACKAGE, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for module in set(sys.modules) - before:
        if str(getattr(sys.modules[module], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[module]


# Finding


@pytest.mark.parametrize(
    ("message", "phrases"),
    [
        ("lol you never told me about the weird goblin sword", ["the weird goblin sword"]),
        ("My friend's dog ate the cake.", ["My friend's dog", "the cake"]),
        ("i love cats and dogs", ["cats", "dogs"]),
        ("pineapple pizza is a war crime", ["pineapple pizza", "a war crime"]),
        ("the wifi password is on the fridge", ["the wifi password", "the fridge"]),
        ("the new patch broke everything", ["the new patch"]),
        ("my gpu sounds like a jet engine", ["my gpu", "a jet engine"]),
        ("Two girls from my school won the big race!", ["Two girls", "my school", "the big race"]),
        ("SOMEBODY STOLE MY BLUE BIKE", ["MY BLUE BIKE"]),
    ],
)
def test_the_bundled_pipeline_finds_these_phrases(
    bundled: PhrasePipeline, message: str, phrases: list[str]
) -> None:
    assert bundled.noun_phrases(message) == tuple(phrases)


def test_a_lower_cased_message_without_punctuation_gives_the_same_phrases(
    bundled: PhrasePipeline,
) -> None:
    written = bundled.noun_phrases("Yesterday, we sold the old car to a strange man.")
    typed = bundled.noun_phrases("yesterday we sold the old car to a strange man")
    assert [phrase.lower() for phrase in written] == list(typed)
    assert "the old car" in typed


def expected_phrases(line: str, nlp: Language) -> Counter[str]:
    """The phrases in [brackets] that have content; the others are never handed out."""
    marked = re.findall(r"\[([^\]]+)\]", line)
    return Counter(phrase for phrase in marked if has_content(nlp(phrase)[:]))


def test_at_least_four_fifths_of_the_chat_set_is_right(bundled: PhrasePipeline) -> None:
    nlp = spacy.blank("en")
    right = found = expected = 0
    for line in marked_messages():
        ours = Counter(bundled.noun_phrases(without_brackets(line)))
        theirs = expected_phrases(line, nlp)
        right += (ours & theirs).total()
        found += ours.total()
        expected += theirs.total()
    assert expected > 70
    assert 2 * right / (found + expected) >= 0.80


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("", id="empty"),
        pytest.param(" \n\t \r\n ", id="whitespace"),
        pytest.param("😂🔥👍🏽❤️👨‍👩‍👧", id="emoji"),
        pytest.param("😂" * 4000, id="4,000 emoji"),
        pytest.param("you and me and them", id="pronouns"),
        pytest.param("u or ur or im", id="pronouns as typed"),
        pytest.param("WHAT IS THIS", id="shouted pronouns"),
        pytest.param("... !!! ???", id="punctuation"),
        pytest.param("<@123> <@!456> <#789>", id="mentions"),
        pytest.param("https://example.org/a_very/long-address?with=words", id="link"),
        pytest.param("¯\\_(ツ)_/¯", id="shrug"),
        pytest.param("a" * 5000, id="one word of 5,000 letters"),
        pytest.param("\x00\x01\x1b", id="control characters"),
    ],
)
def test_a_message_that_says_nothing_has_no_phrase(bundled: PhrasePipeline, message: str) -> None:
    assert bundled.noun_phrases(message) == ()


@pytest.mark.parametrize(
    "letters", ["abc é ß 漢字 \n", "<@!:#>|*_~`[](){} \n\\", "😂\ufe0f\u200d1 a\n"]
)
def test_no_text_is_too_odd(bundled: PhrasePipeline, letters: str) -> None:
    rng = random.Random(7)
    for _ in range(100):
        message = "".join(rng.choices(letters, k=rng.randrange(300)))
        for phrase in bundled.noun_phrases(message):
            assert phrase == " ".join(phrase.split())
            assert any(char.isalnum() for char in phrase)


def test_a_message_of_full_length_is_read_to_its_end(bundled: PhrasePipeline) -> None:
    ending = "the last goblin"
    filler = "we saw the dog. " * LONGEST_MESSAGE
    message = filler[: LONGEST_MESSAGE - len(ending)].rsplit(maxsplit=1)[0] + " " + ending
    assert bundled.noun_phrases(message)[-1] == ending


def test_what_stands_past_the_limit_is_not_read_and_no_word_is_torn(
    bundled: PhrasePipeline,
) -> None:
    message = "the goblin, " * LONGEST_MESSAGE
    phrases = bundled.noun_phrases(message)
    assert set(phrases) == {"the goblin"}
    assert len(phrases) <= LONGEST_MESSAGE // len("the goblin, ")


def test_no_phrase_is_longer_than_a_prompt_can_bear(bundled: PhrasePipeline) -> None:
    message = "we bought the " + "very, " * 5 + "b" * 300 + " lamp and a chair"
    assert all(len(phrase) <= LONGEST_PHRASE for phrase in bundled.noun_phrases(message))


def test_markup_is_not_part_of_a_phrase(bundled: PhrasePipeline) -> None:
    message = "> **my old bike** is ||in the big river|| <:sad:123>\n<@42> took `rm -rf` the car"
    assert bundled.noun_phrases(message) == ("my old bike", "the big river", "the car")


def test_the_same_message_always_has_the_same_phrases(bundled: PhrasePipeline) -> None:
    messages = [without_brackets(line) for line in marked_messages()]
    alone = [bundled.noun_phrases(message) for message in messages]
    assert [bundled.noun_phrases(message) for message in messages] == alone
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(bundled.noun_phrases, messages)) == alone


def test_words_once_read_are_forgotten() -> None:
    nlp = a_pipeline()
    pipeline = PhrasePipeline(nlp, "test")
    pipeline.noun_phrases("the goblin sword")
    before = len(nlp.vocab.strings)
    for number in range(200):
        assert pipeline.noun_phrases(f"the goblin{number}") == (f"the goblin{number}",)
    assert len(nlp.vocab.strings) == before


# Cleaning


@pytest.mark.parametrize(
    ("message", "pieces"),
    [
        ("plain words, kept. As they are!", ["plain words, kept. As they are!"]),
        ("one line\ntwo lines\r\n\n  three  ", ["one line", "two lines", "three"]),
        ("give <@12> and <@!34> and <@&56> the map", ["give and and the map"]),
        ("meet in <#99> at <t:1700000000:R> or <t:17>", ["meet in at or"]),
        ("@everyone wake up @here", ["wake up"]),
        ("ask @bort about it", ["ask bort about it"]),
        ("use </play song:123> now", ["use now"]),
        ("so good <:kek:1234> my cat <a:dance:56>", ["so good", "my cat"]),
        ("so good :joy: my cat", ["so good", "my cat"]),
        ("see you at 12:30:45 ok", ["see you at 12:30:45 ok"]),
        ("nice 😂😂👍🏽 my dog 👨‍👩‍👧 1️⃣", ["nice", "my dog"]),
        ("look https://a.b/c?d=e_f my song", ["look", "my song"]),
        ("look <https://a.b/c> my song", ["look", "my song"]),
        ("look www.a.b/c my song", ["look", "my song"]),
        ("read [the docs](https://a.b/c) first", ["read the docs first"]),
        ("mail bob@example.org the code", ["mail", "the code"]),
        ("before ```py\nx = 'a car'\n``` after", ["before", "after"]),
        ("before ```never closed\nx = 1", ["before"]),
        ("run `rm *` or ``a ` b`` please", ["run", "or", "please"]),
        ("the ||dead wizard|| wins", ["the dead wizard wins"]),
        ("> said before\n>>> and this", ["said before", "and this"]),
        ("a > b and >.<", ["a > b and >.<"]),
        ("# News\n- one\n* two\n3. three\n-# small", ["News", "one", "two", "three", "small"]),
        ("**bold** *leaning* _leaning_ __under__ ~~gone~~", ["bold leaning leaning under gone"]),
        ("***all** of it*", ["all of it"]),
        ("snake_case and 5*3 stay", ["snake_case and 5*3 stay"]),
        (r"no \*stars\* here", ["no stars here"]),
        ("zero\u200bwidth", ["zerowidth"]),
        ("¯\\_(ツ)_/¯", []),
        ("?!?\n...\n---", []),
        ("", []),
    ],
)
def test_markup_is_taken_off(message: str, pieces: list[str]) -> None:
    assert clean_for_phrases(message) == pieces


def test_a_clean_piece_stays_as_it_is() -> None:
    for message in map(without_brackets, marked_messages()):
        assert clean_for_phrases(message) == [message]


# Drawing


def test_the_same_seed_draws_the_same_phrase() -> None:
    phrases = [f"the goblin {number}" for number in range(50)]
    draws = [pick_phrase(phrases, random.Random("bort/3")) for _ in range(5)]
    assert len(set(draws)) == 1
    assert draws[0] in phrases


def test_every_phrase_can_be_drawn() -> None:
    rng = random.Random(1)
    phrases = ["the cat", "a dog", "my goblin"]
    assert {pick_phrase(phrases, rng) for _ in range(100)} == set(phrases)


def test_an_avoided_phrase_is_not_drawn_however_it_is_written() -> None:
    phrases = ["The  Cat", "a dog"]
    draws = {pick_phrase(phrases, random.Random(seed), avoid=["the cat "]) for seed in range(20)}
    assert draws == {"a dog"}


@pytest.mark.parametrize("phrases", [[], [""], ["  \n"], ["!!!", "😂"], ["THE CAT"]])
def test_with_nothing_left_there_is_no_phrase(phrases: list[str]) -> None:
    assert pick_phrase(phrases, random.Random(0), avoid={"the cat"}) is None


def test_white_space_in_a_phrase_is_collapsed() -> None:
    assert pick_phrase([" the\n old  cat "], random.Random(0)) == "the old cat"


# BotConvo's choice


@given(phrases=st.lists(st.text("abc '", min_size=1), max_size=6), seed=st.integers(0, 2**32))
@settings(deadline=None)
def test_of_several_the_last_is_never_picked_and_one_alone_always(
    phrases: list[str], seed: int
) -> None:
    rng = random.Random(seed)
    fit = [
        tidy
        for tidy in (" ".join(phrase.split()) for phrase in phrases)
        if tidy and not any(word[0] == "'" or word[-1] == "'" for word in tidy.split())
    ]
    picked = pick_classic_phrase(phrases, "a whole other sentence", rng)
    if not fit:
        assert picked is None
    elif len(fit) == 1:
        assert picked == fit[0]
    else:
        assert picked in fit[:-1]


def test_all_but_the_last_come_up_alike() -> None:
    rng = random.Random(2)
    phrases = ["the cat", "my sofa", "a blue moon", "the last one"]
    drawn = Counter(pick_classic_phrase(phrases, "no such sentence", rng) for _ in range(900))
    assert set(drawn) == set(phrases[:-1])
    assert all(250 < count < 350 for count in drawn.values())


def test_a_phrase_that_is_the_whole_sentence_is_none() -> None:
    assert pick_classic_phrase(["my old cat"], "my old cat", random.Random(0)) is None
    assert pick_classic_phrase(["my old cat"], "my old cat.", random.Random(0)) == "my old cat"


@pytest.mark.parametrize("phrase", ["'s sword", "the dogs'", "’s sword", "rock 'n' roll"])
def test_a_phrase_with_half_a_contraction_is_none(phrase: str) -> None:
    assert pick_classic_phrase([phrase, "the cat", "x y"], "s", random.Random(0)) == "the cat"
    assert pick_classic_phrase([phrase], "s", random.Random(0)) is None


def test_a_phrase_with_a_whole_contraction_is_one() -> None:
    assert pick_classic_phrase(["bort's sword"], "s", random.Random(0)) == "bort's sword"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", ""),
        ("one sentence", "one sentence"),
        ("ok. this one is longer! no?", "this one is longer!"),
        ("first line\nthe second, longer line\r\nthird", "the second, longer line"),
        ("same size. size same.", "same size."),
        ("v1.2 is out... really  now", "v1.2 is out..."),
        ("look at https://example.org/a.b?c=d please", ""),
        ("look: https://e.org. but this is the longer sentence", "but this is the longer sentence"),
        ("an httpd is longer than all. ok", ""),
    ],
)
def test_the_longest_sentence_is_looked_at_and_none_that_links(text: str, sentence: str) -> None:
    assert classic_sentence(text) == sentence


def test_a_message_becomes_a_phrase_as_botconvo_did_it(bundled: PhrasePipeline) -> None:
    sentence = classic_sentence("lol. my old cat sleeps on the new sofa near a window!")
    found = bundled.noun_phrases(sentence)
    assert found == ("my old cat", "the new sofa", "a window")
    picked = {pick_classic_phrase(found, sentence, random.Random(n)) for n in range(40)}
    assert picked == {"my old cat", "the new sofa"}


# Choosing a pipeline


def test_the_bundled_pipeline_says_its_name_and_version(bundled: PhrasePipeline) -> None:
    assert re.fullmatch(r"botconvo_noun_phrases \d+\.\d+\.\d+ \(bundled\)", bundled.description)


@pytest.mark.skipif(is_package(PREFERRED_PACKAGE), reason=f"{PREFERRED_PACKAGE} is installed here")
def test_auto_is_the_bundled_pipeline_where_nothing_better_is_installed() -> None:
    assert load_pipeline().description.endswith("(bundled)")


def test_auto_prefers_the_installed_english_pipeline(site: Path) -> None:
    install_package(site, PREFERRED_PACKAGE)
    assert load_pipeline("auto").description == f"{PREFERRED_PACKAGE} 9.9.9"


def test_bundled_stays_bundled_whatever_is_installed(site: Path) -> None:
    install_package(site, PREFERRED_PACKAGE)
    assert load_pipeline("bundled").description.endswith("(bundled)")


def test_an_installed_package_is_loaded_by_its_name(site: Path) -> None:
    install_package(site, "de_botconvo_test")
    pipeline = load_pipeline("de_botconvo_test")
    assert pipeline.description == "de_botconvo_test 9.9.9"
    assert pipeline.noun_phrases("die Katze") == ("die Katze",)


def test_a_folder_is_loaded_by_its_path(tmp_path: Path) -> None:
    folder = a_saved_pipeline(tmp_path / "mine")
    pipeline = load_pipeline(folder)
    assert pipeline.description == f"en_friends 9.9.9 ({folder})"
    assert pipeline.noun_phrases("the goblin sword") == ("the goblin sword",)


def error_of(setting: str) -> str:
    """The one line that a person sees."""
    with pytest.raises(PhraseError) as caught:
        load_pipeline(setting)
    assert isinstance(caught.value, BotConvoError)
    line = str(caught.value)
    assert line.startswith("spacy_pipeline: ")
    assert "\n" not in line
    return line


def test_a_package_that_is_missing_is_an_error_with_the_command_that_installs_it() -> None:
    line = error_of("fr_core_news_sm")
    assert '"fr_core_news_sm" is not installed' in line
    assert "python -m spacy download fr_core_news_sm" in line


@pytest.mark.parametrize("setting", ["no/such/folder", "./nothing", "", "Bundled", "en core web"])
def test_a_setting_that_names_nothing_is_an_error(setting: str) -> None:
    assert f'"{setting}" is neither an installed spaCy package nor a folder' in error_of(setting)


def test_a_folder_without_a_pipeline_is_an_error(tmp_path: Path) -> None:
    assert f'"{tmp_path}" cannot be loaded' in error_of(str(tmp_path))


def test_a_package_that_is_no_pipeline_is_an_error() -> None:
    assert '"numpy" cannot be loaded' in error_of("numpy")


def test_a_pipeline_without_a_parser_is_an_error(tmp_path: Path) -> None:
    assert "has no parser" in error_of(a_saved_pipeline(tmp_path / "bare", parser=False))


def test_a_language_without_noun_phrase_rules_is_an_error(tmp_path: Path) -> None:
    assert 'the language "xx"' in error_of(a_saved_pipeline(tmp_path / "any", lang="xx"))


# Weight


def test_importing_the_module_does_not_load_spacy() -> None:
    code = "import sys, botconvo.phrases; sys.exit('spacy' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert done.returncode == 0


def test_a_pipeline_loads_without_torch_and_leaves_torch_to_others() -> None:
    code = """
import sys
from importlib.util import find_spec
from botconvo.phrases import load_pipeline
assert load_pipeline("bundled").noun_phrases("the goblin sword is gone")
assert "torch" not in sys.modules
assert find_spec("torch") is not None
"""
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == 0


def test_the_pipeline_folder_brings_its_licence_and_its_sources() -> None:
    folder = Path(sys.modules["botconvo.phrases"].__file__ or "").parent / "phrase_pipeline"
    assert "CC BY-SA 4.0" in (folder / "LICENSE").read_text(encoding="utf-8")
    attribution = (folder / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert "UD_English-EWT" in attribution
    assert "UD_English-GUM" in attribution
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    assert size < 4_000_000
