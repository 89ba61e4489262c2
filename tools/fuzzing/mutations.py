"""Damage to files: bits, spans, numbers, nesting, names; inside packed files too."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

_TEXT = (".json", ".toml", ".txt", ".csv", ".xml", ".zarray", ".zattrs", ".zgroup", ".geojson")
_HUGE = ("1e999", "-1e999", "NaN", "Infinity", "-1", "0", "9" * 30, "9" * 5000, "1e300", "0.1e-300")
_HUGE += ("4294967296", "2147483647", "1000000000000", "null", "true", '""', '"<O"', '"|O"', "[]")
_WORDS = ("\x1b[31mred\x1b[0m", "a\nb", "\0", "\u202e", "x" * 3000, "../../outside", "/outside")
_WORDS += ("\ud800", "=1+1", "pickle", "{}", "\r", "é" * 300)
_NAMES = (
    "a\nb",
    "\x1b[31mred",
    "x" * 200,
    "é\u202e",
    os.fsdecode(b"\xff\xfe"),
    "a'\"b",
    "%s{0}",
    "-v",
)
_INTEGERS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, 10**9)
_LONG = (0, 2**63 - 1, 2**64 - 1, 2**63, 10**12, 2**40)


_LONGEST = 2**21


def mutate(folder: Path, target: str, rng: Random) -> str:
    """Damage one or two files of a seed; return the target, which may have another name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    for _ in range(rng.choice((1, 1, 1, 2))):
        # The target itself, if it is a file, half of the time.
        main = folder / target
        path = main if main in files and rng.random() < 0.6 else rng.choice(files or [main])
        if path.is_file() and path.stat().st_size < _LONGEST:
            path.write_bytes(_mutated_file(path, path.read_bytes(), rng))
    if rng.random() < 0.06 and files:
        _restructure(rng.choice(files), rng)
    if rng.random() < 0.04 and (folder / target).exists():
        return _renamed(folder, target, rng)
    return target


def _restructure(path: Path, rng: Random) -> None:
    """Remove a file, or put a folder, a link, a pipe or a copy of another in its place."""
    how = rng.randrange(6)
    content = path.read_bytes() if path.stat().st_size < 2**24 else b""
    path.unlink()
    if how == 0:
        path.mkdir()
    elif how == 1:
        path.symlink_to("/etc/passwd")
    elif how == 2:
        path.symlink_to(path)
    elif how == 3:
        path.with_name(path.name + ".copy").write_bytes(content)
    elif how == 4:
        os.mkfifo(path)


def _renamed(folder: Path, target: str, rng: Random) -> str:
    suffix = target[target.find(".") :] if "." in target else ""
    name = rng.choice(_NAMES) + suffix
    (folder / target).rename(folder / name)
    for sidecar in (folder / target).parent.glob(f"{Path(target).stem}.json"):
        sidecar.rename(folder / f"{Path(name).stem}.json")
    return name


def _mutated_file(path: Path, data: bytes, rng: Random) -> bytes:
    """Damage the content of a file: packed content, checksums kept, or as it is."""
    with contextlib.suppress(*_ALREADY_DAMAGED):
        packed = _mutated_inside(path, data, rng) if rng.random() < 0.6 else None
        if packed is not None:
            return packed
    return _mutated(data, rng, text=path.suffix in _TEXT or path.name in _TEXT or not path.suffix)


_ALREADY_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError)
_ALREADY_DAMAGED += (NotImplementedError, RuntimeError, IndexError)


def _mutated_inside(path: Path, data: bytes, rng: Random) -> bytes | None:
    """Damage what is packed in a file, or return None."""
    if data.startswith(b"\x1f\x8b") and len(data) < 2**20:
        return gzip.compress(_mutated(gzip.decompress(data), rng, text=True), mtime=0)
    if data.startswith(b"PK\x03\x04") and len(data) < 2**20:
        return _mutated_zip(data, rng)
    if data.startswith(b"\x89PNG") and len(data) < 2**20:
        return _with_checksums(_mutated(data, rng))
    return _mutated_tensors(path, data, rng) if path.suffix == ".safetensors" else None


