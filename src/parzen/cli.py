"""The command line: ``parzen``. Options in; files, a table or a number out.

Exit status: 0 done; 2 something that the user can put right, in one sentence; 130 interrupted.
"""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import parzen
from parzen.datasets import NAMES
from parzen.errors import DataError, InputError, ParzenError
from parzen.experiment.settings import Settings, parse_bandwidths, parse_peers

if TYPE_CHECKING:
    from parzen.tables import Table
    from parzen.typing import FloatArray

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


def _spoken(sentence: str, words: dict[str, str], columns: Sequence[str] = ()) -> str:
    """Say with the names of files, columns and options what the library said with its own."""
    named = dict(enumerate(columns))  # columns first: the name of a file may have the word too
    sentence = re.sub(
        r"\bcolumn (\d+)\b", lambda found: f"column {named.get(int(found[1]), found[1])}", sentence
    )
    for library, here in words.items():
        sentence = sentence.replace(library, here)
    return sentence


@contextmanager
def _speaking(words: dict[str, str], columns: Sequence[str] = ()) -> Iterator[None]:
    """Let errors name files, columns and options instead of the library's arguments."""
    try:
        yield
    except ParzenError as error:
        raise InputError(_spoken(str(error), words, columns)) from error


def _require_writable(option: str, path: Path | None, formats: Sequence[str], *inputs: Path) -> None:
    """Make sure, before the work, that a file can be written; one that is there stays as it is until then."""
    if path is None:
        return
    if path.suffix.lower().removeprefix(".") not in formats:
        raise InputError(
            f"`{option}` must end in .{', .'.join(formats)}; got {str(path)!r}. Choose the format by the name."
        )
    if any(path.exists() and given.exists() and path.samefile(given) for given in inputs):
        raise InputError(f"`{option}` must not be a file that is read; got {str(path)!r}. Pass another name.")
    there = os.path.lexists(path)
    try:
        path.open("ab").close()
    except OSError as error:
        raise InputError(
            f"`{option}` must be a file that can be written; got {str(path)!r} ({error.strerror}). Pass another."
        ) from None
    if not there:
        path.unlink()


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
      parzen bandwidth data.csv           a bandwidth for your own data
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
    help="Use the first N images of each split, all of a smaller one; 10 is the original tutorial. [default: all]",
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
    mnist --first 10              ten images per split, as in the tutorial
    mnist --refine --data DIR     everything, and the optimal bandwidth
    fashion-mnist, cifar100       likewise

    The environment variable LOGLEVEL sets what is logged: DEBUG, INFO (default), WARNING, ERROR, CRITICAL.
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
    if data and not Path(data).expanduser().is_dir():  # before anything is said of --out
        kind = "is a file" if Path(data).expanduser().exists() else "does not exist"
        raise InputError(
            f"`--data` must be a folder; got {data!r}, which {kind}. Pass the folder of the files."
        )
    folder = wanted.folder
    with terminal.logging_to(stderr), output.claim(folder, force=force):
        watch = terminal.Bars(stderr)
        with _speaking({" (`data_dir`)": "", "`data_dir`": "`--data`"}):
            outcome = protocol.run(wanted, watch)
        with watch.step("Drawing pictures and writing the report"):
            output.write(folder, output.files(outcome))
    terminal.show(outcome, stdout)
    click.echo(f"Results: {folder / 'report.html'} and {len(output.FILES) - 1} more files in {folder}")


_columns = click.option(
    "--columns",
    metavar="NAMES",
    help="Columns to use: names, or numbers from 0, with commas between. [default: all]",
)


_header = click.option(
    "--header", is_flag=True, help="The first row of a .csv file holds names, even if these are numbers."
)


def _read(path: Path, columns: str | None, weights: str | None, *, header: bool) -> "Table":
    """Read a table without a column of weights; say where a row of numbers might be names."""
    from parzen.tables import read_table, some

    with _reading(path):
        table = read_table(path, _split(columns), without=weights, header=header)
    if table.without_index:
        click.echo(
            f"Note: the first column of `{path}` has no name and was left out, as the index of a data frame; "
            "--columns 0 would choose it.",
            err=True,
        )
    if path.suffix.lower() in (".csv", ".tsv") and not table.named:
        row = some([f"{value:g}" for value in table.values[0]])
        click.echo(
            f"Note: `{path}` has no names: its first row ({row}) is data, unless you pass --header.", err=True
        )
    return table


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Say which file could not be read."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(
            f"`{path}` must be a file that can be read; got {reason!r}. Check its name and its mode."
        ) from error


