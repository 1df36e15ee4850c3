"""Densities: the estimator, sweeps over bandwidths, sampling."""
