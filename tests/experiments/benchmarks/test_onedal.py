"""The race against oneDAL, with a stand-in for it: the library is not among the requirements."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from experiments.benchmarks import onedal
from experiments.benchmarks.cases import Case
from gmm_em import Mixture, expect, maximize
from gmm_em.e_step.registry import CompleteRows


class PlainEM:
    """EM by the two public steps, called as oneDAL is."""

    def __init__(self, nComponents, maxIterations, accuracyThreshold, regularizationFactor):
        self.iterations = maxIterations
        assert accuracyThreshold == regularizationFactor == 0.0

    def compute(self, X, weights, means, covariances):
        if len(X) < 50:
            raise RuntimeError("Ill-conditioned covariance matrix\nDetails: of component 0")
        mixture = Mixture(weights[0], means, np.array(covariances))
        for _ in range(self.iterations):
            moments = expect(mixture, X)
            mixture = maximize(moments)
        value = np.array([[moments.log_likelihood]])
        return SimpleNamespace(goalFunction=value, nIterations=np.array([[self.iterations]]))


@pytest.fixture
def race(monkeypatch, capsys):
    def run(*cases):
        library = ModuleType("daal4py")
        library.em_gmm = PlainEM
        monkeypatch.setitem(sys.modules, "daal4py", library)
        monkeypatch.setattr(onedal, "CASES", cases)
        monkeypatch.setattr(onedal, "_REPEATED_ELEMENTS", 1)
        # Compiling takes longer than the rest of these tests.
        monkeypatch.setattr(onedal, "CompiledRows", CompleteRows)
        onedal.race_onedal()
        return capsys.readouterr().out.splitlines()

    return run


def test_both_fit_the_same_and_a_row_says_who_is_faster(race):
    _, line = race(Case(150, 2, 2, target=1e-9))
    assert line.startswith("      150   2   2")
    numbers = line.split()
    theirs, *ours = map(float, numbers[3:6])
    ratios = [time / theirs for time in ours]
    assert [float(number) for number in numbers[6:8]] == pytest.approx(ratios, abs=0.02)
    assert numbers[9] == "above"
    assert float(numbers[-1]) < 1e-12


def test_what_it_refuses_is_said(race):
    _, line = race(Case(40, 2, 2))
    assert line.endswith("oneDAL refuses: Ill-conditioned covariance matrix")


def test_one_line_says_that_it_is_not_installed(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "daal4py", None)
    onedal.race_onedal()
    assert capsys.readouterr().out == "not raced: pip install scikit-learn-intelex\n"
