"""Draw pictures: ``python -m benchmarks.pictures [NAME …] [--out DIR]``."""

import argparse
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt

from benchmarks import pictures
from benchmarks.pictures import bandwidth, grid

#: picture → what draws it, and dots an inch
DRAWINGS = {
    f"{prefix}-{draw.__name__}": (draw, module.DPI)
    for prefix, module in (("bandwidth", bandwidth), ("grid", grid))
    for draw in module.PICTURES
}


def main() -> None:
    """Draw what was asked for, without a display."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=pictures.__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("name", nargs="*", help=f"which: {', '.join(DRAWINGS)}; all by default")
    parser.add_argument("--out", type=Path, default=Path("docs/img"), metavar="DIR", help="where to write")
    arguments = parser.parse_args()
    unknown = set(arguments.name) - set(DRAWINGS)
    if unknown:
        parser.error(f"no picture {', '.join(sorted(unknown))}; choose from {', '.join(DRAWINGS)}")
    matplotlib.use("Agg")
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.name or DRAWINGS:
        draw, dpi = DRAWINGS[name]
        # without the version of Matplotlib, which would change the file where the picture is the same
        figure = draw()
        figure.savefig(arguments.out / f"{name}.png", dpi=dpi, metadata={"Software": None})
        plt.close(figure)


if __name__ == "__main__":
    main()
