"""Folders of runs and sweeps of which one file is changed, damaged, exchanged or gone."""

import json
import random
import shutil
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd

from tests.experiments.fuzz.odd import changed, damaged

NUMBERS = np.random.default_rng(2).normal(size=12)
COLUMNS = (
    NUMBERS,
    NUMBERS * 1e200,
    np.arange(12),
    np.zeros(12),
    pd.date_range("2020-01-01", periods=12),
    pd.to_timedelta(np.arange(12), unit="h"),
    np.arange(12) % 2 == 0,
    pd.Categorical(["a", "b", "c"] * 4),
    [Decimal("1.5")] * 12,
    [[1.0, 2.0]] * 12,
    [{"a": 1}] * 12,
    [None] * 12,
    pd.array([1, None] * 6, dtype="Int64"),
    pd.array([1.5, None] * 6, dtype="Float64"),
    pd.array([True, None] * 6, dtype="boolean"),
    ["1.5"] * 11 + ["x"],
    [b"\xff\x00"] * 12,
    np.where(np.arange(12) == 3, np.inf, NUMBERS),
    np.arange(12, dtype=np.uint64) + 2**63,
)


def forged(folder: Path, base: Path, rng: random.Random, names: list[str]) -> Path:
    """A copy of a good folder of which one file is changed, damaged, exchanged or gone."""
    copy = Path(shutil.copytree(base, folder / "forged"))
    file = copy / rng.choice(names)
    deed = rng.randrange(10)
    if file.suffix == ".json" and deed < 6:
        file.write_text(json.dumps(changed(json.loads(file.read_text()), rng)))
    elif deed == 6:
        file.unlink()
    elif deed == 7:
        file.unlink()
        file.mkdir()
    elif deed == 8:
        file.write_bytes((copy / rng.choice(names)).read_bytes())
    else:
        file.write_bytes(damaged(file.read_bytes(), rng))
    return copy


def forged_run(bases: dict[str, Path], rng: random.Random, folder: Path) -> list[str]:
    base = bases[rng.choice(["run", "run", "choice"])]
    names = [str(path.relative_to(base)) for path in sorted(base.rglob("*.json"))]
    names += ["config.toml"] if (base / "config.toml").is_file() else []
    # Most of what is read is in the comparison.
    names += [name for name in names if name.endswith("comparison.json")] * 3
    return ["report", str(forged(folder, base, rng, names))]


def forged_sweep(bases: dict[str, Path], rng: random.Random, folder: Path) -> list[str]:
    base = bases["sweep"]
    names = [str(path.relative_to(base)) for path in sorted(base.rglob("*.json"))]
    copy = forged(
        folder, base, rng, [*names, "sweep.json", "sweep.json", "config.toml", "results.parquet"]
    )
    if rng.random() < 0.5:
        if (copy / "results.parquet").is_file():
            (copy / "results.parquet").unlink()
    elif rng.random() < 0.3 and (copy / "results.parquet").is_file():
        frame = pd.DataFrame(
            {name: rng.choice(COLUMNS[:8]) for name in ("cell", "status", "point")}
        )
        frame.to_parquet(copy / "results.parquet")
    return rng.choice(
        [
            ["results", str(copy)],
            ["results", str(copy), "--csv"],
            ["results", str(copy), "--columns"],
            ["report", str(copy)],
            ["sweep", str(bases["config"]), "--out", str(copy), "--workers", "0"],
        ]
    )
