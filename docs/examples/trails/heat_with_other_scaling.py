"""
Scale heat differently
======================

Heat is the number of trails that cross a place. How it becomes ordinariness from 0 to 1 is a
choice: linear scaling shows the main routes only, surprisal the rare ones too.
"""

import matplotlib.pyplot as plt

import napari_uai as uai

trails = uai.open_trails(uai.sample_path("trails"))
classes = trails.table["class"]
heat = uai.trails.measure_heat(uai.trails.paint_footprints(trails), classes)

figure, axes = plt.subplots(1, 3, figsize=(9, 2.3))
axes[0].imshow(trails.scene.image)
for panel, scale in zip(axes[1:], ("linear", "surprisal")):
    scaled = uai.trails.rescale(heat, upper=200, scale=scale)
    shade = scaled.scales[heat.classes.index("car")].apply(heat.map_of("car"))
    panel.imshow(shade, cmap="inferno")
    panel.set(title=f"Cars, {scale}")
for panel in axes:
    panel.set(xticks=[], yticks=[])
plt.show()
