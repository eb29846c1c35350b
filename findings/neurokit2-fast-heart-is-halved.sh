#!/usr/bin/env bash
# neurokit2 reports half the heart rate from 200 beats a minute on.
#
# Guessed: the default detector counts every beat up to 200 a minute.
# What happens: up to 190 the rate is exact; between, some beats are lost; at 200 every second beat is left out and
# ecg_process reports 100, at 220 it reports 110. Nothing is missing or marked as doubtful. neurokit2's own simulator
# shows the same.
# Where it is met: supraventricular tachycardia and infants. As a label, HR folds back to the normal range.
# Versions: neurokit2 0.3.0.
# Output seen:
#   set 180: 180.0  set 190: 190.0  set 200: 100.0  set 220: 110.0
#   from neurokit2's simulator, set 220: 110.0
set -euo pipefail
packages=(
  neurokit2==0.3.0 numpy==2.5.5 scipy==1.18.1 pandas==3.1.1 matplotlib==3.11.2 scikit-learn==1.9.1
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

import neurokit2 as nk


def rate(x):
    return round(nk.ecg_process(x, sampling_rate=500)[0]["ECG_Rate"].mean(), 1)


seen = {bpm: rate(ecg(500, bpm, 20)[0]) for bpm in (180, 190, 200, 220)}
own = nk.ecg_simulate(duration=20, sampling_rate=500, heart_rate=220, heart_rate_std=0, random_state=1)
print("neurokit2", nk.__version__)
print("  ".join(f"set {bpm}: {value}" for bpm, value in seen.items()))
print("from neurokit2's simulator, set 220:", rate(own))
assert abs(seen[180] - 180) < 1 and abs(seen[190] - 190) < 1
assert abs(seen[200] - 100) < 1 and abs(seen[220] - 110) < 1 and abs(rate(own) - 110) < 1
EOF
