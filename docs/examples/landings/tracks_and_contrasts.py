"""
From spots to tracks, contrasts and a histogram
===============================================

Spots of successive frames are linked; the contrast of a particle that stays rises and falls as a V,
of which three contrasts are read: the peak, the intersection of its flanks, and its prominence.
"""

import matplotlib.pyplot as plt

import napari_uai as uai

video = uai.iscat.remove_status_line(uai.open_video(uai.sample_path("landings.bin")))
power = uai.iscat.power_normalization(uai.iscat.bad_pixel_repair(video))
average = uai.iscat.differential_rolling_average(power, batch_size=200)
tracks = uai.iscat.link_spots(uai.iscat.detect_spots(average, threshold=4), memory=25)
landings = uai.iscat.landings_from_tracks(tracks, average, batch_size=200, min_length=30)
traces = uai.iscat.contrast_traces(landings, average, batch_size=200)
landings = uai.iscat.measure_contrasts(landings, traces, batch_size=200)
histogram = uai.iscat.contrast_histogram(
    landings, column="intersection_contrast", bins=8, largest=4e-3
)

figure, (course, bars) = plt.subplots(1, 2)
for number, trace in traces.groupby("landing"):
    course.plot(trace["frame"], trace["contrast"], label=number)
course.set(title="Contrast traces", xlabel="frame of the rolling average", ylabel="contrast")
bars.stairs(histogram["all"], [*histogram["low"], histogram["high"].iloc[-1]], fill=True)
bars.set(title="Histogram", xlabel="absolute contrast", ylabel="landings")
plt.show()
