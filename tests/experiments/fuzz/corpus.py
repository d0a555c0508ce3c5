"""Inputs that nobody should give, the same in every run: files, configs, keys, folders, places.

An input is a function of a fresh folder, which writes what it needs there and returns the words of
a command. Numbers count the inputs of a kind: a number gives the same input whatever the others.
"""

import io
import random
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.config.experiment import ExperimentConfig
from experiments.config.keys import known_keys
from tests.experiments.fuzz.forged import COLUMNS, forged_run, forged_sweep
from tests.experiments.fuzz.odd import CELLS, TOML, damaged

QUICK = ("em.n_init=1", "em.n_bootstrap=0", "em.max_iter=5")
SETS = [part for setting in QUICK for part in ("--set", setting)]
KEYS = sorted(known_keys(ExperimentConfig))

CONFIG = """\
name = "odd"
seed = 1
n_components = 1
engines = ["em"]
[data]
source = "synthetic"
n_samples = 12
[data.truth]
weights = [1.0]
means = [[0.0, 1.0]]
covariances = [[[1.0, 0.2], [0.2, 1.0]]]
[em]
n_init = 1
n_bootstrap = 0
max_iter = 5
[bayes]
draws = 10
tune = 20
chains = 1
"""
SWEEP = """\
[sweep]
seeds = 2
[sweep.over]
"data.n_samples" = [12, 14]
"""


def table(n: int = 12) -> str:
    rng = np.random.default_rng(5)
    lines = [f"{a:.3f},{b:.3f},p{i}" for i, (a, b) in enumerate(rng.normal(size=(n, 2)))]
    return "\n".join(["length,width,name", *lines]) + "\n"


def fit(path: Path, rng: random.Random) -> list[str]:
    missing = rng.choice(["refuse", "refuse", "drop", "keep"])
    return [
        "fit",
        str(path),
        "-k",
        "1",
        "--engines",
        "em",
        "--missing",
        missing,
        "--out",
        "out",
        *SETS,
    ]


# Data files -------------------------------------------------------------------------------------


def text_file(rng: random.Random, folder: Path) -> list[str]:
    content = table()
    for _ in range(rng.randrange(1, 4)):
        lines = content.split("\n")
        row = rng.randrange(len(lines))
        parts = lines[row].split(",")
        place = rng.randrange(len(parts))
        deed = rng.randrange(7)
        if deed < 3:
            parts[place] = rng.choice(CELLS)
        elif deed == 3:
            parts.append(rng.choice(CELLS))
        elif deed == 4:
            del parts[place]
        elif deed == 5:
            parts = [rng.choice(CELLS)] * len(parts)
        lines[row] = ",".join(parts)
        content = "\n".join(lines[: row if deed == 6 else None])
    content = content.replace(",", rng.choice([",", ",", ";", "\t", " ", "|", ",,"]))
    raw = content.encode(rng.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16"]), "replace")
    if rng.random() < 0.3:
        raw = damaged(raw, rng)
    path = folder / f"rows{rng.choice(['.csv', '.csv', '.tsv', '.txt', '.CSV'])}"
    path.write_bytes(raw)
    return fit(path, rng)


ARRAYS = (
    lambda: np.arange(24.0).reshape(12, 2),
    lambda: np.zeros((0, 2)),
    lambda: np.zeros((3, 0)),
    lambda: np.zeros((12, 2)),
    lambda: np.arange(24).reshape(2, 12),
    lambda: np.arange(24).reshape(12, 2).astype("datetime64[D]"),
    lambda: np.arange(24).reshape(12, 2).astype("timedelta64[s]"),
    lambda: np.arange(24).reshape(12, 2) % 3 == 0,
    lambda: np.arange(24).reshape(12, 2) * (1 + 2j),
    lambda: np.arange(24).reshape(12, 2).astype(str),
    lambda: np.arange(24).reshape(12, 2).astype("S3"),
    lambda: np.arange(24, dtype=">f4").reshape(12, 2),
    lambda: np.asfortranarray(np.random.default_rng(1).normal(size=(12, 2))),
    lambda: np.full((12, 2), np.longdouble("1e400")),
    lambda: np.full((12, 2), np.nan),
    lambda: np.array([[1.0, 2.0]]),
    lambda: np.zeros(5),
    lambda: np.zeros((2, 2, 2)),
    lambda: np.float64(3.0),
    lambda: np.zeros(3, dtype=[("a", float), ("b", int)]),
    lambda: np.random.default_rng(1).normal(size=(12, 2)) * 1e300,
    lambda: np.random.default_rng(1).normal(size=(12, 2)) * 1e-160,
    lambda: np.random.default_rng(1).normal(size=(12, 2)).astype(np.float16),
)
HEADERS = (
    "{'descr': '<f8', 'fortran_order': False, 'shape': (-12, 2), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999, 99999999999), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (" + "9" * 400 + ", 2), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (True, 2), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (12.0, 2), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': [12, 2], }",
    "{'descr': '<f8', 'fortran_order': 'no', 'shape': (12, 2), }",
    "{'descr': '|O', 'fortran_order': False, 'shape': (12, 2), }",
    "{'descr': '<f16', 'fortran_order': False, 'shape': (6, 2), }",
    "{'descr': 'f99', 'fortran_order': False, 'shape': (12, 2), }",
    "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (12, 2), }",
    "{'descr': '<f8', 'shape': (12, 2), }",
    "(" * 4000 + ")" * 4000,
    "-" * 4000 + "1",
    "__import__('os').system('true')",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (12, 2), } + 1",
    "\x00" * 50,
    "{'descr': '<f8', 'fortran_order': False, 'shape': (12, 2), 'shape': (1,)}",
    "{" * 200,
)


