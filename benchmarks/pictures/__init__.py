"""The pictures of the documentation that are drawn from code: ``python -m benchmarks.pictures [NAME …] [--out DIR]``.

Each module here is a page's: ``PICTURES`` are functions that return a Matplotlib figure, to be saved as
``{module}-{function}.png`` with ``DPI`` dots an inch. Time against n, which is drawn from results, is
``benchmarks/plots.py``.
"""
