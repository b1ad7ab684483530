"""Promises of array_file.py: numbers are read as NumPy reads them, everything else is refused."""

import io
import struct

import numpy as np
import pytest

from deepracer_fast.checks.array_file import ArrayFileError, read_numbers

NUMBERS = np.arange(12.0).reshape(4, 3)


def saved(array, **options) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def numbers_of(data: bytes, check=None):
    return read_numbers(io.BytesIO(data), check)


def with_header(text: bytes, version: int = 1, data: bytes = b"") -> bytes:
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + data


@pytest.mark.parametrize(
    "array",
    [
        NUMBERS,
        np.asfortranarray(NUMBERS),
        NUMBERS.astype(">f8"),
        NUMBERS.astype(">i2"),
        NUMBERS.astype(np.float16),
        NUMBERS.astype(np.uint64) + 2**63,
        NUMBERS[:0],
        np.float64(3.0),
    ],
)
def test_numbers_are_what_numpy_reads(array) -> None:
    np.testing.assert_array_equal(numbers_of(saved(array)), array)


def test_headers_of_all_versions_and_of_python_2_are_read() -> None:
    for version in (1, 2, 3):
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (4L, 3), }\n"
        data = with_header(header, version, NUMBERS.tobytes())
        np.testing.assert_array_equal(numbers_of(data), NUMBERS)


HEADER = b"{'descr': '<f8', 'fortran_order': False, 'shape': %b}"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "an empty file"),
        (b"1.0,2.0\n3.0,4.0\n", "text"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"PK\x03\x04....", "an archive"),
        (b"\x80\x04\x95....", "a pickle"),
        (b"\x00\x01\x02", "something else"),
        (b"\x93NUMPY", "no known version"),
        (b"\x93NUMPY\x09\x00\x10\x00", "no known version"),
        (saved(NUMBERS)[:40], "header was cut short"),
        (saved(NUMBERS)[:-1], r"declares \(4, 3\) of float64, 96 bytes, and 95 follow"),
        (saved(np.array([{}]), allow_pickle=True), "Python objects"),
        (saved(np.zeros(3, [("a", "f8")])), "records"),
        (saved(np.zeros(3, complex)), "complex128"),
        (saved(np.zeros(3, "M8[s]")), "datetime64"),
        (saved(np.array(["a"])), "<U1"),
        (with_header(b"x" * 20_000), "would be 20000 bytes long"),
        (with_header(b"x" * 4, 2)[:8] + b"\xff\xff\xff\xff", "would be 4294967295 bytes long"),
        (with_header(HEADER % b"(10**15, 6)"), "header is damaged"),
        (with_header(HEADER % b"(1000000000000000, 6)"), "and 0 follow: the file was cut short"),
        (with_header(HEADER % (b"(" * 4000)), "header is damaged"),
        (with_header(HEADER % (b"9" * 5000)), "header is damaged"),
        (with_header(HEADER % (b"-" * 9000 + b"1")), "header is damaged"),
        (with_header(HEADER % b"(-1, 6)"), "header is damaged"),
        (with_header(HEADER % b"(True, 6)"), "header is damaged"),
        (with_header(HEADER % b"(1, 6), 'more': 1"), "header is damaged"),
        (with_header(b"{'descr': '<f8'}"), "header is damaged"),
        (with_header(b"{'descr': 'nonsense', 'fortran_order': False, 'shape': (1,)}"), "damaged"),
        (with_header(b"\xff\xfe", 3), "header is damaged"),
    ],
)
def test_what_holds_no_numbers_is_refused(data: bytes, found: str) -> None:
    with pytest.raises(ArrayFileError, match=found) as caught:
        numbers_of(data)
    assert "\n" not in str(caught.value)


def test_any_flipped_bit_of_a_header_is_read_or_refused() -> None:
    good = saved(NUMBERS)
    for bit in range(8 * (len(good) - NUMBERS.nbytes)):
        data = bytearray(good)
        data[bit // 8] ^= 1 << bit % 8
        try:
            assert numbers_of(bytes(data)).size <= NUMBERS.nbytes
        except ArrayFileError as error:
            assert "\n" not in str(error)


def test_the_shape_is_asked_about_before_anything_is_read() -> None:
    def refuse(shape: tuple[int, ...]) -> None:
        raise ValueError(f"no room for {shape}")

    with pytest.raises(ValueError, match=r"no room for \(1000000000000000, 6\)"):
        numbers_of(with_header(HEADER % b"(1000000000000000, 6)"), refuse)
