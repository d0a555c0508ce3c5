import numpy as np
import pytest

from experiments.core.errors import UsageError
from experiments.sweeps.plan import make_plan, points, replicate_seeds
from tests.experiments.sweeps.sweeping import sweep_config


def axes(config):
    return [tuple(point.values()) for point in points(config.sweep, config.seed)]


def test_a_grid_is_every_combination_the_last_axis_fastest():
    expected = [(60, "textbook"), (60, "auto"), (80, "textbook"), (80, "auto")]
    assert axes(sweep_config()) == expected


def test_a_zip_takes_values_side_by_side():
    assert axes(sweep_config(mode="zip")) == [(60, "textbook"), (80, "auto")]


def test_random_points_lie_in_their_ranges_and_more_leave_the_first_as_they_were():
    over = {
        "em.tol": {"low": 1e-9, "high": 1e-3, "log": True},
        "data.n_samples": {"low": 50, "high": 52},
        "em.init_params": ["textbook", "auto"],
    }
    many = axes(sweep_config(mode="random", n_points=600, over=over))
    assert many[:5] == axes(sweep_config(mode="random", n_points=5, over=over))
    tol, n_samples, start = zip(*many, strict=True)
    assert min(tol) >= 1e-9
    assert max(tol) <= 1e-3
    # Uniform in the logarithm, and each whole number and choice alike: 5 standard deviations of a
    # binomial count, six comparisons, fixed seed; false alarm below 1e-5.
    below = np.mean(np.array(tol) < 1e-6)
    assert abs(below - 1 / 2) < 5 * np.sqrt(1 / 4 / 600)
    assert set(n_samples) == {50, 51, 52}
    for value in (50, 51, 52):
        assert abs(n_samples.count(value) / 600 - 1 / 3) < 5 * np.sqrt(2 / 9 / 600)
    assert abs(start.count("auto") / 600 - 1 / 2) < 5 * np.sqrt(1 / 4 / 600)


def test_replicates_begin_with_the_configs_seed_and_more_leave_the_first_as_they_were():
    seeds = replicate_seeds(3, 50)
    assert seeds[0] == 3
    assert replicate_seeds(3, 10) == seeds[:10]
    assert len(set(seeds)) == 50
    assert max(seeds) < 2**53
    assert replicate_seeds(3, [7, 5]) == [7, 5]


def test_points_share_their_seeds_and_every_cell_has_an_address_of_its_own():
    plan = make_plan(sweep_config())
    assert [cell.replicate for cell in plan.cells] == [0, 1, 2] * 4
    assert [cell.point for cell in plan.cells] == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    assert len({cell.seed for cell in plan.cells}) == 3
    assert len({cell.address for cell in plan.cells}) == 12


def test_an_address_depends_on_what_determines_the_numbers_and_on_nothing_else():
    def first(config, **how):
        return make_plan(config, **how).cells[0].address

    config = sweep_config()
    assert first(config) == first(config)
    assert first(config) == first(config.model_copy(update={"description": "said otherwise"}))
    assert first(config) == first(sweep_config(seeds=9)), "more replicates keep what is done"
    assert first(config) != first(config.model_copy(update={"seed": 4}))
    assert first(config) != first(config, code="another")
    assert first(config) != first(sweep_config(keep="comparison"))


def test_an_address_follows_the_content_of_a_data_file(tmp_path):
    path = tmp_path / "rows.csv"

    def first():
        over = {"data": [{"source": "file", "path": str(path)}]}
        return make_plan(sweep_config(over=over)).cells[0].address

    path.write_text("a,b\n1,2\n3,4\n5,7\n")
    before = first()
    path.write_text("a,b\n1,2\n3,4\n5,8\n")
    assert first() != before
    path.unlink()
    with pytest.raises(UsageError, match=r"rows\.csv: data file cannot be read"):
        first()


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        ({"em.n_int": [1]}, "unknown key 'em.n_int', did you mean 'em.n_init'?"),
        ({"em.n_init": [5, -1]}, "em.n_init = -1: allowed is"),
        ({"em.n_init": [5, "x"]}, "em.n_init = 'x': allowed is a whole number"),
        ({"em.n_init.deeper": [5]}, "'n_init' is a value, not a table"),
        ({"engines": [["em"], ["me"]]}, "engine 'me' is not known"),
    ],
)
def test_every_cell_is_checked_before_any_runs(over, expected):
    with pytest.raises(UsageError) as caught:
        make_plan(sweep_config(over=over))
    assert expected in str(caught.value)


def test_a_config_without_a_sweep_is_told():
    config = sweep_config().model_copy(update={"sweep": None})
    with pytest.raises(UsageError, match=r"no \[sweep\] table"):
        make_plan(config)
