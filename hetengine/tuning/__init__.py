"""Choosing the strength of the penalty: warm-started paths and cross-validation over them."""
