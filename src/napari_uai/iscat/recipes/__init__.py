"""Recipes: the catalogue of stages, running recipes, writing results."""
