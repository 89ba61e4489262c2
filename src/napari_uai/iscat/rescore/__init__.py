"""Candidates rescored by a small network."""
