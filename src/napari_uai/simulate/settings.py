"""Settings of simulated recordings and trails, with limits and units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

import numpy as np
from annotated_types import Ge, Gt, Le, Lt, Unit

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.parameters import Sorted, check_settings

_Size = Annotated[float, Ge(0)]
Range: TypeAlias = Annotated[tuple[_Size, _Size], Sorted]
"""Lowest and highest value; not negative."""

Rate: TypeAlias = Annotated[float, Ge(0.1)]


@dataclass(frozen=True)
class RecordingSettings:
    """Settings of a simulated recording.

    Parameters
    ----------
    seed
        Seed of all random numbers; the same settings give the same bytes.
    frames
        Number of frames.
    rows
        Rows of the image, excluding the status line.
    columns
        Columns of the image, excluding the status line.
    batch_size
        Batch of the differential rolling average that signal-to-noise ratios refer to. There are
        no landings in the first and last batch.
    electrons
        Mean number of detected electrons per pixel and frame.
    electrons_per_count
        Electrons per count of the file.
    dark_counts
        Counts without light.
    read_noise
        Read noise of the camera.
    illumination_drop
        Relative decrease of the illumination from the centre to the corners.
    sigma_px
        Width of the core of the point-spread function, and of a grain of speckle. With
        interferometric optics it follows from aperture and wavelength.
    ringing
        Shape of the simple point-spread function, from 0 (Gaussian) to 1 (Airy amplitude, whose
        first ring reaches -0.13).
    speckle_contrast
        Standard deviation of the background divided by its mean.
    landings
        Number of particles that land.
    landing_snr
        Range of the signal-to-noise ratio of landings, of a matched filter in one frame of the
        rolling average; uniform.
    landing_contrast
        Range of the absolute contrast, instead of ``landing_snr``; uniform.
    dark_fraction
        Fraction of particles with negative contrast.
    arrival_frames
        Frames over which a particle appears or disappears; 1: from one frame to the next.
    take_offs
        Number of particles that leave again, at least one batch after their landing.
    margin_px
        Smallest distance of landings from the edge.
    drift_px
        Largest distance between two positions of the stage during the recording.
    drift_correlation
        Time scale of the random part of the drift.
    focus_rad
        Range of the phase between speckle and reference field due to changes of focus.
    focus_correlation
        Time scale of the changes of focus.
    scatterers
        Number of weak scatterers, of which half move and half fade.
    scatterer_contrast
        Range of their absolute contrast; uniform, with random sign.
    scatterer_wander_px
        Range of the distances over which they move.
    scatterer_correlation
        Time scale of moving and fading.
    vesicles
        Number of scatterers that diffuse freely in the field, reflected at its edges.
    vesicle_contrast
        Range of their absolute contrast; uniform, with random sign.
    vesicle_diffusion
        Their diffusion constant D; a vesicle moves by sqrt(2 D t) along each axis in t frames.
    membrane_rad
        Standard deviation of the local phase of the speckle field due to undulations of a membrane.
    membrane_px
        Correlation length of the undulations: standard deviation of a Gaussian.
    membrane_correlation
        Time scale of the undulations.
    laser_drift
        Range of slow relative changes of the laser power.
    laser_noise
        Standard deviation of the relative noise of the laser power from frame to frame.
    line_pattern
        Standard deviation of the relative pattern along rows, and of that along columns.
    line_pattern_correlation
        Time scale of changes of the pattern.
    hot_pixels
        Number of bad pixels, which are bright and noisy; every second one also switches between two
        levels.
    hot_pixel_noise
        Noise of bad pixels, in multiples of the shot noise.
    status_line
        Position of the camera's status line: one row below or one column to the right of the image.
    dropped_frames
        Number of frames missing in the file, which only the image counter in the status line shows.
    frame_rate_hz
        Frame rate.
    pixel_size_um
        Size of a pixel in the sample.
    bits
        Bits of the camera: counts end at ``2**bits - 1``.
    row_noise
        Standard deviation of relative noise that the pixels of a row share, from frame to frame.
    ellipticity
        Width of the point-spread function along rows divided by that along columns, whose geometric
        mean is ``sigma_px``.
    stay_frames
        Time for which particles that leave again stay; 0: random, at least one batch.
    landed_diffusion
        Diffusion constant D of particles after their landing, as ``vesicle_diffusion``.
    light_off_frames
        Length of a span without any light.
    odd_frames
        Number of frames that the camera or the software spoilt: of zeros, torn, shifted and random
        ones in turn.
    focus_jump
        Root mean square of the relative change of the background when the focus jumps once.
    illumination_step
        Relative decrease of the laser power in one step, together with fringes of a twentieth of
        it.
    flickering_pixels
        Number of pixels whose sensitivity jumps.
    flicker_size
        Relative change of their sensitivity; either sign.
    flicker_jumps
        How often each of them jumps, forth and back.
    bubbles
        Number of bubbles or bright dust that pass.
    bubble_contrast
        Their contrast in the middle.
    bubble_px
        Their standard deviation.
    bubble_frames
        Time in which one passes through the field.
    bright_spots
        Number of spots on the surface that are twice as bright as the background.
    movers
        Number of particles that diffuse freely in and around the field all the time.
    mover_contrast
        Range of their absolute contrast at rest; uniform. ``dark_fraction`` of them are dark.
    mover_diffusion
        Range of their diffusion constants D, as ``vesicle_diffusion``; uniform in log D.
    exposure
        Share of the time from frame to frame in which the camera collects light; movers are blurred
        by their motion meanwhile.
    optics
        Image of a point: simple, of a width and ringing; or interferometric, of the following
        optics with circular polarisation, whose contrast is the value of largest magnitude.
    numerical_aperture
        Of the objective, in oil.
    wavelength_um
        Wavelength of the light in vacuum.
    sample_index
        Refractive index of the sample.
    focus_um
        Focus above the coverslip.
    height_um
        Height of particles above the coverslip.
    phase_rad
        Phase of the scattered relative to the reflected light, in focus on the coverslip.

    Examples
    --------
    >>> import napari_uai as uai
    >>> settings = uai.simulate.RecordingSettings(frames=2000, rows=32, status_line="last row")
    >>> settings.file_shape
    (2000, 33, 72)
    """

    seed: Annotated[int, Ge(0)] = 0
    frames: Annotated[int, Ge(1), Unit("frames")] = 6000
    rows: Annotated[int, Ge(8), Unit("px")] = 72
    columns: Annotated[int, Ge(8), Unit("px")] = 72
    batch_size: Annotated[int, Ge(1), Unit("frames")] = 500
    electrons: Annotated[float, Gt(0), Unit("electrons")] = 30_000.0
    electrons_per_count: Annotated[float, Gt(0), Unit("electrons")] = 1.0
    dark_counts: Annotated[float, Ge(0), Unit("counts")] = 0.0
    read_noise: Annotated[float, Ge(0), Unit("electrons")] = 0.0
    illumination_drop: Annotated[float, Ge(0), Lt(1)] = 0.0
    sigma_px: Annotated[float, Ge(1), Unit("px")] = 1.7
    ringing: Annotated[float, Ge(0), Le(1)] = 0.5
    speckle_contrast: Annotated[float, Ge(0), Lt(0.7)] = 0.1
    landings: Annotated[int, Ge(0)] = 24
    landing_snr: Range = (3.0, 10.0)
    landing_contrast: Range | None = None
    dark_fraction: Annotated[float, Ge(0), Le(1)] = 0.5
    arrival_frames: Annotated[int, Ge(1), Unit("frames")] = 1
    take_offs: Annotated[int, Ge(0)] = 0
    margin_px: Annotated[float, Ge(0), Unit("px")] = 4.0
    drift_px: Annotated[float, Ge(0), Unit("px")] = 0.0
    drift_correlation: Annotated[float, Gt(0), Unit("frames")] = 1500.0
    focus_rad: Annotated[float, Ge(0), Unit("rad")] = 0.0
    focus_correlation: Annotated[float, Gt(0), Unit("frames")] = 1500.0
    scatterers: Annotated[int, Ge(0)] = 0
    scatterer_contrast: Range = (4e-4, 2e-3)
    scatterer_wander_px: Range = (0.3, 3.0)
    scatterer_correlation: Annotated[float, Gt(0), Unit("frames")] = 1000.0
    vesicles: Annotated[int, Ge(0)] = 0
    vesicle_contrast: Range = (1e-3, 4e-3)
    vesicle_diffusion: Annotated[float, Ge(0), Unit("px^2 per frame")] = 1e-3
    membrane_rad: Annotated[float, Ge(0), Unit("rad")] = 0.0
    membrane_px: Annotated[float, Ge(2), Unit("px")] = 8.0
    membrane_correlation: Annotated[float, Gt(0), Unit("frames")] = 500.0
    laser_drift: Annotated[float, Ge(0), Lt(1)] = 2e-3
    laser_noise: Annotated[float, Ge(0), Lt(0.2)] = 1e-3
    line_pattern: Annotated[float, Ge(0), Lt(0.2)] = 3e-4
    line_pattern_correlation: Annotated[float, Gt(0), Unit("frames")] = 500.0
    hot_pixels: Annotated[int, Ge(0)] = 4
    hot_pixel_noise: Annotated[float, Ge(0)] = 10.0
    status_line: Literal["none", "last row", "last column"] = "none"
    dropped_frames: Annotated[int, Ge(0), Unit("frames")] = 0
    frame_rate_hz: Annotated[float, Gt(0), Unit("Hz")] = 400.0
    pixel_size_um: Annotated[float, Gt(0), Unit("um")] = 0.0437
    bits: Annotated[int, Ge(1), Le(16)] = 16
    row_noise: Annotated[float, Ge(0), Lt(0.2)] = 0.0
    ellipticity: Annotated[float, Ge(0.2), Le(5)] = 1.0
    stay_frames: Annotated[int, Ge(0), Unit("frames")] = 0
    landed_diffusion: Annotated[float, Ge(0), Unit("px^2 per frame")] = 0.0
    light_off_frames: Annotated[int, Ge(0), Unit("frames")] = 0
    odd_frames: Annotated[int, Ge(0), Unit("frames")] = 0
    focus_jump: Annotated[float, Ge(0), Lt(0.2)] = 0.0
    illumination_step: Annotated[float, Ge(0), Lt(1)] = 0.0
    flickering_pixels: Annotated[int, Ge(0)] = 0
    flicker_size: Annotated[float, Ge(0), Lt(1)] = 0.02
    flicker_jumps: Annotated[int, Ge(1)] = 1
    bubbles: Annotated[int, Ge(0)] = 0
    bubble_contrast: Annotated[float, Ge(0)] = 0.2
    bubble_px: Annotated[float, Gt(0), Unit("px")] = 5.0
    bubble_frames: Annotated[int, Ge(1), Unit("frames")] = 200
    bright_spots: Annotated[int, Ge(0)] = 0
    movers: Annotated[int, Ge(0)] = 0
    mover_contrast: Range = (0.02, 0.04)
    mover_diffusion: Annotated[Range, Unit("px^2 per frame")] = (0.5, 0.5)
    exposure: Annotated[float, Ge(0), Le(1)] = 1.0
    optics: Literal["simple", "interferometric"] = "simple"
    numerical_aperture: Annotated[float, Gt(0), Lt(1.518)] = 1.4
    wavelength_um: Annotated[float, Gt(0), Unit("um")] = 0.42
    sample_index: Annotated[float, Ge(1), Le(4)] = 1.33
    focus_um: Annotated[float, Unit("um")] = 0.0
    height_um: Annotated[float, Ge(0), Unit("um")] = 0.0
    phase_rad: Annotated[float, Unit("rad")] = float(np.pi)

    def __post_init__(self) -> None:
        check_settings(self)
        self._follow_optics()
        stay = (self.stay_frames or self.batch_size) if self.take_offs else 0
        least = 2 * self.batch_size + stay
        if self.landings and self.frames <= least:
            stays = f" and stay_frames {self.stay_frames}" if self.stay_frames else ""
            raise TooFewFramesError(
                f"frames must be more than {least} with batch_size {self.batch_size}{stays}, got "
                f"{self.frames}; increase frames or reduce batch_size"
            )
        if self.take_offs > self.landings:
            raise BadValueError(
                f"take_offs must be at most landings ({self.landings}), got {self.take_offs}"
            )
        size = min(self.rows, self.columns)
        if 2 * self.margin_px >= size - 1:
            raise BadValueError(
                f"margin_px must be below {(size - 1) / 2:g} for {self.rows} x {self.columns} px, "
                f"got {self.margin_px:g}"
            )

    def _follow_optics(self) -> None:
        """Set the width to that of the Airy amplitude, if optics determine it."""
        if self.optics == "simple":
            return
        airy_um = self.wavelength_um / (np.pi * self.numerical_aperture)
        width = float(airy_um / self.pixel_size_um)
        if width < 1:
            raise BadValueError(
                f"pixel_size_um must be at most {airy_um:.3g} with wavelength_um "
                f"{self.wavelength_um:g} and numerical_aperture {self.numerical_aperture:g}, got "
                f"{self.pixel_size_um:g}"
            )
        object.__setattr__(self, "sigma_px", width)

    @property
    def file_shape(self) -> tuple[int, int, int]:
        """Frames, rows, columns of the file, including the status line."""
        return (
            self.frames,
            self.rows + (self.status_line == "last row"),
            self.columns + (self.status_line == "last column"),
        )

    def sigma_dra(self) -> float:
        """Return the shot noise of the rolling average: ``sqrt(2 / (batch_size * electrons))``."""
        return float(np.sqrt(2 / (self.batch_size * self.electrons)))


@dataclass(frozen=True)
class TrailSettings:
    """Settings of simulated trails.

    Parameters
    ----------
    seed
        Seed of all random numbers, including the scene; the same settings give the same trails.
    trails
        Number of trails.
    anomalous_fraction
        Fraction of anomalous trails; all kinds are equally frequent.
    duration_s
        Time within which all trails start.
    rates_hz
        Range of sampling rates; each trail has its own.
    jitter_px
        Standard deviation of the error of detected positions. A slowly varying error of half this
        size is added, objects differ, and one sample in 300 has a 6 times larger error.
    spread
        Distance of objects from the middle of their lane; 1 is 3 px (bus) to 6 px (pedestrian).
    speed_variation
        Standard deviation of the logarithm of the ordinary speeds of objects.
    dwelling
        Frequency of stops at places where stopping is ordinary; 1 is about a third at crossings
        and the roundabout.
    whims
        Frequency of unusual but not anomalous behaviour; 1 is 8 % that swerve around an obstacle,
        4 % that stop somewhere (vehicles at the kerb), 1 % of the pedestrians that turn around.
    lost_fraction
        Fraction of trails that start late, and fraction that end early.
    gap_fraction
        Fraction of trails with a gap that the tracker extrapolated; the same fraction has
        extrapolated samples at the end.
    rare_route_trails
        Range of the number of trails on each rare route, per 1500 trails.
    least_route_trails
        Smallest expected number of trails on each path of an ordinary route. Paths with fewer are
        closed to all, single parking bays too, and no pedestrian turns around. 0 closes none.
    snapshot_every_s
        Time between snapshots of the camera.
    scene
        Scene: a roundabout with all classes; or bending lanes of cars, seen in perspective.
    lanes
        Number of lanes of the scene of lanes.
    perspective
        Scale at the lower edge of the scene of lanes, divided by that at its upper edge.
    occluders
        Number of things behind which objects of the scene of lanes are not seen.
    anomalies
        Anomalies: of the traffic, of movements on ordinary routes, or rare routes; see
        :func:`~napari_uai.simulate.simulate_trails`.
    rare_route_members
        Number of objects on each anomalous rare route.

    Examples
    --------
    >>> import napari_uai as uai
    >>> settings = uai.simulate.TrailSettings(seed=3, trails=200, anomalous_fraction=0.03)
    >>> settings.duration_s
    3600.0
    """

    seed: Annotated[int, Ge(0)] = 0
    trails: Annotated[int, Ge(10)] = 1500
    anomalous_fraction: Annotated[float, Ge(0), Le(0.5)] = 0.02
    duration_s: Annotated[float, Gt(0), Unit("s")] = 3600.0
    rates_hz: Annotated[tuple[Rate, Rate], Sorted, Unit("Hz")] = (1.5, 5.0)
    jitter_px: Annotated[float, Ge(0), Le(20), Unit("px")] = 0.8
    spread: Annotated[float, Ge(0), Le(3)] = 1.0
    speed_variation: Annotated[float, Ge(0), Le(1)] = 0.18
    dwelling: Annotated[float, Ge(0), Le(1.5)] = 1.0
    whims: Annotated[float, Ge(0), Le(5)] = 1.0
    lost_fraction: Annotated[float, Ge(0), Lt(1)] = 0.12
    gap_fraction: Annotated[float, Ge(0), Lt(1)] = 0.1
    rare_route_trails: Range = (10.0, 20.0)
    least_route_trails: Annotated[int, Ge(0)] = 0
    snapshot_every_s: Annotated[float, Gt(0), Unit("s")] = 10.0
    scene: Literal["roundabout", "lanes"] = "roundabout"
    lanes: Annotated[int, Ge(2), Le(60)] = 15
    perspective: Annotated[float, Ge(1), Le(10)] = 3.0
    occluders: Annotated[int, Ge(0), Le(10)] = 0
    anomalies: Literal["traffic", "movements", "rare routes"] = "traffic"
    rare_route_members: Annotated[int, Ge(1)] = 5

    def __post_init__(self) -> None:
        check_settings(self)
        if self.scene == "lanes" and self.anomalies == "traffic":
            raise BadValueError(
                "the scene of lanes has no anomalies of the traffic; set anomalies to movements or "
                "rare routes"
            )
