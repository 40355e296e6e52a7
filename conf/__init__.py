"""Config groups of hetengine; other Hydra apps can search them as ``pkg://hetengine.conf``."""
