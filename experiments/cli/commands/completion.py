"""`gmm-compare completion`: the script that a shell wants."""

from __future__ import annotations

import click

from experiments.cli.commands import examples


@click.command(
    "completion",
    epilog=examples(
        "gmm-compare completion bash >> ~/.bashrc",
        "gmm-compare completion zsh >> ~/.zshrc",
        "gmm-compare completion fish > ~/.config/fish/completions/gmm-compare.fish",
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print what makes your shell complete commands, configs and keys.

    Open a new shell afterwards; `gmm-compare` must be on its PATH.
    """
    from click.shell_completion import get_completion_class

    from experiments.cli import cli

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(cli, {}, "gmm-compare", "_GMM_COMPARE_COMPLETE").source())