def _mutated(data: bytes, rng: Random, *, text: bool = False) -> bytes:
    choices = [*_BYTES, *(_TEXTS * 2 if text or _is_text(data) else ())]
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        data = rng.choice(choices)(data, rng)[:_LONGEST]
    return data


def _is_text(data: bytes) -> bool:
    head = data[:256]
    return bool(head) and all(32 <= byte < 127 or byte in b"\r\n\t" for byte in head)


# any bytes ------------------------------------------------------------------------------------


def _place(data: bytes, rng: Random) -> int:
    """Return a position, in the head or the tail half of the time: there are the numbers."""
    where = rng.random()
    if where < 0.5:
        return rng.randrange(min(len(data), 600) or 1)
    if where < 0.7:
        return max(len(data) - 1 - rng.randrange(600), 0)
    return rng.randrange(len(data) or 1)


def _flip_bits(data: bytes, rng: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 4, 16))):
        if changed:
            changed[_place(data, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _random_bytes(data: bytes, rng: Random) -> bytes:
    at = _place(data, rng)
    return data[:at] + rng.randbytes(rng.choice((1, 2, 4, 8, 40))) + data[at + 8 :]


def _truncate(data: bytes, rng: Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _duplicate(data: bytes, rng: Random) -> bytes:
    at, n = _place(data, rng), rng.choice((1, 4, 16, 200, 5000))
    return data[: at + n] * rng.choice((1, 1, 1, 3)) + data[at:]


def _delete(data: bytes, rng: Random) -> bytes:
    at = _place(data, rng)
    return data[:at] + data[at + rng.choice((1, 2, 4, 16, 200)) :]


def _huge_integer(data: bytes, rng: Random) -> bytes:
    size = rng.choice((1, 2, 4, 4, 8))
    at = _place(data, rng) // size * size
    value = rng.choice(_LONG if size == 8 else _INTEGERS) % 2 ** (8 * size)
    number = value.to_bytes(size, rng.choice(("little", "big")))
    return data[:at] + number + data[at + size :]


def _zero_span(data: bytes, rng: Random) -> bytes:
    at, n = _place(data, rng), rng.choice((4, 16, 100))
    return data[:at] + bytes([rng.choice((0, 255))]) * min(n, len(data) - at) + data[at + n :]


def _grow(data: bytes, rng: Random) -> bytes:
    return data + rng.choice((bytes(1), bytes(5000), rng.randbytes(100), b"\n" * 3))


def _other_digits(data: bytes, rng: Random) -> bytes:
    """Change a number in a text within other bytes, such as a description; sizes stay."""
    numbers = list(re.finditer(rb"\d+", data[:20_000])) or list(re.finditer(rb"\d+", data))
    if not numbers:
        return data
    found = rng.choice(numbers)
    digits = rng.choice((b"9", b"0", b"1", b"-9"))
    changed = (digits * len(found[0]))[: len(found[0])]
    return data[: found.start()] + changed + data[found.end() :]


_Mutation = Callable[[bytes, Random], bytes]
_BYTES: tuple[_Mutation, ...] = (
    _flip_bits,
    _flip_bits,
    _random_bytes,
    _truncate,
    _duplicate,
    _delete,
    _huge_integer,
    _huge_integer,
    _zero_span,
    _grow,
    _other_digits,
    _other_digits,
)


# text -----------------------------------------------------------------------------------------


def _huge_number(data: bytes, rng: Random) -> bytes:
    numbers = list(re.finditer(rb"-?\d+(\.\d+)?", data))
    if not numbers:
        return data
    found = rng.choice(numbers)
    return data[: found.start()] + rng.choice(_HUGE).encode() + data[found.end() :]


def _odd_word(data: bytes, rng: Random) -> bytes:
    words = list(re.finditer(rb"[A-Za-z_]+", data))
    if not words:
        return data
    found = rng.choice(words)
    word = rng.choice(_WORDS)
    if rng.random() < 0.5:  # as JSON and TOML write it
        word = json.dumps(word)[1:-1]
    return data[: found.start()] + word.encode("utf-8", "surrogatepass") + data[found.end() :]


_BRACKETS = (("[", "]"), ('{"a":', "}"), ("<a>", "</a>"), ("{a=", "}"), ("a.", ""))


def _nest(data: bytes, rng: Random) -> bytes:
    depth = rng.choice((20, 200, 2000, 100_000))
    opening, closing = rng.choice(
        (("[", "]"), ('{"a":', "}"), ("<a>", "</a>"), ("{a=", "}"), ("a.", ""))
    )
    numbers = list(re.finditer(rb"\d+", data)) or [re.match(b"", data)]
    found = rng.choice(numbers)
    assert found is not None
    inner = (opening * depth).encode() + (found[0] or b"1")
    if rng.random() < 0.7:
        inner += (closing * depth).encode()
    return data[: found.start()] + inner + data[found.end() :]


def _swap_values(data: bytes, rng: Random) -> bytes:
    values = list(re.finditer(rb'"[^"\n]*"|-?\d+(\.\d+)?|\[[^\[\]]*\]|\{[^{}]*\}', data))
    if len(values) < 2:
        return data
    first, second = sorted(rng.sample(values, 2), key=lambda found: found.start())
    if second.start() < first.end():
        return data
    between = data[first.end() : second.start()]
    return data[: first.start()] + second[0] + between + first[0] + data[second.end() :]


def _repeat_lines(data: bytes, rng: Random) -> bytes:
    lines = data.splitlines(keepends=True) or [b""]
    at = rng.randrange(len(lines))
    lines[at:at] = [rng.choice(lines)[:5000]] * rng.choice((1, 2, 500))
    return b"".join(lines)


def _other_encoding(data: bytes, rng: Random) -> bytes:
    text = data.decode("utf-8", "replace")
    return text.encode(rng.choice(("utf-16", "utf-8-sig", "utf-32", "utf-16-be")), "replace")


def _separators(data: bytes, rng: Random) -> bytes:
    one, other = rng.sample((b",", b";", b"\t", b" ", b'"', b"\n", b"\r", b"'", b"|", b":"), 2)
    return data.replace(one, other, rng.choice((1, 3, -1)))


_TEXTS: tuple[_Mutation, ...] = (
    _huge_number,
    _huge_number,
    _huge_number,
    _odd_word,
    _nest,
    _swap_values,
    _swap_values,
    _repeat_lines,
    _other_encoding,
    _separators,
)


# containers -----------------------------------------------------------------------------------


def _mutated_zip(data: bytes, rng: Random) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        members = old.infolist()
        chosen = rng.choice(members)
        for member in members:
            content, name = old.read(member), member.filename
            if member is chosen:
                if rng.random() < 0.8:
                    text = name.endswith((".json", ".csv", ".xml", ".rels"))
                    content = _mutated(content, rng, text=text)
                else:
                    name = rng.choice((*_WORDS[:2], *_WORDS[4:7], "/a.csv", "a/../../a.csv"))
            info = zipfile.ZipInfo(name)
            info.compress_type = member.compress_type
            new.writestr(info, content)
    return out.getvalue()


def _with_checksums(data: bytes) -> bytes:
    """Return a PNG with the checksums that belong to its chunks."""
    out, at = bytearray(data[:8]), 8
    while at + 12 <= len(data):
        (n,) = struct.unpack_from(">I", data, at)
        end = min(at + 8 + n, len(data) - 4)
        out += data[at:end] + struct.pack(">I", zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return bytes(out) + data[at:]


def _mutated_tensors(path: Path, data: bytes, rng: Random) -> bytes:
    """Damage the header of a safetensors file; its description keeps the right checksum."""
    if len(data) < 8:
        return data
    (n,) = struct.unpack_from("<Q", data)
    head = _mutated(data[8 : 8 + n], rng, text=True)
    size = len(head) if rng.random() < 0.8 else rng.choice(_LONG)
    changed = struct.pack("<Q", size) + head + data[8 + n :]
    description = path.with_suffix(".json")
    if description.is_file():
        text = description.read_text("utf-8", "replace")
        digest = hashlib.sha256(changed).hexdigest()
        description.write_text(re.sub(r'"sha256": "\w+"', f'"sha256": "{digest}"', text))
    return changed
