"""Draw time against n from the results: docs/img/time-against-n.png, and the slopes as a table.

``python -m benchmarks.tables`` calls it. Blobs in 1, 2 and 3 dimensions, from benchmarks/peers.py; parzen's 10⁷
from benchmarks/engine.py.
"""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Row
from benchmarks.shapes import power

__all__ = ["draw", "series", "slope", "slope_rows"]

#: Sizes that a heading or a case may name.
_SIZES = {power(base * 10**exponent): base * 10**exponent for exponent in range(2, 9) for base in (1, 3)}

#: n and seconds.
Points = list[tuple[int, float]]


def series(results: list[dict[str, Any]]) -> dict[int, dict[str, Points]]:
    """Return {d: {library: [(n, seconds), …]}} of blobs, by n."""
    found: dict[int, dict[str, dict[int, float]]] = {}
    for result in results:
        for row in result["rows"]:
            if result["benchmark"] == "peers" and row["table"] == "seconds":
                shape, d, n = row["case"].split(", ")
                if shape == "blobs" and n in _SIZES:
                    for library, seconds in row["figures"].items():
                        if not isinstance(seconds, str):
                            found.setdefault(int(d[:-2]), {}).setdefault(library, {})[_SIZES[n]] = seconds
            if result["benchmark"] == "engine" and row["table"] == "growth":
                mine = found.setdefault(int(row["case"].split("-")[0]), {}).setdefault("parzen", {})
                for heading, seconds in row["figures"].items():
                    if heading.removesuffix(", s") in _SIZES:
                        mine[_SIZES[heading.removesuffix(", s")]] = seconds
    return {
        d: {library: sorted(points.items()) for library, points in found[d].items()} for d in sorted(found)
    }


def slope(points: Points) -> float:
    """Return the slope of log time against log n, by least squares over the larger half of the sizes.

    The smaller sizes are set-up rather than growth.
    """
    large = points[-max(2, (len(points) + 1) // 2) :]
    n, seconds = np.log(np.array(large, dtype=float).T)
    return float(np.polyfit(n, seconds, 1)[0])


def slope_rows(results: list[dict[str, Any]]) -> list[Row]:
    """Return a table of slopes, a row for each dimension, where there are several sizes."""
    rows = []
    for d, libraries in series(results).items():
        slopes = {library: slope(points) for library, points in libraries.items() if len(points) > 1}
        if slopes and d <= 3:
            rows.append(Row(f"{d}-D", dict(slopes)))
    return rows


def draw(results: list[dict[str, Any]], path: Path) -> None:
    """Draw seconds against n on logarithmic axes, a panel for each dimension; slopes in the legend."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    panels = {d: libraries for d, libraries in series(results).items() if d <= 3}
    names = dict.fromkeys(library for libraries in panels.values() for library in libraries)
    colours = {name: f"C{i}" for i, name in enumerate(names)} | {"parzen": "k"}
    figure, axes = plt.subplots(
        1, len(panels), figsize=(4.4 * len(panels), 5.6), sharey=True, squeeze=False, layout="constrained"
    )
    for ax, (d, libraries) in zip(axes[0], panels.items(), strict=True):
        for library, points in libraries.items():
            n, seconds = zip(*points, strict=True)
            label = f"{library} ({slope(points):.2f})" if len(points) > 1 else library
            ours = library == "parzen"
            ax.loglog(n, seconds, "o-", ms=4, lw=2.5 if ours else 1, color=colours[library], label=label)
        ax.set(title=f"{d}-D blobs (slope in brackets)", xlabel="samples = queries")
        ax.grid(alpha=0.3)
        ax.legend(fontsize=7, ncol=2, loc="upper center", bbox_to_anchor=(0.5, -0.12), frameon=False)
    axes[0][0].set_ylabel("seconds")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
