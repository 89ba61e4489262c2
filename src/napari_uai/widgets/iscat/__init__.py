"""Widgets of the iSCAT workflow."""