def array_file(rng: random.Random, folder: Path) -> list[str]:
    if rng.random() < 0.4:
        header = (rng.choice(HEADERS) + "\n").encode("latin-1")
        raw = b"\x93NUMPY\x02\x00" + len(header).to_bytes(4, "little") + header + bytes(192)
    else:
        held = io.BytesIO()
        np.save(held, rng.choice(ARRAYS)())
        raw = held.getvalue()
        if rng.random() < 0.4:
            raw = damaged(raw[:140], rng) + raw[140:]
    path = folder / "rows.npy"
    path.write_bytes(raw)
    return fit(path, rng)


NAMES = (
    "a",
    "b",
    "",
    " ",
    "a\nb",
    "\x1b[31m",
    "<script>",
    "\u202ex",
    "n" * 500,
    "a.b",
    "1",
    "Unnamed: 0",
)


def parquet_file(rng: random.Random, folder: Path) -> list[str]:
    names = rng.sample(NAMES, rng.randrange(0, 4))
    frame = pd.DataFrame({name: rng.choice(COLUMNS) for name in names})
    held = io.BytesIO()
    frame.to_parquet(held)
    raw = held.getvalue()
    path = folder / "rows.parquet"
    path.write_bytes(damaged(raw, rng) if rng.random() < 0.3 else raw)
    return fit(path, rng)


# Configs and keys -------------------------------------------------------------------------------


def config_file(rng: random.Random, folder: Path) -> list[str]:
    text = CONFIG + (SWEEP if rng.random() < 0.3 else "")
    for _ in range(rng.randrange(1, 3)):
        lines = text.split("\n")
        row = rng.randrange(len(lines))
        key = lines[row].partition("=")[0].strip()
        lines[row] = rng.choice(
            [
                f"{key} = {rng.choice(TOML)}",
                "",
                lines[row] + "\n" + lines[row],
                f"[{key}]",
                f'"{rng.choice(CELLS)}" = 1',
            ]
        )
        text = "\n".join(lines)
    raw = text.encode("utf-8", "replace")
    path = folder / "odd.toml"
    path.write_bytes(damaged(raw, rng) if rng.random() < 0.3 else raw)
    command = rng.choice(["run", "run", "sweep"])
    workers = ["--workers", "0"] if command == "sweep" else []
    return [command, str(path), "--out", "out", *workers]


