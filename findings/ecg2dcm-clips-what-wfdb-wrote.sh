#!/usr/bin/env bash
# ecg2dcm clips a 12-lead ECG at 0.065 mV when wfdb.wrsamp chose its gains; with 1000 per mV it is right.
#
# Guessed: the DICOM has the same voltages as the WFDB record, within its step of 1 microvolt.
# What happens: without adc_gain wrsamp gives every lead the gain and baseline that fill 16 bits (aVL here: 506,922
# per mV). ecg2dcm then writes values of 1 microvolt of which everything above 65 microvolts is cut off. The headers
# are valid, no warning.
# Where it is met: any array saved by wfdb.wrsamp with its defaults, then archived as DICOM.
# Versions: wfdb 4.3.1, ecg2dcm 1.3.1, pydicom 2.4.4.
# Output seen (highest value of leads II and V4 in mV: array, WFDB, DICOM):
#   gains chosen by wrsamp: II 1.101, 1.101, 0.065; V4 1.321, 1.321, 0.065
#   gain 1000/mV: II 1.101, 1.101, 1.101; V4 1.321, 1.321, 1.321
set -euo pipefail
packages=(
  wfdb==4.3.1 ecg2dcm==1.3.1 pydicom==2.4.4 numpy==2.5.5 scipy==1.18.1 pandas==3.1.1
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
import datetime
import io

import pydicom
import wfdb
from ecg2dcm.convert import main as convert

LEADS = np.array([.6, 1, .4, -.8, .1, .7, -.5, -.3, .4, 1.2, 1.1, .9])
NAMES = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]
x = np.outer(ecg(500, 60, 10)[0], LEADS)
seen = {}
for name, how in (("gains chosen by wrsamp", {}), ("gain 1000/mV", {"adc_gain": [1000] * 12, "baseline": [0] * 12})):
    wfdb.wrsamp("r", fs=500, units=["mV"] * 12, sig_name=NAMES, p_signal=x, fmt=["16"] * 12,
                base_date=datetime.date(2020, 1, 2), base_time=datetime.time(10), **how)
    a = wfdb.rdrecord("r").p_signal
    with contextlib.redirect_stdout(io.StringIO()):
        assert convert(["r.hea", "-o", "out"]) == 0
    b = pydicom.dcmread("out/r.dcm").waveform_array(0) / 1000
    seen[name] = np.abs(b - x).max()
    assert np.abs(a - x).max() < .001
    print(f"{name}:", "; ".join(f"{NAMES[i]} {x[:, i].max():.3f}, {a[:, i].max():.3f}, {b[:, i].max():.3f}" for i in (1, 9)))
assert seen["gain 1000/mV"] < .001 and seen["gains chosen by wrsamp"] > 1
EOF
