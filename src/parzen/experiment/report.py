"""The page that a person reads: one HTML file that needs nothing beside it, no network and no script."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from parzen.experiment import page
from parzen.experiment.machine import machine, versions
from parzen.experiment.peers import PeerCheck
from parzen.experiment.protocol import Outcome, Row
from parzen.experiment.wording import (
    by_bandwidth,
    count_of,
    duration,
    number,
    per_second,
    power,
    sigma,
    speed,
    timing,
    with_error,
)

__all__ = ["report"]

_STEPS = {
    "load": "loading the images",
    "compile": "loading compiled code (compiling it, the first time)",
    "sweep": "all listed bandwidths, one pass",
    "refine": "refining the bandwidth",
    "test": "the test images, all repeats",
    "turn": "the other way round",
    "look": "gradient",
    "peers": "asking other packages",
    "total": "together",
}


def report(outcome: Outcome, pictures: Mapping[str, bytes]) -> str:
    """Write the report.

    Parameters
    ----------
    outcome : Outcome
        What was found.
    pictures : mapping of str to bytes
        ``samples.png``, ``bandwidth.png`` and ``density.png``; they become part of the page.

    Returns
    -------
    str
        A whole HTML document.
    """
    parts = [
        _opening(outcome),
        _method(outcome, pictures["samples.png"]),
        _choice(outcome, pictures["bandwidth.png"]),
        _test(outcome),
        _turned(outcome),
        _look(outcome, pictures["density.png"]),
        _peers(outcome.peers),
        _again(outcome),
    ]
    return page.document(f"parzen experiment: {outcome.data.name}", "\n".join(parts))


def _opening(outcome: Outcome) -> str:
    """Say the answer in one sentence, and the figures that matter."""
    data, test, count = outcome.data, outcome.test, len(outcome.settings.bandwidths)
    if outcome.refinement is not None:
        chosen = f"With <b>σ = {sigma(outcome.bandwidth)}</b>, the optimum found from a list of {count}"
    elif count > 1:
        chosen = f"With <b>σ = {sigma(outcome.bandwidth)}</b>, the best of {count} bandwidths"
    else:
        chosen = f"With <b>σ = {sigma(outcome.bandwidth)}</b>"
    times = timing(outcome.test_seconds)
    figures = {
        "bandwidth σ": sigma(outcome.bandwidth),
        "test mean log density": f"{number(test.mean_log_density, 2)} nats",
        f"to evaluate {count_of(test.n_queries, 'image')}": duration(times["median"]),
        "the whole experiment": duration(outcome.seconds["total"]),
    }
    facts = "".join(
        f"<div><dt>{escape(key)}</dt><dd>{escape(value)}</dd></div>" for key, value in figures.items()
    )
    return f"""<p class="kicker">parzen experiment {escape(data.name)} · {outcome.started:%d %B %Y}</p>
<h1>How likely is an image nobody has seen?</h1>
<p class="lede">{chosen}, a density made from {count_of(test.n_train, "training image")}
({escape(data.title)}) gives {count_of(test.n_queries, "test image")}, which had no part in its making, a mean
log density of <b>{with_error(test)}</b> nats.</p>
<dl class="facts">{facts}</dl>"""


def _method(outcome: Outcome, samples: bytes) -> str:
    """Explain the experiment to somebody who meets it for the first time."""
    data = outcome.data
    n, d = data.train.shape
    size = " × ".join(map(str, data.image_shape[:2])) + (
        " pixels of 3 colours" if len(data.image_shape) == 3 else " pixels"
    )
    shown = min(n, 400)
    caption = (
        f"The first {shown:,} of the {n:,} training images."
        if shown < n
        else f"The {count_of(n, 'training image')}."
    )
    return f"""<h2>What was done</h2>
<p>Each image is a list of {d:,} numbers ({size}), so it is a point in a space of {d:,} dimensions. Put a
small Gaussian bump of width σ on each training image and average the bumps:</p>
<p class="formula">f(x) = 1/n · Σ<sub>j</sub> N(x; x<sub>j</sub>, σ² I)</p>
<p>That is a Gaussian kernel density, and it says how likely <i>any</i> image is, also one that it was not
made from. The width σ is all there is to choose. When it is too small, only copies of the training images are
likely; when it is too large, everything is, a little. So each σ is tried on
{count_of(len(data.validation), "validation image")}, the best one is kept, and the test split,
{count_of(len(data.test), "image")}, says how good the result is.</p>
{page.figure(samples, f"{caption} Source: {data.source}.", "Training images in a grid", small=True)}"""


def _choice(outcome: Outcome, curve: bytes) -> str:
    """Show the curve over σ and its table."""
    listed = by_bandwidth([row for row in outcome.rows if row.split == "validation"])
    given = outcome.settings.bandwidths
    lines = page.rows(
        (
            (
                sigma(row.bandwidth, given) + (" (chosen)" if row is outcome.validation else ""),
                *_measured(row),
            ),
            row is outcome.validation,
        )
        for row in listed
    )
    cost = f"The listed values come from one pass over the pairs of images, in {duration(outcome.seconds['sweep'])}"
    if outcome.refinement is not None:
        cost += f", and the optimum from more passes, in {duration(outcome.seconds['refine'])}"
    sentence = (
        f"Of the listed values, σ = {sigma(outcome.sweep.best)} makes the validation images most likely."
    )
    if outcome.refinement is not None:
        gain = outcome.refinement.mean_log_density - max(map(float, outcome.sweep.mean_log_density))
        sentence += (
            f" Going on from there with the exact derivative of the likelihood in log σ, the optimum is at"
            f" σ = {sigma(outcome.bandwidth)}, {number(gain, 2)} nats per image higher."
        )
    caption = (
        "Mean log density of the validation images. "
        "Values too low for the picture, if any, are arrows on its lower edge."
    )
    warning, hint = "", ""
    if outcome.sweep.best_is_at_the_edge and outcome.refinement is None:
        warning = (
            '<p class="note">The best value is at the edge of the list, so a better one may lie beyond it: '
            "run it again with <code>--refine</code> or with more <code>--bandwidths</code>.</p>"
        )
    elif outcome.refinement is None and len(listed) > 1:
        hint = " A better one may lie between the listed values: <code>--refine</code> finds it."
    return f"""<h2>Choosing σ</h2>
