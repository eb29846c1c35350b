#!/usr/bin/env bash
# neurokit2's ecg_quality calls white noise and a 60 Hz sine "Excellent", and a clean ECG "Barely acceptable".
#
# Guessed: method "zhao2018" says "Unacceptable" of noise; the default score is above 0.9 throughout a clean ECG,
# below 0.5 for noise.
# What happens: its fuzzy rule calls nine of ten noises "Excellent" and the sine too; its simple rule puts the clean
# ECG below some noises. The default score of a clean ECG of equal beats has a mean of 0.68 and falls to 0, about as
# that of noise. "templatematch" does tell them apart.
# Where it is met: whoever filters records by this index before training.
# Versions: neurokit2 0.3.0.
# Output seen:
#   zhao2018, simple: clean ECG: Barely acceptable; 60 Hz: Unacceptable; ten noises: {'Barely acceptable': 7, 'Excellent': 2, 'Unacceptable': 1}
#   zhao2018, fuzzy: clean ECG: Excellent; 60 Hz: Excellent; ten noises: {'Barely acceptable': 1, 'Excellent': 9}
#   default: clean ECG mean 0.68, lowest 0.00; noise mean 0.65
#   templatematch: clean ECG 1.00, noise 0.36
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

import collections
import warnings

import neurokit2 as nk

warnings.simplefilter("ignore")


def quality(x, **how):
    return nk.ecg_quality(nk.ecg_clean(x, sampling_rate=500), sampling_rate=500, **how)


clean = ecg(500, 60, 10)[0]
sine = np.sin(2 * np.pi * 60 * np.arange(5000) / 500)
noises = [np.random.default_rng(seed).standard_normal(5000) for seed in range(10)]
seen = {}
print("neurokit2", nk.__version__)
for rule in ("simple", "fuzzy"):
    how = {"method": "zhao2018", "approach": rule}
    seen[rule] = quality(clean, **how), quality(sine, **how), collections.Counter(quality(n, **how) for n in noises)
    print(f"zhao2018, {rule}: clean ECG: {seen[rule][0]}; 60 Hz: {seen[rule][1]}; ten noises: {dict(sorted(seen[rule][2].items()))}")
score = quality(clean)
noise = [quality(n) for n in noises[:1]][0]
print(f"default: clean ECG mean {score.mean():.2f}, lowest {score.min():.2f}; noise mean {noise.mean():.2f}")
template = quality(clean, method="templatematch").mean(), quality(noises[0], method="templatematch").mean()
print("templatematch: clean ECG %.2f, noise %.2f" % template)
assert seen["simple"][0] == "Barely acceptable" and seen["fuzzy"][1] == "Excellent"
assert seen["fuzzy"][2]["Excellent"] >= 3 and seen["simple"][2]["Excellent"] >= 1
assert score.min() < .1 and abs(score.mean() - noise.mean()) < .2 and template[0] > .9 > .6 > template[1]
EOF
