"""Bandwidths: what they are (matrix.py), and the rules that choose one (rules.py)."""