<p>{escape(sentence)}{hint} Numbers are natural logarithms (nats), averaged over
{count_of(outcome.validation.n_queries, "image")}. They may be positive: a density is not a probability, and where it is
concentrated it is larger than 1.</p>
{warning}{page.figure(curve, caption, "Curve of mean log density against bandwidth")}
<div class="scroll"><table>
{page.head("bandwidth σ", "n:mean log density", "n:standard error")}
<tbody>{lines}</tbody></table></div>
<p class="caption">{escape(cost)}.</p>"""


def _test(outcome: Outcome) -> str:
    """Give the test result and how long it took."""
    test, times = outcome.test, timing(outcome.test_seconds)
    pairs = test.n_train * test.n_queries
    repeats = len(outcome.test_seconds)
    others = [row for row in outcome.rows if row.split == "test" and row is not test]
    beside = "".join(
        f" With σ = {sigma(row.bandwidth)}, the best of the list, it would be {with_error(row)}."
        for row in others
    )
    amount = f"That is {count_of(pairs, 'pair')}" if pairs == 1 else f"Those are {count_of(pairs, 'pair')}"
    run = "once" if repeats == 1 else f"{repeats} times"
    return f"""<h2>The test</h2>
<p>The {count_of(test.n_queries, "test image")} {"has" if test.n_queries == 1 else "have"}
a mean log density of <b>{with_error(test)}</b> nats (the mean and
its standard error), against {with_error(outcome.validation)} for the validation images that σ was chosen
on.{beside}</p>
<p>{amount} of images. The error of each log density is at most {power(outcome.error_bound)} nats, by parzen's own
bound; its promise is {power(1e-9)}. The test images were evaluated {run}: at best {duration(times["min"])}, median
{duration(times["median"])}, mean {duration(times["mean"])}; that is {per_second(pairs / times["median"])}
pairs a second at {outcome.data.train.shape[1]:,} dimensions.</p>"""


def _turned(outcome: Outcome) -> str:
    """Explain both directions."""
    there, back = outcome.validation, outcome.turned
    difference = there.mean_log_density - back.mean_log_density
    error = math.hypot(there.standard_error, back.standard_error)
    lines = page.rows(
        (
            ((f"{there.n_queries:,} validation", f"{there.n_train:,} training", *_measured(there)), False),
            ((f"{back.n_queries:,} training", f"{back.n_train:,} validation", *_measured(back)), False),
        )
    )
    if math.isfinite(error) and error > 0:
        size = (
            f"They differ by {number(abs(difference), 2)} nats, {abs(difference) / error:.1f} times the"
            " standard error of that difference."
        )
    else:
        size = f"They differ by {number(abs(difference), 2)} nats."
    if there.n_train == back.n_train:
        meaning = (
            "Both splits were drawn from the same images and are equally large, so both numbers estimate the same"
            " thing, and their difference is chance. (The standard errors count which images were evaluated; which"
            " images the density is made from adds some more.)"
        )
    else:
        more = "training" if there.n_train > back.n_train else "validation"
        meaning = (
            f"Both splits were drawn from the same images, but the {more} split is larger, and more images make a"
            " better density. That explains a part of the difference; the rest is chance."
        )
    return f"""<h2>The other way round</h2>
<p>The same question can be turned: how likely are the training images under a density made from the
validation images, with the same σ?</p>
<div class="scroll"><table>
{page.head("images", "density made from", "n:mean log density", "n:standard error")}
<tbody>{lines}</tbody></table></div>
<p>Each number estimates a negative cross-entropy: the average of log <i>f</i> over what the images are drawn
from. Cross-entropy is entropy plus the Kullback–Leibler divergence KL(images ‖ density), and KL is not
symmetric, so the two directions answer two questions and need not agree. {escape(size)}
{escape(meaning)}</p>"""


def _look(outcome: Outcome, gallery: bytes) -> str:
    """Show what the density finds likely."""
    lowest, highest = outcome.test_log_density.min(), outcome.test_log_density.max()
    substance = "light" if len(outcome.data.image_shape) == 3 else "ink"
    caption = (
        "Test images with their log densities. Below: the least likely one; the gradient of the log density "
        f"there, red where more {substance} would make it likelier and blue where less would; and one "
        "mean-shift step along it."
    )
    alternative = "Most and least likely test images, and the gradient of the log density at one of them"
    return f"""<h2>What the density thinks</h2>
