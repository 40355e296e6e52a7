"""Labelled images: files, bundled sets and arrays become one checked ``ImageData``.

Import from the modules: ``hetengine.data.images.config`` (``ImageDataConfig``, light enough for
start-up), ``hetengine.data.images.load`` (``load_images``), ``hetengine.data.images.convert``
(``image_data_of`` for arrays in memory) and ``hetengine.data.images.augment`` (``draw_shifts``).
"""
