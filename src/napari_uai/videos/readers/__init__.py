"""One module per format of recordings; `napari_uai.videos.formats` lists them."""
