import numpy as np
import pytest

from experiments.analysis.thresholds import THRESHOLDS


@pytest.mark.parametrize("identity", THRESHOLDS)
def test_a_value_at_its_threshold_is_let_pass(identity):
    threshold = THRESHOLDS[identity]
    bad = -np.inf if threshold.level(-1e9) == "fail" else np.inf
    assert threshold.level(threshold.warn) == "ok"
    if threshold.fail != threshold.warn:
        assert threshold.level(np.nextafter(threshold.warn, bad)) == "warn"
        assert threshold.level(threshold.fail) == "warn"
    # An infinite threshold is beyond every number: the finding is never a failure.
    beyond = threshold.level(np.nextafter(threshold.fail, bad))
    assert beyond == ("warn" if np.isinf(threshold.fail) else "fail")
