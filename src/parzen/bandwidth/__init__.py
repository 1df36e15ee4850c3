"""Bandwidths: what they are (matrix.py), and how one is chosen from samples.

selection.py   `select_bandwidth`: THE table of methods, what each can do, and what 'auto' takes
selector.py    what a method takes and gives: Options, Selected
result.py      `Bandwidth`, what the user gets
rules.py       rules of thumb
plugin_1d.py   Sheather-Jones and direct plug-in, one dimension
isj.py         Botev's improved Sheather-Jones, one dimension
spectrum.py    sums over all pairs from one Fourier transform, d ≤ 3
"""
