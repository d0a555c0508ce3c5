"""Run a small sweep: the errors of EM and of k-means with few rows and with many.

    python examples/sweep_over_rows.py

A second call goes on where the first was interrupted, and does nothing if all cells are done.
"""

from experiments import load_config, read_results, run_sweep

SETTINGS = [
    'engines = ["em", "kmeans"]',
    "em.n_bootstrap = 0",
    "sweep.seeds = 3",
    'sweep.over = {"data.n_samples" = [100, 1000]}',
]


def main() -> None:
    """Run six cells on two processes, and print the mean error at each number of rows."""
    sweep = run_sweep(load_config("quickstart", SETTINGS), "runs/rows", n_workers=2)
    print(f"{sweep.done} of {sweep.total} cells are done, {sweep.ran} of them were run now")
    cells = read_results("runs/rows").frame
    error = [f"{engine}.errors.mean_mahalanobis.mean" for engine in ("em", "kmeans")]
    print(cells.groupby("data.n_samples")[error].mean().round(3).to_string())


# A process that imports this file, as workers of a process pool do, must not start another sweep.
if __name__ == "__main__":
    main()
