"""Valid tables of trails, recipes, settings, weights and records."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing.seeds import seed


def _rows() -> list[tuple[int, int, float, float]]:
    return [(t, f, 10.0 * t + f, 5.0 * t + 2 * f) for t in range(1, 5) for f in range(8)]


def _csv_text() -> str:
    lines = "\n".join(f"{t},{f},{x},{y},car" for t, f, x, y in _rows())
    return f"trail,frame,x,y,class\n{lines}\n"


@seed("trails", "a.csv")
def _csv(path: Path) -> None:
    path.write_text(_csv_text())


@seed("trails", "a.txt")
def _mot(path: Path) -> None:
    path.write_text("\n".join(f"{f},{t},{x},{y},9,9,1,-1,-1,-1" for t, f, x, y in _rows()))


@seed("trails", "a.csv")
def _csv_times(path: Path) -> None:
    lines = "\n".join(f"{t};2024-05-01 10:00:{f:02};{x};{y}" for t, f, x, y in _rows())
    path.write_text(f"id;time;x;y\n{lines}\n")


@seed("trails", "a.csv.gz")
def _csv_gz(path: Path) -> None:
    path.write_bytes(gzip.compress(_csv_text().encode(), mtime=0))


@seed("trails", "a.zip")
def _csv_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("a.csv"), _csv_text())


def _record(trail: int) -> dict[str, Any]:
    xy = [[x / 640, y / 360] for t, _, x, y in _rows() if t == trail]
    return {
        "_id": f"object{trail}",
        "bdb_classifier": {"topclass_dict": {"car": 0.9, "bus": 0.1}},
        "first_epoch_ms": 1.7e12,
        "final_epoch_ms": 1.7e12 + 8000,
        "final_datetime_isoformat": "2024-05-01T10:00:08+02:00",
        "ancestor_id": 0,
        "descendant_id": None,
        "tracking": {
            "xy_center": xy,
            "hull": [[[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]] * len(xy),
            "track_status": [1] * len(xy),
            "frame_width": 640,
            "frame_height": 360,
        },
    }


@seed("trails", "a.json")
def _export(path: Path) -> None:
    path.write_text(json.dumps({f"object{t}": _record(t) for t in range(1, 5)}))


@seed("trails", "locations")
def _report(path: Path) -> None:
    import cv2

    report = path / "site" / "camera" / "report"
    objects = report / "metadata" / "objects" / "2024-05-01" / "10"
    objects.mkdir(parents=True)
    for t in range(1, 4):
        (objects / f"object{t}.json").write_text(json.dumps(_record(t)))
    packed = gzip.compress(json.dumps(_record(4)).encode(), mtime=0)
    (objects / "object4.json.gz").write_bytes(packed)
    for name in ("backgrounds", "objects"):
        pictures = report / "images" / name / "2024-05-01" / "10"
        pictures.mkdir(parents=True)
        cv2.imwrite(str(pictures / "object1.jpg"), np.full((36, 64, 3), 90, np.uint8))


@seed("trails", "a.npy")
def _tracks_npy(path: Path) -> None:
    np.save(path, np.array(_rows()))


@seed("trails", "a.parquet")
def _parquet(path: Path) -> None:
    import pandas as pd

    pd.DataFrame(_rows(), columns=["trail", "frame", "x", "y"]).to_parquet(path)


@seed("trails", "a.xlsx")
def _xlsx(path: Path) -> None:
    import pandas as pd

    pd.DataFrame(_rows(), columns=["trail", "frame", "x", "y"]).to_excel(path, index=False)


@seed("trails", "a.xml")
def _trackmate(path: Path) -> None:
    particles = "".join(
        '<particle nSpots="8">'
        + "".join(
            f'<detection t="{f}" x="{x}" y="{y}" z="0.0"/>' for t, f, x, y in _rows() if t == k
        )
        + "</particle>"
        for k in range(1, 5)
    )
    head = 'spaceUnits="px" frameInterval="1.0" timeUnits="s" nTracks="4"'
    path.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n<Tracks {head}>{particles}</Tracks>')


@seed("trails", "a.xml")
def _trackmate_model(path: Path) -> None:
    spots = "".join(
        f'<Spot ID="{100 * t + f}" FRAME="{f}" POSITION_X="{x}" POSITION_Y="{y}" POSITION_T="{f}"/>'
        for t, f, x, y in _rows()
    )
    tracks = "".join(
        f'<Track TRACK_ID="{k}">'
        + "".join(
            f'<Edge SPOT_SOURCE_ID="{100 * k + f}" SPOT_TARGET_ID="{100 * k + f + 1}"/>'
            for f in range(7)
        )
        + "</Track>"
        for k in range(1, 5)
    )
    path.write_text(
        '<?xml version="1.0"?><TrackMate version="7"><Model spatialunits="pixel" timeunits="sec">'
        f"<AllSpots><SpotsInFrame>{spots}</SpotsInFrame></AllSpots><AllTracks>{tracks}</AllTracks>"
        '</Model><Settings><ImageData timeinterval="0.5"/></Settings></TrackMate>'
    )


@seed("trails", "a.gpx")
def _gpx(path: Path) -> None:
    tracks = "".join(
        f"<trk><name>{k}</name><trkseg>"
        + "".join(
            f'<trkpt lat="{48 + y / 1e4}" lon="{11 + x / 1e4}">'
            f"<time>2024-05-01T10:00:{f:02}Z</time></trkpt>"
            for t, f, x, y in _rows()
            if t == k
        )
        + "</trkseg></trk>"
        for k in range(1, 5)
    )
    path.write_text(f'<?xml version="1.0"?><gpx version="1.1">{tracks}</gpx>')


@seed("trails", "a.feather")
def _feather(path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame(_rows(), columns=["trail", "frame", "x", "y"])
    frame["class"] = pd.Categorical(["car"] * len(frame))
    frame.to_feather(path)


@seed("trails", "a.npy")
def _fields_npy(path: Path) -> None:
    fields = [("trail", "i4"), ("frame", "i4"), ("x", "f8"), ("y", "f8")]
    np.save(path, np.array(_rows(), fields))


@seed("trails", "tables")
def _table_folder(path: Path) -> None:
    path.mkdir()
    for name in ("a", "b"):
        (path / f"{name}.csv").write_text(_csv_text())


@seed("trails", "a.geojson")
def _geojson(path: Path) -> None:
    features = [
        {
            "type": "Feature",
            "properties": {"id": k},
            "geometry": {
                "type": "LineString",
                "coordinates": [[x, y] for t, _, x, y in _rows() if t == k],
            },
        }
        for k in range(1, 5)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


@seed("trails", "a.jsonl")
def _json_lines(path: Path) -> None:
    path.write_text(
        "\n".join(json.dumps({"trail": t, "frame": f, "x": x, "y": y}) for t, f, x, y in _rows())
    )


@seed("trails", "labels")
def _label_folder(path: Path) -> None:
    path.mkdir()
    for frame in range(8):
        lines = [f"0 0.{t}5 0.{frame}5 0.1 0.1 {t}" for t in range(1, 5)]
        (path / f"video_{frame + 1}.txt").write_text("\n".join(lines))


# recipes, settings, weights, records ------------------------------------------------------------


@seed("recipe", "a.toml")
def _recipe(path: Path) -> None:
    from importlib.resources import files

    text = (files("napari_uai.iscat.recipes") / "matched.toml").read_text("utf-8")
    path.write_text(text)


@seed("settings", "a.txt")
def _settings(path: Path) -> None:
    path.write_text("dra.batch_size=200")


@seed("settings", "a.txt")
def _settings_list(path: Path) -> None:
    path.write_text("localizations.batch_size=[1, 2.5, 'a', {x = 1}]")


def _packaged(room: str, name: str, path: Path) -> None:
    from importlib.resources import files

    for suffix in (".safetensors", ".json"):
        source = files(f"napari_uai.iscat.{room}") / f"{name}{suffix}"
        path.with_suffix(suffix).write_bytes(source.read_bytes())


@seed("rescoring", "a.safetensors")
def _rescoring(path: Path) -> None:
    _packaged("rescore.weights", "rescoring", path)


@seed("weights", "a.safetensors")
def _weights(path: Path) -> None:
    from napari_uai.iscat.fastdvdnet.network import FastDVDnet
    from napari_uai.iscat.fastdvdnet.settings import NetworkSettings
    from napari_uai.iscat.fastdvdnet.weights import save_weights

    save_weights(FastDVDnet(NetworkSettings(spread=2, channels=2)), path)


@seed("weights", "a.h5")
def _keras(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for i in range(3):
            file[f"model_weights/conv2d_{i}/conv2d_{i}/kernel:0"] = np.ones((3, 3, 4, 4), "f4")
            layer = f"model_weights/batch_normalization_{i}/batch_normalization_{i}"
            for part in ("gamma", "beta", "moving_mean", "moving_variance"):
                file[f"{layer}/{part}:0"] = np.ones(4, "f4")


@seed("training", "a.unfinished.safetensors")
def _training(path: Path) -> None:
    from safetensors.numpy import save

    state = {
        "training": {"epochs": 3},
        "network": {"frames": 5},
        "video": {},
        "history": {"validation_loss": [1.0, 0.5], "training_loss": [1.0, 0.5]},
    }
    path.write_bytes(save({"w": np.ones(3, np.float32)}, {"state": json.dumps(state)}))


@seed("truth", "a.json")
def _truth(path: Path) -> None:
    rows = [{"raw_frame": 9 * i, "y": 5.0, "x": 6.5, "contrast": -0.01, "snr": 3} for i in range(4)]
    settings = {"frames": 100, "batch_size": 10, "sigma_px": 1.5}
    path.write_text(json.dumps({"landings": rows, "settings": settings}))


@seed("trail truth", "a.csv")
def _trail_truth(path: Path) -> None:
    path.write_text("trail,anomaly\n" + "\n".join(f"object{t},normal" for t in range(5)))


@seed("landings", "landings.csv")
def _landings(path: Path) -> None:
    rows = "\n".join(f"{i},{9 * i},5.0,6.5,-0.001{i},0.0001,yes" for i in range(8))
    path.write_text(f"landing,raw_frame,y,x,contrast,contrast_error,accepted\n{rows}\n")


@seed("landings", "eventsFitted.h5")
def _events(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for name in ("contrasts", "masses_kDa", "frame_indices"):
            file[name] = np.arange(1.0, 9.0)
        file["calibration/gradient"], file["calibration/offset"] = -3.2e-5, 0.0


@seed("landings", "merged.h5")
def _events_of_movies(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for movie in "ab":
            group = file.create_group(f"per_movie_events/{movie}")
            group.create_dataset("contrasts", data=np.arange(8.0), chunks=(4,), compression="gzip")
            group["calibration/gradient"], group["calibration/offset"] = -3.2e-5, 0.0


@seed("piscat", "psfs.csv")
def _piscat_spots(path: Path) -> None:
    rows = "\n".join(f"{i},5.0,6.0,{i}.0,-0.001,1.7,{i // 4}" for i in range(8))
    path.write_text(f",y,x,frame,center_intensity,sigma,particle\n{rows}\n")


@seed("piscat", "fixed.h5")
def _piscat_fixed(path: Path) -> None:
    """A table as pandas writes it, format ``fixed``."""
    import h5py

    with h5py.File(path, "w") as file:
        group = file.create_group("df")
        group.attrs["pandas_type"], group.attrs["nblocks"] = np.bytes_("frame"), 1
        names = ("y", "x", "frame", "center_intensity", "sigma")
        group["block0_items"] = np.array(names, "S16")
        group["block0_values"] = np.arange(40.0).reshape(8, 5)
        group["block0_values"].attrs["transposed"] = np.uint8(1)


@seed("piscat", "table.h5")
def _piscat_table(path: Path) -> None:
    """A table as pandas writes it, format ``table``, whose names are a pickled list."""
    import h5py

    with h5py.File(path, "w") as file:
        group = file.create_group("df")
        group.attrs["pandas_type"] = np.bytes_("frame_table")
        rows = np.zeros(8, [("index", "i8"), ("values_block_0", "f8", (3,))])
        group["table"] = rows
        names = np.bytes_("(lp0\nVy\np1\naVx\np2\naVframe\np3\na.")
        group["table"].attrs["values_block_0_kind"] = names


@seed("piscat", "trajectories.h5")
def _piscat_trajectories(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for i in range(3):
            for name in ("frame_number", "x_center", "y_center", "center_int", "sigma"):
                file[f"#{i}/{name}"] = np.arange(8.0)


def _cells(path: Path, *, packed: bool) -> None:
    from scipy.io import savemat

    cells = np.empty(3, object)
    for i in range(3):
        cells[i] = np.empty(10, object)
        cells[i][:] = [np.arange(8.0)] * 10
    savemat(path, {"data": cells}, do_compression=packed)


@seed("piscat", "packed.mat")
def _piscat_packed(path: Path) -> None:
    _cells(path, packed=True)


@seed("piscat", "plain.mat")
def _piscat_plain(path: Path) -> None:
    _cells(path, packed=False)


@seed("standards", "a.csv")
def _standards(path: Path) -> None:
    path.write_text("name,mass_kda,contrast,contrast_error\na,66,0.002,1e-5\nb,132,0.004,2e-5\n")


@seed("calibration", "a.toml")
def _calibration(path: Path) -> None:
    import pandas as pd

    from napari_uai.iscat.mass.calibration import fit_calibration, write_calibration

    standards = pd.DataFrame({"mass_kda": [66, 132], "contrast": [0.002, 0.0041]})
    write_calibration(fit_calibration(standards), path)


@seed("run", "run.json")
def _run(path: Path) -> None:
    import cv2

    from fuzzing.command_seeds import record_of_run

    cv2.imwrite(str(path.with_name("mask.png")), np.full((36, 64), 255, np.uint8))
    path.write_text(json.dumps(record_of_run()))


@seed("psf", "a.npy")
def _psf(path: Path) -> None:
    np.save(path, np.ones((7, 7)))


@seed("picture", "a.png")
def _mask(path: Path) -> None:
    import cv2

    cv2.imwrite(str(path), np.full((36, 64), 255, np.uint8))
