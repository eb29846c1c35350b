#!/usr/bin/env bash
# wfdb's ann2rr takes every annotation for a beat, and the time before the first for an RR interval.
#
# Guessed: RR intervals are those between beats; a rhythm change ("+") or a noise mark ("~") is passed over, as the
# WFDB program of the same name does.
# What happens: a rhythm mark between two beats makes two short intervals of one, and the first value returned is the
# place of the first annotation. MIT-BIH records begin with a rhythm mark at sample 18, so their first two intervals
# are no RR.
# Where it is met: HR or RR variability of an annotated database, most of all at the onset of atrial fibrillation.
# Versions: wfdb 4.3.1.
# Output seen:
#   between beats: [1. 1. 1.] s, mean rate 60.0
#   ann2rr: [0.05  0.164 1.    0.5   0.5   1.   ] s, mean rate 321.0
set -euo pipefail
packages=(
  wfdb==4.3.1 numpy==2.5.5 scipy==1.18.1 pandas==3.1.1 matplotlib==3.11.2
)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-compile "${packages[@]}"
cd "$work"
"$work/venv/bin/python" -W ignore - <<'EOF'
import numpy as np
import wfdb
from wfdb.processing import ann2rr

samples, symbols = [18, 77, 437, 617, 797, 1157], ["+", "N", "N", "+", "N", "N"]
wfdb.wrann("r", "atr", np.array(samples), symbol=symbols, aux_note=["(N", "", "", "(AFIB", "", ""], fs=360)
seen = ann2rr("r", "atr", format="s")
true = np.diff([s for s, symbol in zip(samples, symbols) if symbol == "N"]) / 360
print("between beats:", true, "s, mean rate", (60 / true).mean())
print("ann2rr:", seen.round(3), "s, mean rate", (60 / seen).mean().round(1))
assert list(true) == [1, 1, 1] and np.allclose(seen, [.05, 59 / 360, 1, .5, .5, 1])
EOF
