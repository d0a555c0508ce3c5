"""The command line teaches: examples that parse, help that fits, completion that completes."""

import os
import shlex
import subprocess
import sys

import click
import pytest

from experiments.cli import cli
from experiments.cli.summaries import SUMMARIES
from experiments.config.load import shipped_configs


def commands():
    context = click.Context(cli, info_name="gmm-compare")
    return {name: cli.get_command(context, name) for name in SUMMARIES}


def helps():
    root = click.Context(cli, info_name="gmm-compare", max_content_width=80)
    found = {"gmm-compare": cli.get_help(root)}
    for name, command in commands().items():
        found[name] = command.get_help(click.Context(command, info_name=name, parent=root))
    return found


def example_lines(text):
    after = text.partition("Examples:")[2].splitlines()
    return [line.strip() for line in after if line.startswith("    gmm-compare")]


@pytest.mark.parametrize("name", ["gmm-compare", *SUMMARIES])
def test_every_help_has_examples_and_fits_80_columns(name):
    text = helps()[name]
    assert example_lines(text)
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("name", ["gmm-compare", *SUMMARIES])
def test_every_example_is_accepted(name):
    for line in example_lines(helps()[name]):
        typed = line.split("  ")[0].split(" > ")[0].split(" >> ")[0]
        words = shlex.split(typed)[1:]
        command = commands()[words[0]]
        # Parsing refuses unknown options and values; nothing is run.
        command.make_context(words[0], words[1:], parent=click.Context(cli))


def complete(*words):
    """Ask for completions as bash does; the last word is the half-typed one."""
    environment = {
        **os.environ,
        "_GMM_COMPARE_COMPLETE": "bash_complete",
        "COMP_WORDS": shlex.join(["gmm-compare", *words])
        if words[-1]
        else shlex.join(["gmm-compare", *words[:-1]]) + " ",
        "COMP_CWORD": str(len(words)),
    }
    program = "import sys; sys.argv = ['gmm-compare']; from experiments.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_commands_complete():
    assert complete("") == list(SUMMARIES)


def test_configs_keys_and_engines_complete():
    assert complete("run", "quick")[0] == "quickstart"
    assert set(shipped_configs()) < set(complete("run", ""))
    assert "em.n_init=" in complete("run", "quickstart", "--set", "em.n")
    assert complete("run", "quickstart", "--set", "bayes.sampler=") == [
        f"bayes.sampler={name}" for name in ("nuts", "gibbs", "smc", "advi")
    ]
    assert complete("fit", "a.csv", "--set", "covariance_type=s") == ["covariance_type=spherical"]
    assert complete("fit", "a.csv", "--set", "bayes.evidence=") == [
        *("bayes.evidence=true", "bayes.evidence=false")
    ]
    assert complete("fit", "a.csv", "--engines", "em,sk") == ["em,sklearn", "em,sklearn-bayes"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell):
    done = subprocess.run(
        [sys.executable, "-m", "experiments", "completion", shell],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"_GMM_COMPARE_COMPLETE={shell}_complete" in done.stdout


SLOW = ("numpy", "pandas", "plotly", "pydantic", "pymc", "rich", "scipy")


def test_help_waits_for_no_library():
    """Every command's help is answered without loading what only its work needs."""
    program = (
        "import sys\n"
        "from importlib import import_module\n"
        "from experiments.cli import cli\n"
        f"for name in {list(SUMMARIES)}:\n"
        "    import_module(f'experiments.cli.commands.{name}')\n"
        f"print([name for name in {SLOW} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
