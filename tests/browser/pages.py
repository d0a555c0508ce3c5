"""What every report must be, whatever was compared."""

from __future__ import annotations

SECTIONS = (
    "Verdict",
    "Data and mixtures",
    "Findings",
    "Rows and clusters",
    "EM, step by step",
    "Parameters",
    "Log-likelihoods",
    "Where the two disagree",
    "Model and data",
    "The posterior’s health",
    "How it was made",
)

# Each width and each scheme once: no code of a page depends on both.
SCREENS = ((1440, "light"), (390, "dark"))


def check_everything(page, sections: tuple[str, ...] = SECTIONS) -> None:
    """Sections, figures that show something, names for all controls, nothing too wide."""
    assert tuple(page.locator("main h2").all_inner_texts()) == sections
    check_drawn(page)
    check_reachable(page)
    for width in (page.viewport_size["width"], 390, 1440):
        resize(page, width)
        check_fits(page)


def resize(page, width: int) -> None:
    """Give the window another width, and the page the time to follow."""
    if page.viewport_size["width"] != width:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_selector(f"html[data-ready='{width}']", state="attached")


def eventually(page, holds, seconds: float = 20.0) -> None:
    """Wait until something holds: pages answer at their own pace."""
    waited = 0.0
    while not holds():
        assert waited < seconds, "it did not come to hold"
        page.wait_for_timeout(50)
        waited += 0.05


def check_drawn(page) -> None:
    """Every figure in sight holds an image with marks on it, and says what it is."""
    found = page.evaluate(
        """() => [...document.querySelectorAll(".plot")]
            .filter(node => !node.closest("[hidden]")).map(node => ({
            name: node.dataset.figure, label: node.getAttribute("aria-label"),
            marks: node.querySelectorAll("svg path").length,
            height: node.getBoundingClientRect().height}))"""
    )
    assert found
    for plot in found:
        assert plot["marks"] > 3, plot
        assert plot["height"] > 80, plot
        assert len(plot["label"]) > 20, plot


def check_reachable(page) -> None:
    """Controls can be reached by keyboard and have names."""
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, input, a")].filter(node =>
            node.tabIndex < 0 || !(node.textContent.trim() || (node.labels || []).length
                                   || node.getAttribute("aria-label")))
            .map(node => node.outerHTML)"""
    )
    assert unnamed == []
    assert page.locator("main").count() == page.locator("h1").count() == 1


def check_fits(page) -> None:
    """Nothing is wider than the window, but what scrolls by itself."""
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    wide = page.evaluate(
        """() => [...document.querySelectorAll("main *, header *")].filter(node => {
            const box = node.getBoundingClientRect();
            return box.width && box.right > innerWidth + 1
                && !node.closest(".scroll, pre, svg, .skip");
        }).map(node => node.outerHTML.slice(0, 120))"""
    )
    assert wide == []
    # An image cuts off what is outside of it.
    cut = page.evaluate(
        """() => [...document.querySelectorAll(".plot")].flatMap(plot => {
            const room = plot.getBoundingClientRect();
            return [...plot.querySelectorAll(".annotation-text, .xtitle, .ytitle, .gtitle")]
                .map(node => [node.textContent, node.getBoundingClientRect()])
                .filter(([, box]) => box.width && (box.left < room.left - 1
                    || box.right > room.right + 1 || box.top < room.top - 1
                    || box.bottom > room.bottom + 1))
                .map(([text]) => `${plot.dataset.figure}: ${text}`);
        })"""
    )
    assert cut == []


def rgb(text: str) -> list[float]:
    """Read ``rgb(1, 2, 3)``."""
    return [float(part) for part in text.split("(")[1].rstrip(")").split(",")[:3]]


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours (WCAG 2.2, section 1.4.3)."""

    def luminance(colour: str) -> float:
        parts = [part / 255 for part in rgb(colour)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)
