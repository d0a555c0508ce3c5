"""The comparison of what a page shows with what it prints can tell a difference."""

import pytest

from tests.pages import Reader, differences, same, steps

PAGE = """
```console
$ ls            # nothing yet
$ make demo
```

```toml
# mine.toml
name = "mine"
```

```python
print(1 + 1)
```

```text
2
```

```console
$ ls
mine.toml
```
"""


def test_a_page_is_followed_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    reader = Reader()
    reader.follow(PAGE)
    assert [step.kind for step in steps(PAGE)] == ["command"] * 2 + ["file", "python", "command"]
    assert differences(reader) == []
    wrong = Reader()
    wrong.follow(PAGE.replace("\n2\n", "\n3\n"))
    assert len(differences(wrong)) == 1


@pytest.mark.parametrize(
    ("expected", "printed", "alike"),
    [
        ("a b", "a  b\n", True),
        ("a b", "a b c", False),
        ("a ... c", "a b b c", True),
        ("a ...", "a b c", True),
        ("a ... d", "a b c", False),
        ("... c", "a b c", True),
        ("... b", "a b c", False),
        ("2.92 ± 0.11", "2.94 ± 0.12", True),
        ("2.92 ± 0.11", "3.02 ± 0.11", False),
        ("-15 ± 57", "-21 ± 52", True),
        ("-15 ± 57", "-21 ± 90", False),
        ("-15 ± 57", "15 ± 57", False),
        ("2.92", "3.92", False),
        ("at least 1682 effective", "at least 1500 effective", True),
        ("x1 10", "x1 11", False),
        ("R-hat 1.004.", "R-hat 1.003.", True),
        ("15 of 15", "14 of 15", False),
        ("Clusters: 9 of 80 rows", "Clusters: 12 of\n80 rows", True),
        ("Clusters: 9 of 80 rows", "Clusters: 13 of 80 rows", False),
        ("Clusters: 1 of 80 rows is uncertain", "Clusters: 2 of 80 rows are uncertain", True),
        ("the engines agree on all.", "the engines\ndisagree on 2.", True),
        ("the engines agree on all.", "the engines disagree on 4.", False),
        ("5 (EM) and 5, 9 and 15 (posterior)", "5 (EM) and 5, 10 and 15 (posterior)", True),
        ("5 (EM) and 5, 9 and 15 (posterior)", "5 (EM) and 5, 9 and 19 (posterior)", False),
    ],
)
def test_words_are_compared_up_to_noise(expected, printed, alike):
    assert same(expected, printed) is alike


def test_a_command_that_is_not_ours_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError, match="not a command"):
        Reader().follow("```console\n$ curl example.org\n```\n")
