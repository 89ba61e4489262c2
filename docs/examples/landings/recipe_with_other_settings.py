"""
Run a recipe with other settings
================================

A recipe is a chain of stages. Any parameter of any step can be set when it runs: here the length of
a batch, and the number of false landings that are acceptable in this recording.
"""

from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt

import napari_uai as uai

recording = uai.open_recording(uai.sample_path("landings.bin"))
result = uai.run_recipe(
    recording, "matched", dra={"batch_size": 200}, events={"false_landings": 0.1}
)
result.landings[["raw_frame", "y", "x", "contrast", "score", "expected_false"]].round(4)

# %%
# ``write_results`` writes the tables, a record of the run, the recipe with every parameter, so
# that the run can be repeated on another recording, and a summary:
with TemporaryDirectory() as folder:
    summary = plt.imread(uai.write_results(result, folder)["summary.png"])
figure = plt.figure(figsize=(10, 10 * summary.shape[0] / summary.shape[1]))
figure.figimage(summary, resize=True)
plt.show()
