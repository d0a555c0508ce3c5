"""A structure of covariances chosen together with the number of components."""

from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from experiments.api.comparing import compare
from experiments.api.components import ComponentsComparison
from experiments.api.saved import read_run
from experiments.core.errors import UsageError
from experiments.report.structures import structure_blocks, structures_figure
from experiments.selection.structures import without
from experiments.terminal.structures import structure_lines
from experiments.values.structure_rows import rows_of, structure_cell, structure_legend
from experiments.values.structures import StructureChoice, StructureValue
from gmm_em import GaussianMixtureEM, Mixture
from gmm_em.covariance.registry import STRUCTURES

# Two round components of one size: spherical and tied are right, and diagonal is wasteful.
TRUTH = Mixture([0.5, 0.5], [[0.0, 0.0], [6.0, 0.0]], [np.diag([1.0, 1.0])] * 2)
SMALL = {"em": {"n_init": 3, "n_bootstrap": 4}, "engines": ("em",)}


@pytest.fixture(scope="module")
def X():
    return TRUTH.sample(250, 3)[0]


@pytest.fixture(scope="module")
def found(X) -> ComponentsComparison:
    return compare(X, range(1, 5), covariance_type=["full", "spherical", "diag"], seed=1, **SMALL)


def test_every_structure_is_fitted_with_every_number(found):
    structures = found.structures
    assert structures.covariance_types == ["full", "spherical", "diag"]
    models = [(value.covariance_type, value.n_components) for value in structures.values]
    assert models == [(kind, k) for kind in structures.covariance_types for k in (1, 2, 3, 4)]
    assert (structures.chosen, structures.chosen_components) == ("spherical", 2)
    best = min(value.bic for value in structures.values)
    for value in structures.values:
        assert value.worse_by == pytest.approx((value.bic - best) / 2)


def test_its_numbers_are_those_of_an_estimator(found, X):
    value = next(
        v for v in found.structures.values if (v.covariance_type, v.n_components) == ("full", 2)
    )
    model = GaussianMixtureEM(2, random_state=0).fit(X)
    assert value.bic == pytest.approx(model.bic(X), rel=1e-9)
    assert value.icl == pytest.approx(model.icl(X), rel=1e-6)
    assert value.aic == pytest.approx(model.aic(X), rel=1e-9)


def test_the_best_few_numbers_are_compared_with_the_chosen_structure(found):
    own = [v for v in found.structures.values if v.covariance_type == "spherical"]
    best = sorted(sorted(own, key=lambda v: v.bic)[:3], key=lambda v: v.n_components)
    assert found.structures.kept == [v.n_components for v in best] == found.n_components
    assert found.covariance_type == "spherical"
    assert found[2].covariance_type == "spherical"
    assert {c.covariance_type for c in found.comparisons.values()} == {"spherical"}
    assert found.chosen["bic"] == 2


def test_the_verdict_and_the_table_say_it(found):
    finding = next(f for f in found.verdict if f.id == "structure")
    assert finding.text.startswith("BIC chooses spherical covariances, with 2 components; the best")
    text = str(found)
    assert max(map(len, text.splitlines())) <= 80
    line = next(line for line in text.splitlines() if line.split()[:1] == ["spherical"])
    assert line.split()[2] == "*"


def test_a_run_directory_keeps_it_and_the_page_shows_it(found, tmp_path):
    folder = found.save(tmp_path / "run")
    assert read_run(folder).structures == found.structures
    page = (folder / "report.html").read_text()
    assert "Which structure of the covariances" in page
    assert "BIC of every structure" in page
    assert "this section could not be drawn" not in page


def structures(values):
    """A choice among made values (structure, number, how much worse)."""
    rows = [
        StructureValue(
            covariance_type=kind, n_components=k, n_parameters=3,
            log_likelihood=-1.0, aic=0.0, bic=2 * worse, icl=0.0, worse_by=worse,
        )
        for kind, k, worse in values
    ]  # fmt: skip
    kinds = list(dict.fromkeys(kind for kind, _, _ in values))
    numbers = sorted({k for _, k, _ in values})
    return StructureChoice(
        covariance_types=kinds, n_components=numbers, values=rows,
        chosen=kinds[0], chosen_components=2, kept=numbers,
    )  # fmt: skip


def cells(found):
    return {(v.covariance_type, v.n_components): structure_cell(v) for v in found.values}


