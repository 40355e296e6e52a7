"""Biased local SGD: fast and slow workers train copies of one net and average them now and then.

Import from the modules: ``hetengine.solvers.local_sgd.config`` (``LocalSgdConfig``, light enough
for start-up) and ``hetengine.solvers.local_sgd.solver`` (``LocalSgd``).
"""
