"""Data in: files, bundled sets and generators become one checked ``Dataset``.

Import from the modules: ``hetengine.data.config`` (``DataConfig``, light enough for start-up),
``hetengine.data.load`` (``load_dataset``, ``shape_of``), ``hetengine.data.convert``
(``dataset_of`` for arrays in memory) and ``hetengine.data.labels`` (``binary_labels``).
"""
