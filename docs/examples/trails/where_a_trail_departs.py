"""
Show where a trail departs
==========================

Every sample of a trail has a score of its own, so the ranking can be explained: the thick stretch
is where a trail does what others of its class do not.
"""

import matplotlib.pyplot as plt

import napari_uai as uai

trails = uai.open_trails(uai.sample_path("trails"))
result = uai.analyse_trails(trails)

figure, axes = plt.subplots(figsize=(8, 4.6))
axes.imshow(trails.scene.image)
for place in (0, 2, 4):
    samples = result.trails.trail(result.rows[place])
    x, y = result.trails.x[samples], result.trails.y[samples]
    first, end = result.stretches[place]
    [line] = axes.plot(x, y, linewidth=1.5)
    axes.plot(x[first:end], y[first:end], linewidth=4, color=line.get_color())
    kind, anomaly = result.scores.loc[place, ["class", "anomaly"]]
    middle = (first + end) // 2
    axes.text(x[middle], y[middle], f"{kind} {anomaly:.0%}", backgroundcolor="white")
axes.set(xticks=[], yticks=[])
plt.show()
