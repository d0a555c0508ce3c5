"""`gmm-compare completion`: the script that a shell wants."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from experiments.cli.summaries import examples

# Bash takes KEY=VALUE for three words, and would ask for a config where a value is to be completed.
WHOLE_WORDS = "COMP_WORDBREAKS=${COMP_WORDBREAKS//=/}"


@click.command(
    "completion",
    epilog=examples(
        "gmm-compare completion bash >> ~/.bashrc",
        "gmm-compare completion zsh >> ~/.zshrc",
        "gmm-compare completion fish > ~/.config/fish/completions/gmm-compare.fish",
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print what makes your shell complete commands, configs and keys.

    Open a new shell afterwards; `gmm-compare` must be on its PATH.
    """
    found = get_completion_class(shell)
    assert found is not None
    program = context.find_root().command
    click.echo(found(program, {}, "gmm-compare", "_GMM_COMPARE_COMPLETE").source())
    if shell == "bash":
        click.echo(WHOLE_WORDS)
