#!/usr/bin/env bash
# py-ecg-detectors' hamilton and pan_tompkins mark 168 ms before R or 90 ms after it, depending on sampling and heart
# rate.
#
# Guessed: a constant delay after R, below 100 ms.
# What happens: the mark is a maximum of the integrated signal, which may lie on the P wave. It moves with the
# sampling rate (the same ECG at 60 bpm: from +60 to -168 ms), with the heart rate, and from beat to beat. two_average
# is 72 ms late at any rate. neurokit2's "hamilton2002" and "pantompkins1985" do the same (they are not shown).
# Where it is met: cutting beats around the mark, RR variability, or intervals from a delineator that is given these
# peaks.
# Versions: py-ecg-detectors 1.3.5.
# Output seen (ms after R: median, lowest to highest of the beats):
#   100 Hz,  60 bpm: hamilton  +60 (-180 to +60)  pan_tompkins  +90 (+90 to +100)  two_average  +70 (+70 to +70)
#   100 Hz, 110 bpm: hamilton  +60 (+50 to +60)  pan_tompkins  +90 (+30 to +120)  two_average  +70 (+70 to +80)
#   250 Hz,  60 bpm: hamilton -124 (-124 to -120)  pan_tompkins   +0 (+0 to +0)  two_average  +72 (+72 to +72)
#   250 Hz, 110 bpm: hamilton  +60 (+32 to +64)  pan_tompkins  +36 (+0 to +120)  two_average  +72 (+68 to +72)
#   500 Hz,  60 bpm: hamilton -168 (-170 to -120)  pan_tompkins  -83 (-110 to +106)  two_average  +72 (+72 to +72)
#   500 Hz, 110 bpm: hamilton  +64 (+34 to +64)  pan_tompkins  +40 (+2 to +98)  two_average  +72 (+70 to +72)
set -euo pipefail
packages=(
  py-ecg-detectors==1.3.5 pywavelets==1.10.0 numpy==2.5.5 scipy==1.18.1 pandas==3.1.1 matplotlib==3.11.2
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

from ecgdetectors import Detectors

seen = {}
for fs in (100, 250, 500):
    for bpm in (60, 110):
        x, r = ecg(fs, bpm, 30)
        row = []
        for name in ("hamilton", "pan_tompkins", "two_average"):
            found = np.asarray(getattr(Detectors(fs), name + "_detector")(x), float)
            late = np.array([found[np.argmin(abs(found - p))] - p for p in r[2:-2]]) / fs * 1000
            seen[fs, bpm, name] = np.median(late)
            row.append(f"{name} {np.median(late):+4.0f} ({late.min():+.0f} to {late.max():+.0f})")
        print(f"{fs} Hz, {bpm:3} bpm:", "  ".join(row))
for name in ("hamilton", "pan_tompkins"):
    median = [value for (_, _, which), value in seen.items() if which == name]
    assert min(median) < -60 and max(median) > 50, (name, median)
assert all(65 <= value <= 80 for (_, _, which), value in seen.items() if which == "two_average")
EOF
