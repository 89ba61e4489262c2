"""
Choose a batch size by the noise floor
======================================

Longer batches average shot noise away until something else dominates: stage drift, or a background
that moves. The noise floor shows where, compared with the shot noise of the electrons, of which
photon transfer says how many make a count. In the sample, the noise follows the shot noise: longer
batches still help, up to the quarter of the recording that a measurement needs.
"""

import matplotlib.pyplot as plt

import napari_uai as uai

video = uai.iscat.remove_status_line(uai.open_video(uai.sample_path("landings.bin")))
camera = uai.iscat.photon_transfer(video).iloc[0]
video = uai.iscat.power_normalization(video)
sizes = (10, 20, 50, 100, 150, 200)
gain = camera.electrons_per_count
floor = uai.iscat.noise_floor(video, batch_sizes=sizes, electrons_per_count=gain)

figure, axes = plt.subplots()
axes.loglog(floor["batch_size"], floor["noise"], "o", label="measured")
axes.loglog(floor["batch_size"], floor["photon_limit"], "k--", label="shot noise of the electrons")
axes.set(xlabel="batch size (frames)", ylabel="noise (relative contrast)")
axes.legend()
plt.show()
