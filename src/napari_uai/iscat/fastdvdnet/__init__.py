"""FastDVDnet: a network that learns the background of a recording from the recording itself.

Requires torch: ``pip install "napari-uai[torch]"``.
"""
