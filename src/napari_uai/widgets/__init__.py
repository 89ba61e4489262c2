"""Widgets, readers, writers and sample data for napari; the only part that imports napari."""
