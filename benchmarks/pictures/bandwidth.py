"""The pictures of docs/choosing-a-bandwidth.md."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

import parzen
from benchmarks.marron_wand import DENSITIES

_BY_NAME = {density.name: density for density in DENSITIES}


def sizes() -> Any:
    """The same 300 samples with a bandwidth that is too small, right, and too large."""
    density = _BY_NAME["skewed bimodal"]
    x = density.sample(300, np.random.default_rng(3))[:, None]
    q = np.linspace(-3.2, 3.2, 600)
    right = float(parzen.select_bandwidth(x, "sheather-jones"))
    figure, axes = plt.subplots(1, 3, figsize=(10, 2.8), sharey=True, layout="constrained")
    names = ("right / 6: noise", "right", "right × 4: one mode is lost")
    for ax, h, name in zip(axes, (right / 6, right, right * 4), names, strict=True):
        ax.fill_between(q, density.density(q), color="0.88", label="truth")
        ax.plot(q, parzen.KernelDensity(h).fit(x).density(q[:, None]), color="#1b6ca8", label=f"h = {h:.3f}")
        ax.plot(x[:, 0], np.full(len(x), -0.012), "|", color="0.6", ms=4)
        ax.set_title(name, fontsize=10)
        ax.legend(fontsize=8, loc="upper left", frameon=False)
    return figure


def modes() -> Any:
    """Rules of thumb see one wide normal density where there are two narrow ones."""
    density = _BY_NAME["separated bimodal"]
    x = density.sample(400, np.random.default_rng(0))[:, None]
    q = np.linspace(-4, 4, 600)
    figure, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
    ax.fill_between(q, density.density(q), color="0.88", label="truth")
    for name, color in (("scott", "#c2410c"), ("sheather-jones", "#1b6ca8")):
        chosen = parzen.select_bandwidth(x, name)
        label = f"{name}: h = {float(chosen):.3f}"
        ax.plot(q, parzen.KernelDensity(chosen).fit(x).density(q[:, None]), color=color, label=label)
    ax.legend(fontsize=8, frameon=False)
    return figure


def gradient() -> Any:
    """The best bandwidth for a density is too small for its gradient."""
    density = _BY_NAME["bimodal"]
    x = density.sample(1000, np.random.default_rng(1))[:, None]
    q = np.linspace(-3, 3, 600)
    figure, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
    step = 1e-5
    slope = (density.density(q + step) - density.density(q - step)) / (2 * step)
    ax.plot(q, slope, color="0.75", lw=5, label="truth")
    for target, color in (("density", "#c2410c"), ("gradient", "#1b6ca8")):
        chosen = parzen.select_bandwidth(x, "dpi", target=target)
        values = parzen.KernelDensity(chosen).fit(x).evaluate(q[:, None], order=1)
        label = f"target={target!r}: h = {float(chosen):.3f}"
        ax.plot(q, np.exp(values.log_density) * values.gradient[:, 0], color=color, lw=1, label=label)
    ax.set_ylabel("slope of the density")
    ax.legend(fontsize=8, frameon=False)
    return figure


def adaptive() -> Any:
    """On heavy tails one bandwidth is too small outside and too large inside."""
    x = np.random.default_rng(5).standard_t(2, size=(400, 1))
    q = np.linspace(-14, 14, 1200)
    truth = (2.0 + q**2) ** -1.5
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.2), sharey=True, layout="constrained")
    for ax, h, rule, name in zip(
        axes, (0.35, 0.6), (None, "abramson"), ("one bandwidth", "adaptive='abramson'"), strict=True
    ):
        kde = parzen.KernelDensity(h, adaptive=rule).fit(x)
        ax.fill_between(q, truth, 1e-6, color="0.88", label="truth")
        ax.plot(q, kde.density(q[:, None]), color="#1b6ca8", label=f"h = {h}")
        ax.plot(x[:, 0], np.full(len(x), 1.4e-4), "|", color="0.4", ms=5)
        ax.set(yscale="log", ylim=(1e-4, 0.6), xlim=(-14, 14))
        ax.set_title(name, fontsize=10)
        ax.legend(fontsize=8, loc="upper left", frameon=False)
    axes[0].set_ylabel("density")
    return figure


def objective() -> Any:
    """What `.plot()` draws."""
    x = _BY_NAME["separated bimodal"].sample(400, np.random.default_rng(0))[:, None]
    return parzen.select_bandwidth(x, "dpi").plot().figure


DPI = 90
PICTURES = (sizes, modes, gradient, adaptive, objective)
