"""Sizes beyond which something is computed on demand, not kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


MAX_POINTWISE = 50_000_000
