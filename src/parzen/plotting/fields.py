"""A sampled surface with its gradient as arrows or streamlines, and its level points marked."""

from typing import Any

import numpy as np

from parzen.derivatives.arrays.calculus import hessian
from parzen.derivatives.arrays.containers import values_and_coordinates
from parzen.derivatives.arrays.gradient import gradient
from parzen.derivatives.arrays.spacing import disorder, mesh_line, read_spacings
from parzen.errors import InputError
from parzen.plotting.figures import axes_or_new
from parzen.typing import FloatArray
from parzen.validation import as_matrix, as_positive_int

__all__ = ["gradient_field", "level_points"]

#: Relative rounding of second differences, with room to spare.
ROUNDING = 1e-8


def gradient_field(
    z: Any, x: Any = None, y: Any = None, *, style: str = "arrows", density: int = 20, ax: Any = None
) -> Any:
    """Draw a surface as filled contours, its gradient on top, and mark where the gradient vanishes.

    Parameters
    ----------
    z : array-like of shape (n_y, n_x)
        Samples, finite: rows are y, columns are x.
    x, y : array-like of shape (n_x,) and (n_y,), or both of ``np.meshgrid(x, y)``, optional
        Coordinates, strictly increasing; by default those of a labelled ``z``, else 0, 1, 2, ….
    style : {"arrows", "streamlines"}, default "arrows"
        Arrows show size and direction, streamlines the way uphill. Streamlines of unevenly spaced data are
        drawn on an even grid.
    density : int, default 20
        Arrows along the longer side; streamlines scale with it.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError, InputTypeError
        Not 2-D, fewer than 5 samples along an axis, not finite, or coordinates that do not increase.
    """
    z, given = values_and_coordinates(z, () if x is None and y is None else (y, x))
    y, x = given or (None, None)
    values = as_matrix(z, "z")
    if style not in ("arrows", "streamlines"):
        raise InputError(f"`style` must be 'arrows' or 'streamlines'; got {style!r}. Choose one of them.")
    density = as_positive_int(density, "density")
    at_y, at_x = _axes(values, y, x)
    slope_y, slope_x = gradient(values, at_y, at_x, accuracy=4)
    with axes_or_new(ax, 6.4, 4.8) as ax:
        filled = ax.contourf(at_x, at_y, values, levels=24, cmap="viridis", alpha=0.85)
        ax.figure.colorbar(filled, ax=ax, label="z")
        if style == "arrows":
            step = max(1, int(np.ceil(max(values.shape) / density)))
            picked = (slice(step // 2, None, step),) * 2
            ax.quiver(
                at_x[picked[1]], at_y[picked[0]], slope_x[picked], slope_y[picked],
                angles="xy", color="white", width=0.003, pivot="mid",
            )  # fmt: skip
        else:
            even_x, even_y = (
                np.linspace(at_x[0], at_x[-1], len(at_x)),
                np.linspace(at_y[0], at_y[-1], len(at_y)),
            )
            u, v = (_on_even_grid(s, at_y, at_x, even_y, even_x) for s in (slope_x, slope_y))
            ax.streamplot(
                even_x, even_y, u, v, density=density / 16, color="white", linewidth=0.7, arrowsize=0.8
            )
        marks = {"maximum": "^", "minimum": "v", "saddle": "x"}
        colors = {"maximum": "tab:red", "minimum": "tab:orange", "saddle": "black"}
        points = level_points(values, at_x, at_y)
        for kind, mark in marks.items():
            chosen = [(p, q) for p, q, k in points if k == kind]
            if chosen:
                px, py = zip(*chosen, strict=True)
                ax.scatter(px, py, marker=mark, s=60, c=colors[kind], label=kind, zorder=3)
        if points:
            ax.legend(
                loc="upper center", bbox_to_anchor=(0.5, -0.12), ncol=3, fontsize="small", frameon=False
            )
        ax.set(xlabel="x", ylabel="y", title="gradient field, pointing uphill")
        ax.set(xlim=(at_x[0], at_x[-1]), ylim=(at_y[0], at_y[-1]))
    return ax


def level_points(z: Any, x: Any = None, y: Any = None) -> list[tuple[float, float, str]]:
    """Find where the gradient of a sampled surface vanishes: (x, y, "minimum" | "maximum" | "saddle").

    Parameters
    ----------
    z : array-like of shape (n_y, n_x)
        Samples, finite: rows are y, columns are x; at least 5 along each axis.
    x, y : array-like of shape (n_x,) and (n_y,), optional
        Coordinates, strictly increasing; 0, 1, 2, … by default.

    Returns
    -------
    list of (float, float, str)
        In no particular order.

    Raises
    ------
    InputError, InputTypeError
        As `gradient_field`.

    Notes
    -----
    From each sample one Newton step with the fourth-order gradient and Hessian is taken; a step that ends
    nearer to its own sample than to any other is a level point. The index of the Hessian tells its kind.
    Where its determinant cannot be told from zero (ridges, plateaus), there is no isolated point and none is
    given.
    """
    values = as_matrix(z, "z")
    at_y, at_x = _axes(values, y, x)
    slope = np.stack(gradient(values, at_y, at_x, accuracy=4))
    a, b, d, determinant = _curvature(values, at_y, at_x, 4)
    # along a ridge the determinant is what discretisation makes of zero: no isolated point is level there
    *_, rough = _curvature(values, at_y, at_x, 2)
    doubt = np.abs(determinant - rough) / 2 + ROUNDING * (np.abs(a * d) + b * b)
    doubt += ROUNDING**2 * np.abs(a).max() * np.abs(d).max()
    with np.errstate(all="ignore"):
        step_y = -(d * slope[0] - b * slope[1]) / determinant
        step_x = -(a * slope[1] - b * slope[0]) / determinant
    near = (np.abs(determinant) > doubt) & _within(step_y, at_y, 0) & _within(step_x, at_x, 1)
    found = []
    for i, j in np.argwhere(near).tolist():
        kind = "saddle" if determinant[i, j] < 0 else "minimum" if a[i, j] + d[i, j] > 0 else "maximum"
        found.append((float(at_x[j] + step_x[i, j]), float(at_y[i] + step_y[i, j]), kind))
    return found


def _curvature(values: FloatArray, y: FloatArray, x: FloatArray, accuracy: int) -> tuple[FloatArray, ...]:
    """Return z_yy, z_xy, z_xx and the determinant of the Hessian."""
    bend = hessian(values, y, x, accuracy=accuracy)
    a, b, d = bend[0, 0], bend[0, 1], bend[1, 1]
    return a, b, d, a * d - b * b


def _axes(values: FloatArray, y: Any, x: Any) -> list[FloatArray]:
    """Return strictly increasing coordinates of rows and columns, starting where the caller's do."""
    if min(values.shape) < 5:
        raise InputError(
            f"`z` must have at least 5 samples along each axis; got shape {values.shape}. Give more samples."
        )
    result = []
    for axis, (name, given) in enumerate((("y", y), ("x", x))):
        n = values.shape[axis]
        if given is None:
            result.append(np.arange(n, dtype=np.float64))
            continue
        given = np.asarray(given)
        line = mesh_line(given, axis, values.shape) if given.ndim == 2 else given
        if line is None or line.shape != (n,):
            raise InputError(
                f"`{name}` must be of shape ({n},), or of np.meshgrid(x, y), for `z` of shape {values.shape}; got "
                f"shape {given.shape}. Rows are y, columns are x: transpose `z`, or swap them."
            )
        spacing = read_spacings((line,), values.shape, (axis,), "s")[0][0]
        at = spacing.positions(n) + (float(line[0]) if line.dtype.kind in "fiu" else 0.0)
        wrong = disorder(at)
        if wrong is not None:
            raise InputError(
                f"`{name}` must increase strictly; got {wrong}. Sort the samples, or reverse both."
            )
        result.append(at)
    return result


def _within(step: FloatArray, at: FloatArray, axis: int) -> Any:
    """Whether a step stays in the cell of its sample: half-way to its neighbours, the upper end excluded."""
    gaps = np.diff(at)
    shape = [-1 if k == axis else 1 for k in range(2)]
    before = np.concatenate([[0.0], gaps / 2]).reshape(shape)
    after = np.concatenate([gaps / 2, [0.0]]).reshape(shape)
    return (step >= -before) & (step < after)


def _on_even_grid(z: FloatArray, y: FloatArray, x: FloatArray, even_y: FloatArray, even_x: FloatArray) -> Any:
    """Interpolate linearly to an even grid, which streamlines need."""
    from scipy.interpolate import RegularGridInterpolator

    mesh = np.meshgrid(np.clip(even_y, y[0], y[-1]), np.clip(even_x, x[0], x[-1]), indexing="ij")
    return RegularGridInterpolator((y, x), z)(np.stack(mesh, axis=-1))
