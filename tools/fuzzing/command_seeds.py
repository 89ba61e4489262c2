"""Valid inputs of whole commands, whose folders of results are checked afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fuzzing.seeds import seed

_SIZE = 24


def _recording() -> npt.NDArray[np.uint16]:
    """Return 40 frames with one landing, which is enough for batches of 5."""
    rng = np.random.default_rng(3)
    video = rng.normal(3000, 20, (40, _SIZE, _SIZE)) + 30 * rng.random((_SIZE, _SIZE))
    y, x = np.mgrid[:_SIZE, :_SIZE]
    video[20:] *= 1 - 0.05 * np.exp(-((y - 12) ** 2 + (x - 12) ** 2) / 4.5)
    return video.astype("<u2")


def _raw(path: Path) -> None:
    _recording().tofile(path)
    facts = {"height": _SIZE, "width": _SIZE, "dtype": "<u2", "frame_rate_hz": 400.0}
    path.with_suffix(".json").write_text(json.dumps(facts))


def _table(path: Path) -> None:
    rows = [(t, f, 10.0 * t + f, 5.0 * t + 2 * f) for t in range(1, 13) for f in range(8)]
    lines = "\n".join(f"{t},{f},{x},{y},car" for t, f, x, y in rows)
    path.write_text(f"trail,frame,x,y,class\n{lines}\n")


@seed("iscat", "r.bin")
def _iscat_raw(path: Path) -> None:
    _raw(path)


@seed("iscat", "r.tif")
def _iscat_tiff(path: Path) -> None:
    import tifffile

    tifffile.imwrite(path, _recording().astype("f4"), compression="zlib", photometric="minisblack")


@seed("iscat", "r.npy")
def _iscat_npy(path: Path) -> None:
    np.save(path, _recording().astype("f8"))


@seed("iscat recipe", "a.toml")
def _iscat_recipe(path: Path) -> None:
    from importlib.resources import files

    _raw(path.with_name("r.bin"))
    text = (files("napari_uai.iscat.recipes") / "classical.toml").read_text("utf-8")
    changed = '"differential_rolling_average"\nparameters = { batch_size = 5 }'
    path.write_text(text.replace('"differential_rolling_average"', changed))


@seed("trails command", "t.csv")
def _trails_csv(path: Path) -> None:
    _table(path)


@seed("trails command", "t.json")
def _trails_json(path: Path) -> None:
    rows = [
        {"trail": t, "time": f / 2, "x": 10.0 * t + f, "y": 5.0 * t, "class": f"c{t % 3}"}
        for t in range(1, 13)
        for f in range(6)
    ]
    path.write_text(json.dumps(rows))


def record_of_run() -> dict[str, Any]:
    """Return what a run writes of its settings."""
    from napari_uai.trails.analysis.result import RECORD_FORMAT

    return {
        "format": RECORD_FORMAT,
        "preset": "default",
        "parameters": {"scores": {"n_directions": 16}},
        "masks": {"car": {"file": "mask.png"}},
        "n_top": 10,
        "files": ["scores.csv", "run.json"],
    }


@seed("like", "run.json")
def _like(path: Path) -> None:
    import cv2

    _table(path.with_name("t.csv"))
    cv2.imwrite(str(path.with_name("mask.png")), np.full((36, 64), 255, np.uint8))
    path.write_text(json.dumps(record_of_run()))


@seed("set", "a.txt")
def _set(path: Path) -> None:
    _table(path.with_name("t.csv"))
    path.write_text("n_directions=16")


@seed("mask", "mask.png")
def _mask_of_trails(path: Path) -> None:
    import cv2

    _table(path.with_name("t.csv"))
    mask = np.zeros((36, 64, 4), np.uint8)
    mask[:, 10:] = 255
    cv2.imwrite(str(path), mask)


@seed("evaluate", "landings.csv")
def _evaluate(path: Path) -> None:
    lines = "\n".join(f"{9 * i},5.0,6.5,-0.01,{9 - i},{9 * i}" for i in range(4))
    path.write_text(f"raw_frame,y,x,contrast,score,frame\n{lines}\n")
    rows = [{"raw_frame": 9 * i, "y": 5.0, "x": 6.5, "contrast": -0.01, "snr": 3} for i in range(4)]
    settings = {"frames": 100, "batch_size": 10, "sigma_px": 1.5}
    truth = json.dumps({"landings": rows, "settings": settings})
    path.with_name("truth.json").write_text(truth)


@seed("evaluate trails", "scores.csv")
def _evaluate_trails(path: Path) -> None:
    scores = "\n".join(f"object{t},{t / 5},{t / 7}" for t in range(5))
    path.write_text(f"trail,anomaly,heat\n{scores}\n")
    kinds = "\n".join(f"object{t},{'u-turn' if t > 3 else ''}" for t in range(5))
    path.with_name("truth.csv").write_text(f"trail,anomaly\n{kinds}\n")
