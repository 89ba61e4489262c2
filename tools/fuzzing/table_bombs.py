"""Small tables, records and settings that ask for much memory or time, or lead elsewhere."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing.bombs import bomb, zeros
from fuzzing.command_seeds import record_of_run

_HEADER = "trail,frame,x,y"


@bomb("trails", "a.csv")
def _long_names(path: Path) -> None:
    name = "a(" * 30_000
    path.write_text(f"{_HEADER},{name}\n1,0,1,1,1\n1,1,2,2,2\n")


@bomb("trails", "a.csv")
def _blank_names(path: Path) -> None:
    path.write_text(f"{_HEADER},a{' ' * 60_000}[b\n1,0,1,1,1\n1,1,2,2,2\n")


@bomb("trails", "a.csv")
def _long_comment(path: Path) -> None:
    path.write_text(f"# {'frame rate ' * 5_000}\n{_HEADER}\n1,0,1,1\n1,1,2,2\n")


@bomb("trails", "a.json")
def _long_keys(path: Path) -> None:
    key = "x/" * 500_000
    path.write_text(json.dumps([{key: 1, "trail": 1, "frame": i, "x": i, "y": i} for i in (0, 1)]))


def _xlsx_with(path: Path, changes: dict[str, tuple[bytes, bytes]], *, extra: bytes = b"") -> None:
    import pandas as pd

    whole = io.BytesIO()
    rows = [(1, frame, frame, 2 * frame) for frame in range(9)]
    pd.DataFrame(rows, columns=_HEADER.split(",")).to_excel(whole, index=False)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name in changes:
                content = content.replace(*changes[name])
            new.writestr(name, content)
        if extra:
            new.writestr("xl/media/a.bin", extra)


_SHEET = "xl/worksheets/sheet1.xml"


@bomb("trails", "a.xlsx")
def _xlsx_far_cell(path: Path) -> None:
    _xlsx_with(path, {_SHEET: (b'<row r="10"', b'<row r="1048576"')})


@bomb("trails", "a.xlsx")
def _xlsx_far_column(path: Path) -> None:
    _xlsx_with(path, {_SHEET: (b'r="D10"', b'r="XFD1048576"')})


@bomb("trails", "a.xlsx")
def _xlsx_zeros(path: Path) -> None:
    _xlsx_with(path, {}, extra=bytes(2**27))


@bomb("trails", "a.xlsx")
def _xlsx_many_cells(path: Path) -> None:
    row = b'<row r="1">' + b'<c t="n"><v>1</v></c>' * 300_000 + b"</row>"
    _xlsx_with(path, {_SHEET: (b"<sheetData>", b"<sheetData>" + row)})


@bomb("trails", "a.xlsx")
def _xlsx_entities(path: Path) -> None:
    entities = b"".join(
        b'<!ENTITY l%d "%s">' % (i, b"&l%d;" % (i - 1) * 10 if i else b"lol") for i in range(10)
    )
    head = b"<!DOCTYPE worksheet [" + entities + b"]><worksheet "
    _xlsx_with(path, {_SHEET: (b"<worksheet ", head)})


@bomb("trails", "a.xlsx")
def _xlsx_styles(path: Path) -> None:
    styles = b"<cellXfs>" + b'<xf numFmtId="0" fontId="0" fillId="0" borderId="0"/>' * 50_000
    _xlsx_with(path, {"xl/styles.xml": (b"<cellXfs>", styles)})


def _repeated(n_rows: int, text: str = "car") -> Any:
    import pyarrow as pa

    ones = pa.chunked_array([pa.array(np.ones(2**20))] * (n_rows // 2**20))
    values = pa.array([text]).dictionary_encode().dictionary
    codes = pa.array(np.zeros(2**20, np.int32))
    texts = pa.chunked_array([pa.DictionaryArray.from_arrays(codes, values)] * (n_rows // 2**20))
    return pa.table({"trail": ones, "frame": ones, "x": ones, "y": ones, "class": texts})


@bomb("trails", "a.parquet")
def _parquet_rows(path: Path) -> None:
    from pyarrow import parquet

    parquet.write_table(_repeated(2**23), path, compression="zstd")


@bomb("trails", "a.parquet")
def _parquet_texts(path: Path) -> None:
    from pyarrow import parquet

    parquet.write_table(_repeated(2**20, "x" * 2**16), path, compression="zstd")


@bomb("trails", "a.parquet")
def _parquet_lying(path: Path) -> None:
    """The footer states a thousandth of the rows."""
    from pyarrow import parquet

    whole = io.BytesIO()
    parquet.write_table(_repeated(2**24), whole, compression="zstd", use_dictionary=False)
    data = whole.getvalue()
    at = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    footer = data[at:].replace(_varint(2 * 2**24), _varint(2 * 1000).ljust(4, b"\0"))
    path.write_bytes(data[:at] + footer)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


@bomb("trails", "a.feather")
def _feather_rows(path: Path) -> None:
    from pyarrow import feather

    feather.write_feather(_repeated(2**23), path, compression="zstd", chunksize=2**23)


@bomb("trails", "a.feather")
def _feather_texts(path: Path) -> None:
    from pyarrow import feather

    feather.write_feather(_repeated(2**20, "x" * 2**16), path, compression="zstd")


@bomb("trails", "a.feather")
def _feather_nulls(path: Path) -> None:
    import pyarrow as pa
    from pyarrow import feather

    table = pa.table({name: pa.nulls(2**31 - 1) for name in ("trail", "frame", "x", "y")})
    feather.write_feather(table, path, chunksize=2**31 - 1)


@bomb("trails", "a.npy")
def _tracks_tera(path: Path) -> None:
    with path.open("wb") as file:
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**12, 4)}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(320))


@bomb("trails", "a.npy")
def _tracks_items(path: Path) -> None:
    with path.open("wb") as file:
        fields = [("trail", "<f8"), ("frame", "<f8"), ("x", "<f8"), ("y", "<f8", (10**9,))]
        header = {"descr": fields, "fortran_order": False, "shape": (2,)}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(320))


@bomb("trails", "a.npy")
def _tracks_objects(path: Path) -> None:
    from fuzzing.bombs import Payload

    np.save(path, np.array([[Payload()] * 4] * 2, object), allow_pickle=True)


@bomb("trails", "a.geojson")
def _geojson_deep(path: Path) -> None:
    line = "[" * 50_000 + "1" + "]" * 50_000
    path.write_text(
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, '
        f'"geometry": {{"type": "LineString", "coordinates": {line}}}}}]}}'
    )


@bomb("trails", "a.gpx")
def _gpx_deep(path: Path) -> None:
    path.write_text("<gpx>" + "<trk>" * 100_000)


@bomb("trails", "a.gpx")
def _gpx_names(path: Path) -> None:
    points = '<trkpt lat="1e308" lon="-1e308"><time>9e999</time></trkpt>' * 3
    path.write_text(f"<gpx><trk><name>&#x1b;[31m{'x' * 10**6}</name>{points}</trk></gpx>")


@bomb("trails", "a.xml")
def _trackmate_numbers(path: Path) -> None:
    spots = "".join(f'<detection t="{10 ** (300 * i)}" x="1e308" y="nan"/>' for i in range(2))
    path.write_text(
        f'<Tracks frameInterval="1e-320" timeUnits="s"><particle>{spots}</particle></Tracks>'
    )


@bomb("trails", "a.xml")
def _trackmate_attributes(path: Path) -> None:
    many = " ".join(f'a{i}="1"' for i in range(200_000))
    path.write_text(f'<Tracks><particle><detection t="1" x="1" y="1" {many}/></particle></Tracks>')


# records and settings -------------------------------------------------------------------------


def _record(path: Path, mask: object) -> None:
    path.with_name("t.csv").write_text(f"{_HEADER}\n1,0,1,1\n1,1,2,2\n")
    record = record_of_run() | {"masks": {"car": {"file": mask}}}
    path.write_text(json.dumps(record | {"files": ["../../x", "heatmap_/../../x.png", "/x.png"]}))


for _name, _mask in {
    "outside": "../../../../../../etc/hostname",
    "absolute": "/etc/hostname",
    "long": "x" * 100_000,
    "zero": "a\0b",
    "list": ["mask.png"],
    "device": "/dev/zero",
}.items():

    def _write(path: Path, mask: object = _mask) -> None:
        _record(path, mask)

    _write.__name__ = f"mask_{_name}"
    bomb("like", "run.json")(_write)
    bomb("run", "run.json")(_write)


@bomb("like", "run.json")
def _mask_link(path: Path) -> None:
    _record(path, "mask.png")
    path.with_name("mask.png").symlink_to("/etc/hostname")


@bomb("set", "a.txt")
def _set_deep(path: Path) -> None:
    path.with_name("t.csv").write_text(f"{_HEADER}\n1,0,1,1\n1,1,2,2\n")
    path.write_text("n_directions=" + "[" * 100_000)


@bomb("set", "a.txt")
def _set_long(path: Path) -> None:
    path.with_name("t.csv").write_text(f"{_HEADER}\n1,0,1,1\n1,1,2,2\n")
    path.write_text("n_directions=" + "9" * 120_000)


@bomb("evaluate", "landings.csv.gz")
def _landings_zeros(path: Path) -> None:
    path.with_name("truth.json").write_text('{"landings": []}')
    path.write_bytes(zeros(2**32, 31, head=b"raw_frame,y,x,score\n", unit=b"1,1,1,1\n"))


@bomb("evaluate", "landings.csv")
def _landings_wide(path: Path) -> None:
    path.with_name("truth.json").write_text('{"landings": []}')
    path.write_text("raw_frame,y,x,score" + "," * 500_000 + "\n" + "1," * 500_000 + "\n")


@bomb("window", "landings.csv")
def _window_wide(path: Path) -> None:
    path.write_text("raw_frame,y,x,score" + "\n" + "1," * 2_000_000 + "\n")


@bomb("recipe", "a.toml")
def _slow_toml(path: Path) -> None:
    path.write_text("\n".join(f'a{i} = "{i}"' for i in range(80_000)))
