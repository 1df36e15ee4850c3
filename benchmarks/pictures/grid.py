"""The pictures of docs/gradients-of-data.md."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from parzen.grid import gradient, smooth_gradient, turning_points
from parzen.plotting import gradient_field


def convergence() -> Any:
    """Error against spacing: NumPy's edges, and three accuracies."""
    figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    steps = np.geomspace(0.004, 0.4, 24)
    cases = [("NumPy's defaults", {}, "k"), ("edge_order=2", {"edge_order": 2}, "C1")]
    cases += [(f"accuracy={a}", {"accuracy": a}, f"C{a // 2}") for a in (4, 6, 8)]
    for name, options, color in cases:
        errors = []
        for h in steps:
            x = np.arange(-3, 3, h)
            errors.append(np.abs(gradient(np.sin(x), h, **options) - np.cos(x)).max())
        ax.loglog(steps, errors, "o-", ms=3, color=color, label=name)
    ax.set(
        xlabel="spacing h",
        ylabel="largest error of d sin(x)/dx",
        title="Error at the worst point, ends included",
    )
    ax.grid(alpha=0.3)
    ax.legend()
    return figure


def field() -> Any:
    """A surface, its gradient and its level points."""
    x, y = np.linspace(-3, 3, 81), np.linspace(-2, 2, 61)
    z = np.cos(x) * np.cos(2 * y[:, None]) * np.exp(-0.05 * x**2)
    figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    gradient_field(z, x, y, ax=axes[0])
    gradient_field(z, x, y, style="streamlines", ax=axes[1])
    return figure


def noise() -> Any:
    """Noisy samples: plain differences, and a smoothed gradient with its error band."""
    x = np.linspace(0, 6, 300)
    y = np.sin(x) + np.random.default_rng(0).normal(scale=0.1, size=x.size)
    result = smooth_gradient(y, x, method="spline")
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(6.5, 5.5), sharex=True, layout="constrained")
    top.plot(x, y, ".", ms=3, color="0.6", label="samples")
    top.plot(x, result.values, "C0", label="smoothed")
    turns = turning_points(result.values, x)
    for kind, mark, color in (("maximum", "^", "tab:red"), ("minimum", "v", "tab:orange")):
        chosen = turns.kind == kind
        top.plot(turns.x[chosen], turns.y[chosen], mark, ms=8, color=color, label=kind)
    bottom.plot(x, np.gradient(y, x), color="0.85", lw=0.8, label="np.gradient")
    bottom.plot(x, np.cos(x), "k--", lw=1, label="true slope")
    bottom.plot(x, result.gradient, "C0", label="smooth_gradient")
    low, high = result.gradient - 2 * result.standard_error, result.gradient + 2 * result.standard_error
    bottom.fill_between(x, low, high, color="C0", alpha=0.25, label="± 2 standard errors")
    top.set(ylabel="y")
    bottom.set(ylim=(-3, 3), xlabel="x", ylabel="slope")
    for ax in (top, bottom):
        ax.legend(fontsize=8, ncol=2)
    return figure


DPI = 110
PICTURES = (convergence, field, noise)
