#!/usr/bin/env bash
# A gap that wfdb writes is a voltage to ecgdatakit and ecg2dcm: -32.8 mV, or one that looks like ECG, depending on
# the gain.
#
# Guessed: samples that a WFDB file marks as missing are NaN in every reader, and marked or refused in a DICOM.
# What happens: wfdb.wrsamp stores NaN as the lowest number of the format and reads it back as NaN; the two others
# scale it like any other. With the gain that wrsamp chooses by itself ecgdatakit's value is one step below the lead's
# own minimum.
# Where it is met: about one record in 70 of MIMIC-IV-ECG has missing samples or a flat lead; mean, range and rate
# change silently.
# Versions: wfdb 4.3.1, ecgdatakit 2.0.3, ecg2dcm 1.3.1, pydicom 2.4.4.
# Output seen (samples 100 to 149 of 5000 are missing; lowest of the rest 0.085 mV):
#   gain chosen by wrsamp: wfdb 50 NaN; ecgdatakit 0 NaN, 0.085 mV in the gap
#   gain 1000/mV: wfdb 50 NaN; ecgdatakit 0 NaN, -32.768 mV in the gap
#   gain 1000/mV, ecg2dcm: -32.768 mV in the gap
set -euo pipefail
packages=(
  wfdb==4.3.1 ecgdatakit==2.0.3 ecg2dcm==1.3.1 pydicom==2.4.4 numpy==2.5.5 scipy==1.18.1 pandas==3.1.1
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

import ecgdatakit
import pydicom
import wfdb
from ecg2dcm.convert import main as convert

x = .6 * ecg(500, 60, 10)[0] + .2
x[100:150] = np.nan
when = {"base_date": datetime.date(2020, 1, 2), "base_time": datetime.time(10)}  # DICOM needs one
seen = {}
for name, how in (("gain chosen by wrsamp", {}), ("gain 1000/mV", {"adc_gain": [1000] * 2, "baseline": [0] * 2})):
    wfdb.wrsamp("r", fs=500, units=["mV"] * 2, sig_name=["I", "II"], p_signal=np.stack([x, x], 1), fmt=["16"] * 2, **when, **how)
    a = wfdb.rdrecord("r").p_signal[:, 1]
    b = np.asarray(ecgdatakit.FileParser().parse("r.hea").leads[1].samples, float)
    seen[name] = b[100]
    print(f"{name}: wfdb {np.isnan(a).sum()} NaN; ecgdatakit {np.isnan(b).sum()} NaN, {b[100]:.3f} mV in the gap")
    assert np.isnan(a[100:150]).all() and not np.isnan(b).any() and (b[100:150] == b[100]).all()
    assert np.abs(np.delete(a - b, np.s_[100:150])).max() < 1e-9
with contextlib.redirect_stdout(io.StringIO()):
    assert convert(["r.hea", "-o", "out"]) == 0
c = pydicom.dcmread("out/r.dcm").waveform_array(0)[:, 1] / 1000
print(f"gain 1000/mV, ecg2dcm: {c[100]:.3f} mV in the gap")
assert abs(seen["gain chosen by wrsamp"] - np.nanmin(x)) < .001 and seen["gain 1000/mV"] < -32 and (c[100:150] < -32).all()
EOF
