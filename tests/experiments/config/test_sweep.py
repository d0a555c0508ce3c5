import tomllib

import pytest

from experiments.config.load import load_config, parse_config
from experiments.core.errors import UsageError

BASE = """
name = "made"
n_components = 2
[data]
source = "builtin"
name = "faithful"
"""


def parse(text):
    return parse_config(tomllib.loads(BASE + text), "made.toml")


def test_keys_may_be_quoted_or_not():
    quoted = parse('[sweep.over]\n"em.n_init" = [1, 2]\n"em.tol" = [1e-6, 1e-8]\n')
    plain = parse("[sweep.over]\nem.n_init = [1, 2]\nem.tol = [1e-6, 1e-8]\n")
    assert quoted.sweep == plain.sweep
    assert parse_config(tomllib.loads(quoted.to_toml()), "stored") == quoted


def test_quick_changes_values_and_adds_to_tables(tmp_path):
    path = tmp_path / "made.toml"
    path.write_text(
        BASE
        + '[em]\nn_init = 9\n[sweep]\nseeds = 20\n[sweep.over]\n"em.max_iter" = [10, 20, 30]\n'
        + '"em.tol" = [1e-6, 1e-8]\n'
        + '[quick]\n"sweep.seeds" = 2\nem.n_init = 3\n"sweep.over" = {"em.max_iter" = [10]}\n'
    )
    assert load_config(path).sweep.seeds == 20
    quick = load_config(path, ["em.n_init=4"], quick=True)
    assert quick.sweep.seeds == 2
    assert quick.em.n_init == 4, "--set has the last word"
    assert quick.sweep.over == {"em.max_iter": [10], "em.tol": [1e-6, 1e-8]}


def test_paths_of_an_axis_start_at_the_configs_folder(tmp_path):
    (tmp_path / "made.toml").write_text(
        'name = "made"\nn_components = 1\n[data]\nsource = "file"\npath = "a.csv"\n'
        '[sweep.over]\n"data.path" = ["a.csv", "b.csv"]\n'
    )
    config = load_config(tmp_path / "made.toml")
    assert config.sweep.over["data.path"] == [str(tmp_path / f"{n}.csv") for n in "ab"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[sweep]\nmode = "rnd"', "sweep.mode = 'rnd': allowed is 'grid', 'zip' or 'random'"),
        ("[sweep]\nseds = 3", "unknown key 'sweep.seds', did you mean 'sweep.seeds'"),
        ('[sweep]\nseeds = "x"', "sweep.seeds = 'x': allowed is a whole number"),
        ("[sweep]\nseeds = [1, 1]", "allowed is each seed once"),
        ('[sweep.over]\n"em.tol" = 3', "sweep.over.em.tol = 3: allowed is a list"),
        ('[sweep.over]\n"em.tol" = []', "at least 1"),
        ('[sweep.over]\n"em.n_init" = [2, 2]', "each value once"),
        ('[sweep.over]\n"em.tol" = {low = 1, high = 2}', "low and high go with mode = 'random'"),
        ('[sweep.over]\n"em.tol" = {low = 3, high = 1}', "low < high"),
        ('[sweep.over]\n"em.tol" = {low = 0, high = 1, log = true}', "allowed is above 0"),
        ("[sweep.over]\nseed = [1, 2]", "allowed is sweep.seeds"),
        ('[sweep.over]\n"sweep.seeds" = [1, 2]', "cannot vary"),
        ('[sweep]\nmode = "random"', "sweep.n_points = None"),
        ("[sweep]\nn_points = 3", "sweep.n_points = 3"),
        ('[sweep]\nmode="zip"\n[sweep.over]\n"em.tol"=[1, 2]\n"em.n_init"=[1]', "same number"),
    ],
)
def test_what_is_not_allowed_is_told(text, expected):
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert expected in str(caught.value)
    assert str(caught.value).startswith("made.toml: ")
