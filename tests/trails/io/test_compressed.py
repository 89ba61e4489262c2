import gzip
import io
import zipfile

import pytest

from napari_uai.errors import TrailFormatError
from napari_uai.trails.io.compressed import read_decompressed

TEXT = b'{"a": 1}' * 200


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "packed",
    [
        TEXT,
        gzip.compress(TEXT),
        gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:]),
        gzip.compress(TEXT) + b"\0" * 512,
        zipped({"trails.json": TEXT}),
        zipped({"folder/trails.json.gz": gzip.compress(TEXT), "__MACOSX/._trails.json": b"x"}),
    ],
    ids=["plain", "gz", "two gz", "padded gz", "zip", "gz in zip"],
)
def test_what_is_packed_is_told_by_its_bytes(tmp_path, packed):
    path = tmp_path / "file.of.any.name"
    path.write_bytes(packed)
    assert read_decompressed(path) == TEXT


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda data: zipped({"a.csv": data})])
def test_more_than_the_limit_is_not_unpacked(tmp_path, pack):
    path = tmp_path / "bomb"
    path.write_bytes(pack(b"0" * 1_000_000))
    assert len(read_decompressed(path, limit=1_000_000)) == 1_000_000
    with pytest.raises(TrailFormatError, match="larger than 999999 bytes"):
        read_decompressed(path, limit=999_999)


@pytest.mark.parametrize(
    "packed", [gzip.compress(TEXT), zipped({"trails.json": TEXT})], ids=["gz", "zip"]
)
@pytest.mark.parametrize("length", [5, 12, 40, -20, -1])
def test_a_truncated_file_is_told(tmp_path, packed, length):
    path = tmp_path / "cut"
    path.write_bytes(packed[:length])
    with pytest.raises(TrailFormatError, match=r"truncated|corrupt"):
        read_decompressed(path)


def test_a_flipped_byte_in_gz_is_told(tmp_path):
    data = bytearray(gzip.compress(TEXT))
    data[20] ^= 255
    path = tmp_path / "broken.gz"
    path.write_bytes(data)
    with pytest.raises(TrailFormatError, match="corrupt gz"):
        read_decompressed(path)


def test_a_zip_of_several_files_names_them(tmp_path):
    path = tmp_path / "many.zip"
    path.write_bytes(zipped({"a.json": TEXT, "b.json": TEXT}))
    with pytest.raises(TrailFormatError, match=r"a\.json, b\.json"):
        read_decompressed(path)


def test_a_file_that_is_missing_is_told(tmp_path):
    with pytest.raises(TrailFormatError, match="cannot be read"):
        read_decompressed(tmp_path / "none.json")
