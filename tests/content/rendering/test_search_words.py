"""The words of a query, and those words marked in results."""

import pytest

from content.rendering import QueryWords, fold_accents, make_snippet, mark_words, normalise_query, split_words


def parse(text: str) -> QueryWords:
    return QueryWords.of(split_words(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Moss  and FERN", ("moss", "and", "fern")),
        ("moss moss", ("moss",)),
        ('"moss" AND -fern*', ("moss", "and", "fern")),
        ("e\u0301te\u0301", ("été",)),
        ("हिन्दी 漢字", ("हिन्दी", "漢字")),
        ("\x00\ud800\U0001f642!", ()),
        ("x" * 10_000, ("x" * 200,)),
        ("a b c d e f g h i j", tuple("abcdefgh")),
    ],
)
def test_a_query_is_its_words_and_bounded(text, words):
    assert split_words(text) == words
    assert normalise_query(normalise_query(text)) == normalise_query(text) == " ".join(words)


def test_accents_are_folded_on_latin_letters_alone():
    assert fold_accents("Crème brûlée ñ Ệ") == "Creme brulee n E"
    assert fold_accents("й हिन्दी ガ") == "й हिन्दी ガ"


@pytest.mark.parametrize(
    ("query", "text", "html"),
    [
        ("moss", "Moss, mosses & <b>moss</b>", "<mark>Moss</mark>, <mark>mosses</mark> &amp; "
         "&lt;b&gt;<mark>moss</mark>&lt;/b&gt;"),
        ("running", "We run, ran and were running", "We <mark>run</mark>, ran and were <mark>running</mark>"),
        ("happiness", "A happy end", "A <mark>happy</mark> end"),
        ("cafe", "Le Café", "Le <mark>Café</mark>"),
        ("gar", "a garden, a gap", "a <mark>garden</mark>, a gap"),
        ("mark", "<mark>", "&lt;<mark>mark</mark>&gt;"),
        ("", "Moss", "Moss"),
    ],
)  # fmt: skip
def test_words_are_marked_and_all_else_is_escaped(query, text, html):
    assert mark_words(text, parse(query)) == html


def test_a_snippet_is_where_most_of_the_words_are():
    text = "Moss. " + "Nothing to see. " * 60 + "Here moss meets fern. " + "Nothing to see. " * 60
    shown = make_snippet(text, parse("moss fern"))
    assert "<mark>moss</mark> meets <mark>fern</mark>" in shown
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert len(shown) < 320


def test_a_snippet_from_the_beginning_has_no_dots_before_it():
    assert make_snippet("Moss is green.", parse("moss")) == "<mark>Moss</mark> is green."


def test_without_a_word_there_is_no_snippet():
    assert make_snippet("Nothing", parse("moss")) == ""
