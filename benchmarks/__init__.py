"""Every published figure of parzen, measured: ``python -m benchmarks`` (or ``make bench``).

Each module here with a function ``run(quick: bool)``, which returns rows or yields them one by one, is a
benchmark; its first docstring line is its title. It asserts that the answer is right before it times anything,
and never asserts a time. Modules without a ``run`` are scripts of their own, or shared.

    harness.py   interleaved timings, medians of ratios, peak memory, the machine
    shapes.py    blobs, tails, ties, outlier, ridge, and the exact answer for them
    plots.py     time against n, from results/*.json
    tables.py    results/*.json → the Markdown tables of docs/performance.md
    pictures/    the other pictures of the documentation: ``python -m benchmarks.pictures``
    results/     one JSON file a benchmark, from the last full run
"""
