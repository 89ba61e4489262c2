"""Simulated iSCAT recordings of particles that land on a surface, with ground truth.

The expected number of detected electrons in pixel r of frame t is

    N(t, r) = N0 * v(r) * P(t) * (1 + rows(t, y)) * (1 + columns(t, x)) * B(t, r) * (1 + S(t, r))

where N0 is the mean number, v the illumination, P the laser power, and ``rows`` and ``columns`` are
the pattern of the camera electronics. B is the interference of a constant reference field with a
speckle field, which moves with the stage and whose phase depends on focus and membrane. S is the
sum of contrast times point-spread function over all particles present. *Contrast* is therefore the
change of intensity at the centre of a particle relative to the local background, which, apart from
noise, is the value that a landing has in the differential rolling average. Shot noise, bad pixels
and digitization are added.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_uai.monitor import SILENT, Monitor
from napari_uai.simulate.iscat.disturbances import Disturbance, Disturbances
from napari_uai.simulate.iscat.interferometric import interferometric_profile
from napari_uai.simulate.iscat.moving_particles import MovingParticles
from napari_uai.simulate.iscat.optics import Grid, particle_image, reference_field
from napari_uai.simulate.iscat.status_line import status_lines
from napari_uai.simulate.paths import ranged_paths, smooth_basis, smooth_paths, stage_path
from napari_uai.simulate.settings import RecordingSettings
from napari_uai.typing import AnyArray
from napari_uai.videos.frames import Frames, frames_per_chunk, map_chunks

__all__ = [
    "RecordingSettings",
    "SimulatedFrames",
    "SimulatedRecording",
    "chunk_frames",
    "simulate_recording",
]

BLOCK = 50
"""Frames between two knots at which the background is computed; it is interpolated in between.

