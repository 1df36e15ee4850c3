"""Bandwidths: what they are (matrix.py), and how one is chosen from samples.

selection.py     `select_bandwidth`: THE table of methods, what each can do, and what 'auto' takes
selector.py      what a method takes and gives: Options, Selected
result.py        `Bandwidth`, what the user gets

rules.py         rules of thumb
plugin_1d.py     Sheather-Jones and direct plug-in, one dimension
isj.py           Botev's improved Sheather-Jones, one dimension
plugin.py        plug-in matrices and smoothed cross-validation, d ≤ 6; on functionals.py
crossval.py      likelihood, least squares, hold-out, folds: any dimension; on objectives.py

spectrum.py      sums over all pairs from one Fourier transform, d ≤ 3
pair_sums.py     sums over all pairs by the kernel sums, any d
standard.py      samples in standard coordinates
line_search.py   the best scalar;  matrix_search.py  the best matrix
"""
