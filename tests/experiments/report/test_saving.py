"""A figure saved as a page needs no browser; what moves stays off paper."""

import plotly.graph_objects as go
import pytest

from experiments.core.errors import UsageError
from experiments.report.saving import save_figure


@pytest.fixture
def figure():
    """A figure that moves, as EM step by step does."""
    figure = go.Figure(go.Scatter(x=[1, 2], y=[3, 4], name="steps"))
    figure.frames = [go.Frame(data=[go.Scatter(x=[1], y=[3])])]
    figure.layout.sliders = [{"steps": [{"label": "0"}]}]
    figure.layout.updatemenus = [{"buttons": [{"label": "Play"}]}]
    return figure


@pytest.mark.parametrize("name", ["steps.html", "STEPS.HTML"])
def test_a_page_stands_alone_and_moves(figure, tmp_path, name):
    path = save_figure(figure, tmp_path / name)
    assert path == tmp_path / name
    page = path.read_text(encoding="utf-8")
    assert "steps" in page
    assert "Play" in page
    assert "<script src=" not in page
    assert len(page) > 1_000_000, "plotly is part of the page"


@pytest.mark.parametrize("name", ["steps.svg", "steps.pdf", "steps.png", "steps.PNG"])
def test_a_picture_is_drawn_at_its_width_without_what_moves(figure, tmp_path, monkeypatch, name):
    drawn = []
    monkeypatch.setattr(
        go.Figure, "write_image", lambda self, path, width: drawn.append((self, path, width))
    )
    assert save_figure(figure, str(tmp_path / name), width=700) == tmp_path / name
    ((still, path, width),) = drawn
    assert (path, width) == (tmp_path / name, 700)
    assert still.frames == ()
    assert not still.layout.sliders
    assert not still.layout.updatemenus
    assert list(still.data[0].y) == [3, 4]
    assert len(figure.frames) == len(figure.layout.sliders) == 1, "the figure itself still moves"


def test_without_a_browser_a_picture_is_refused_in_a_sentence(figure, tmp_path, monkeypatch):
    def fail(self, path, width):
        raise RuntimeError("no browser")

    monkeypatch.setattr(go.Figure, "write_image", fail)
    with pytest.raises(UsageError, match=r"steps\.svg: cannot be drawn without a Chromium"):
        save_figure(figure, tmp_path / "steps.svg")


def test_another_ending_is_refused(figure, tmp_path):
    with pytest.raises(UsageError, match=r"ends in '\.docx', allowed is \.svg, \.pdf, \.png"):
        save_figure(figure, tmp_path / "steps.docx")
