"""A network that learns a recording's background from the recording itself.

Needs torch: ``pip install "napari-uai[torch]"``.
"""
