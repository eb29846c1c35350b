#!/usr/bin/env bash
# Zeros around a record, as CODE-15 has them, add beats: detectors find one at the cut, heartpy many in the zeros.
#
# Guessed: nothing is found in or at the padding; the beats of the record stay as they are.
# What happens: 7.3 s of ECG, padded with zeros to 10.24 s, cut at ten places; its baseline is 0.1 mV, as real ones
# are not 0. neurokit2, sleepecg and xqrs take the step for a beat; heartpy goes on counting in the zeros.
# Where it is met: CODE-15 pads its records of 7 and 10 s to 4096 samples. HR and RR of the ends are wrong unless the
# zeros are cut off.
# Versions: neurokit2 0.3.0, sleepecg 0.6.0, wfdb 4.3.1, biosppy 2.2.4, heartpy 1.2.7.
# Output seen (beats too many in ten records of 7 or 8 beats; without padding in brackets):
#   neurokit2   9 (1)
#   sleepecg    4 (0)
#   xqrs        2 (0)
#   biosppy     1 (0)
#   heartpy   146 (16)
set -euo pipefail
packages=(
  neurokit2==0.3.0 sleepecg==0.6.0 wfdb==4.3.1 biosppy==2.2.4 peakutils==1.3.5 heartpy==1.2.7 setuptools==81.0.0 numpy==2.5.5
  scipy==1.18.1 pandas==3.1.1 matplotlib==3.11.2
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

import biosppy.signals.ecg
import heartpy
import neurokit2 as nk
import sleepecg
import wfdb.processing

FS = 400


def heartpy_beats(x):
    found = heartpy.process(x, FS)[0]
    return [p for p, kept in zip(found["peaklist"], found["binary_peaklist"]) if kept]


DETECTORS = {
    "neurokit2": lambda x: nk.ecg_peaks(nk.ecg_clean(x, sampling_rate=FS), sampling_rate=FS)[1]["ECG_R_Peaks"],
    "sleepecg": lambda x: sleepecg.detect_heartbeats(x, FS),
    "xqrs": lambda x: wfdb.processing.xqrs_detect(x, FS, verbose=False),
    "biosppy": lambda x: biosppy.signals.ecg.ecg(x, sampling_rate=float(FS), show=False)["rpeaks"],
    "heartpy": heartpy_beats,
}


def too_many(found, beats):
    return sum(min(abs(beats - p)) > .1 * FS for p in np.asarray(found, float))


whole, r = ecg(FS, 60, 12)
whole += .1
seen = {}
for name, detect in DETECTORS.items():
    seen[name] = [0, 0]
    for start in range(400, 800, 40):
        part = whole[start : start + 2920]
        beats = r[(r >= start) & (r < start + 2920)] - start
        padded = np.r_[np.zeros(588), part, np.zeros(588)]
        seen[name][0] += too_many(detect(padded), beats + 588)
        seen[name][1] += too_many(detect(part), beats)
    print(f"{name:9} {seen[name][0]:3} ({seen[name][1]})")
assert all(seen[name][0] >= seen[name][1] + 5 for name in ("neurokit2", "heartpy"))
EOF
