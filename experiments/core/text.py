"""Text that comes from elsewhere, made safe to show on a terminal.

A terminal obeys some characters instead of showing them: a name in a data file could move the
cursor, change colours, or turn the order of letters round.
"""

from __future__ import annotations


def visible(text: str) -> str:
    r"""Write every character that is not printable as its escape: a tab as ``\t``."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def is_unicode(text: str) -> bool:
    """Whether a text can be written as UTF-8: halves of characters, as JSON may hold, cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def visible_lines(text: str) -> str:
    """Write every character that is not printable as its escape, line ends excepted."""
    return "\n".join(map(visible, text.split("\n")))


def in_one_line(text: str) -> str:
    """Write a name with single spaces for line ends and for what a terminal would obey."""
    shown = (character if character.isprintable() else " " for character in text)
    return " ".join("".join(shown).split())
