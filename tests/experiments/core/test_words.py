import pytest

from experiments.core.words import in_one_sentence, listed


@pytest.mark.parametrize(
    ("words", "text", "sentence"),
    [
        ([], "", ""),
        (["a"], "a", "a"),
        (["a", "b"], "a and b", "a, and b"),
        (["a", "b", "c"], "a, b and c", "a, b, and c"),
    ],
)
def test_words_and_clauses_are_joined(words, text, sentence):
    assert listed(words) == text
    assert in_one_sentence(words) == sentence
