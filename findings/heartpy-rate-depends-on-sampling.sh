#!/usr/bin/env bash
# heartpy counts 60, 121 or 181 beats a minute in one ECG of 60, depending on its sampling rate.
#
# Guessed: heartpy.process reports 60 for a clean ECG at any rate from 100 to 1000 Hz.
# What happens: P and T waves are counted as beats at some rates and not at others; only remove_baseline_wander before
# it makes all of them 60. In a real 12-lead ECG (10 beats, bundled with pydicom) it finds 1 to 17 beats, depending on
# the lead.
# Where it is met: HR of records resampled to 100, 250 or 500 Hz before measuring.
# Versions: heartpy 1.2.7, pydicom 3.0.2.
# Output seen:
#    100 Hz:  60 bpm; after remove_baseline_wander 60
#    125 Hz:  60 bpm; after remove_baseline_wander 60
#    250 Hz: 181 bpm; after remove_baseline_wander 60
#    360 Hz: 121 bpm; after remove_baseline_wander 60
#    500 Hz: 121 bpm; after remove_baseline_wander 60
#   1000 Hz:  60 bpm; after remove_baseline_wander 60
#   beats in the 12 leads of a real ECG: 10 10 10 3 10 10 4 1 17 10 10 10
set -euo pipefail
packages=(
  heartpy==1.2.7 setuptools==81.0.0 pydicom==3.0.2 numpy==2.5.5 scipy==1.18.1 pandas==3.1.1 matplotlib==3.11.2
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

import heartpy
import pydicom
from pydicom.data import get_testdata_file


def beats(x, fs):
    found, measures = heartpy.process(x, fs)
    return measures["bpm"], int(np.sum(found["binary_peaklist"]))


seen = {}
for fs in (100, 125, 250, 360, 500, 1000):
    x = ecg(fs, 60, 30)[0]
    seen[fs] = round(beats(x, fs)[0]), round(beats(heartpy.remove_baseline_wander(x, fs), fs)[0])
    print(f"{fs:4} Hz: {seen[fs][0]:3} bpm; after remove_baseline_wander {seen[fs][1]}")
record = pydicom.dcmread(get_testdata_file("waveform_ecg.dcm"))
real = [beats(record.waveform_array(0)[:, lead].copy(), 1000)[1] for lead in range(12)]
print("beats in the 12 leads of a real ECG:", *real)
assert all(after == 60 for _, after in seen.values())
assert seen[125][0] == 60 and sum(before > 80 for before, _ in seen.values()) >= 3
assert min(real) <= 5 and max(real) >= 15 and real.count(10) >= 5
EOF
