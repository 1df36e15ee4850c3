"""The picture of a gradient field."""

import numpy as np
import pytest

from parzen.errors import InputError
from parzen.plotting.fields import gradient_field, level_points

X, Y = np.linspace(-3, 3, 61), np.linspace(-2, 2, 45)
Z = np.cos(X) * np.cos(2 * Y[:, None])


def test_level_points_of_a_product_of_cosines():
    found = sorted(level_points(Z, X, Y))
    kinds = {kind: [(x, y) for x, y, k in found if k == kind] for kind in ("maximum", "minimum", "saddle")}
    np.testing.assert_allclose(kinds["maximum"], [(0, 0)], atol=1e-3)
    np.testing.assert_allclose(sorted(p[1] for p in kinds["minimum"]), [-np.pi / 2, np.pi / 2], atol=1e-3)
    saddles = [(s * np.pi / 2, t * np.pi / 4) for s in (-1, 1) for t in (-1, 1)]
    np.testing.assert_allclose(sorted(kinds["saddle"]), sorted(saddles), atol=1e-3)


@pytest.mark.parametrize("style", ["arrows", "streamlines"])
@pytest.mark.parametrize("coordinates", [(X, Y), (None, None), (np.sinh(X), np.sinh(Y))])
def test_pictures_are_drawn(style, coordinates):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    ax = gradient_field(Z, *coordinates, style=style)
    assert ax.get_xlabel() == "x"
    assert {t.get_text() for t in ax.get_legend().get_texts()} == {"maximum", "minimum", "saddle"}
    ax.figure.canvas.draw()
    plt.close(ax.figure)


def test_errors():
    with pytest.raises(InputError, match="`style`"):
        gradient_field(Z, style="waves")
    with pytest.raises(InputError, match="`x` must be 1-D and increase"):
        gradient_field(Z, X[::-1])
    with pytest.raises(InputError, match="at least 5"):
        gradient_field(Z[:3])
