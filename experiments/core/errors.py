"""The caller's mistakes, told in one sentence."""

from __future__ import annotations


class UsageError(ValueError):
    """Something the caller can put right: a config, a data file, a folder.

    The message is one line that names the file and the key, what was found and what is allowed.
    The command line prints it and exits with status 2.
    """


class FitError(UsageError):
    """An engine cannot fit these data, though it was asked correctly: other settings may do."""
