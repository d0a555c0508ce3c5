"""The benchmark of the samplers measures what it says."""

import time

import numpy as np
import pytensor
import pytest
from scipy.signal import lfilter

from experiments.benchmarks import bayes
from experiments.benchmarks.cases import Case
from gmm_bayes import MixtureDraws
from gmm_em import Mixture


def made_draws(rng, correlation=0.0):
    """Four chains of 1000 draws; the first weight is autoregressive, the rest independent."""
    shape = (4, 1000)
    steps = rng.normal(size=shape)
    chain = lfilter([np.sqrt(1 - correlation**2)], [1.0, -correlation], steps, axis=1)
    first = 0.4 + 0.01 * chain
    weights = np.stack([first, 1.0 - first], axis=-1)
    means = np.array([[-5.0], [5.0]]) + 0.1 * rng.normal(size=(*shape, 2, 1))
    return MixtureDraws(weights, means, 1.0 + 0.1 * rng.random(size=(*shape, 2, 1, 1)))


def test_the_worst_parameter_counts_whatever_its_label(rng):
    """An AR(1) chain with coefficient r is worth a share (1 - r) / (1 + r) of its draws."""
    draws = made_draws(rng, 0.8)
    ess, r_hat = bayes.worst(draws)
    assert ess == pytest.approx(4000 / 9, rel=0.35)
    assert 1.0 <= r_hat < 1.05
    swapped = np.where(rng.random((4, 1000, 1)) < 0.5, [0, 1], [1, 0])
    switched = draws.permute(swapped)
    np.testing.assert_allclose(bayes.worst(switched), (ess, r_hat))


def test_samplers_are_timed_without_their_first_call():
    timing = bayes.time_sampler(Case(100, 1, 2), "gibbs", 100, 3)
    assert timing.seconds > 0.0
    assert timing.cpu > 0.0
    assert timing.rate == timing.ess / timing.seconds
    assert 10 < timing.ess < 1000


def test_clock_and_processor_are_told_apart():
    found, seconds, cpu = bayes._timed(lambda: time.sleep(0.2) or "done")
    assert found == "done"
    assert seconds >= 0.2
    assert cpu < 0.15


def test_rows_judge_what_was_promised(capsys):
    timing = bayes.SamplerTiming(1.0, 2.0, 1.5, 400.0, 1.01)
    bayes._header("textbook")
    bayes._row(bayes.SMALL, "nuts", timing, bayes._AgainstTarget(50.0, 40.0))
    bayes._row(bayes.SMALL, "gibbs", timing, bayes._AgainstTarget(50.0, 200.0))
    bayes._row(bayes.LARGE, "nuts", timing, bayes._AgainstTarget(1.0, 5.0, at_most=True))
    header, met, missed, minutes = capsys.readouterr().out.splitlines()
    assert met.split() == [
        "1,000",
        "2",
        "3",
        "nuts",
        "1.0",
        "2.00",
        "1.50",
        "1.01",
        "400",
        "200.0",
        "50.0x",
        "40x",
        "ok",
    ]
    assert missed.endswith("200x  missed")
    assert minutes.endswith("ok")
    assert len(met) - len("  ok") == len(header)


@pytest.mark.slow
def test_the_textbook_model_is_a_mixture_of_normals():
    """Its likelihood, its own parameters being what their names say, is that of `Mixture`."""
    X = bayes.standardised_data(Case(50, 2, 2))
    model = bayes.textbook_model(X, 2)
    interpreted = pytensor.compile.mode.Mode(linker="py", optimizer="fast_compile")
    log_likelihood = model.compile_logp(vars=model.observed_RVs, mode=interpreted)
    means = np.array([[0.3, -0.4], [1.0, 0.5]])
    factors = np.array([[[1.2, 0.0], [0.6, 0.7]], [[0.5, 0.0], [-0.2, 0.9]]])
    # Packed by rows, the diagonal in logarithms.
    packed = [[np.log(f[0, 0]), f[1, 0], np.log(f[1, 1])] for f in factors]
    value = log_likelihood(
        {
            "weights_simplex__": np.array([np.log(0.3 / 0.7) / 2.0]),
            "means": means,
            "factor0_cholesky-cov-packed__": np.array(packed[0]),
            "factor1_cholesky-cov-packed__": np.array(packed[1]),
        }
    )
    mixture = Mixture([0.3, 0.7], means, factors @ factors.transpose(0, 2, 1))
    assert value == pytest.approx(mixture.log_likelihood(X), rel=1e-8)


def test_ours_are_printed_before_the_textbook_is_begun(monkeypatch, capsys):
    made = bayes.SamplerTiming(1.0, 2.0, 1.5, 400.0, 1.01)
    monkeypatch.setattr(bayes, "time_sampler", lambda *task: made)
    printed = []

    def textbook(case, draws):
        printed.append(capsys.readouterr().out)
        return bayes.SamplerTiming(1.0, 100.0, 90.0, 400.0, 1.01)

    monkeypatch.setattr(bayes, "time_textbook", textbook)
    assert bayes.main(quick=True) == 0
    before, after = printed[0], capsys.readouterr().out
    assert "Processor: " in before
    assert before.count("gibbs") == before.count("nuts") == 2
    assert "takes minutes ..." in before
    assert "50.0x" in after
    assert "textbook" in after
