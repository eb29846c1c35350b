#!/usr/bin/env bash
# wfdb_to_edf makes 20 seconds of a 10-second record: ECG, then 10 s at the lowest value.
#
# Guessed: pyedflib reads the voltages of the record, within a step of the 16 bits.
# What happens: blocks hold 10 s when they are small enough, and one block is always added, also where none is needed;
# EDF readers see a second half of constant voltage. Where the length is no whole number of blocks, the last, partial
# block is written in another order than it is read, so the end of every lead but the first is not its own.
# Where it is met: every 10 s record (PTB-XL at 100 Hz: 20 s), read back with any EDF reader. The mean HR is halved.
# Versions: wfdb 4.3.1, pyedflib 0.1.42.
# Output seen:
#   10 s: 1000 samples in, 2000 out; wrong among the first 1000: 0, from - on
#     after 10 s lead II has 1 value, its minimum: True
#   15 s: 1500 samples in, 2000 out; wrong among the first 1500: 500, from 1000 on
set -euo pipefail
packages=(
  wfdb==4.3.1 pyedflib==0.1.42 numpy==2.5.5 scipy==1.18.1 pandas==3.1.1 matplotlib==3.11.2
)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-compile "${packages[@]}"
cd "$work"
"$work/venv/bin/python" -W ignore - <<'EOF'
import numpy as np

WAVES = {"P": (-.16, .12, .022), "Q": (-.025, -.12, .009), "R": (0, 1.1, .011), "S": (.027, -.22, .010), "T": (.28, .3, .045)}


def ecg(fs, bpm, seconds, waves=WAVES, noise=.005):
    """Beats of Gaussian waves (place from R in s, height in mV, width in s); returns signal in mV and samples of R."""
    t = np.arange(round(fs * seconds)) / fs
    beats = np.arange(.5, seconds - .35, 60 / bpm)
    x = noise * np.random.default_rng(0).standard_normal(len(t))
    shrink = min(1, (60 / bpm) ** .5)  # faster hearts have shorter PR and QT
    for wave, (place, height, width) in waves.items():
        if wave == "T":
            place, width = place * shrink, width * shrink
        if wave == "P":
            place *= max(shrink, .75)
        for beat in beats:
            x += height * np.exp(-.5 * ((t - beat - place) / width) ** 2)
    return x, np.round(beats * fs).astype(int)

import contextlib
import io

import pyedflib
import wfdb
from wfdb.io.convert.edf import wfdb_to_edf

LEADS = np.array([.6, 1, .4, -.8, .1, .7, -.5, -.3, .4, 1.2, 1.1, .9])
NAMES = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]
for seconds in (10, 15):
    x = np.outer(ecg(100, 60, seconds)[0], LEADS)
    wfdb.wrsamp(f"r{seconds}", fs=100, units=["mV"] * 12, sig_name=NAMES, p_signal=x, fmt=["16"] * 12)
    with contextlib.redirect_stdout(io.StringIO()):
        wfdb_to_edf(f"r{seconds}")
    with pyedflib.EdfReader(f"r{seconds}.edf") as f:
        y = np.stack([f.readSignal(i) for i in range(12)], 1)
    n = len(x)
    wrong = np.abs(y[:n] - x).max(1) > .01
    print(f"{seconds} s: {n} samples in, {len(y)} out; wrong among the first {n}: {wrong.sum()}, from {np.argmax(wrong) if wrong.any() else '-'} on")
    if seconds == 10:
        print("  after 10 s lead II has", len(np.unique(y[n:, 1])), "value, its minimum:", y[n:, 1].max() == y[:, 1].min())
        assert len(y) == 2000 and not wrong.any() and y[n:, 1].max() == y[:, 1].min()
    else:
        assert len(y) == 2000 and wrong.sum() > 50 and np.argmax(wrong) >= 1000
EOF
