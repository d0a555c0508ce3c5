"""The sign before a finding of each level, in a terminal and in a notebook."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.values.comparison import Level

MARKS: Mapping[Level, str] = {"ok": "✓", "warn": "!", "fail": "✗"}