def test_a_number_that_is_not_to_be_trusted_loses_its_star():
    """The star goes to the best that is left, and everything is measured from there."""
    full, tied = (9.0, 0.0, 2.0), (9.0, 5.0, 6.0)
    values = [("full", k, worse) for k, worse in enumerate(full, 1)]
    values += [("tied", k, worse) for k, worse in enumerate(tied, 1)]
    before = structures(values)
    assert cells(before)["full", 2] == "*"
    assert "?" not in structure_legend(before)
    found = without(before, {2: "EM did not converge"})
    assert cells(found) == {
        ("full", 1): "7.0",
        ("full", 2): "?",
        ("full", 3): "*",
        ("tied", 1): "7.0",
        ("tied", 2): "3.0",
        ("tied", 3): "4.0",
    }
    assert found.chosen_components == 3
    assert structure_legend(found).endswith("? is not to be trusted, and not chosen.")
    html = "".join(block.__html__() for block in structure_blocks(found))
    assert "(not trusted: EM did not converge)" in html
    assert html.count("(best)") == 1
    assert without(before, {}) == before


def test_a_structure_of_more_parameters_than_rows_is_not_chosen():
    """Strongly correlated rows, of which full covariances have by far the smallest BIC."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(30, 1)) + 0.01 * rng.normal(size=(30, 5))
    found = compare(X, [2], covariance_type=["full", "diag"], seed=1, **SMALL)
    full, diagonal = found.structures.values
    assert full.bic < diagonal.bic - 100
    assert full.reason == "there are fewer rows than parameters"
    assert cells(found.structures) == {("full", 2): "?", ("diag", 2): "*"}
    assert found.covariance_type == "diag"


def test_with_fewer_rows_than_parameters_no_structure_is_chosen():
    X = np.random.default_rng(2).normal(size=(30, 5))
    found = compare(X, [2], covariance_type=["full", "VVE"], seed=1, **SMALL)
    finding = next(f for f in found.verdict if f.id == "structure")
    assert finding.level == "warn"
    assert finding.text.startswith("BIC can choose no structure")
    assert "*" not in cells(found.structures).values()


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (["full", "round"], "covariance_type = 'round': allowed is full"),
        (["full", "full"], "each name once"),
        ([], "each name once"),
        (["tied", "full", "EEE"], "'tied' and 'EEE' are names of one structure"),
    ],
)
def test_structures_that_there_are_not_are_refused(X, kinds, message):
    with pytest.raises(UsageError, match=message):
        compare(X, [1, 2], covariance_type=kinds, **SMALL)


def test_of_one_number_the_structure_alone_is_chosen(X):
    found = compare(X, 2, covariance_type=["full", "tied"], **SMALL)
    assert found.structures.kept == [2]
    Console(width=80, quiet=True).print(found)


def every_structure(counts) -> StructureChoice:
    """All fourteen, with values that differ."""
    values = [
        StructureValue(
            covariance_type=kind,
            n_components=k,
            n_parameters=5,
            log_likelihood=-1e5,
            aic=1.0,
            bic=1.0,
            icl=1.0,
            worse_by=1234.5 * (place + k - counts[0]),
        )
        for place, kind in enumerate(STRUCTURES)
        for k in counts
    ]
    return StructureChoice(
        covariance_types=list(STRUCTURES),
        n_components=counts,
        values=values,
        chosen="full",
        chosen_components=counts[0],
        kept=counts[:1],
    )


@pytest.mark.parametrize("counts", [[1, 2], list(range(1, 10))])
def test_fourteen_structures_are_told_apart_and_fit_a_terminal(counts):
    found = every_structure(counts)
    figure = structures_figure(found)
    assert [line.name for line in figure.data] == list(STRUCTURES)
    assert len({(line.marker.symbol, line.line.color) for line in figure.data}) == 14
    console = Console(width=80, file=StringIO())
    console.print(*structure_lines(found), sep="\n")
    text = console.file.getvalue()
    assert "…" not in text
    said = [line.split() for line in text.splitlines()]
    for kind, values in rows_of(found):
        parts = [part for line in said if line[:1] == [kind] for part in line[1:]]
        assert parts == [structure_cell(value) for value in values]


def test_with_one_feature_there_are_two_structures(X):
    found = compare(X[:, :1], [1, 2], covariance_type="all", seed=1, **SMALL)
    assert found.structures.covariance_types == ["full", "tied"]
    said = next(f for f in found.verdict if f.id == "structure").text
    assert said.endswith("With one feature the 14 names are two structures: full and tied.")
    alone = compare(X[:, :1], [1, 2], covariance_type=["EEV", "EII"], seed=1, **SMALL)
    assert (alone.structures.covariance_types, alone[2].covariance_type) == (["EEV"], "EEV")
    said = next(f for f in alone.verdict if f.id == "structure").text
    assert said.endswith("With one feature the 2 names are one structure: EEV.")
