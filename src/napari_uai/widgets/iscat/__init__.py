"""The iSCAT side in napari."""
