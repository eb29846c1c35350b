#!/usr/bin/env bash
# ecg2dcm makes a DICOM of microvolts, a thousand times too small, from an HL7 aECG in millivolts, and drops its
# origin.
#
# Guessed: one aECG gives the same millivolts by way of ecgdatakit and of ecg2dcm and pydicom, in either unit and with
# any origin.
# What happens: aECG states origin and scale of each lead with a unit (value = origin + scale * digit). ecg2dcm takes
# the number of the scale as microvolts and does not look at unit or origin. ecgdatakit reads all four files right.
# Where it is met: an archive of drug studies (FDA's ECG warehouse is HL7 aECG) turned into DICOM. The header says uV,
# nothing warns.
# Versions: ecg2dcm 1.3.1, pydicom 2.4.4, ecgdatakit 2.0.3.
# Output seen (height of R in lead II, truth 1.10 mV; largest error of the lead):
#   origin    0 uV: ecgdatakit 1.090 (0.002), ecg2dcm 1.09000 (0.002)
#   origin  300 uV: ecgdatakit 1.090 (0.002), ecg2dcm 0.79000 (0.302)
#   origin    0 mV: ecgdatakit 1.090 (0.002), ecg2dcm 0.00109 (1.091)
#   origin  0.3 mV: ecgdatakit 1.090 (0.002), ecg2dcm 0.00079 (1.091)
set -euo pipefail
packages=(
  ecg2dcm==1.3.1 pydicom==2.4.4 ecgdatakit==2.0.3 numpy==2.5.5 scipy==1.18.1
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
import io

import ecgdatakit
import pydicom
from ecg2dcm.convert import main as convert

x = ecg(500, 60, 10, noise=0)[0]
VALUE = '<{0} value="{1}" unit="{2}"/>'


def sequence(code, system, value):
    return f'<component><sequence><code code="{code}" codeSystem="{system}"/>{value}</sequence></component>'


def write(origin, scale, unit):
    xsi, lead_codes, act = "http://www.w3.org/2001/XMLSchema-instance", "2.16.840.1.113883.6.24", "2.16.840.1.113883.5.4"
    digits = " ".join(str(round((v * {"mV": 1, "uV": 1000}[unit] - origin) / scale)) for v in x)
    time = '<value xsi:type="GLIST_TS"><head value="20200102100000.000"/>' + VALUE.format("increment", .002, "s") + "</value>"
    volts = '<value xsi:type="SLIST_PQ">' + VALUE.format("origin", origin, unit) + VALUE.format("scale", scale, unit)
    volts += f"<digits>{digits}</digits></value>"
    span = '<effectiveTime><low value="20200102100000.000"/><high value="20200102100010.000"/></effectiveTime>'
    leads = "".join(sequence("MDC_ECG_LEAD_" + lead, lead_codes, volts) for lead in ("I", "II"))
    with open("x.xml", "w") as f:
        f.write(f'<AnnotatedECG xmlns="urn:hl7-org:v3" xmlns:xsi="{xsi}"><id root="6f0b1a52-7a4a-4f0e-9d3a-0d6c2c1f2a11"/>'
                f'<code code="93000" codeSystem="2.16.840.1.113883.6.12"/>{span}<component><series>'
                f'<id root="6f0b1a52-7a4a-4f0e-9d3a-0d6c2c1f2a12"/><code code="RHYTHM" codeSystem="{act}"/>{span}<component>'
                f'<sequenceSet>{sequence("TIME_ABSOLUTE", act, time)}{leads}</sequenceSet></component></series></component></AnnotatedECG>')


seen = {}
for origin, scale, unit in ((0, 5, "uV"), (300, 5, "uV"), (0, .005, "mV"), (.3, .005, "mV")):
    write(origin, scale, unit)
    direct = np.asarray(ecgdatakit.FileParser().parse("x.xml").leads[1].samples)
    with contextlib.redirect_stdout(io.StringIO()):
        assert convert(["x.xml", "-o", "out"]) == 0
    record = pydicom.dcmread("out/x.dcm")
    group = record.WaveformSequence[0].ChannelDefinitionSequence[1]
    assert group.ChannelSensitivityUnitsSequence[0].CodeValue == "uV"
    by_dicom = record.waveform_array(0)[:, 1] / 1000
    seen[origin, unit] = np.abs(direct - x).max(), np.abs(by_dicom - x).max()
    print(f"origin {origin:>4} {unit}: ecgdatakit {direct.max():.3f} ({seen[origin, unit][0]:.3f}),"
          f" ecg2dcm {by_dicom.max():.5f} ({seen[origin, unit][1]:.3f})")
assert all(direct < .01 for direct, _ in seen.values()) and seen[0, "uV"][1] < .01
assert abs(seen[300, "uV"][1] - .3) < .01 and min(seen[0, "mV"][1], seen[.3, "mV"][1]) > 1
EOF
