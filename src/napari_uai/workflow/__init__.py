"""Recipes, the catalogue of stages, running them, provenance and outputs."""
