"""Choosing a bandwidth from a million samples."""

import math
import time
from statistics import median

import numpy as np

import parzen
from benchmarks.harness import Bar, Figure, Row
from benchmarks.marron_wand import DENSITIES

#: What can be had from one Fourier transform, and what it is promised to take, in seconds.
_METHODS = {"sheather-jones": 3.0, "lscv": 3.0, "dpi": None, "isj": None}


def run(quick: bool) -> list[Row]:
    """Time plug-in and least-squares cross-validation; the answers must be near the best bandwidth."""
    n = 10**5 if quick else 10**6
    density = DENSITIES[5]
    x = density.sample(n, np.random.default_rng(0))[:, None]
    best = density.best_bandwidth(n)
    rows = []
    for name, limit in _METHODS.items():
        parzen.select_bandwidth(x[:1000], name)
        seconds = []
        for _ in range(3):
            began = time.perf_counter()
            h = float(parzen.select_bandwidth(x, name))
            seconds.append(time.perf_counter() - began)
        # LSCV converges only like n^{-1/10}
        if not abs(math.log(h / best)) < 0.2:
            raise AssertionError(f"{name} chose {h}, the best bandwidth is {best}")
        figures: dict[str, Figure] = {"s": median(seconds), "bandwidth": h, "best bandwidth": best}
        bars = (Bar("s", limit),) if limit is not None and not quick else ()
        rows.append(Row(name, figures, bars))
    return rows