def setting(rng: random.Random, folder: Path) -> list[str]:
    path = folder / "odd.toml"
    command = rng.choice(["run", "run", "run", "sweep"])
    path.write_text(CONFIG + (SWEEP if command == "sweep" else ""))
    key = rng.choice(KEYS)
    if rng.random() < 0.1:
        key = rng.choice(
            [
                f"{key}.more",
                f"sweep.over.{key}",
                f"settings.{key}",
                key.upper(),
                "",
                ".",
                "a." * 2000 + "a",
                "\x1b",
                f"{key}.",
            ]
        )
    workers = ["--workers", "0"] if command == "sweep" else []
    return [command, str(path), "--out", "out", "--set", f"{key}={rng.choice(TOML)}", *workers]


WORDS = (
    "",
    "length",
    "em",
    "0",
    "-1",
    "1-",
    "-",
    "1-0",
    "1,1",
    "1-5,7",
    "99999999999",
    "1.5",
    "x",
    "\x1b[2J",
    "1-999999999",
    "²",
    "١",
    ",",
)


def option(rng: random.Random, folder: Path) -> list[str]:
    path = folder / "rows.csv"
    path.write_text(table())
    word = rng.choice(WORDS)
    more = rng.choice(
        [
            ["-k", word],
            ["-k", "1", "--seed", word],
            ["-k", "1", "--columns", word],
            ["-k", "1", "--engines", word],
            ["-k", "1", "--set", "data.path=a\x00b.csv"],
            ["-k", "1", "--set", f"data.columns={rng.choice(TOML)}"],
            ["-k", "1", "--set", f"data.test_fraction={rng.choice(TOML)}"],
            [
                "-k",
                "1",
                "--set",
                rng.choice(
                    [
                        "sweep.seeds=2",
                        "quick.seed=1",
                        "conclusion.kind=trend",
                        "bayes.draws=9",
                        "settings.em.tol=1",
                    ]
                ),
            ],
            ["-k", "1", f"--{word}"],
            [word],
        ]
    )
    return ["fit", str(path), *more, "--engines", "em", "--out", "out", *SETS]


def place(rng: random.Random, folder: Path) -> list[str]:
    (folder / "odd.toml").write_text(CONFIG + SWEEP)
    (folder / "file").write_text("precious")
    (folder / "taken").mkdir()
    (folder / "taken" / "thesis.tex").write_text("precious")
    (folder / "nowhere").symlink_to(folder / "gone")
    (folder / "empty").mkdir()
    (folder / "to-empty").symlink_to(folder / "empty")
    (folder / "round").symlink_to(folder / "round")
    out = rng.choice(
        [
            "file",
            "file/x",
            "taken",
            "nowhere",
            "nowhere/x",
            "to-empty",
            "round",
            "round/x",
            "/proc/x",
            "/proc",
            "/dev/null",
            "/dev/null/x",
            "n" * 252,
            "n" * 4000,
            "n/" * 3000,
            "",
            ".",
            "/",
            "\x1b[31m",
            "\udcff",
            "a\nb",
            "~",
            "odd.toml",
        ]
    )
    command = rng.choice(["run", "sweep", "sbc", "fit"])
    if command == "fit":
        (folder / "rows.csv").write_text(table())
        return ["fit", "rows.csv", "-k", "1", "--engines", "em", "--out", out, *SETS]
    if command == "run":
        (folder / "odd.toml").write_text(CONFIG)
    return [command, "odd.toml", "--out", out, *(["--workers", "0"] if command == "sweep" else [])]


def corpus(bases: dict[str, Path], size: int):
    """Yield the inputs, `size` of them, each with a name."""
    kinds = {
        "text": text_file,
        "array": array_file,
        "parquet": parquet_file,
        "config": config_file,
        "set": setting,
        "option": option,
        "place": place,
        "run": partial(forged_run, bases),
        "sweep": partial(forged_sweep, bases),
    }
    for number in range(size):
        kind = list(kinds)[number % len(kinds)]
        name = f"{kind} {number // len(kinds)}"
        yield name, partial(kinds[kind], random.Random(name))
