"""Simulated recordings."""
