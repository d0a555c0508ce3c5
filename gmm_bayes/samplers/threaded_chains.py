"""Chains that run at the same time on several threads, and come to rest when interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

_POLL_SECONDS = 0.02
"""Time between two reports of progress."""


def run_on_threads[Chain, Result](
    chains: Sequence[Chain],
    work: Callable[[Chain, threading.Event], Result],
    threads: ThreadPoolExecutor,
    stop: threading.Event,
    report: Callable[[], None],
) -> list[Result]:
    """Let every chain do some work; return the results in the chains' order.

    Parameters
    ----------
    chains : sequence
    work : callable
        Given a chain and `stop`, at which it comes to rest soon after that is set.
    threads : ThreadPoolExecutor
    stop : threading.Event
        Set here if a chain fails or the user interrupts.
    report : callable
        Called from this thread every now and then.

    Raises
    ------
    KeyboardInterrupt
        If the user interrupted; every chain has come to rest.
    """
    jobs = [threads.submit(work, chain, stop) for chain in chains]
    try:
        unfinished: set[Future[Result]] = set(jobs)
        while unfinished:
            _, unfinished = wait(jobs, timeout=_POLL_SECONDS, return_when=FIRST_EXCEPTION)
            if any(job.done() and job.exception() for job in jobs):
                stop.set()
            report()
    except BaseException:
        stop.set()
        wait(jobs)
        raise
    return [job.result() for job in jobs]
