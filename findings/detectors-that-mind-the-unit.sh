#!/usr/bin/env bash
# Six of nine detectors find other beats when the same ECG is in microvolts instead of millivolts.
#
# Guessed: only biosppy's SSF does, which has a fixed threshold.
# What happens: py-ecg-detectors' wqrs, neurokit2's gamboa2008 and zong2003 and wfdb's gqrs change too, and xqrs,
# which takes plain numbers without a unit, loses one beat and adds two. None says that it expects a unit.
# Where it is met: MIMIC-IV-ECG, DICOM and SCP are in microvolts or counts, PTB-XL is in millivolts.
# Versions: neurokit2 0.3.0, biosppy 2.2.4, py-ecg-detectors 1.3.5, wfdb 4.3.1, sleepecg 0.6.0.
# Output seen (12 beats in 12 s; found + too many):
#   neurokit2 neurokit      mV 12 +0    uV 12 +0
#   neurokit2 gamboa2008    mV  0 +23   uV 11 +0
#   neurokit2 zong2003      mV 11 +6    uV 12 +13
#   biosppy hamilton        mV 12 +0    uV 12 +0
#   biosppy ssf             mV  0 +0    uV 12 +679
#   py-ecg-detectors wqrs   mV 12 +1    uV 12 +12
#   wfdb xqrs               mV 12 +0    uV 11 +2
#   wfdb gqrs               mV 11 +0    uV 12 +18
#   sleepecg                mV 12 +0    uV 12 +0
set -euo pipefail
packages=(
  neurokit2==0.3.0 biosppy==2.2.4 peakutils==1.3.5 py-ecg-detectors==1.3.5 wfdb==4.3.1 sleepecg==0.6.0
  pywavelets==1.10.0 numpy==2.5.5 scipy==1.18.1 pandas==3.1.1 matplotlib==3.11.2
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

import biosppy.signals.ecg as biosppy
import neurokit2 as nk
import sleepecg
import wfdb.processing
from ecgdetectors import Detectors


def neurokit(method):
    return lambda x: nk.ecg_peaks(nk.ecg_clean(x, sampling_rate=500), sampling_rate=500, method=method)[1]["ECG_R_Peaks"]


DETECTORS = {
    "neurokit2 neurokit": neurokit("neurokit"),
    "neurokit2 gamboa2008": neurokit("gamboa2008"),
    "neurokit2 zong2003": neurokit("zong2003"),
    "biosppy hamilton": lambda x: biosppy.hamilton_segmenter(x, 500.0)[0],
    "biosppy ssf": lambda x: biosppy.ssf_segmenter(x, 500.0)[0],
    "py-ecg-detectors wqrs": lambda x: Detectors(500).wqrs_detector(x),
    "wfdb xqrs": lambda x: wfdb.processing.xqrs_detect(x, 500, verbose=False),
    "wfdb gqrs": lambda x: wfdb.processing.gqrs_detect(sig=x, fs=500),
    "sleepecg": lambda x: sleepecg.detect_heartbeats(x, 500),
}
x, r = ecg(500, 60, 12)
differ = []
for name, detect in DETECTORS.items():
    seen = []
    for y in (x, 1000 * x):
        found = np.asarray(detect(y), float)
        hit = sum(min(abs(found - p), default=99) <= 50 for p in r)
        seen.append((hit, len(found) - hit))
    print(f"{name:23} mV {seen[0][0]:2} +{seen[0][1]:<3}  uV {seen[1][0]:2} +{seen[1][1]}")
    if seen[0] != seen[1]:
        differ.append(name.split()[-1])
assert differ == ["gamboa2008", "zong2003", "ssf", "wqrs", "xqrs", "gqrs"], differ
EOF
