from pathlib import Path

import pytest
from pydantic import ValidationError

from experiments.config.engines import BayesSettings
from experiments.config.load import load_config, parse_config, safe_name, shipped_configs
from experiments.config.messages import describe
from experiments.core.errors import UsageError


def test_every_shipped_config_loads_under_its_own_name_and_asks_something():
    names = shipped_configs()
    assert {"quickstart", "old-faithful"} <= set(names)
    for name in names:
        config = load_config(name)
        assert config.name == name
        assert config.description


def test_resolved_config_reads_back_to_the_same_config(tmp_path):
    config = load_config("quickstart", ["em.n_init=7", "bayes.prior.mean_loc=[1.0, 2.0]"])
    path = tmp_path / "config.toml"
    path.write_text(config.to_toml())
    assert load_config(path) == config
    assert "reg_covar" in path.read_text(), "defaults are written out"


def test_overrides_reach_into_tables_and_keep_their_types():
    config = load_config("quickstart", ["em.n_init=7", "name=other", "seed=3"])
    assert (config.em.n_init, config.name, config.seed) == (7, "other", 3)


def test_a_relative_data_path_starts_at_the_folder_of_the_config(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('name="mine"\nn_components=1\n[data]\nsource="file"\npath="rows.csv"\n')
    assert Path(load_config(path).data.path) == tmp_path / "rows.csv"


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("n_componets=3", ["unknown key 'n_componets'", "'n_components'"]),
        ("em.ninit=3", ["unknown key 'em.ninit'", "'em.n_init'"]),
        ("zzz=3", ["unknown key 'zzz'", "known keys", "seed"]),
        ("n_components=-3", ["n_components = -3", "at least 1"]),
        ("n_components=0", ["n_components = 0", "at least 1"]),
        ("n_components=2.5", ["n_components = 2.5", "whole number"]),
        ("n_components=many", ["n_components = 'many'", "whole number"]),
        ("n_components=true", ["n_components = True", "whole number"]),
        ("full=ja", ["full = 'ja'", "allowed is true or false"]),
        ("seed=-1", ["seed = -1", "at least 0"]),
        ("em=3", ["em = 3", "table"]),
        ("em.tol=nan", ["em.tol = nan", "finite"]),
        ("em.tol=0", ["em.tol = 0", "greater than 0"]),
        ("em.init_params='magic'", ["em.init_params = 'magic'", "k-means++"]),
        ("bayes.prior.eta=-1", ["bayes.prior.eta = -1", "greater than 0"]),
        ("bayes.prior.mean_scale=[1.0, -2.0]", ["bayes.prior.mean_scale", "allowed"]),
        ("bayes.prior.kind='flat'", ["bayes.prior.kind = 'flat'", "'lkj', 'niw'"]),
        ("bayes.prior.kappa=1.0", ["unknown key 'bayes.prior.kappa'"]),
        ("bayes={sampler='gibbs', prior={}}", ["bayes.sampler = 'gibbs'", "niw"]),
        ("engines=[]", ["engines = []", "at least 1"]),
        ("engines=['em', 'em']", ["engines", "twice"]),
        ("settings.sklearn.n_init=3", ["settings.sklearn", "no such engine"]),
        ("data.source='web'", ["data.source = 'web'", "'builtin'"]),
        ("data.name='iris'", ["unknown key 'data.name'", "does not go with"]),
        ("data.truth.means=[[1, 'a']]", ["data.truth.means.0.1 = 'a'", "number"]),
        ("covariance_type=['full', 'round']", ["covariance_type = 'round'", "spherical"]),
        ("covariance_type=['full', 'full']", ["covariance_type", "each name once"]),
        ("name='../up'", ["name = '../up'", "letters"]),
        ("seed", ["--set seed", "KEY=VALUE"]),
        ("seed.x=1", ["--set seed.x=1", "not a table"]),
    ],
)
def test_a_wrong_key_or_value_is_told_in_one_line(override, parts):
    with pytest.raises(UsageError) as caught:
        load_config("quickstart", [override])
    message = str(caught.value)
    assert "\n" not in message
    assert all(part in message for part in parts), message


def test_several_mistakes_are_counted():
    with pytest.raises(UsageError, match=r"\(and 1 more\)"):
        load_config("quickstart", ["n_components=-3", "seed=-1"])


def test_a_missing_config_names_the_nearest_shipped_one():
    with pytest.raises(UsageError, match="did you mean 'quickstart'"):
        load_config("quikstart")


def test_a_file_that_is_not_toml_says_where(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("name = \n")
    with pytest.raises(UsageError, match=r"bad\.toml: not valid TOML: .*line 1"):
        load_config(path)


def test_a_file_that_is_not_text_says_so(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(UsageError, match="cannot be read as text"):
        load_config(path)


def test_a_missing_key_is_named():
    with pytest.raises(UsageError, match="here: key 'n_components' is missing"):
        parse_config({"name": "x", "data": {"source": "builtin", "name": "iris"}}, "here")


@pytest.mark.parametrize("text", ["my data (2).csv", "..", "é", "-x", ""])
def test_a_safe_name_is_always_allowed(text):
    values = {"n_components": 1, "data": {"source": "builtin", "name": "iris"}}
    assert parse_config({"name": safe_name(text), **values}, "here")


def test_one_bootstrap_replicate_is_refused_and_none_allowed():
    assert load_config("quickstart", ["em.n_bootstrap=0"]).em.n_bootstrap == 0
    with pytest.raises(UsageError, match=r"em\.n_bootstrap = 1: allowed is 0 or"):
        load_config("quickstart", ["em.n_bootstrap=1"])


def test_of_several_wrong_keys_one_is_told_and_the_others_are_counted():
    values = {"draws": 1, "tune": 0, "chains": 0}
    for n in (1, 2, 3):
        with pytest.raises(ValidationError) as caught:
            BayesSettings.model_validate(dict(list(values.items())[:n]))
        more = f" (and {n - 1} more)" if n > 1 else ""
        said = describe(caught.value, BayesSettings)
        assert said.startswith("draws = 1: allowed is ")
        assert said.endswith(more)
        assert ("more)" in said) is (n > 1)


def test_several_structures_are_for_a_run_that_chooses():
    assert load_config("quickstart", ["covariance_type=['full', 'tied']"]).kind == "choose-k"
    for name in ("overlap", "sbc-gibbs"):
        with pytest.raises(UsageError, match="allowed where something is swept"):
            load_config(name, ["covariance_type=['full', 'tied']"])
