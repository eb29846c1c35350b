#!/usr/bin/env python3
"""Reads all WFDB records below a folder to mV with wfdb-python: what `benches/load.rs` calls "decoded to mV".

    pip install wfdb && python benches/peer/load_wfdb.py FOLDER [PROCESSES]

Prints the best of five, with one process and with as many as there are processors (or PROCESSES).
"""
import os
import sys
import time
from multiprocessing import Pool
from pathlib import Path

import wfdb

RUNS = 5


def read(record):
    return wfdb.rdrecord(record, return_res=32).p_signal.shape[1]


def say(what, records, size, seconds):
    rate, speed = len(records) / seconds, size / 1e6 / seconds
    print(f"  {what:<44}{seconds * 1e3:>9.1f} ms {rate:>9.0f} records/s {speed:>8.1f} MB/s")


def best(job):
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return min(times)


def main(folder, processes):
    for name in ["records100", "records500"]:
        records = sorted(str(path.with_suffix("")) for path in (folder / name).rglob("*.hea"))
        if not records:
            continue
        size = sum(os.path.getsize(record + ".dat") for record in records)
        print(f"{name}: {len(records)} records, {size / 1e6:.1f} MB, wfdb-python {wfdb.__version__}, best of {RUNS}")
        say("decoded to mV, 1 process", records, size, best(lambda: [read(record) for record in records]))
        with Pool(processes) as pool:
            pool.map(read, records[:processes])
            job = lambda: pool.map(read, records, chunksize=32)
            say(f"decoded to mV, {processes} processes", records, size, best(job))


if len(sys.argv) not in (2, 3):
    sys.exit(__doc__)
main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) == 3 else os.cpu_count())
