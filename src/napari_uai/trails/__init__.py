"""Trails of tracked objects: where they usually go, and which do not fit."""
