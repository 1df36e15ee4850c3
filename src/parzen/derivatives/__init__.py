"""Derivatives of what is not a density: `arrays` of samples, and `functions`.

The two rooms share the exact weights of `arrays/stencils.py` and nothing else. The public names are in `parzen` and
`parzen.grid`.
"""
