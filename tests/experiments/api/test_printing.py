"""What Python shows of a comparison."""

import io

import pytest
from rich.console import Console

from tests.experiments.pairs import made_pair


@pytest.fixture
def comparison(rng):
    return made_pair(rng, ("estimate", "draws"))


def printed(comparison):
    stream = io.StringIO()
    Console(width=80, file=stream).print(comparison)
    return stream.getvalue()


def test_printing_shows_the_table_and_the_verdict_and_the_repr_is_short(comparison):
    text = str(comparison)
    assert text.split() == printed(comparison).split()
    for finding in comparison.verdict:
        assert " ".join(finding.text.split()) in " ".join(text.split())
    assert [line for line in text.splitlines() if line != line.rstrip()] == []
    assert len(repr(comparison)) < 4000
    data = comparison.dataset
    assert repr(comparison) == (
        f"<Comparison '{comparison.experiment}': {data.n_samples} × {data.n_features}, "
        f"K = {comparison.n_components}, engines {', '.join(comparison.engines)}, "
        f"{len(comparison.verdict)} findings>"
    )


def test_dir_shows_what_is_for_people(comparison):
    names = dir(comparison)
    assert {"verdict", "table", "assignments", "labels", "report", "plot_data"} <= {*names}
    assert not [name for name in names if name.startswith(("_", "model_"))]
    assert not {"construct", "json", "parse_obj", "copy"} & {*names}
    assert all(hasattr(comparison, name) for name in names)
