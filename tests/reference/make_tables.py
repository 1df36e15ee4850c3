"""Write tables.json: exact densities of awkward inputs. Run ``python tests/reference/make_tables.py`` (a minute).

Inputs are stored as the doubles they are (Python writes the shortest text that reads back to the same double),
results are 50-digit numbers rounded once. The tables are committed; this script is their proof.
"""

import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from reference.exact import exact_density  # noqa: E402

TABLES = HERE / "tables.json"


def cases():
    """Yield (name, samples, queries, bandwidth, weights, leave one out?, order[, factors])."""
    rng = np.random.default_rng(20261121)

    def points(n, d):
        return np.round(rng.normal(size=(n, d)), 3)  # three decimals: short in the file

    for d, n, m, order in (
        (1, 9, 4, 2),
        (2, 7, 4, 2),
        (3, 6, 3, 2),
        (5, 6, 3, 2),
        (8, 6, 2, 2),
        (16, 5, 2, 2),
    ):
        yield f"d = {d}", points(n, d), points(m, d), 0.7, None, False, order
    yield "d = 17", points(5, 17), points(2, 17), 2.0, None, False, 1
    yield "d = 64", points(5, 64), points(2, 64), 2.0, None, False, 1
    pixels = np.round(rng.uniform(size=(6, 784)) ** 4 * 255) / 256
    yield "d = 784", pixels[:4], pixels[4:], 3.0, None, False, 1
    yield "d = 784, small bandwidth", pixels[:3], pixels[[0, 4]], 0.05, None, False, 1
    x2, q2 = points(6, 2), points(3, 2)
    yield "tail to -1e6", x2, q2 + np.array([[1400.0, 0.0], [0.0, -900.0], [30.0, 30.0]]), 1.0, None, False, 2
    yield "tail to -1e8", x2, q2 + np.array([[1.4e4, 0.0], [0.0, -9e3], [3e3, 3e3]]), 1.0, None, False, 2
    yield (
        "tail, perpendicular samples",
        np.array([[0, 0.3], [0, -0.4], [0.1, 0.2]]),
        np.array([[1e6, 0.1], [1e7, 0.1], [1e8, 0.1]]),
        1.0,
        None,
        False,
        2,
    )
    for offset in (1e6, 1e12):
        yield f"offset {offset:g}", x2 + offset, q2 + offset, 0.5, None, False, 2
    yield "offset 1e12, d = 17", points(4, 17) + 1e12, points(2, 17) + 1e12, 2.0, None, False, 1
    yield (
        "offset 1e12, one axis, full",
        x2 + np.array([0, 1e12]),
        q2 + np.array([0, 1e12]),
        np.array([[1.0, 0.4], [0.4, 0.5]]),
        None,
        False,
        2,
    )
    yield "weights with zeros", x2, q2, 0.5, np.array([0.0, 1.0, 0.0, 2.5, 1e-3, 7.0]), False, 2
    extreme = np.array([1e-300, 1.0, 0.0, 1e-200, 1e-10, 1e-3])
    spread = np.array([[0, 0], [30, 0], [5, 5], [0, 20], [2, 2], [9, 9]], dtype=float)
    yield (
        "weights 1e-300 to 1",
        spread,
        np.array([[0, 0], [0, 19], [3, 3], [40, 0]], dtype=float),
        1.0,
        extreme,
        False,
        2,
    )
    yield "weights all tiny", x2, q2, 1.0, np.array([1e-300, 3e-300, 2.5e-300, 0.0, 1e-301, 1e-300]), False, 2
    yield "weights all huge", x2, q2, 1.0, np.array([1e307, 3e307, 2.5e307, 0.0, 1e306, 1e307]), False, 2
    yield "duplicates", x2[[0, 0, 0, 1, 1, 2]], np.vstack([x2[:2], q2[:1]]), 0.3, None, False, 2
    grid = np.array([[i, j] for i in (-1.0, 0.0, 1.0) for j in (-1.0, 0.0, 1.0)])
    yield "ties on a grid", grid, np.array([[0, 0], [0.5, 0.5], [0.5, 0], [1e4, 0]]), 0.25, None, False, 2
    clusters = np.array([[-1.0, 0.0], [-1.0, 1e-3], [1.0, 0.0], [1.0, -1e-3]])
    for R in (3.0, 1e3, 1e6):
        yield (
            f"midpoint of clusters at +-{R:g}", clusters * [R, 1.0],
            np.array([[0.0, 0.0], [0.3 / R, 0.0], [-1e-3 / R, 1e-3]]), 1.0, None, False, 2,
        )  # fmt: skip
    yield "diagonal, ratio 1e6", x2 * [1e3, 1e-3], q2 * [1e3, 1e-3], np.array([600.0, 6e-4]), None, False, 2
    yield (
        "diagonal, ratio 1e6, d = 5",
        points(5, 5),
        points(2, 5),
        np.array([1e-3, 1e3, 1.0, 0.1, 30.0]),
        None,
        False,
        2,
    )
    for condition in (1e4, 1e8, 1e12, 1e14):
        for d in (2, 5):
            basis = np.linalg.qr(rng.normal(size=(d, d)))[0]
            H = (basis * np.geomspace(1, 1 / condition, d)) @ basis.T
            H = 0.5 * (H + H.T)
            L = np.linalg.cholesky(H)
            near = points(5, d)
            yield (
                f"full, condition {condition:g}, d = {d}", near @ L.T, points(2, d) @ L.T, H, None, False, 2,
            )  # fmt: skip
            yield f"full, condition {condition:g}, d = {d}, far", near, points(2, d), H, None, False, 2
    yield (
        "full, entries of 1e-200",
        x2 * 1e-100,
        q2 * 1e-100,
        np.array([[1, 0.9], [0.9, 1]]) * 1e-200,
        None,
        False,
        1,
    )
    for h in (1e-100, 1e100):
        yield f"bandwidth {h:g}", x2 * h, q2 * h, h, None, False, 2
    yield "bandwidth far above the spread", x2, q2, 1e6, None, False, 2
    yield "one sample", x2[:1], np.vstack([x2[:1], q2[:1], [[1e3, 1e3]]]), 0.3, None, False, 2
    yield "leave one out", x2, x2, 0.3, None, True, 2
    yield (
        "leave one out, isolated",
        np.vstack([x2[:4], [[1e3, 0.0]]]),
        np.vstack([x2[:4], [[1e3, 0.0]]]),
        0.3,
        None,
        True,
        2,
    )
    yield "leave one out, duplicates", x2[[0, 0, 1, 2]], x2[[0, 0, 1, 2]], 0.3, None, True, 2
    yield "leave one out, weights", x2, x2, 0.5, np.array([0.0, 1.0, 1e-12, 2.5, 1e-3, 7.0]), True, 2
    yield (
        "leave one out, one dominant weight",
        x2,
        x2,
        0.5,
        np.array([1.0, 1e-30, 1e-31, 2e-30, 1e-30, 0.0]),
        True,
        2,
    )

    # own numbers, so that more cases here do not change those above
    rng = np.random.default_rng(20261126)

    def factors(n, spread):
        return np.round(np.geomspace(spread**-0.5, spread**0.5, n), 9)[rng.permutation(n)]

    for d, n, m, order in ((1, 9, 4, 2), (2, 7, 4, 2), (17, 5, 2, 1), (64, 5, 2, 1)):
        yield f"adaptive, d = {d}", points(n, d), points(m, d), 0.7, None, False, order, factors(n, 10.0)
    x2, q2 = points(7, 2), points(4, 2)
    yield (
        "adaptive, factors spread 1e6", x2, np.vstack([q2, x2[:3], x2[:3] + 1e-3]), 0.7, None, False, 2,
        factors(7, 1e6),
    )  # fmt: skip
    far = np.array([[1400.0, 0.0], [0.0, -900.0], [30.0, 30.0], [-3e4, 1e4]])
    yield "adaptive, tail to -1e6", x2, q2 + far, 1.0, None, False, 2, factors(7, 1.01)
    yield "adaptive, tail to -1e8", x2, q2 + 10.0 * far, 1.0, None, False, 2, factors(7, 1e3)
    # where a narrow kernel's height and a wide one's reach balance, both count
    yield (
        "adaptive, two kernels in balance", np.array([[0.0], [0.1]]), np.linspace(2.0, 5.0, 7)[:, None], 1.0,
        np.array([1.0, 1e-4]), False, 2, np.array([1.0, 3.0]),
    )  # fmt: skip
    yield (
        "adaptive, in balance at -5e7", np.array([[0.0], [-2.1e4]]), 1e4 + np.array([[-1e-4], [0.0], [1e-4], [3e-4]]), 1.0,
        None, False, 2, np.array([1.0, 3.1]),
    )  # fmt: skip
    yield "adaptive, offset 1e12", x2 + 1e12, q2 + 1e12, 0.5, None, False, 2, factors(7, 100.0)
    yield (
        "adaptive, full, offset 1e12", x2 + np.array([0, 1e12]), q2 + np.array([0, 1e12]),
        np.array([[1.0, 0.4], [0.4, 0.5]]), None, False, 2, factors(7, 100.0),
    )  # fmt: skip
    yield "adaptive, diagonal", x2, q2, np.array([0.3, 2.0]), None, False, 2, factors(7, 10.0)
    yield (
        "adaptive, weights 1e-300 to 1", x2, q2 * 10.0, 1.0, np.array([1e-300, 1.0, 0.0, 1e-200, 1e-10, 1e-3, 0.5]),
        False, 2, factors(7, 100.0),
    )  # fmt: skip
    grid = np.array([[i, j] for i in (-1.0, 0.0, 1.0) for j in (-1.0, 0.0, 1.0)])
    yield (
        "adaptive, ties on a grid", grid, np.array([[0, 0], [0.5, 0.5], [0.5, 0], [1e4, 0]]), 0.25, None, False, 2,
        np.array([1, 2, 1, 2, 1, 2, 1, 2, 1.0]),
    )  # fmt: skip
    yield "adaptive, duplicates", x2[[0, 0, 0, 1, 1, 2, 3]], x2[:3], 0.3, None, False, 2, factors(7, 10.0)
    yield "adaptive, leave one out", x2, x2, 0.3, None, True, 2, factors(7, 10.0)
    yield (
        "adaptive, leave one out, isolated", np.vstack([x2[:6], [[1e3, 0.0]]]), np.vstack([x2[:6], [[1e3, 0.0]]]), 0.3,
        np.array([1.0, 1.0, 0.0, 1e-6, 2.0, 1.0, 3.0]), True, 2, factors(7, 10.0),
    )  # fmt: skip


def main():
    """Write the tables."""
    rows = []
    for name, samples, queries, bandwidth, weights, leave_one_out, order, *rest in cases():
        samples, queries = np.asarray(samples, dtype=float), np.asarray(queries, dtype=float)
        own = np.arange(len(samples)) if leave_one_out else None
        factors = rest[0] if rest else None
        exact = exact_density(samples, queries, bandwidth, weights, own, order, factors=factors)
        rows.append(
            {
                "name": name,
                "samples": samples.tolist(),
                "queries": None if leave_one_out else queries.tolist(),
                "bandwidth": np.asarray(bandwidth).tolist(),
                "weights": None if weights is None else weights.tolist(),
                "leave_one_out": leave_one_out,
                "order": order,
                "log_density": exact.log_density.tolist(),
                "gradient": exact.gradient.tolist(),
                "hessian": exact.hessian.tolist() if order > 1 else None,
                **({} if factors is None else {"factors": factors.tolist()}),
            }
        )
        print(f"{name:45s} log f from {exact.log_density.min():.4g} to {exact.log_density.max():.4g}")
    with open(TABLES, "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
