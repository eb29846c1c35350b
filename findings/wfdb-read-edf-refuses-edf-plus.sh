#!/usr/bin/env bash
# wfdb cannot read the EDF+ files that pyedflib and MNE write of an ECG; plain EDF it reads.
#
# Guessed: read_edf reads both, and leaves the annotation channel out.
# What happens: EDF+ always has an annotation channel with its own length. read_edf takes it for a signal, says that
# this may be an annotation file, and raises ValueError; the ECG cannot be had. pyedflib writes EDF+ unless told
# otherwise, and MNE always does.
# Where it is met: bringing Holter or polysomnography ECG from EDF to WFDB.
# Versions: wfdb 4.3.1, pyedflib 0.1.42.
# Output seen:
#   EDF: read, off by at most 0.0002 mV
#   EDF+: ValueError: could not broadcast input array from shape (570,) into shape (10,)
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

import pyedflib
from wfdb.io.convert.edf import read_edf

x = ecg(500, 60, 10)[0]
lead = {"label": "II", "dimension": "mV", "sample_frequency": 500, "physical_min": -5, "physical_max": 5,
        "digital_min": -32768, "digital_max": 32767, "transducer": "", "prefilter": ""}
seen = {}
for name, kind in (("EDF", pyedflib.FILETYPE_EDF), ("EDF+", pyedflib.FILETYPE_EDFPLUS)):
    with pyedflib.EdfWriter("x.edf", 1, file_type=kind) as f:
        f.setSignalHeaders([lead])
        f.writeSamples([x])
    with pyedflib.EdfReader("x.edf") as f:
        assert np.abs(f.readSignal(0) - x).max() < .001
    try:
        seen[name] = f"read, off by at most {np.abs(read_edf('x.edf').p_signal[:, 0] - x).max():.4f} mV"
    except ValueError as error:
        seen[name] = f"ValueError: {error}"
    print(f"{name}: {seen[name]}")
assert seen["EDF"].startswith("read") and seen["EDF+"].startswith("ValueError")
EOF
