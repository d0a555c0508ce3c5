"""The program `gmm-compare`: its commands, and the exit status that each outcome has."""

from __future__ import annotations

import io
import os
import sys
from difflib import get_close_matches
from importlib import import_module

import click

from experiments.cli.summaries import SUMMARIES, examples
from experiments.core.errors import UsageError
from experiments.core.text import visible

EPILOG = examples(
    "gmm-compare run quickstart                 a known mixture: who recovers it?",
    "gmm-compare run old-faithful --set seed=7  real data, another seed",
    "gmm-compare fit mydata.csv -k 3            your own table of numbers",
    "gmm-compare run my.toml --out results      your own experiment",
    "gmm-compare configs                        what ships",
    "gmm-compare completion bash >> ~/.bashrc   the Tab key completes",
) + (
    "\n\nEvery command has a --help with examples. Exit status: 0 done, 1 the work failed, 2 "
    "something that you can put right, said in one line."
)


class Commands(click.Group):
    """The commands of `experiments.cli.commands`, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of a day's work."""
        return list(SUMMARIES)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return the command called `name`, or None."""
        if name not in SUMMARIES:
            return None
        command: click.Command = import_module(f"experiments.cli.commands.{name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of a line; of one that there is not, say which are like it."""
        name = args[0]
        if name not in SUMMARIES and not name.startswith("-"):
            near = get_close_matches(name, SUMMARIES, n=2, cutoff=0.5)
            meant = f"; did you mean {' or '.join(near)}?" if near else ""
            raise UsageError(
                f"no command '{name}', allowed is one of {', '.join(SUMMARIES)}{meant}"
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))


@click.group(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gmm-compare")
def cli() -> None:
    """Fit a Gaussian mixture by EM and by Bayes, and learn whether to believe it.

    The answer is a table, a verdict in plain sentences, and a folder with one HTML report and every
    number in it.
    """


PROGRAM = "gmm-compare"
# A variable of the environment with this name has an unforeseen error end in its traceback.
TRACEBACK = "GMM_COMPARE_TRACEBACK"


def main() -> None:
    """Run the command line; exit 0 done, 1 the work failed, 2 the caller's mistake."""
    _write_any_text()
    try:
        status = cli.main(standalone_mode=False)
        _flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(2)
    except click.ClickException as error:
        _fail(error.format_message(), 2)
    except UsageError as error:
        _fail(str(error), 2)
    except (KeyboardInterrupt, click.Abort):
        _fail("interrupted: what was complete before is kept, nothing else was written", 130)
    except BrokenPipeError:
        # Whoever read the output has closed the pipe.
        _write_nowhere()
        sys.exit(1)
    except OSError as error:
        _write_nowhere()
        _fail(f"{error.filename or 'input/output'}: {error.strerror or error}", 1)
    except MemoryError as error:
        _fail(f"out of memory: {error or 'the work needs more than is free'}", 1)
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        _fail(f"an error that was not foreseen: {_in_words(error)}", 1)
    sys.exit(status or 0)


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error} (with {TRACEBACK}=1 the traceback is shown)"


def _write_any_text() -> None:
    """Let the terminal show what its encoding cannot hold as escapes, so that no answer is lost."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _flush() -> None:
    """Find out now, and not when Python ends, that an answer cannot be written."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _write_nowhere() -> None:
    """Let standard output lead nowhere, so that Python does not fail once more at exit."""
    if sys.__stdout__ is not None and sys.stdout is sys.__stdout__:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())


def _fail(message: str, status: int) -> None:
    line = visible(" ".join(message.split()))
    # A message about what a command was given begins with the command, such as "gmm-compare fit".
    said = line if line.startswith(PROGRAM) else f"{PROGRAM}: {line}"
    click.echo(said, err=True)
    sys.exit(status)
