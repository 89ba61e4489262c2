"""Particles that diffuse freely through the field, blurred by their motion during the exposure."""

from __future__ import annotations

import numpy as np
import pandas as pd

from napari_uai.simulate.iscat.optics import Grid
from napari_uai.simulate.settings import RecordingSettings
from napari_uai.typing import AnyArray, Floats, Ints

SUBSTEPS = 8
"""Positions that are averaged over the exposure; with so few, the blur is 1.6 % too weak."""

OUTSIDE_SIGMAS = 4.0
"""How far outside the field particles are reflected, so that they leave and enter it."""


class MovingParticles:
    """Free particles of a recording: their paths, and the contrast that they add to each frame.

    Parameters
    ----------
    settings
        Of the recording.

    Attributes
    ----------
    diffusion, contrast
        (n,): diffusion constant in px^2 per frame along each axis, and signed contrast at rest.
    """

    def __init__(self, settings: RecordingSettings) -> None:
        s = self.settings = settings
        # Random numbers of their own: without them, the recording is the same otherwise.
        rng = np.random.default_rng(np.random.SeedSequence(s.seed, spawn_key=(4,)))
        n = s.movers
        low, high = np.log(np.maximum(s.mover_diffusion, 1e-12))
        self.diffusion = np.exp(rng.uniform(low, high, n))
        dark = rng.permutation(np.arange(n) < round(n * s.dark_fraction))
        self.contrast = rng.uniform(*s.mover_contrast, n) * np.where(dark, -1, 1)
        self._paths = self._drawn_paths(rng)

    def _drawn_paths(self, rng: np.random.Generator) -> Floats:
        """Draw positions within each exposure: frames, substeps, (y, x), particles."""
        s = self.settings
        within = s.exposure / SUBSTEPS
        durations = np.full(SUBSTEPS, within)
        durations[0] += 1 - s.exposure
        steps = rng.standard_normal((s.frames, SUBSTEPS, 2, s.movers))
        steps *= np.sqrt(2 * durations[:, None] * self.diffusion)[None, :, None]
        walk = steps.reshape(s.frames * SUBSTEPS, 2, s.movers).cumsum(axis=0)
        walk = walk.reshape(steps.shape)
        outside = OUTSIDE_SIGMAS * s.sigma_px
        for axis, size in enumerate((s.rows, s.columns)):
            length = size - 1 + 2 * outside
            unfolded = walk[:, :, axis] + rng.uniform(0, length, s.movers)
            walk[:, :, axis] = length - np.abs(unfolded % (2 * length) - length) - outside
        return walk

    def truth(self) -> pd.DataFrame:
        """Return the mean position during each exposure, also outside the field.

        Returns
        -------
        pandas.DataFrame
            ``particle`` (from 0), ``raw_frame, y, x`` (px), ``contrast`` (at rest) and
            ``diffusion_px2_per_frame``, sorted by particle and frame.
        """
        frames, n = self.settings.frames, self.settings.movers
        y, x = self._paths.mean(axis=1).transpose(1, 2, 0).reshape(2, -1)
        return pd.DataFrame(
            {
                "particle": np.repeat(np.arange(n), frames),
                "raw_frame": np.tile(np.arange(frames), n),
                "y": y,
                "x": x,
                "contrast": np.repeat(self.contrast, frames),
                "diffusion_px2_per_frame": np.repeat(self.diffusion, frames),
            }
        )

    def signal(self, times: Ints, grid: Grid, particle: AnyArray) -> AnyArray:
        """Return the contrast of all particles in some frames, averaged over the exposure.

        Parameters
        ----------
        times
            Frames; beyond the last one, it is repeated.
        grid
            Grid of the recording.
        particle
            Spectrum of a particle of contrast 1.

        Returns
        -------
        numpy.ndarray
            Frames, rows, columns; float64.
        """
        weight = np.tile(self.contrast, SUBSTEPS) / SUBSTEPS
        images = []
        for paths in self._paths[np.minimum(times, len(self._paths) - 1)]:
            points = grid.points_spectrum(paths[:, 0].ravel(), paths[:, 1].ravel(), weight)
            images.append(grid.image(points * particle, (0.0, 0.0)).real)
        return np.stack(images)
