import pytest

from experiments.core.text import in_one_line, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("waiting time, s", "waiting time, s"),
        ("größe 长度", "größe 长度"),
        ("a\tb\nc", r"a\tb\nc"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("abc\u202edcba", r"abc\u202edcba"),
        ("\x9b2J", r"\x9b2J"),
        ("broken \udcff", r"broken \udcff"),
    ],
)
def test_what_a_terminal_would_obey_is_written_as_an_escape(text, shown):
    assert visible(text) == shown
    assert visible(text).isprintable()


def test_a_name_is_brought_into_one_line():
    assert in_one_line(" flipper \r\n length\x07 ") == "flipper length"
    assert in_one_line("mass") == "mass"
