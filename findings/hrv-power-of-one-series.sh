#!/usr/bin/env bash
# The HF power of one RR series in five packages: from 0.01 to 660,000,000 ms2, true 450.
#
# Guessed: all within 15 % of 450 ms2 (SDNN and RMSSD do agree in all).
# What happens: RR of 800 ms swings by 30 ms at 0.25 Hz, so its power is 30 * 30 / 2 = 450 ms2, all of it in HF. Three
# answers are right; neurokit2's default is normalised (0.01), without that its "fft", "lomb" and "burg" are not
# powers in ms2; pyhrv's "ar" has a third of it in LF, hrv-analysis loses a quarter to a third.
# Where it is met: HRV tables of different packages, or methods of one package, beside each other.
# Versions: neurokit2 0.3.0, pyhrv 0.5.0, hrv-analysis 1.0.6, ecgdatakit 2.0.3.
# Output seen (LF, HF):
#   neurokit2 welch (default)                   0.00             0.01
#   neurokit2 welch, normalize=False            0.01           440.58
#   neurokit2 fft, normalize=False          15921.77     661028781.34
#   neurokit2 lomb, normalize=False            40.68         21987.30
#   neurokit2 burg, normalize=False             5.25           888.39
#   hrv-analysis welch                          0.00           344.15
#   hrv-analysis lomb                           0.43           279.83
#   pyhrv welch                                 0.01           445.40
#   pyhrv lomb                                659.00          1078.30
#   pyhrv ar                                 4894.10          9162.44
#   ecgdatakit                                  0.00           445.42
set -euo pipefail
packages=(
  neurokit2==0.3.0 pyhrv==0.5.0 hrv-analysis==1.0.6 ecgdatakit==2.0.3 biosppy==2.2.4 peakutils==1.3.5 numpy==2.5.5
  scipy==1.18.1 pandas==3.1.1 matplotlib==3.11.2
)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-compile "${packages[@]}"
cd "$work"
"$work/venv/bin/python" -W ignore - <<'EOF'
import ecgdatakit.processing
import hrvanalysis
import matplotlib
matplotlib.use("Agg")
import neurokit2 as nk
import numpy as np
import pyhrv.frequency_domain

rr, t = [], 0
while t < 300:
    rr.append(800 + 30 * np.sin(2 * np.pi * .25 * t))
    t += rr[-1] / 1000
rr = np.array(rr)
beats = np.cumsum(np.r_[0, rr]).round().astype(int)
seen = {}
for method, normalize in (("welch", True), ("welch", False), ("fft", False), ("lomb", False), ("burg", False)):
    found = nk.hrv_frequency(beats, sampling_rate=1000, psd_method=method, normalize=normalize)
    seen[f"neurokit2 {method}{' (default)' if normalize else ', normalize=False'}"] = found["HRV_LF"][0], found["HRV_HF"][0]
for method in ("welch", "lomb"):
    found = hrvanalysis.get_frequency_domain_features(list(rr), method=method)
    seen[f"hrv-analysis {method}"] = found["lf"], found["hf"]
for method in ("welch", "lomb", "ar"):
    found = getattr(pyhrv.frequency_domain, method + "_psd")(nni=rr, show=False)
    seen[f"pyhrv {method}"] = found[f"{'fft' if method == 'welch' else method}_abs"][1:]
found = ecgdatakit.processing.frequency_domain(rr)
seen["ecgdatakit"] = found["lf_power"], found["hf_power"]
for name, (low, high) in seen.items():
    print(f"{name:33} {low:14.2f} {high:16.2f}")
hf = {name: high for name, (_, high) in seen.items()}
right = [name for name, value in hf.items() if abs(value - 450) < 45]
assert right == ["neurokit2 welch, normalize=False", "pyhrv welch", "ecgdatakit"], right
assert hf["neurokit2 welch (default)"] < 1 and hf["neurokit2 fft, normalize=False"] > 1e8 and hf["neurokit2 lomb, normalize=False"] > 1e4
assert hf["pyhrv ar"] > 4000 and 250 < hf["hrv-analysis lomb"] < hf["hrv-analysis welch"] < 370
EOF
