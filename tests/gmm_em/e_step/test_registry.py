import dask.array as da
import numpy as np
import pytest

from gmm_em import fit_em
from gmm_em.covariance.registry import STRUCTURES
from gmm_em.e_step.blocked import BlockedEStep
from gmm_em.e_step.dask_chunks import ChunkEStep
from gmm_em.e_step.missing import MissingEStep
from gmm_em.e_step.registry import Reading, open_rows, open_stream
from gmm_em.e_step.streaming import StreamedEStep
from gmm_em.rows.samples import Parameters


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(size=(700, 2)), rng.normal(size=(500, 2)) * 3.0 + 5.0])


def reading(**options):
    kind = options.pop("kind", "full")
    return Reading(2, STRUCTURES[kind], options.pop("sample_rows", 600), **options)


def in_inner_units(opened, mixture):
    return Parameters(*opened.samples.inner(mixture))


def test_the_first_reader_that_reads_the_rows_opens_them(rows):
    chunked = da.from_array(rows, (300, 2))
    few = da.from_array(rows[:100], (50, 2))
    holes = rows.copy()
    holes[::7, 1] = np.nan
    weight = np.ones(len(rows))
    for X, sample_weight, options, kind in [
        (rows, None, {}, BlockedEStep),
        (rows.astype(np.float32), weight, {}, BlockedEStep),
        (chunked, None, {}, ChunkEStep),
        (chunked, weight, {}, BlockedEStep),
        (few, None, {}, BlockedEStep),
        (holes, None, {"missing": True}, MissingEStep),
        (holes, weight, {"missing": True}, MissingEStep),
    ]:
        opened = open_rows(X, sample_weight, reading(**options))
        assert type(opened.estep) is kind
        assert opened.n_rows == len(X)
    samples = open_rows(rows, None, reading()).samples
    stream = open_stream([rows[:500], rows[500:]], samples, len(rows), reading())
    assert type(stream.estep) is StreamedEStep


@pytest.mark.parametrize("kind", sorted(STRUCTURES))
def test_however_rows_are_stored_the_answers_are_the_same(rows, kind):
    """In the data's own units, to 1e-10: log-likelihood, counts, means and support."""
    mixture = fit_em(rows, 2, covariance_type=kind, random_state=0, n_init=4).mixture
    asked = reading(kind=kind)
    plain = open_rows(rows, None, asked)
    others = [
        open_rows(da.from_array(rows, (300, 2)), None, asked),
        open_rows(rows, None, reading(kind=kind, missing=True)),
        open_rows(rows, np.ones(len(rows)), asked),
        open_stream([rows[:500], rows[500:]], plain.samples, len(rows), asked),
    ]
    expected = mixture.log_likelihood(rows)
    counts = mixture.responsibilities(rows).sum(axis=0)
    squares = (mixture.responsibilities(rows) ** 2).sum(axis=0)
    for opened in [plain, *others]:
        parameters = in_inner_units(opened, mixture)
        totals = opened.estep.expect(parameters)
        assert totals.log_likelihood - opened.log_jacobian == pytest.approx(expected, rel=1e-10)
        np.testing.assert_allclose(totals.counts, counts, rtol=1e-10)
        np.testing.assert_allclose(opened.estep.support(parameters), counts**2 / squares)
        means = totals.origin + totals.first / totals.counts[:, None]
        means = means * opened.samples.scale + opened.samples.centre
        R = mixture.responsibilities(rows)
        np.testing.assert_allclose(means, (R.T @ rows) / counts[:, None], rtol=1e-8)


def test_the_density_of_rows_with_holes_is_that_of_the_observed_values(rows):
    mixture = fit_em(rows, 2, random_state=0, n_init=4).mixture
    holes = rows.copy()
    holes[:600, 1] = np.nan
    opened = open_rows(holes, None, reading(missing=True))
    totals = opened.estep.expect(in_inner_units(opened, mixture))
    first = type(mixture)(mixture.weights, mixture.means[:, :1], mixture.covariances[:, :1, :1])
    expected = first.log_likelihood(rows[:600, :1]) + mixture.log_likelihood(rows[600:])
    assert totals.log_likelihood - opened.log_jacobian == pytest.approx(expected, rel=1e-10)


def test_a_bad_value_is_found_before_the_first_e_step(rows):
    bad = rows.copy()
    bad[900, 1] = np.inf
    for X in (bad, da.from_array(bad, (300, 2))):
        with pytest.raises(ValueError, match=r"infinity \(row 900, column 1\)"):
            open_rows(X, None, reading())
