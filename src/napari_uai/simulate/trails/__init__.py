"""Simulated trails of a street scene."""
