# SPDX-License-Identifier: Apache-2.0
"""P15: reading and writing observations in each format, beside orjson and pyarrow used directly on plain rows.

``python benchmarks/qmpt_io.py [rows] [rounds]``; goals: JSONL by orjson >= 150 MB/s written, Parquet >= 200 000 rows/s
both ways, at 200 000 rows. Ours checks each row and makes models of them; the libraries alone do not. Times are CPU
time of all threads, since the wall clock of a shared machine says little.
"""

import gc
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import orjson
import pyarrow as pa
from pyarrow import parquet

from qmpt.data.io import load_observations, save_observations
from qmpt.data.models import Observation

WORDS = [f"{stem}{ending}" for stem in ("read", "look", "search", "repl", "page", "ask") for ending in ("", "s", "ed")]


def observations(n_rows):
    draw = random.Random(0)
    return [
        Observation(
            obs_id=f"span-{row:07d}",
            pattern_id=f"agent-{row % 500}",
            timestamp=1.79e9 + row * 0.37,
            modality="text",
            payload=" ".join(draw.choices(WORDS, k=20)),
            tags=["chat", "retry"] if row % 7 == 0 else ["chat"],
        )
        for row in range(n_rows)
    ]


def write_orjson(path, rows):
    with path.open("wb") as handle:
        for row in rows:
            handle.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


def read_orjson(path):
    with path.open("rb") as handle:
        return [orjson.loads(line) for line in handle]


def write_json(path, rows):
    with path.open("w", encoding="utf-8") as handle:
        for row in rows:
            handle.write(json.dumps(row, ensure_ascii=False) + "\n")


def read_json(path):
    with path.open(encoding="utf-8") as handle:
        return [json.loads(line) for line in handle]


def write_pyarrow(path, rows):
    parquet.write_table(pa.Table.from_pylist(rows), path, compression="zstd")


def read_pyarrow(path):
    return parquet.read_table(path).to_pylist()


def seconds(action, rounds):
    times = []
    for _ in range(rounds):
        gc.collect()
        started = time.process_time()
        action()
        times.append(time.process_time() - started)
    return statistics.median(times)


def main():
    n_rows = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    obs = observations(n_rows)
    rows = [observation.model_dump() for observation in obs]
    ways = {
        "qmpt .jsonl": (".jsonl", lambda path: save_observations(path, obs), load_observations),
        "orjson": (".orjson", lambda path: write_orjson(path, rows), read_orjson),
        "json": (".json", lambda path: write_json(path, rows), read_json),
        "qmpt .jsonl.gz": (".jsonl.gz", lambda path: save_observations(path, obs), load_observations),
        "qmpt .parquet": (".parquet", lambda path: save_observations(path, obs), load_observations),
        "pyarrow": (".arrow.parquet", lambda path: write_pyarrow(path, rows), read_pyarrow),
        "qmpt .sqlite": (".sqlite", lambda path: save_observations(path, obs), load_observations),
    }
    print(f"{n_rows} observations, median CPU time of {rounds}; rows are read back as models (qmpt) or dictionaries")
    print(f"  {'':<16} {'MB':>7} {'write rows/s':>13} {'MB/s':>7} {'read rows/s':>13} {'MB/s':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for name, (suffix, write, read) in ways.items():
            path = Path(folder) / f"rows{suffix}"
            wrote = seconds(lambda write=write, path=path: write(path), rounds)
            took = seconds(lambda read=read, path=path: read(path), rounds)
            size = path.stat().st_size / 1e6
            print(
                f"  {name:<16} {size:7.1f} {n_rows / wrote:13,.0f} {size / wrote:7.1f}"
                f" {n_rows / took:13,.0f} {size / took:7.1f}"
            )


if __name__ == "__main__":
    main()
