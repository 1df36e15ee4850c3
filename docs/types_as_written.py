"""Types in the reference as the docstrings have them: an extension of griffe, which mkdocstrings reads Python with.

Griffe takes the type of a parameter for an expression of Python wherever it can be one: ``array-like`` is then a
subtraction, shown as ``array - like``, and so is ``"complex-step"``, without its quotes. Of choices in braces it takes
the first for the default, whatever follows them.
"""

import re
from typing import Any

from griffe import Extension, Object

#: An entry of a section of numpydoc: names, a type and perhaps a default, not indented.
ENTRY = re.compile(
    r"^(?P<names>[*\w]+(?:, [*\w]+)*) : (?P<type>.+?)(?:, default (?P<default>.+?))?(?:, optional)?$", re.M
)
#: What Python would read as something else.
MISREAD = re.compile(r"\w-\w|[\"']")


class TypesAsWritten(Extension):
    """Puts types with hyphens or quotes back; all others keep their links."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Go through the parameters and attributes of one docstring."""
        if obj.docstring is None:
            return
        written = {
            name: entry
            for entry in ENTRY.finditer(obj.docstring.value)
            for name in entry["names"].split(", ")
            if MISREAD.search(entry["type"])
        }
        for section in obj.docstring.parsed if written else ():
            if section.kind.value not in ("parameters", "attributes"):
                continue
            for item in section.value:
                if item.name in written:
                    item.annotation = written[item.name]["type"]
                    item.value = written[item.name]["default"] or item.value
