import pytest
from pytensor.link.numba.dispatch.basic import numba_funcify_and_cache_key

from gmm_bayes.core import jit
from gmm_bayes.density.loading import Needs
from gmm_bayes.pymc_model.nodes import PriorNode, RowsNode, RowsSlopeNode


@pytest.mark.parametrize("node", [PriorNode, RowsNode, RowsSlopeNode])
def test_pytensor_keeps_machine_code_of_one_version_of_the_package_apart(node, monkeypatch):
    _, key = numba_funcify_and_cache_key(node(Needs(decomposed=False)))
    assert numba_funcify_and_cache_key(node(Needs(decomposed=False)))[1] == key
    monkeypatch.setattr(jit, "SOURCES", f"{int(jit.SOURCES, 16) ^ 1:064x}")
    assert numba_funcify_and_cache_key(node(Needs(decomposed=False)))[1] != key
