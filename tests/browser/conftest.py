"""Tests in a real browser: run where a Chromium is found, required where CI says so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.browser.found import ABSENT, BROWSER, NAMES

pytest.register_assert_rewrite("tests.browser.pages")

# Without a browser these files are not even collected; tests/conftest.py says so in one line.
collect_ignore_glob = ["test_*.py"] if ABSENT else []

AT_FIRST = {"media": "screen", "color_scheme": "light", "reduced_motion": "no-preference"}
SIZE = {"width": 1440, "height": 900}


@pytest.fixture(scope="session")
def browser() -> Iterator:
    from playwright.sync_api import sync_playwright

    assert BROWSER, f"no browser found, and CI requires one of {', '.join(NAMES)}"
    # A sandbox needs rights that root in a container does not have; pages here are our own.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=options)
        yield browser
        browser.close()


def unfold(page) -> None:
    """Open every section, and wait until its figures have their sizes."""
    page.evaluate(
        "document.querySelectorAll('main > section > details').forEach(d => { d.open = true; })"
    )
    page.wait_for_function(
        """() => [...document.querySelectorAll(".plot")].every(node => {
            const room = node.getBoundingClientRect().width;
            return !room || Math.abs(node._fullLayout.width - room) < 2;
        })"""
    )


@contextmanager
def opened(
    browser, path: Path, width: int = SIZE["width"], unfolded: bool = True, **options
) -> Iterator:
    """Open a report, wait until it is drawn, and give the page and what it complained of."""
    complaints: list[str] = []
    context = browser.new_context(viewport={**SIZE, "width": width}, **options)
    page = context.new_page()
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))

    def asked(request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            complaints.append(f"asked for {request.url}")

    page.on("request", asked)
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]", state="attached", timeout=120_000)
    if unfolded:
        unfold(page)
    yield page, complaints
    context.close()


@pytest.fixture
def open_page(browser):
    """Open reports; at the end, no page may have complained."""
    entered, found = [], []

    def open_page(path: Path, width: int = SIZE["width"], **options):
        entered.append(opened(browser, path, width, **options))
        page, complaints = entered[-1].__enter__()
        found.append(complaints)
        return page

    yield open_page
    for manager in entered:
        manager.__exit__(None, None, None)
    assert not any(found), found


@pytest.fixture(scope="session")
def kept_pages(browser):
    """Pages that several tests look at: opening one takes longer than looking."""
    managers, pages = {}, {}

    def keep(path: Path):
        if path not in pages:
            managers[path] = opened(
                browser, path, permissions=["clipboard-read", "clipboard-write"]
            )
            pages[path] = managers[path].__enter__()
        return pages[path]

    yield keep
    for manager in managers.values():
        manager.__exit__(None, None, None)


@pytest.fixture
def look_at(kept_pages):
    """Look at a page that other tests have looked at; they left it as they found it."""
    seen = []

    def look_at(path: Path):
        page, complaints = kept_pages(path)
        seen.append(complaints)
        page.emulate_media(**AT_FIRST)
        if page.viewport_size != SIZE:
            page.set_viewport_size(SIZE)
            page.wait_for_selector(f"html[data-ready='{SIZE['width']}']", state="attached")
        return page

    yield look_at
    found = [complaint for complaints in seen for complaint in complaints]
    for complaints in seen:
        complaints.clear()
    assert not found
