"""JSON, YAML and parquet made to do harm: depths, floods, tags that call, tables of equal rows."""

from __future__ import annotations

import io
import json
import pickle
from functools import cache

import numpy as np
from hostile_pickle import Make, Runs

JSONS: dict[str, Make] = {
    "deep lists": lambda: b"[" * 200_000 + b"]" * 200_000,
    "deep objects": lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a number of a million digits": lambda: b'{"format": ' + b"9" * 1_000_000 + b"}",
    "NaN": lambda: b'{"format": NaN}',
    "1e999": lambda: b'{"format": 1e999}',
    "UTF-16": lambda: '{"format": 1}'.encode("utf-16"),
    "NUL": lambda: b'{"format": "\\u0000"}',
    "a lone surrogate": lambda: b'{"suite": {"name": "\\ud800", "version": 1}}',
    "a key twice": lambda: b'{"format": 1, "format": 2}',
    "a million keys": lambda: json.dumps({str(i): 0 for i in range(1_000_000)}).encode(),
    "pickle": lambda: pickle.dumps(Runs()),
}

YAMLS: dict[str, Make] = {
    "billion laughs": lambda: b"a: &a [x,x]\n" + b"".join(b"b%d: &b%d [*a,*a]\n" % (i, i) for i in range(30)),
    "merge keys": lambda: b"base: &b {a: 1}\nname:\n  <<: *b\n",
    "merge key without alias": lambda: b"name: x\n<<: {version: 1}\n",
    "python tag": lambda: b"name: !!python/object/apply:os.system ['touch /tmp/a-pickle-was-opened']\n",
    "own tag": lambda: b"name: !evil x\n",
    "binary tag": lambda: b"name: !!binary aGFsbG8=\n",
    "deep flow": lambda: b"name: " + b"[" * 50_000 + b"]" * 50_000,
    "deep blocks": lambda: b"".join(b" " * i + b"a:\n" for i in range(3000)),
    "100,000 keys": lambda: b"".join(b"k%d: 1\n" % i for i in range(100_000)),
    "two documents": lambda: b"name: a\n---\nname: b\n",
    "sexagesimal, octal, timestamps": lambda: b"name: 1:2:3\nversion: 0o7\ntask: 2001-01-01\ncases: 0x10\n",
    "bidi and NUL": lambda: 'name: "a\\0b\u202etxt.exe"\nversion: 1\n'.encode(),
    "a directive": lambda: b"%YAML 9.9\n%TAG ! tag:evil,2000:\n---\nname: a\n",
}


@cache
def _parquet(rows: int, text: str = "x", groups: int = 1) -> bytes:
    """A table that every reader of ours knows, of `groups` equal parts of `rows` equal rows each: a few bytes each."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = ("generator", "case", "metric", "unit", "signature", "status", "sample", "reference", "extractor")
    same = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text]))
    numbers = pa.array(np.zeros(rows))
    table = pa.table(
        dict.fromkeys(texts, same)
        | {"seed": numbers.cast(pa.int64()), "view": numbers.cast(pa.int64()), "value": numbers, "coverage": numbers}
    )
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, table.schema, compression="zstd") as writer:
        for _ in range(groups):
            writer.write_table(table)
    return buffer.getvalue()


TABLES: dict[str, Make] = {
    "20 million equal rows": lambda: _parquet(1_000_000, groups=20),
    "a text of 1 MB in 100,000 rows": lambda: _parquet(100_000, "x" * 1_000_000),
    "11,000 parts of one row": lambda: _parquet(1, groups=11_000),
    "cut in the middle": lambda: _parquet(100)[:-40],
    "only its magic": lambda: b"PAR1PAR1",
    "footer of 4 GB": lambda: b"PAR1" + b"\xff\xff\xff\xff" + b"PAR1",
    "pickle": lambda: pickle.dumps(Runs()),
}
