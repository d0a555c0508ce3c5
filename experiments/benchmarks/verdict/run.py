"""Plants every situation, and prints what the verdict said of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.benchmarks.verdict import caught, healthy, programs, reported, rows
from experiments.benchmarks.verdict.situation import LEVELS, Situation
from experiments.core.files import refuse_unwritable, replacing
from gmm_em.fitting.maxima import Unseen

N_SEEDS = 5
BELIEFS = ("both", "em", "posterior", "neither")


def situations() -> list[Situation]:
    """Return all planted situations."""
    return [
        *healthy.situations(),
        *caught.situations(),
        *reported.situations(),
        *rows.situations(),
        *programs.situations(),
    ]


def first_of_each_kind() -> list[Situation]:
    """Return one situation of each kind."""
    found: dict[str, Situation] = {}
    for one in situations():
        found.setdefault(one.kind, one)
    return list(found.values())


def main(quick: bool = False, out: Path | None = None) -> int:
    """Print the tables.

    Parameters
    ----------
    quick : bool, default False
        One situation of each kind, and one seed, instead of all with five.
    out : Path, optional
        A folder that keeps each result, from which an interrupted bench goes on.

    Returns
    -------
    int
        1 where a situation that demands a warning got none, or a headline was wrong in more than
        one of twenty; else 0.
    """
    planted = first_of_each_kind() if quick else situations()
    seeds = range(1 if quick else N_SEEDS)
    if out is not None:
        refuse_unwritable(out, "the results of the bench")
        out.mkdir(parents=True, exist_ok=True)
    kinds = len({one.kind for one in planted})
    print(f"{len(planted)} situations of {kinds} kinds, seeds: {len(seeds)}", flush=True)
    found = [result_of(one, seed, out) for seed in seeds for one in planted]
    for line in report(found):
        print(line)
    greens = [one for one in found if one["false_green"]]
    wrong = [one for one in found if not one["right"]]
    return int(bool(greens) or 20 * len(wrong) > len(found))


def result_of(situation: Situation, seed: int, out: Path | None = None) -> dict[str, Any]:
    """Plant one situation, or read what was found when it was planted before."""
    file = None
    if out is not None:
        name = "".join(c if c.isalnum() else "-" for c in f"{situation.kind} {situation.name}")
        file = out / f"{name}.{seed}.json"
        if file.exists():
            stored: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            return stored
    found = {**situation.judge(situation.compare(seed)), "seed": seed}
    if file is not None:
        with replacing(file) as scratch:
            scratch.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found


def report(found: Sequence[dict[str, Any]]) -> list[str]:
    """Return the tables, line by line."""
    return [
        *_levels(found),
        *_beliefs(found),
        *_rates(found),
        *_what_went_wrong(found),
    ]


def _levels(found: Sequence[dict[str, Any]]) -> list[str]:
    """Count what was demanded against what was found."""
    counts = Counter((one["demands"], one["found"]) for one in found)
    lines = ["", f"{'demanded':<12}" + "".join(f"{f'found {level}':>12}" for level in LEVELS)]
    return lines + [
        f"{demanded:<12}" + "".join(f"{counts[demanded, level]:>12}" for level in LEVELS)
        for demanded in LEVELS
    ]


def _beliefs(found: Sequence[dict[str, Any]]) -> list[str]:
    """Count answers by kind, with how many were right."""
    lines = ["", f"{'kind':<26}" + "".join(f"{b:>10}" for b in BELIEFS) + f"{'right':>12}"]
    for kind in dict.fromkeys(one["kind"] for one in found):
        of_kind = [one for one in found if one["kind"] == kind]
        counts = Counter(one["believed"] for one in of_kind)
        right = f"{sum(one['right'] for one in of_kind)} of {len(of_kind)}"
        lines.append(f"{kind:<26}" + "".join(f"{counts[b]:>10}" for b in BELIEFS) + f"{right:>12}")
    return lines


def _rates(found: Sequence[dict[str, Any]]) -> list[str]:
    """Say how often healthy runs raised an alarm, with the upper end of a 95 % interval."""
    healthy_runs = [one for one in found if one["demands"] == "ok"]
    lines = [""]
    for level, least in (("✗", 2), ("! or ✗", 1)):
        count = sum(LEVELS.index(one["found"]) >= least for one in healthy_runs)
        if healthy_runs:
            upper = Unseen.of(len(healthy_runs), count).upper
            lines.append(
                f"healthy runs with a {level}: {count} of {len(healthy_runs)} (at most {upper:.1%})"
            )
    greens = sum(one["false_green"] for one in found)
    mild = sum(one["too_mild"] for one in found)
    right = sum(one["right"] for one in found)
    return [
        *lines,
        f"false greens: {greens}; milder than demanded: {mild}; "
        f"headlines right: {right} of {len(found)}",
    ]


def _what_went_wrong(found: Sequence[dict[str, Any]]) -> list[str]:
    """Name each run in which something was wrong."""
    lines = [""]
    for one in found:
        wrong = [
            *(["false green"] if one["false_green"] else []),
            *(["too mild"] if one["too_mild"] and not one["false_green"] else []),
            *([f"not said: {', '.join(one['missing'])}"] if one["missing"] else []),
            *([f"said: {', '.join(one['wrongly_good'])}"] if one["wrongly_good"] else []),
            *([] if one["right"] else [f"believes {one['believed']} ({one['reason']})"]),
            *([f"alarm: {', '.join(one['bad'])}"] if one["demands"] == "ok" and one["bad"] else []),
        ]
        if wrong:
            lines.append(f"{one['kind']}, {one['name']}, seed {one['seed']}: {'; '.join(wrong)}")
    return lines
