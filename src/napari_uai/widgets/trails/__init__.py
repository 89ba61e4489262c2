"""Widgets of the trail workflow."""
