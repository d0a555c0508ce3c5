"""`gmm-compare fit`: the user's own table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from experiments import config
from experiments.cli.completers import complete_engines, complete_override, complete_structures
from experiments.cli.show_run import run_and_show, show_dry_run
from experiments.cli.summaries import examples
from experiments.core.errors import UsageError

RANGE = re.compile(r"\s*(\d{1,9})\s*-\s*(\d{1,9})\s*")
LIST = re.compile(r"\s*-?\d{1,9}\s*(,\s*-?\d{1,9}\s*)*")
MAX_NUMBERS = 100


@click.command(
    "fit",
    epilog=examples(
        "gmm-compare fit mydata.csv -k 3",
        "gmm-compare fit mydata.csv -k 3 --columns length,width --seed 7",
        "gmm-compare fit mydata.csv -k 3 --label-column species",
        "gmm-compare fit mydata.csv -k 1-6",
        "gmm-compare fit mydata.csv -k 1-6 --covariance all --engines em",
        "gmm-compare fit mydata.csv -k 1-6 --covariance full,tied,diag,spherical",
        "gmm-compare fit mydata.csv -k 1-6 --dry-run",
        "gmm-compare fit mydata.csv -k auto",
        "gmm-compare fit large.parquet -k 3 --full",
        "gmm-compare fit mydata.csv -k 3 --missing drop",
        "gmm-compare fit mydata.csv -k 3 --engines em,bayes,sklearn",
        "gmm-compare fit mydata.csv -k 3 --set bayes.draws=4000",
        "gmm-compare fit mydata.parquet -k 2 --json > comparison.json",
    ),
)
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "-k",
    "--components",
    required=True,
    metavar="K",
    help="Number of components: 3, several to choose from, 1-6 or 2,4,8, or auto to "
    "draw it from its posterior.",
)
@click.option(
    "--columns",
    metavar="A,B",
    help="Names of the columns to use.  [default: every column of numbers]",
)
@click.option(
    "--covariance",
    metavar="A,B",
    shell_complete=complete_structures,
    help="What covariances leave free, by a name of scikit-learn or mclust; of several, or of "
    '"all", EM\'s BIC chooses one together with the number of components.  [default: full]',
)
@click.option(
    "--label-column",
    metavar="NAME",
    help="A column of known classes: it is not fitted, and the clusters are compared with it.",
)
@click.option(
    "--missing",
    type=click.Choice(["refuse", "drop", "keep"]),
    default="refuse",
    show_default=True,
    help="What to do with missing values: say so and stop, leave out the rows that have one, or "
    "fit what was observed, which EM and the posterior can.",
)
@click.option(
    "--engines",
    metavar="A,B",
    shell_complete=complete_engines,
    help="What to fit and compare.  [default: em,bayes; with -k auto: em,bayes-auto]",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the whole run.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Run directory.  [default: runs/NAME-kK]"
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=complete_override,
    help="Override any key of a config, for example em.n_init=50; may be repeated.",
)
@click.option(
    "--full",
    is_flag=True,
    help="Treat rows in full however many they are: the usual draws and bootstrap, and every row "
    "in leave-one-out. Without it the answer says what the size of the data has changed.",
)
@click.option(
    "--dry-run", is_flag=True, help="Show data, engines and about how long it takes; run nothing."
)
@click.option("--json", "as_json", is_flag=True, help="Print comparison.json instead of the table.")
def command(  # noqa: PLR0913 - click hands over each option as a parameter
    data: Path,
    components: str,
    columns: str | None,
    label_column: str | None,
    missing: str,
    engines: str | None,
    covariance: str | None,
    seed: int,
    out: Path | None,
    overrides: tuple[str, ...],
    full: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Fit your own table: a CSV or Parquet file, or a .npy array.

    A text file (.csv, .tsv, .txt) has a header line; its separator (comma, semicolon, tab, | or
    spaces) and a decimal comma are told from it. Every column of numbers is used unless --columns
    names some; the answer says which were, and which were left out.

    Of one number of components the answer is a table of estimates with their uncertainties, then
    the verdict: whether EM and the posterior agree, and which to believe. Of several it is a table
    of criteria (BIC, ICL, LOO, marginal likelihood), and what each of them chooses. With -k auto
    the number is drawn from its posterior; the probable ones are fitted, and the criteria are set
    beside it.
    """
    table: dict[str, Any] = {"source": "file", "path": _absolute(data), "missing": missing}
    if columns is not None:
        table["columns"] = _names(columns)
    if label_column is not None:
        table["label_column"] = label_column
    values: dict[str, Any] = {
        "name": config.safe_name(f"{data.stem}-k{components}"),
        "seed": seed,
        "full": full,
        "n_components": _numbers(components),
        "data": table,
    }
    if engines is not None:
        values["engines"] = _names(engines)
    if covariance is not None:
        names = _names(covariance)
        values["covariance_type"] = names[0] if len(names) == 1 else names
    for override in overrides:
        config.apply_override(values, override)
    experiment = config.parse_config(values, "gmm-compare fit")
    config.refuse_ignored("fit", overrides, experiment, config.OF_A_SWEEP)
    if dry_run:
        show_dry_run(experiment)
        return
    run_and_show(experiment, out or Path("runs") / experiment.name, as_json)


def _numbers(text: str) -> int | list[int] | str:
    """Read one number, several (a range with both ends, or a list), or the word auto."""
    if text.strip() == "auto":
        return "auto"
    if found := RANGE.fullmatch(text):
        first, last = map(int, found.groups())
        if first <= last < first + MAX_NUMBERS:
            return list(range(first, last + 1))
    elif LIST.fullmatch(text):
        numbers = [int(part) for part in text.split(",")]
        return numbers[0] if len(numbers) == 1 else numbers
    raise UsageError(
        f"--components {text}: allowed is a number, a range or a list, such as 3, 1-6 or 2,4,8 "
        f"(a range of at most {MAX_NUMBERS}), or auto"
    )


def _absolute(data: Path) -> str:
    """Return the path as the run's config will hold it, which is UTF-8."""
    path = str(data.resolve())
    try:
        path.encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"{path}: the file's name is not UTF-8, in which the run's config is written, allowed "
            "is one that is: rename the file, or link to it"
        ) from None
    return path


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]
