"""Config groups of hetengine, so that ``pkg://hetengine.conf`` can be searched by other Hydra apps."""
