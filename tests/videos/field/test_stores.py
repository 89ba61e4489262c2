"""zarr, OME-Zarr, N5, and the HDF5 of mass photometers."""

import json

import h5py
import numpy as np
import zarr

UNITS = {"t": "millisecond", "y": "micrometer", "x": "micrometer"}


def axes_of(letters, units):
    kinds = {"t": "time", "c": "channel"}
    axes = [{"name": name, "type": kinds.get(name, "space")} for name in letters]
    for axis in axes:
        if axis["name"] in units:
            axis["unit"] = units[axis["name"]]
    return axes


def scaled(scale):
    return [{"type": "scale", "scale": scale}]


def test_zarr_v2(tmp_path, b, opens):
    zarr.save_array(tmp_path / "a.zarr", b, zarr_format=2)
    opens(tmp_path / "a.zarr", b)


def test_zarr_v3(tmp_path, b, opens):
    sizes = {"chunks": (16, 32, 40), "shards": (64, 32, 40)}
    zarr.create_array(tmp_path / "a.zarr", data=b, **sizes)
    opens(tmp_path / "a.zarr", b)


def test_zarr_ome04(tmp_path, b, opens):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.create_array("0", data=b[:, None, None], chunks=(1, 1, 1, 32, 40))
    scale = scaled([2.5, 1, 1, 0.0437, 0.0437])
    image = {"version": "0.4", "axes": axes_of("tczyx", UNITS)}
    image["datasets"] = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["multiscales"] = [image]
    opens(tmp_path / "a.zarr", b, um=0.0437, hz=400)


def test_zarr_ome05_pyramid(tmp_path, b, opens):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    levels = []
    for level in range(3):
        step = 2**level
        group.create_array(str(level), data=b[:, None, None, ::step, ::step])
        transform = scaled([1.0, 1, 1, step, step])
        levels.append({"path": str(level), "coordinateTransformations": transform})
    image = {"name": "/", "axes": axes_of("tczyx", {}), "datasets": levels}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
    opens(tmp_path / "a.zarr", b)


def test_zarr_bf2raw(tmp_path, b, opens):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    inner = group.create_group("0")
    data = b[:, None, None].astype(">u2")
    inner.create_array("0", data=data, chunks=(1, 1, 1, 32, 40))
    level = {"path": "0", "coordinateTransformations": scaled([1, 1, 1, 1, 1])}
    image = {"version": "0.4", "axes": axes_of("tczyx", {}), "datasets": [level]}
    inner.attrs["multiscales"] = [image]
    group.create_group("OME").attrs["series"] = ["0"]
    opens(tmp_path / "a.zarr", b)


def two_arrays(path, b):
    group = zarr.open_group(path, mode="w")
    group.create_array("raw", data=b)
    group.create_array("dark", data=b[:10])
    return path


def test_zarr_group_two(tmp_path, b, refused, opens):
    path = two_arrays(tmp_path / "a.zarr", b)
    refused(path, r"several arrays \(dark, raw\): choose one", {"image": "dark"})
    opens(path, b, image="raw")


def test_zarr_group_two_path(tmp_path, b, opens):
    opens(two_arrays(tmp_path / "a.zarr", b) / "raw", b)


def test_zarr_missing_chunk(tmp_path, b, opens):
    zarr.create_array(tmp_path / "a.zarr", data=b, chunks=(10, 32, 40))
    (tmp_path / "a.zarr" / "c" / "7" / "0" / "0").unlink()
    b[70:80] = 0
    opens(tmp_path / "a.zarr", b, notes=["1 of 16 chunks missing; their pixels are 0"])


def test_zarr_nosuffix(tmp_path, b, opens):
    zarr.save_array(tmp_path / "rec", b)
    opens(tmp_path / "rec", b)


def test_zarr_ome_scales(tmp_path, b, opens):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.create_array("0", data=b[:, None, None], chunks=(100, 1, 1, 32, 40))
    level = {"path": "0", "coordinateTransformations": scaled([1, 1, 1, 0.0437, 0.0437])}
    image = {"version": "0.4", "axes": axes_of("tczyx", UNITS | {"z": "micrometer"})}
    of_all = scaled([2.5, 1, 1, 1, 1])
    image |= {"datasets": [level], "coordinateTransformations": of_all}
    group.attrs["multiscales"] = [image]
    opens(tmp_path / "a.zarr", b, um=0.0437, hz=400)


def test_zarr_ome_nanometer(tmp_path, b, opens):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.create_array("0", data=b, chunks=(100, 32, 40))
    level = {"path": "0", "coordinateTransformations": scaled([0.0025, 43.7, 43.7])}
    units = {"t": "second", "y": "nanometer", "x": "nanometer"}
    image = {"version": "0.4", "axes": axes_of("tyx", units), "datasets": [level]}
    group.attrs["multiscales"] = [image]
    opens(tmp_path / "a.zarr", b, um=0.0437, hz=400)


def n5_folder(path, b, **facts):
    path.mkdir()
    stated = {"n5": "2.5.0", "dimensions": [40, 32, 160], **facts}
    (path / "attributes.json").write_text(json.dumps(stated))
    return path


def test_n5(tmp_path, b, refused):
    """The case of an incomplete description: it must be said what is missing."""
    refused(n5_folder(tmp_path / "a.n5", b), "its attributes.json lacks 'blockSize'")


def test_n5_written_whole(tmp_path, b, opens):
    facts = {"blockSize": [40, 32, 160], "dataType": "uint16", "compression": {"type": "raw"}}
    path = n5_folder(tmp_path / "a.n5", b, **facts)
    block = path / "0" / "0" / "0"
    block.parent.mkdir(parents=True)
    sizes = np.array([0, 3], ">u2").tobytes() + np.array([40, 32, 160], ">u4").tobytes()
    block.write_bytes(sizes + b.astype(">u2").tobytes())
    opens(path, b)


def mass_photometer(path, b):
    with h5py.File(path, "w") as file:
        file.create_dataset("movie/frame", data=b, chunks=(1, 32, 40), compression="gzip")
    return path


def test_mp_refeyn(tmp_path, b, opens):
    known = opens(mass_photometer(tmp_path / "a.mp", b), b)
    assert known.image == "movie/frame"
    assert known.details["compression"] == "gzip"


def test_mp_refeyn_as_told(tmp_path, b, opens, refused):
    """The shape of its frames is no reason to take the file as headerless pixels."""
    path = mass_photometer(tmp_path / "a.mp", b)
    assert opens(path, b, height=32, width=40, dtype="<u2").format == "hdf5"
    refused(path, "has a header: omit (--)?offset", height=32, width=40, dtype="<u2", offset=2048)