def _weights_of(path: Path, column: str | None, *, header: bool) -> "FloatArray | None":
    """Read a column of weights, if one is named."""
    from parzen.tables import read_table

    if column is None:
        return None
    weights = read_table(path, [column], header=header).values[:, 0]
    negative = (weights < 0).nonzero()[0]
    if negative.size:
        raise InputError(
            f"`--weights` must not be negative; got {weights[negative[0]]:g} in row {negative[0] + 1} of column "
            f"{column}, {negative.size} in all. Remove those rows or their sign."
        )
    return weights


def _split(text: str | None) -> list[str] | None:
    """Split at commas."""
    return None if text is None else [part.strip() for part in text.split(",")]


@main.command(short_help="Choose a bandwidth for your own data.")
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--method",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="How to choose it; what is drawn at random has seed 0.",
)
@click.option("--kind", metavar="KIND", help="scalar, diagonal or full. [default: the method's own]")
@click.option(
    "--target",
    default="density",
    show_default=True,
    metavar="TARGET",
    help="What it should be best for: density, gradient or hessian.",
)
@_columns
@_header
@click.option("--weights", metavar="NAME", help="A column of weights, which is no feature.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw the objective, or the density where the method has none: .png, .pdf or .svg. A file that is there is "
    "replaced.",
)
def bandwidth(
    data: Path,
    method: str,
    kind: str | None,
    target: str,
    columns: str | None,
    header: bool,
    weights: str | None,
    plot: Path | None,
) -> None:
    """Choose a bandwidth for the rows of DATA, a .npy, .csv, .tsv or .parquet file of numbers.

    \b
    parzen bandwidth data.csv                                   the documented choice for its size
    parzen bandwidth data.csv --columns x,y --method likelihood
    parzen bandwidth data.npy --method sheather-jones --plot sj.png

    What comes after the line "bandwidth" is the bandwidth alone: h; standard deviations, on one line; or a
    covariance, a line for each of its rows. Parquet needs polars (pip install 'parzen[tables]'), or pandas with
    pyarrow.
    """
    import numpy as np

    from parzen.bandwidth.selection import METHODS
    from parzen.plotting import draw_density, save
    from parzen.plotting.figures import FORMATS
    from parzen.tables import some

    _require_writable("--plot", plot, FORMATS, data)
    table = _read(data, columns, weights, header=header)
    sample_weight = _weights_of(data, weights, header=header)
    n, d = table.values.shape
    if plot is not None and d > 2 and method in METHODS and not METHODS[method].objective:
        raise _no_picture(method, d)
    words = _words_of_bandwidth(data)
    with _speaking(words, table.names):
        chosen = parzen.select_bandwidth(
            table.values,
            method,
            kind=kind,
            target=target,
            sample_weight=sample_weight,
            random_state=0,
        )
    click.echo(f"samples    {n:,} in {d} dimension{'s' if d > 1 else ''}")
    click.echo(f"columns    {some(table.names)}")
    click.echo(f"method     {chosen.method} ({chosen.reason})")
    for sentence in chosen.warnings:
        click.echo(f"warning    {_spoken(sentence, words, table.names)}")
    click.echo(f"bandwidth  {chosen.kind} ({_KINDS[chosen.kind]})")
    for row in np.atleast_2d(np.asarray(chosen)):
        click.echo(" ".join(repr(float(value)) for value in row))
    if plot is None:
        return
    if chosen.curve is not None:
        save(chosen.plot(), plot)
    elif d <= 2:
        axes = draw_density(table.values, chosen, sample_weight=sample_weight)
        if table.named:
            axes.set_xlabel(table.names[0])
        if table.named and d == 2:
            axes.set_ylabel(table.names[1])
        save(axes, plot)
    else:  # what the method found out about itself on the way
        raise _no_picture(chosen.method, d)


#: What the numbers of each kind of bandwidth are.
_KINDS = {
    "scalar": "h, in the units of the data",
    "diagonal": "standard deviations, one per column",
    "full": "covariance: squares of standard deviations on its diagonal",
}


def _no_picture(method: str, d: int) -> InputError:
    """Say that neither an objective nor a density can be drawn."""
    return InputError(
        f"`--plot` must be left out where there is nothing to draw; got {d} columns, too many for a picture of the "
        f"density, and the method {method}, which has no objective here. Use another one, such as likelihood, or "
        "choose one or two --columns."
    )


