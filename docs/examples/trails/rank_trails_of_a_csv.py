"""
Rank the trails of a csv
========================

Any table with the columns ``trail``, ``time`` (or ``frame``), ``x`` and ``y`` is a set of trails;
``class`` is optional. Here the sample scene is saved as such a table first.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt

import napari_uai as uai

with TemporaryDirectory() as folder:
    csv = uai.write_trails(uai.open_trails(uai.sample_path("trails")), Path(folder) / "trails.csv")
    print(csv.read_text()[:170], "...", sep="")
    trails = uai.open_trails(csv, scene_size=(1280, 720))
result = uai.analyse_trails(trails)
result.scores.head(8).round(2)

# %%
# The most anomalous trails on the scene; a csv has no picture of it.
top = result.scores["anomaly"].head(8)
picture = uai.trails.top_picture(result.trails, result.rows[: len(top)].tolist(), top.tolist())
figure, axes = plt.subplots(figsize=(8, 8 * picture.shape[0] / picture.shape[1]))
axes.imshow(picture)
axes.axis("off")
plt.show()
