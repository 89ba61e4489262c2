"""
Compare two recipes
===================

On a recording with known landings, two recipes can be compared by what they find, what they miss,
and what they report falsely. Simulate recordings like yours to do the same for your microscope.
"""

import matplotlib.pyplot as plt

import napari_uai as uai

path = uai.sample_path("landings.bin")
truth = uai.read_truth(uai.sample_path("landings_truth.json"))

figure, axes = plt.subplots()
axes.vlines(truth.landings["raw_frame"], 0, 1, colors="0.8", linewidths=6, zorder=0, label="truth")
for height, name in ((0.7, "matched"), (0.3, "classical")):
    landings = uai.run_recipe(path, name, dra={"batch_size": 200}).landings
    evaluation = uai.evaluate_landings(landings, truth, max_frames=100)
    print(name, evaluation.as_text(), sep="\n", end="\n\n")
    axes.scatter(landings["raw_frame"], [height] * len(landings), label=name)
axes.set(xlabel="frame of the recording", yticks=[], ylim=(0, 1))
axes.legend(loc="lower center", ncols=3)
plt.show()