def _words_of_bandwidth(data: Path) -> dict[str, str]:
    """Return what `parzen.select_bandwidth` calls its arguments, and what they are on the command line."""
    from parzen.bandwidth.selector import ADVICE

    options = {f"`{name}`": f"`--{name}`" for name in ("method", "kind", "target")}
    kinds = {f"kind='{kind}'": f"--kind {kind}" for kind in ("scalar", "diagonal", "full")}
    targets = {f"target='{target}'": f"--target {target}" for target in ("density", "gradient", "hessian")}
    remedy = "Or try `parzen sweep`."
    return (
        {
            "`X`": f"`{data}`",
            "`sample_weight`": "`--weights`",
            "Leave it out. ": "Leave it out with --columns. ",
            "Add samples. ": "Add rows. ",
            "hold more than one sample": "have more than one row",
            "hold samples that differ": "have rows that differ",
            ADVICE: remedy,
        }
        | options
        | kinds
        | targets
    )


@main.command(short_help="Try bandwidths on held-out data of your own.")
@click.argument("train", type=click.Path(path_type=Path))
@click.argument("valid", type=click.Path(path_type=Path))
@click.option("--bandwidths", required=True, metavar="σ,…", help="Bandwidths to try, in units of the data.")
@click.option("--refine", is_flag=True, help="Go on from the best of them to the optimum.")
@_columns
@_header
@click.option(
    "--weights", metavar="NAME", help="A column of weights of TRAIN, which is no feature of either file."
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw the curve: .png, .pdf or .svg. A file that is there is replaced.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the table: .csv. A file that is there is replaced.",
)
def sweep(
    train: Path,
    valid: Path,
    bandwidths: str,
    refine: bool,
    columns: str | None,
    header: bool,
    weights: str | None,
    plot: Path | None,
    out: Path | None,
) -> None:
    """Mean log density of the rows of VALID under the density of the rows of TRAIN, at each bandwidth.

    Both are .npy, .csv, .tsv or .parquet files of numbers with the same columns, which are taken by name where both
    files have names. Parquet needs polars (pip install 'parzen[tables]'), or pandas with pyarrow.

    \b
    parzen sweep train.csv valid.csv --bandwidths 0.05,0.1,0.2,0.5 --refine --plot curve.png
    """
    from parzen.plotting import bandwidth_curve, save
    from parzen.plotting.figures import FORMATS

    candidates = parse_bandwidths(bandwidths)
    _require_writable("--plot", plot, FORMATS, train, valid)
    _require_writable("--out", out, ("csv",), train, valid)
    table = _read(train, columns, weights, header=header)
    sample_weight = _weights_of(train, weights, header=header)
    samples = table.values
    held_out = _like(table, train, _read(valid, columns, weights, header=header), valid)
    words = {
        "`V`": f"`{valid}`",
        "`X`": f"`{train}`",
        "`sample_weight`": "`--weights`",
        "`start`": "`--bandwidths`",
        "`bandwidths`": "`--bandwidths`",
        "`bandwidth` must be larger for these samples; got one that they spread over": "`--bandwidths` must be larger; "
        f"got {min(candidates):g}, and the samples spread over",
        " times. Squared": " times that. Squared",
    }
    with _speaking(words):
        result = parzen.sweep(samples, held_out, bandwidths=candidates, sample_weight=sample_weight)
        best = parzen.refine(samples, held_out, result, sample_weight=sample_weight) if refine else None
    if plot is not None:
        save(bandwidth_curve(result, best), plot)
    if out is not None:
        result.to_csv(out)
    at_edge = result.best_is_at_the_edge and best is None
    doubt = ", at the edge of the list: a better one may lie outside" if at_edge else ""
    click.echo(f"{'bandwidth':>12}  {'mean log density':>18}  {'standard error':>14}")
    for h, mean, error in zip(result.bandwidths, result.mean_log_density, result.standard_error, strict=True):
        mark = f"  <- best{doubt}" if h == result.best else ""
        click.echo(f"{h:12.6g}  {mean:18.6f}  {error:14.3g}{mark}")
    if best is not None:
        click.echo(
            f"{best.bandwidth:12.6g}  {best.mean_log_density:18.6f}  {best.standard_error:14.3g}  <- optimum"
        )


def _like(samples: "Table", train: Path, held_out: "Table", valid: Path) -> "FloatArray":
    """Return held-out rows with the columns of the samples: by name where both have names, else by position."""
    from parzen.tables import some

    known, given = samples.names, held_out.names
    if not (samples.named and held_out.named):
        fits = len(known) == len(given)
    elif len(set(known)) == len(known) and sorted(known) == sorted(given):
        return held_out.values[:, [given.index(name) for name in known]]
    else:
        fits = known == given
    if not fits:
        raise InputError(
            f"`{valid}` must have the columns of `{train}`, {some(known)}; got {some(given)}. "
            "Choose the same in both with --columns."
        )
    if samples.named != held_out.named:
        click.echo(
            f"Note: only `{train if samples.named else valid}` has names, so columns are taken by position: "
            f"{some(known if samples.named else given)}.",
            err=True,
        )
    return held_out.values
