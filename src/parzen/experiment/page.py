"""Pieces of an HTML page that needs nothing beside it: document, tables, pictures. All text is escaped."""

import base64
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

__all__ = ["document", "figure", "head", "rows"]


def document(title: str, body: str) -> str:
    """Make the whole document; its policy forbids a browser to fetch anything for it."""
    style = files("parzen.experiment").joinpath("report.css").read_text(encoding="utf-8")
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def head(*names: str) -> str:
    """Make a table's head; ``n:`` before a name sets it above numbers."""
    return f"<thead><tr>{_cells('th', names)}</tr></thead>"


def rows(rows: Iterable[tuple[Sequence[str], bool]]) -> str:
    """Make a table's rows, the best one marked; ``n:`` before a cell makes it a number."""
    opening = {True: '<tr class="best">', False: "<tr>"}
    return "".join(f"{opening[best]}{_cells('td', cells)}</tr>" for cells, best in rows)


def _cells(tag: str, cells: Sequence[str]) -> str:
    """Make table cells."""
    opening = {True: f'<{tag} class="n">', False: f"<{tag}>"}
    return "".join(
        f"{opening[cell.startswith('n:')]}{escape(cell.removeprefix('n:'))}</{tag}>" for cell in cells
    )


def figure(picture: bytes, caption: str, alternative: str, *, small: bool = False) -> str:
    """Put a PNG into the page."""
    data = base64.b64encode(picture).decode("ascii")
    kind = ' class="small"' if small else ""
    return (
        f'<figure{kind}><img alt="{escape(alternative)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )
