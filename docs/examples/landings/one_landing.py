"""
Look at one landing
===================

Before you believe a landing, look at it: a spot in the rolling average, and a contrast trace that
is a triangle two batches wide.
"""

import matplotlib.pyplot as plt

import napari_uai as uai

result = uai.run_recipe(uai.sample_path("landings.bin"), "matched", dra={"batch_size": 200})
landing = result.landings.iloc[0]
trace = result.traces.query("landing == 1")

figure, (picture, course) = plt.subplots(1, 2, width_ratios=[1, 2])
picture.imshow(result.videos["drift"][int(landing["frame"])], vmin=-0.003, vmax=0.003)
picture.plot(landing["x"], landing["y"], "o", markersize=24, markerfacecolor="none")
picture.set(title=f"Score {landing['score']:.1f}", xlabel="x (px)", ylabel="y (px)")
course.plot(trace["raw_frame"], trace["contrast"])
course.axvline(landing["raw_frame"], linestyle=":", color="black")
course.set(title="Contrast trace", xlabel="frame of the recording", ylabel="contrast")
plt.show()
