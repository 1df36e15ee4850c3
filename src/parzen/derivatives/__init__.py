"""Derivatives of what is not a density: `arrays` of samples, and `functions`. Two rooms that share nothing else.

The public names are in `parzen` and `parzen.grid`.
"""
