"""`gmm-compare bench`: speed, as ratios, and how often the verdict is right."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click

from experiments.cli.summaries import examples
from experiments.core.errors import UsageError

BENCHES = ("em", "bayes", "comparison", "scale")
# Those that keep their results where --out says.
KEEPING = ("verdict", "programs")


@click.command(
    "bench",
    epilog=examples(
        "gmm-compare bench em --quick      EM against scikit-learn",
        "gmm-compare bench em --device cuda  EM with rows on a GPU",
        "gmm-compare bench bayes           the samplers against the textbook model",
        "gmm-compare bench comparison      comparing two fits: seconds and memory",
        "gmm-compare bench scale           sweeps, data on disk, and a cost model",
        "gmm-compare bench verdict         planted situations, and what is said",
        "gmm-compare bench programs        one posterior by each program here",
    ),
)
@click.argument("what", type=click.Choice([*BENCHES, *KEEPING]))
@click.option("--quick", is_flag=True, help="Small sizes only, or fewer draws or situations.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Of the last two: a folder that keeps each result, to go on from.",
)
@click.option(
    "--device",
    help="Of em: a device of PyTorch, such as cuda, on which rows are fitted instead.",
)
def command(what: str, quick: bool, out: Path | None, device: str | None) -> int:
    """Measure speed: of fitting against other libraries, of comparing against the clock.

    Ratios come from one run on one machine; close other programs, or judge by the processor's
    seconds. The bench of the verdict plants situations instead, and counts what is said of them.
    That of the programs draws one posterior by each of them, and says whether they agree.
    """
    main = import_module(f"experiments.benchmarks.{what}").main
    if device is not None:
        if what != "em" or out is not None:
            raise UsageError(f"--device {device} is an option of bench em, without --out")
        raced: int = main(quick=quick, device=device)
        return raced
    if out is None:
        status: int = main(quick=quick)
        return status
    if what not in KEEPING:
        raise UsageError(
            f"--out with bench {what}: only bench {' and bench '.join(KEEPING)} keep their results"
        )
    kept: int = main(quick=quick, out=out)
    return kept