<p>Among the test images log <i>f</i> runs from {number(lowest, 1)} to {number(highest, 1)}. The likeliest
have training images much like them; the least likely have none near. The gradient ∇ log <i>f</i> is exact,
and it is itself an image: what to change, pixel by pixel, to become more likely. A step of σ² ∇ log <i>f</i>
leads to an average of the training images, in which the nearest count most.</p>
{page.figure(gallery, caption, alternative)}"""


def _peers(peers: Sequence[PeerCheck]) -> str:
    """Show what other packages answer, whoever that flatters."""
    if not peers:
        return """<h2>Checked against other packages</h2>
<p>Nothing was checked: the experiment was run with <code>--check-against none</code>.</p>"""
    own = peers[0]
    lines = []
    for peer in peers:
        value = "" if peer.mean_log_density is None else number(peer.mean_log_density)
        worst = "" if peer.worst_error is None else power(peer.worst_error)
        name = f"{escape(peer.peer)}<br><small>{escape(peer.version or 'not installed')}</small>"
        took = "" if peer.seconds is None else duration(peer.seconds)
        truth = "" if peer.truth is None else number(peer.truth)
        ours = "" if peer is own or peer.parzen_seconds is None else duration(peer.parzen_seconds)
        mark = "" if peer.agrees or peer.version is None else ' class="bad"'
        faster = speed(peer)
        note = escape(peer.note) + (f"; {faster}" if faster else "")
        size = f"{peer.n_train:,} × {peer.n_queries:,}"
        cells = (size, value, truth, worst, took, ours)
        numbers = "".join(f'<td class="n">{escape(cell)}</td>' for cell in cells)
        said = f'<tr><td colspan="7"{mark}><div class="said">{note}</div></td></tr>'
        lines.append(f'<tr class="top"><td>{name}</td>{numbers}</tr>{said}')
    names = page.head(
        "package", "n:images × queries", "n:its mean", "n:truth", "n:worst error", "n:its time", "n:parzen’s"
    )
    return f"""<h2>Checked against other packages</h2>
<p>Here is the same question, put to parzen and to others: the log density of up to
{count_of(own.n_queries, "validation image")} under
{count_of(own.n_train, "training image")} with σ = {sigma(own.bandwidth)}. The truth beside
each answer is the definition, summed term by term in plain NumPy. Each package runs with its default
accuracy, on as many images as it does in seconds; all times are the best of up to three runs.
{_tally(peers[1:])}</p>
<div class="scroll"><table class="peers">
{names}<tbody>{"".join(lines)}</tbody>
</table></div>
<p class="caption">Mean log density in nats; the worst error is the largest over the queries.</p>"""


def _tally(peers: Sequence[PeerCheck]) -> str:
    """Count who is right."""
    absent = sum(peer.version is None for peer in peers)
    agree = sum(peer.agrees for peer in peers)
    silent = sum(peer.worst_error is None for peer in peers) - absent
    asked = len(peers) - absent
    if not asked:
        return "None of them is installed."
    counts = {"right": agree, "wrong": asked - agree - silent, "refused": silent}
    told = f"Of {asked} asked, " + ", ".join(f"{n} {what}" for what, n in counts.items() if n)
    return told + (f"; {absent} not installed." if absent else ".")


def _again(outcome: Outcome) -> str:
    """Say how it was computed, where, and how to do it again."""
    steps = page.rows(
        ((_STEPS.get(name, name), "n:" + duration(seconds)), name == "total")
        for name, seconds in outcome.seconds.items()
    )
    place = machine()
    used = ", ".join(f"{name} {release}" for name, release in versions().items())
    cores = "1 core" if place["cores"] == 1 else f"{place['cores']} cores"
    return f"""<h2>How it was computed</h2>
<p>parzen's plan for the test images, in its own words:</p>
<pre>{escape(outcome.plan)}</pre>
<div class="scroll"><table>{page.head("step", "n:time")}<tbody>{steps}</tbody></table></div>
<h2>Run it again</h2>
<pre>{escape(outcome.settings.command_line())}</pre>
<p>The numbers are in <code>results.csv</code> and <code>peers.csv</code>, and everything, with each repeat
and each step of the search, in <code>results.json</code>, beside this page.</p>
<footer>{escape(used)}.<br>{escape(str(place["cpu"]))}, {cores}, {place["memory_gib"]} GiB of memory,
{escape(str(place["system"]))}. {outcome.started:%Y-%m-%d %H:%M} UTC.</footer>"""


def _measured(row: Row) -> tuple[str, str]:
    """Make the two cells of a mean and its standard error."""
    return f"n:{number(row.mean_log_density)}", f"n:{number(row.standard_error)}"
