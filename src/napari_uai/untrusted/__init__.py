"""Files from strangers: they may not run code, take all memory, or never end.

A file of a few kilobytes can state that it holds a terabyte, unpack to one, or nest a hundred
thousand brackets. The functions here are called wherever a file is opened; they ask
:mod:`napari_uai.limits` before a library allocates or unpacks what the file states, and stop
a library that takes too long.
"""

from napari_uai.untrusted.columnar import arrow_bytes, parquet_bytes
from napari_uai.untrusted.documents import (
    check_xml,
    parse_json,
    parse_toml,
    read_json,
    read_text,
)
from napari_uai.untrusted.files import (
    check_links,
    check_regular,
    inside,
    is_device,
    mapped_file,
    read_whole,
    refusing,
)
from napari_uai.untrusted.packed import (
    GZIP,
    check_archive,
    check_npy,
    check_npz,
    check_unpacked,
    gunzipped,
    read_npy,
    too_much,
    unpacked_limit,
)
from napari_uai.untrusted.pixels import (
    check_chunk,
    check_frame,
    check_ome,
    check_page_index,
    check_pieces,
    check_tiff_pages,
    check_video,
)
from napari_uai.untrusted.stated_sizes import bytes_of_picture
from napari_uai.untrusted.tables import check_header, read_csv
from napari_uai.untrusted.watch import time_limited

__all__ = [
    "GZIP",
    "arrow_bytes",
    "bytes_of_picture",
    "check_archive",
    "check_chunk",
    "check_frame",
    "check_header",
    "check_links",
    "check_npy",
    "check_npz",
    "check_ome",
    "check_page_index",
    "check_pieces",
    "check_regular",
    "check_tiff_pages",
    "check_unpacked",
    "check_video",
    "check_xml",
    "gunzipped",
    "inside",
    "is_device",
    "mapped_file",
    "parquet_bytes",
    "parse_json",
    "parse_toml",
    "read_csv",
    "read_json",
    "read_npy",
    "read_text",
    "read_whole",
    "refusing",
    "time_limited",
    "too_much",
    "unpacked_limit",
]
