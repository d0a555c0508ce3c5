import numpy as np
import pytest

from gmm_em.core.sklearn_params import SklearnParams


class Thing(SklearnParams):
    def __init__(self, size=1, *, name="a", values=None, prior=None):
        self.size = size
        self.name = name
        self.values = values
        self.prior = prior


def test_parameters_come_in_the_constructor_s_order():
    assert list(Thing().get_params()) == ["size", "name", "values", "prior"]
    assert Thing(3, name="b").get_params(deep=False)["size"] == 3


def test_set_params_changes_what_is_named_and_returns_the_estimator():
    thing = Thing()
    assert thing.set_params(size=2, name="b") is thing
    assert (thing.size, thing.name) == (2, "b")


def test_an_unknown_parameter_is_refused_before_any_is_changed():
    thing = Thing()
    message = (
        r"Invalid parameter 'sise' for estimator Thing\(\): there is no parameter 'sise'. "
        r"Valid parameters are: \['name', 'prior', 'size', 'values'\]\."
    )
    with pytest.raises(ValueError, match=message):
        thing.set_params(size=2, sise=3)
    assert thing.size == 1


def test_the_repr_shows_what_differs_from_the_defaults():
    assert repr(Thing()) == "Thing()"
    assert repr(Thing(1, name="b")) == "Thing(name='b')"
    # Arrays have no single answer to `==`.
    assert repr(Thing(values=np.arange(2))) == "Thing(values=array([0, 1]))"


def test_feature_names_are_those_of_the_last_fit():
    thing = Thing()
    assert thing._feature_names() is None
    thing._set_feature_names(np.array(["u", "v"], dtype=object))
    assert thing._feature_names() == ["u", "v"]
    thing._set_feature_names(None)
    assert not hasattr(thing, "feature_names_in_")


def test_before_a_fit_a_notebook_shows_the_parameters_as_text():
    shown = Thing(name="<script>")._parameters_html()
    assert "not fitted" in shown
    assert "<script>" not in shown
    assert '<th scope="row">name</th><td>&#x27;&lt;script&gt;&#x27;</td>' in shown


def test_scikit_learn_is_told_whether_nan_is_allowed():
    class Tolerant(Thing):
        def _accepts_nan(self):
            return True

    assert not Thing().__sklearn_tags__().input_tags.allow_nan
    assert Tolerant().__sklearn_tags__().input_tags.allow_nan
    assert not Thing().__sklearn_tags__().target_tags.required
