"""The trail side in napari: reading, the workflow dock, its table and what it draws."""
