"""Kinds of files that are known by their first bytes and are not read, with what makes readable files of them."""

from __future__ import annotations

HEAD = 262
"""Bytes that have to be looked at."""

_PANDAS = "write its table with pandas: {read}.to_json('rows.jsonl', orient='records', lines=True)"
_KINDS = (  # first bytes, place, what it is, what to do
    (
        b"PK\x03\x04",
        0,
        "a zip archive or an Excel workbook",
        "unpack it; " + _PANDAS.format(read="pd.read_excel(FILE)"),
    ),
    (b"SQLite format 3\0", 0, "an SQLite database", _PANDAS.format(read="pd.read_sql('select * from T', CONNECTION)")),
    (b"FEA1", 0, "Feather version 1", _PANDAS.format(read="pd.read_feather(FILE)")),
    (b"ORC", 0, "an ORC table", _PANDAS.format(read="pd.read_orc(FILE)")),
    (b"Obj\x01", 0, "Avro", "write its records as JSON lines, a record a line"),
    (b"\x89HDF\r\n\x1a\n", 0, "HDF5", _PANDAS.format(read="pd.read_hdf(FILE)")),
    (b"\x93NUMPY", 0, "a NumPy array", "write its rows as JSON lines, an object a line"),
    (b"\x80\x02", 0, "a Python pickle", _PANDAS.format(read="pd.DataFrame(pickle.load(open(FILE, 'rb')))")),
    (b"\x80\x03", 0, "a Python pickle", _PANDAS.format(read="pd.DataFrame(pickle.load(open(FILE, 'rb')))")),
    (b"\x80\x04\x95", 0, "a Python pickle", _PANDAS.format(read="pd.DataFrame(pickle.load(open(FILE, 'rb')))")),
    (b"\x80\x05\x95", 0, "a Python pickle", _PANDAS.format(read="pd.DataFrame(pickle.load(open(FILE, 'rb')))")),
    (b"BZh", 0, "packed by bzip2", "unpack it: bunzip2 FILE"),
    (b"\xfd7zXZ\0", 0, "packed by xz", "unpack it: unxz FILE"),
    (b"7z\xbc\xaf\x27\x1c", 0, "a 7z archive", "unpack it and name the folder"),
    (b"ustar", 257, "a tar archive", "unpack it and name the folder: tar -xf FILE -C FOLDER"),
    (b"%PDF", 0, "a PDF document", "it holds no rows"),
    (b"version https://git-lfs.github.com/spec/", 0, "a pointer of Git LFS", "fetch the file itself: git lfs pull"),
)


def foreign(head: bytes) -> str | None:
    """What is said of a file that is not read; `None` where nothing speaks against reading it.

    Args:
        head: The first `HEAD` bytes, or fewer.
    """
    for mark, place, what, remedy in _KINDS:
        if head[place : place + len(mark)] == mark:
            return f"the file is {what}, which is not read: {remedy}"
    return None
