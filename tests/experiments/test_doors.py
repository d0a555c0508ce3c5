import importlib
import subprocess
import sys

import pytest


@pytest.mark.parametrize("name", ["experiments", "experiments.config", "experiments.engines"])
def test_every_public_name_of_a_door_has_its_home(name):
    package = importlib.import_module(name)
    for public in package.__all__:
        assert getattr(package, public) is not None
        assert public in dir(package)
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'anything'"):
        _ = package.anything


def test_opening_experiments_loads_none_of_its_rooms():
    program = (
        "import sys, experiments; print([n for n in sys.modules if n.startswith('experiments.')])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_the_documented_doors_of_one_name_lead_to_the_same_things():
    import experiments
    from experiments.config import Section
    from experiments.config_base import Section as documented
    from experiments.plots import save_figure
    from experiments.store import read_run

    assert documented is Section is experiments.engines.Section
    assert read_run is experiments.read_run
    assert save_figure.__module__ == "experiments.report.saving"
