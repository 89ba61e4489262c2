"""Recipes: the catalogue of stages, running them, writing results."""