The background varies over hundreds of frames: 0.2 px in 6000 frames is 0.002 px per block, for
which linear interpolation is accurate to 1e-7 of the intensity. Each block has its own random
numbers, so that blocks can be computed in any order and by any number of threads.
"""

GAUSSIAN_ELECTRONS = 1000.0
"""Number of electrons from which shot noise is Gaussian: skewness below 0.03, 5 times faster."""

_COLUMNS = ["raw_frame", "y", "x", "contrast", "snr", "kind"]


@dataclass(frozen=True)
class SimulatedRecording:
    """A simulated recording with ground truth.

    Attributes
    ----------
    video
        Frames, rows, columns, including the status line; uint16.
    truth
        One row per landing or take-off, in order of time: ``raw_frame`` (first frame with, or
        without, the particle), ``y``, ``x`` (position at that time, in px), ``contrast`` (signed
        step of the relative intensity, which is positive if a dark particle leaves), ``snr``
        (of a matched filter in one frame of the rolling average; not negative), ``kind``
        (``landing`` or ``takeoff``).
    settings
        Settings of the simulation.
    drift_px
        Positions (y, x) of the stage in px, starting at (0, 0): frames, 2; float64.
    movers
        One row per freely diffusing particle and frame: ``particle``, ``raw_frame``, ``y``, ``x``
        (mean position during the exposure, in px), ``contrast``, ``diffusion_px2_per_frame``.

    Examples
    --------
    >>> import napari_uai as uai
    >>> settings = uai.simulate.RecordingSettings(frames=1200, landings=2, rows=16, columns=16)
    >>> simulated = uai.simulate_recording(settings)
    >>> simulated.drift_px.shape
    (1200, 2)
    """

    video: npt.NDArray[np.uint16]
    truth: pd.DataFrame
    settings: RecordingSettings
    drift_px: AnyArray
    movers: pd.DataFrame


def simulate_recording(
    settings: RecordingSettings, *, monitor: Monitor = SILENT
) -> SimulatedRecording:
    """Simulate an iSCAT recording in memory.

    A reference field interferes with a speckle field [2]_ and with the field scattered by particles
    [1]_. The recording contains shot noise, laser noise, bad pixels and, depending on the settings,
    stage drift, changes of focus, diffusing vesicles or an undulating membrane.
    :func:`~napari_uai.simulate.files.write_recording` writes recordings larger than memory.

    Parameters
    ----------
    settings
        Settings of the simulation; :func:`~napari_uai.simulate.iscat.scenarios.scenario` returns
        those of named scenarios.
    monitor
        Progress and cancellation, once per chunk of frames.

    Returns
    -------
    SimulatedRecording
        Video, ground truth, settings and stage drift.

    Raises
    ------
    CancelledError
        If cancelled by the monitor.

    References
    ----------
    .. [1] R. W. Taylor, V. Sandoghdar, "Interferometric Scattering Microscopy: Seeing Single
       Nanoparticles and Molecules via Rayleigh Scattering", Nano Lett. 19, 4827-4835 (2019).
       https://doi.org/10.1021/acs.nanolett.9b01822
    .. [2] J. W. Goodman, "Speckle Phenomena in Optics", Roberts and Company, 2007.

    Examples
    --------
    >>> import napari_uai as uai
    >>> settings = uai.simulate.RecordingSettings(frames=1200, landings=2, rows=16, columns=16)
    >>> simulated = uai.simulate_recording(settings)
    >>> simulated.video.shape, simulated.video.dtype
    ((1200, 16, 16), dtype('uint16'))
    >>> len(simulated.truth)
    2
    """
    frames = SimulatedFrames(settings)
    video = np.empty(frames.shape, np.uint16)

    def fill(start: int, stop: int) -> None:
        video[start:stop] = frames.read(start, stop)

    for _ in map_chunks(fill, len(frames), chunk_frames(frames.shape), monitor=monitor):
        pass
    knots = np.arange(len(frames.shift)) * BLOCK
    times = np.arange(len(frames))
    drift = np.stack([np.interp(times, knots, frames.shift[:, i]) for i in range(2)], axis=1)
    return SimulatedRecording(video, frames.truth, settings, drift, frames.movers)


def chunk_frames(shape: tuple[int, int, int]) -> int:
    """Return the number of frames of a chunk: whole blocks that fit in memory."""
    return max(BLOCK, frames_per_chunk(shape) // BLOCK * BLOCK)


class SimulatedFrames(Frames):
    """Frames of a simulated recording, computed when they are read.

    Parameters
    ----------
    settings
        Settings of the simulation.

    Attributes
    ----------
    truth
        Landings and take-offs, as in
        :class:`~napari_uai.simulate.iscat.recording.SimulatedRecording`.
    shift
        Positions (y, x) of the stage every 50 frames, in px: knots, 2; float64.

    Examples
    --------
    >>> import napari_uai as uai
    >>> frames = uai.simulate.SimulatedFrames(uai.simulate.RecordingSettings(frames=100_000))
    >>> frames.shape
    (100000, 72, 72)
    >>> frames[50_000:50_010].shape
    (10, 72, 72)
    """

    def __init__(self, settings: RecordingSettings) -> None:
        self.settings = settings
        self.shape = settings.file_shape
        self.dtype = np.dtype(np.uint16)
        # One stream each, so that other settings of the camera do not move the landings.
        streams = np.random.SeedSequence(settings.seed, spawn_key=(0,)).spawn(5)
        background, camera, particles, life, disturbing = map(np.random.default_rng, streams)
        self._disturbances = Disturbances(settings, disturbing, BLOCK)
        self._draw_membrane(life)
        self._draw_background(background)
        self._add_vesicles(life)
        self._draw_camera(camera)
        self._draw_particles(particles)
        self._movers = MovingParticles(settings)

    @property
    def movers(self) -> pd.DataFrame:
        """Particles that diffuse freely, as in :attr:`SimulatedRecording.movers`."""
        return self._movers.truth()

    @property
    def disturbances(self) -> tuple[Disturbance, ...]:
        """What disturbs the recording, in order of time."""
        return self._disturbances.every

    @property
    def name(self) -> str:
        """Name that contains all settings."""
        return f"simulated-{json.dumps(dataclasses.asdict(self.settings), sort_keys=True)}"

    def read(self, start: int, stop: int) -> npt.NDArray[np.uint16]:
        """Return frames ``start`` to ``stop - 1``."""
        out = np.empty((max(stop - start, 0), *self.shape[1:]), np.uint16)
        for i in range(start // BLOCK, -(-stop // BLOCK)):
            first, last = max(start, i * BLOCK), min(stop, (i + 1) * BLOCK)
            block = self._block(i)
            out[first - start : last - start] = block[first - i * BLOCK : last - i * BLOCK]
        return out

    def background(self, frame: float) -> AnyArray:
        """Return the relative intensity (rows, columns) without particles and noise, mean near 1.

        Parameters
        ----------
        frame
            Time, in frames.

        Returns
        -------
        numpy.ndarray
            Rows, columns; float64.
        """
        knot = frame / BLOCK
        low = min(int(knot), len(self.shift) - 2)
        weights = np.array([low + 1 - knot, knot - low])
        shift = weights @ self.shift[low : low + 2]
        phase = float(weights @ self.phase[low : low + 2])
        membrane = np.tensordot(weights, self._membrane[low : low + 2], 1)
        return self._background_at(shift, phase, membrane)

    # Random numbers that are drawn once ---------------------------------------------------------

    def _draw_background(self, rng: np.random.Generator) -> None:
        s = self.settings
        knots = -(-s.frames // BLOCK) + 1
        self.grid = Grid.around((s.rows, s.columns), s.sigma_px)
        self._point = self._point_image()
        self._speckle = self.grid.speckle_spectrum(rng, s.sigma_px)
        self._amplitudes = reference_field(s.speckle_contrast)
        self.shift = stage_path(rng, knots, s.drift_px, s.drift_correlation / BLOCK)
        self.phase = s.focus_rad * ranged_paths(rng, knots, 1, s.focus_correlation / BLOCK)[:, 0]
        self._level = 1.0
        self._level = float(self.background(s.frames / 2).mean())
        self._focus_jump = self._phase_of_jump()
        y, x = np.ogrid[: s.rows, : s.columns]
        corner = max(np.hypot(s.rows / 2, s.columns / 2), 1)
        distance = np.hypot(y - (s.rows - 1) / 2, x - (s.columns - 1) / 2) / corner
        self.illumination = 1 - s.illumination_drop * distance**2
        self._draw_scatterers(rng, knots)

    def _point_image(self) -> dict[str, Any]:
        """Return the keywords of the image of a point."""
        s = self.settings
        point = {"sigma_px": s.sigma_px, "ringing": s.ringing, "ellipticity": s.ellipticity}
        if s.optics == "simple":
            return point
        stretch = max(s.ellipticity, 1 / s.ellipticity) ** 0.5
        reach = float(np.hypot(*self.grid.size)) * stretch
        return {**point, "profile": interferometric_profile(s, reach)}

    def _phase_of_jump(self) -> float:
        """Return the change of phase whose relative change of the background is as set."""
        if not self.settings.focus_jump:
            return 0.0
        small = 0.01
        now, changed = (
            self._background_at(self.shift[0], phase, self._membrane[0]) for phase in (0.0, small)
        )
        return float(small * self.settings.focus_jump / np.std(changed / now))

    def _draw_scatterers(self, rng: np.random.Generator, knots: int) -> None:
        s = self.settings
        n = s.scatterers
        correlation = s.scatterer_correlation / BLOCK
        size = rng.uniform(*s.scatterer_contrast, n) * rng.choice([-1.0, 1.0], n)
        place = rng.uniform(0, 1, (2, n)) * np.array([[s.rows - 1], [s.columns - 1]])
        reach = np.where(np.arange(n) % 2 == 0, rng.uniform(*s.scatterer_wander_px, n), 0)
        self._scatterer_y = place[0] + reach * (ranged_paths(rng, knots, n, correlation) - 0.5)
        self._scatterer_x = place[1] + reach * (ranged_paths(rng, knots, n, correlation) - 0.5)
        fade = np.where(np.arange(n) % 2 == 0, 1, ranged_paths(rng, knots, n, correlation))
        self._scatterer_contrast = size * fade

    def _draw_membrane(self, rng: np.random.Generator) -> None:
        """Draw the phase of the membrane at the nodes of a coarse grid: knots, nodes, nodes."""
        s = self.settings
        knots = -(-s.frames // BLOCK) + 1
        if s.membrane_rad == 0:
            self._membrane = np.zeros((knots, 0, 0))
            self._membrane_rows = np.zeros((s.rows, 0))
            self._membrane_columns = np.zeros((s.columns, 0))
            return
        self._membrane_rows = smooth_basis(s.rows, s.membrane_px)
        self._membrane_columns = smooth_basis(s.columns, s.membrane_px)
        nodes = self._membrane_rows.shape[1], self._membrane_columns.shape[1]
        paths = smooth_paths(rng, knots, nodes[0] * nodes[1], s.membrane_correlation / BLOCK)
        self._membrane = s.membrane_rad * paths.reshape(knots, *nodes)

    def _add_vesicles(self, rng: np.random.Generator) -> None:
        """Add diffusing scatterers to those that move slowly or fade."""
        s = self.settings
        n, knots = s.vesicles, len(self.shift)
        size = rng.uniform(*s.vesicle_contrast, n) * rng.choice([-1.0, 1.0], n)
        step = np.sqrt(2 * s.vesicle_diffusion * BLOCK)
        positions = []
        for length in (s.rows - 1, s.columns - 1):
            walk = np.cumsum(step * rng.standard_normal((knots, n)), axis=0)
            unfolded = rng.uniform(0, length, n) + walk
            positions.append(length - np.abs(unfolded % (2 * length) - length))
        self._scatterer_y = np.concatenate([self._scatterer_y, positions[0]], axis=1)
        self._scatterer_x = np.concatenate([self._scatterer_x, positions[1]], axis=1)
        still = np.broadcast_to(self._scatterer_contrast, (knots, s.scatterers))
        all_sizes = [still, np.broadcast_to(size, (knots, n))]
        self._scatterer_contrast = np.concatenate(all_sizes, axis=1)

    def _draw_camera(self, rng: np.random.Generator) -> None:
        s = self.settings
        knots = len(self.shift)
        self._power = 1 + s.laser_drift * (ranged_paths(rng, knots, 1, 1500 / BLOCK)[:, 0] - 0.5)
        correlation = s.line_pattern_correlation / BLOCK
        self._rows = s.line_pattern * smooth_paths(rng, knots, s.rows, correlation)
        self._columns = s.line_pattern * smooth_paths(rng, knots, s.columns, correlation)
        n = min(s.hot_pixels, s.rows * s.columns)
        self.hot_pixels = np.stack(
            np.divmod(rng.choice(s.rows * s.columns, n, replace=False), s.columns), axis=1
        )
        shot = np.sqrt(s.electrons)
        self._hot_offset = rng.uniform(0, 0.3, n) * s.electrons
        self._hot_noise = s.hot_pixel_noise * shot * rng.uniform(0.5, 1.5, n)
        jump = np.where(np.arange(n) % 2 == 1, self._hot_noise, 0)
        self._hot_jumps = [np.cumsum(rng.exponential(1000, s.frames // 250 + 10)) for _ in jump]
        self._hot_jump = jump
        gaps = rng.integers(1, max(s.frames, 2), s.dropped_frames)
        self.image_count = np.arange(s.frames) + np.searchsorted(
            np.sort(gaps), np.arange(s.frames), side="right"
        )

    def _draw_particles(self, rng: np.random.Generator) -> None:
        s = self.settings
        n = s.landings
        leaves = rng.permutation(np.arange(n) < s.take_offs)
        stay = s.stay_frames or s.batch_size
        last = s.frames - s.batch_size - np.where(leaves, stay, 0)
        self._lands = rng.integers(s.batch_size, np.maximum(last, s.batch_size) + 1, n)
        earliest = self._lands + s.batch_size
        takes_off = rng.integers(earliest, np.maximum(s.frames - s.batch_size, earliest) + 1, n)
        if s.stay_frames:
            takes_off = self._lands + s.stay_frames
        self._leaves = np.where(leaves, takes_off, np.iinfo(np.int64).max // 2)
        y = rng.uniform(s.margin_px, s.rows - 1 - s.margin_px, n)
        x = rng.uniform(s.margin_px, s.columns - 1 - s.margin_px, n)
        stage = self._stage_at(self._lands)
        self._y, self._x = y - stage[:, 0], x - stage[:, 1]
        low, high = s.landing_contrast or s.landing_snr
        size = rng.uniform(low, high, n)
        if s.landing_contrast is None:
            size /= [self._unit_snr(*place) for place in zip(self._lands, y, x, strict=True)]
        dark = rng.permutation(np.arange(n) < round(n * s.dark_fraction))
        self._contrast = np.where(dark, -size, size)
        self._particle = self.grid.particle_spectrum(**self._point)
        self._wander = self._drawn_wander() if s.landed_diffusion else None
        self._ramps = self.grid.point_ramps(self._y, self._x)
        self.truth = self._truth_table(np.flatnonzero(leaves))

    def _drawn_wander(self) -> AnyArray:
        """Draw how far each particle is from where it landed: knots, (y, x), particles."""
        s = self.settings
        knots = len(self.shift)
        rng = np.random.default_rng(np.random.SeedSequence(s.seed, spawn_key=(2,)))
        step = np.sqrt(2 * s.landed_diffusion * BLOCK)
        landed = np.arange(knots)[:, None] * BLOCK >= self._lands
        steps = step * rng.standard_normal((knots, 2, s.landings)) * landed[:, None]
        return np.cumsum(steps, axis=0)

    def _truth_table(self, leaving: AnyArray) -> pd.DataFrame:
        n = len(self._lands)
        particle = np.concatenate([np.arange(n), leaving])
        frame = np.concatenate([self._lands, self._leaves[leaving]])
        sign = np.concatenate([np.ones(n), -np.ones(len(leaving))])
        y, x = (np.stack([self._y, self._x], axis=1)[particle] + self._stage_at(frame)).T
        contrast = sign * self._contrast[particle]
        unit = np.array([self._unit_snr(*place) for place in zip(frame, y, x, strict=True)])
        kind = np.where(sign > 0, "landing", "takeoff")
        columns = [frame.astype(np.int64), y, x, contrast, np.abs(contrast) * unit, kind]
        table = pd.DataFrame(dict(zip(_COLUMNS, columns, strict=True)))
        return table.sort_values(["raw_frame", "y"], ignore_index=True)

    def _stage_at(self, frame: AnyArray) -> AnyArray:
        knots = np.arange(len(self.shift)) * BLOCK
        return np.stack([np.interp(frame, knots, self.shift[:, i]) for i in range(2)], axis=1)

    def _unit_snr(self, frame: float, y: float, x: float) -> float:
        """Return the signal-to-noise ratio of contrast 1: ``sqrt(sum(h^2 / variance))``."""
        s = self.settings
        image = particle_image((s.rows, s.columns), y, x, **self._point)
        electrons = s.electrons * self.illumination * self.background(frame)
        return float(np.sqrt(s.batch_size / 2 * np.sum(electrons * image**2)))

    # Computed for each block --------------------------------------------------------------------

    def _background_at(self, shift: AnyArray, phase: float, membrane: AnyArray) -> AnyArray:
        reference, speckle = self._amplitudes
        field = self.grid.image(self._speckle, (shift[0], shift[1]))
        local = phase + self._membrane_rows @ membrane @ self._membrane_columns.T
        return np.asarray(
            np.abs(reference + speckle * np.exp(1j * local) * field) ** 2 / self._level
        )

    def _block(self, block: int) -> npt.NDArray[np.uint16]:
        s = self.settings
        rng = np.random.Generator(
            np.random.SFC64(np.random.SeedSequence(s.seed, spawn_key=(1, block)))
        )
        times = np.arange(block * BLOCK, (block + 1) * BLOCK)
        weights, images = self._low_rank(block, times)
        n = len(times)
        electrons = (weights @ images).reshape(n, s.rows, s.columns)
        between = weights[:, :2]
        if s.movers:
            electrons += self._moving(block, times, between)
        power = between @ self._power[block : block + 2]
        power = power * (1 + s.laser_noise * rng.standard_normal(n))
        rows = power[:, None] * (1 + between @ self._rows[block : block + 2])
        columns = 1 + between @ self._columns[block : block + 2]
        electrons *= rows[:, :, None].astype(np.float32)
        electrons *= columns[:, None, :].astype(np.float32)
        self._disturbances.on_light(electrons, times)
        self._shot_noise(electrons, rng)
        self._bad_pixels(electrons, times, rng)
        counts = self._digitised(electrons)
        self._disturbances.on_counts(counts, times)
        return counts if s.status_line == "none" else self._with_status_line(counts, times)

    def _low_rank(self, block: int, times: AnyArray) -> tuple[AnyArray, AnyArray]:
        """Return weights (n, k) and images (k, pixels); their product is the expected signal."""
        s = self.settings
        presence = self._presence(times)
        steady = np.ptp(presence, axis=0) == 0
        present = np.where(steady, presence[0], 0) * self._contrast
        settled = partial(self._settled_spectrum, present)
        images = []
        jump = self._focus_jump * (block * BLOCK >= self._disturbances.focus_frame)
        for knot in (block, block + 1):
            points = settled(knot) + self.grid.points_spectrum(
                self._scatterer_y[knot], self._scatterer_x[knot], self._scatterer_contrast[knot]
            )
            shift = (self.shift[knot, 0], self.shift[knot, 1])
            signal = self.grid.image(points * self._particle, shift).real
            background = self._background_at(
                self.shift[knot], self.phase[knot] + jump, self._membrane[knot]
            )
            images.append(background * (1 + signal))
        middle = (block + 0.5) * BLOCK
        for i in np.flatnonzero(~steady):
            (place,) = np.array([[self._y[i], self._x[i]]]) + self._stage_at(np.array([middle]))
            image = particle_image((s.rows, s.columns), *place, **self._point)
            images.append(self._contrast[i] * image * self.background(middle))
        fraction = (times / BLOCK - block)[:, None]
        weights = np.concatenate([1 - fraction, fraction, presence[:, ~steady]], axis=1)
        scale = s.electrons * self.illumination
        stacked = np.stack([(scale * image).ravel() for image in images])
        return weights.astype(np.float32), stacked.astype(np.float32)

    def _moving(self, block: int, times: AnyArray, between: AnyArray) -> AnyArray:
        """Return the signal of the free particles: frames, rows, columns."""
        s = self.settings
        backgrounds = [self.background(knot * BLOCK) for knot in (block, block + 1)]
        scale = s.electrons * self.illumination * np.tensordot(between, backgrounds, 1)
        signal = self._movers.signal(times, self.grid, self._particle)
        return np.asarray(scale * signal, np.float32)

    def _settled_spectrum(self, contrast: AnyArray, knot: int) -> AnyArray:
        """Return the spectrum of the particles that neither arrive nor leave in a block."""
        present = np.flatnonzero(contrast)
        if self._wander is None:
            along_rows, along_columns = (ramp[:, present] for ramp in self._ramps)
        else:
            y, x = np.stack([self._y, self._x]) + self._wander[knot]
            along_rows, along_columns = self.grid.point_ramps(y[present], x[present])
        return np.asarray((along_rows * contrast[present]) @ along_columns.T)

    def _presence(self, times: AnyArray) -> AnyArray:
        """Return the fraction of each particle that has arrived: times, particles."""
        ramp = self.settings.arrival_frames
        arrived = np.clip((times[:, None] - self._lands + 1) / ramp, 0, 1)
        left = np.clip((times[:, None] - self._leaves + 1) / ramp, 0, 1)
        return np.asarray(arrived - left)

    def _shot_noise(self, electrons: AnyArray, rng: np.random.Generator) -> None:
        s = self.settings
        if s.electrons < GAUSSIAN_ELECTRONS:
            electrons[:] = rng.poisson(electrons)
            if s.read_noise:
                electrons += s.read_noise * rng.standard_normal(electrons.shape, np.float32)
            return
        noise = rng.standard_normal(electrons.shape, np.float32)
        noise *= np.sqrt(electrons + np.float32(s.read_noise**2))
        electrons += noise

    def _bad_pixels(self, electrons: AnyArray, times: AnyArray, rng: np.random.Generator) -> None:
        for i, (y, x) in enumerate(self.hot_pixels):
            level = np.searchsorted(self._hot_jumps[i], times) % 2
            noise = self._hot_noise[i] * rng.standard_normal(len(times))
            electrons[:, y, x] += self._hot_offset[i] + self._hot_jump[i] * level + noise

    def _digitised(self, electrons: AnyArray) -> npt.NDArray[np.uint16]:
        s = self.settings
        electrons *= np.float32(1 / s.electrons_per_count)
        electrons += np.float32(s.dark_counts + 0.5)
        return np.clip(electrons, 0, 2**s.bits - 1, out=electrons).astype(np.uint16)

    def _with_status_line(
        self, counts: npt.NDArray[np.uint16], times: AnyArray
    ) -> npt.NDArray[np.uint16]:
        s = self.settings
        in_row = s.status_line == "last row"
        within = np.minimum(times, s.frames - 1)
        lines = status_lines(
            self.image_count[within],
            counts.mean(axis=(1, 2)),
            length=s.columns if in_row else s.rows,
            frame_rate_hz=s.frame_rate_hz,
            shape=(s.rows, s.columns),
        )
        line = lines[:, None, :] if in_row else lines[:, :, None]
        return np.concatenate([counts, line], axis=1 if in_row else 2)
