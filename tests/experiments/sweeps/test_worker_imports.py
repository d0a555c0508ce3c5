import subprocess
import sys

# What a new process of a sweep imports until its first cell begins.
PROGRAM = """
import sys
import experiments.sweeps.cell
import experiments.sweeps.dask_cluster
from experiments.core.code_version import code_version

code_version()
print(",".join(sorted({"plotly", "rich", "pandas", "pymc"} & set(sys.modules))))
"""


def test_a_worker_loads_no_library_that_only_draws_or_tabulates():
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == ""
