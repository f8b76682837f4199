"""The page is whole in itself, escapes what people wrote, and the data says the same."""

import json
import re
from pathlib import Path

from evaluation.findings import a_clone, a_matrix, a_report

from botconvo.evaluation.advice import judged
from botconvo.evaluation.page import page_of
from botconvo.evaluation.plots import COLOURS
from botconvo.evaluation.report import Example, as_json

DOCUMENT = Path(__file__).parents[2] / "docs" / "evaluation.md"


def whole() -> str:
    return page_of(a_report(judged(a_clone(), a_matrix()), matrix=a_matrix()))


def test_nothing_comes_from_elsewhere() -> None:
    page = whole()
    assert not re.search(r"<(script|link|img|iframe|object)\b", page)
    found = re.findall(r"https?://[^\s\"'<]+", page)
    assert all(address.startswith("http://www.w3.org/") for address in found)  # namespaces
    assert "url(" not in re.sub(r"url\(#[^)]*\)", "", page)


def test_plots_take_their_colours_from_the_page() -> None:
    page = whole()
    assert "var(--clone)" in page
    assert not any(colour in page for colour in COLOURS.values())


def test_what_people_wrote_is_no_markup() -> None:
    bad = "<script>alert(1)</script>"
    example = Example(before=bad, real=bad, clone=bad)
    clone = judged(a_clone("<b>ort", examples=(example,), notes=(bad,)), a_matrix())
    page = page_of(a_report(clone))
    assert "<script" not in page
    assert "<b>ort" not in page
    assert "&lt;script&gt;" in page


def test_every_id_is_there_once() -> None:
    ids = re.findall(r'\bid="([^"]+)"', whole())
    assert len(ids) == len(set(ids))


def test_the_headline_shows_as_many_dots_as_bundles() -> None:
    page = whole()
    row = re.search(r'<div class="row clone">.*?</div>', page, re.DOTALL)
    assert row is not None
    assert row[0].count("dot on") == 12  # 0.6 of 20


def test_a_clone_of_which_little_could_be_measured_has_a_page() -> None:
    bare = a_clone(attribution=(), two_sample={}, mauve={}, ranking={}, habits={}, variety={})
    assert "Not measured" in page_of(a_report(judged(bare, None)))


def test_the_data_is_plain_and_each_of_its_keys_is_documented() -> None:
    data = as_json(a_report(judged(a_clone(), a_matrix()), matrix=a_matrix()))
    assert json.loads(json.dumps(data)) == data
    assert (data["format"], data["version"]) == ("botconvo-evaluation", 1)
    document = DOCUMENT.read_text(encoding="utf-8")
    for key in (*data, *data["clones"][0]):
        assert f"`{key}`" in document, key
