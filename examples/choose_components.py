"""Ask every criterion how many components the Old Faithful eruptions have.

python examples/choose_components.py
"""

from importlib.resources import files

import pandas as pd

from experiments import compare

# How long each eruption lasted, and the wait until the next, in minutes.
eruptions = pd.read_csv(str(files("experiments") / "data" / "faithful.csv"))

# EM alone gives AIC, BIC and ICL. Add "bayes" to the engines for those that need a posterior.
choice = compare(
    eruptions, n_components=[1, 2, 3, 4], engines=["em", "kmeans"], seed=1, em={"n_bootstrap": 0}
)

print(choice.table().round(1).to_string())
for criterion, k in choice.chosen.items():
    print(f"{criterion} chooses K = {k}")
for finding in choice.verdict:
    print(f"{finding.level}: {finding.text}")
