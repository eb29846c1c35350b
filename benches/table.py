"""A table of 800,035 rows and one HDF5 tensor of as many records: python benches/table.py FOLDER [ROWS [SAMPLES]].

Needs numpy, pandas, pyarrow and h5py. 161,352 patients, as MIMIC-IV-ECG 1.0 has; columns of ages, sexes, boundaries of waves
with 29999 for what is missing, and codes; signals of noise in float16, two leads of 1 s at 40 Hz. A source of them has the keys of
`benches/table.rs` and `sampling_rate = 40`, `lead_order = ["I", "II"]`, `unit = "mV"`.
"""

import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

folder = Path(sys.argv[1])
rows = int(sys.argv[2]) if len(sys.argv) > 2 else 800_035
samples = int(sys.argv[3]) if len(sys.argv) > 3 else 40
folder.mkdir(parents=True, exist_ok=True)
random = np.random.default_rng(0)
others = random.integers(0, 161_352, max(0, rows - 161_352))
patients = random.permutation(np.concatenate([np.arange(161_352), others])[:rows])
p_onset = random.integers(30, 60, rows)
qrs_onset = p_onset + random.integers(120, 220, rows)
qrs_end = qrs_onset + random.integers(70, 150, rows)
t_end = qrs_onset + random.integers(330, 470, rows)
p_onset[random.random(rows) < 0.15] = 29_999
codes = np.array(["426783006", "164889003", "164890007", "59118001", "164909002", "270492004", "426177001", "427084000"])
drawn = random.integers(0, len(codes), (rows, 2))
table = pd.DataFrame({
    "study_id": 40_000_000 + np.arange(rows),
    "subject_id": 10_000_000 + patients,
    "age": random.integers(18, 95, rows),
    "sex": np.where(random.random(rows) < 0.5, "M", "F"),
    "rr_interval": random.integers(500, 1200, rows),
    "p_onset": p_onset,
    "qrs_onset": qrs_onset,
    "qrs_end": qrs_end,
    "t_end": t_end,
    "codes": [";".join(sorted({codes[a], codes[b]})) for a, b in drawn],
})
table.to_csv(folder / "records.csv", index=False)
table.to_parquet(folder / "records.parquet", index=False)
with h5py.File(folder / "signals.h5", "w") as file:
    signals = file.create_dataset("tracings", (rows, samples, 2), "f2")
    for start in range(0, rows, 50_000):
        count = min(50_000, rows - start)
        signals[start:start + count] = random.normal(0, 0.3, (count, samples, 2)).astype("f2")
