"""Headerless files: what is beside them, and shapes suggested and doubted."""
