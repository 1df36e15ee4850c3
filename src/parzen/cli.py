"""The command line: ``parzen``. Options in, the experiment's files and a table out.

Exit status: 0 done; 2 something that the user can put right, in one sentence; 130 interrupted.
"""

import sys
from pathlib import Path
from typing import Any

import click

import parzen
from parzen.datasets import NAMES
from parzen.errors import ParzenError
from parzen.experiment.settings import Settings, parse_bandwidths, parse_peers

__all__ = ["main"]


class _Commands(click.Group):
    """A group whose commands end with one sentence, not a traceback, when the user can put it right."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; turn what it raises into a sentence and an exit status."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("\nInterrupted. No half-written file is left behind.", err=True)
            ctx.exit(130)
        except BrokenPipeError:
            raise  # whoever read our output has had enough; click knows what to do
        except ParzenError as error:
            _fail(ctx, str(error))
        except MemoryError:
            _fail(ctx, "There is not enough memory for this. Use fewer images: --first 1000, for example.")
        except OSError as error:
            where = f" {error.filename!r}" if error.filename else ""
            _fail(ctx, f"Cannot read or write{where}: {error.strerror or error}.")


def _fail(ctx: click.Context, sentence: str) -> None:
    """Say on one line what is wrong, and leave with status 2."""
    click.echo(f"Error: {' '.join(sentence.split())}", err=True)
    ctx.exit(2)


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(parzen.__version__, prog_name="parzen", message="%(prog)s %(version)s")
def main() -> None:
    """Densities from samples, gradients of anything, exact and fast.

    \b
    Start here:
      parzen experiment digits            about 20 s the first time, no download
      parzen experiment mnist --first 10  the original tutorial's table
    """
    for stream in (sys.stdout, sys.stderr):  # "σ" must not end a run where the terminal cannot show it
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


@main.command(short_help="Choose a bandwidth for images, test it, and write a report.")
@click.argument("dataset", metavar="DATASET", type=click.Choice(NAMES))
@click.option(
    "--data",
    metavar="DIR",
    help="Folder with the files of the data set. [default: $PARZEN_DATA, then a cache, then a download]",
)
@click.option(
    "--first",
    type=int,
    metavar="N",
    help="Use the first N images of each split; 10 is the original tutorial. [default: all]",
)
@click.option("--n-train", type=int, metavar="N", help="Use the first N training images.")
@click.option("--n-valid", type=int, metavar="N", help="Use the first N validation images.")
@click.option("--n-test", type=int, metavar="N", help="Use the first N test images.")
@click.option(
    "--bandwidths",
    metavar="σ,…",
    help="Bandwidths to try, in units of the pixels, 0 to 1. "
    f"[default: {','.join(f'{h:g}' for h in Settings.bandwidths)}]",
)
@click.option(
    "--refine", is_flag=True, help="Go on from the best of them to the optimum of the validation likelihood."
)
@click.option(
    "--repeats",
    type=int,
    default=Settings.repeats,
    show_default=True,
    metavar="N",
    help="Evaluate the test images N times, to time it.",
)
@click.option(
    "--check-against",
    metavar="NAMES",
    help=f"Packages to compare with: {','.join(Settings.check_against)} or none. [default: all]",
)
@click.option(
    "--seed",
    type=int,
    default=Settings.seed,
    show_default=True,
    metavar="N",
    help="Seed of the shuffle that makes the splits.",
)
@click.option("--out", metavar="DIR", help="Folder for the results. [default: parzen-experiment-DATASET]")
@click.option("--force", is_flag=True, help="Replace results that are there already.")
def experiment(
    dataset: str,
    data: str | None,
    first: int | None,
    n_train: int | None,
    n_valid: int | None,
    n_test: int | None,
    bandwidths: str | None,
    refine: bool,
    repeats: int,
    check_against: str | None,
    seed: int,
    out: str | None,
    force: bool,
) -> None:
    """How likely are images that a density has not seen?

    Makes a Gaussian kernel density from training images of DATASET, chooses its bandwidth σ on validation
    images, and evaluates test images; checks itself against other packages; and writes what it found into a
    folder: report.html to read, results.csv, results.json, peers.csv and three pictures.

    \b
    digits                        1797 images of 8 × 8 pixels, no download
    mnist --first 10              ten images a split, as in the original tutorial
    mnist --refine --data DIR     everything, and the optimal bandwidth
    fashion-mnist, cifar100       likewise

    The environment variable LOGLEVEL sets what is logged: DEBUG, INFO (default), WARNING, ERROR.
    """
    from rich.console import Console

    from parzen.experiment import output, protocol, terminal

    stderr, stdout = Console(stderr=True), Console()
    wanted = Settings(
        dataset=dataset,
        data_dir=Path(data) if data else None,
        first=first,
        n_train=n_train,
        n_valid=n_valid,
        n_test=n_test,
        bandwidths=Settings.bandwidths if bandwidths is None else parse_bandwidths(bandwidths),
        refine=refine,
        repeats=repeats,
        check_against=Settings.check_against if check_against is None else parse_peers(check_against),
        seed=seed,
        out=Path(out) if out else None,
    )
    folder = wanted.folder
    with terminal.logging_to(stderr), output.claim(folder, force=force):
        watch = terminal.Bars(stderr)
        outcome = protocol.run(wanted, watch)
        with watch.step("Drawing pictures and writing the report"):
            output.write(folder, output.files(outcome))
    terminal.show(outcome, stdout)
    click.echo(f"Results: {folder / 'report.html'} and {len(output.FILES) - 1} more files in {folder}")
