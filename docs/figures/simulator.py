"""Distributions of simulated records beside real ones: the figure and the table of docs/simulator.md.

    ecgraft simulate simple --records 2000
    ecgraft simulate detailed --records 2000 --boundaries visible --condition ...    # those of docs/simulator.md
    python docs/figures/simulator.py PTB-XL FEATURES.csv simple detailed docs/figures/simulator.svg

PTB-XL is a folder in its layout; FEATURES.csv is a table of PTB-XL+ for it, or of the same columns. Signals are read at
100 Hz. Needs numpy, matplotlib and wfdb (`pip install numpy matplotlib wfdb`).

R amplitude is the median over beats of the largest value in 120 ms around the steepest place, less the median before it;
the share of power is that of 15 to 40 Hz in 0.5 to 40 Hz of 10 s, by the squares of the discrete Fourier transform.
"""

import csv
import os
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np
import wfdb

II, V5 = 1, 10
RATE = 100

# Name, column of the features (ms) or None, unit, range that is drawn, bins.
PANELS = [
    ("HR", "RR_Mean_Global", "bpm", (40, 150), 28),
    ("PR", "PR_Int_Global", "ms", (90, 310), 28),
    ("QRS", "QRS_Dur_Global", "ms", (60, 190), 28),
    ("QT", "QT_Int_Global", "ms", (280, 560), 28),
    ("R in II", None, "mV", (0, 2.5), 25),
    ("R in V5", None, "mV", (0, 3.5), 25),
    ("15 to 40 Hz in II", None, "share of power", (0, 0.6), 24),
    ("15 to 40 Hz in V5", None, "share of power", (0, 0.6), 24),
]

SETS = [("PTB-XL", "#222222"), ("simple", "#d95f02"), ("detailed", "#1b6ca8")]


def share(lead):
    """Of the power from 0.5 to 40 Hz that from 15 Hz on; of 10 s."""
    power = np.abs(np.fft.rfft(lead)) ** 2
    frequency = np.fft.rfftfreq(len(lead), 1 / RATE)
    within = lambda low: power[(frequency >= low - 1e-9) & (frequency <= 40 + 1e-9)].sum()
    return within(15) / within(0.5)


def steepest(leads):
    """Samples at which the leads together are steepest, at least 250 ms apart."""
    slope = np.convolve(np.abs(np.diff(leads, axis=1)).sum(axis=0), np.ones(7) / 7, "same")
    high = slope > 0.4 * np.percentile(slope, 98)
    places, at = [], 0
    while at < len(slope):
        if not high[at]:
            at += 1
            continue
        end = at
        while end < len(slope) and high[end]:
            end += 1
        place = at + int(np.argmax(slope[at:end]))
        if not places or place - places[-1] > 0.25 * RATE:
            places.append(place)
        at = end
    return places


def r_amplitude(lead, places):
    """mV"""
    beats = [
        lead[p - 6 : p + 7].max() - np.median(lead[p - 9 : p - 5])
        for p in places
        if p >= 10 and p + 8 < len(lead)
    ]
    return np.median(beats) if beats else np.nan


def signals(folder):
    """Leads II and V5 measured: (records, 4)."""
    rows = []
    with open(os.path.join(folder, "ptbxl_database.csv"), newline="") as file:
        for row in csv.DictReader(file):
            record = wfdb.rdrecord(os.path.join(folder, row["filename_lr"]))
            leads = record.p_signal.T
            if record.fs != RATE:
                step = record.fs // RATE
                leads = leads[:, : leads.shape[1] // step * step].reshape(len(leads), -1, step).mean(axis=2)
            places = steepest(leads)
            of = lambda measure: [measure(leads[lead]) for lead in (II, V5)]
            rows.append(of(lambda lead: r_amplitude(lead, places)) + of(share))
    return np.array(rows)


def features(path):
    """HR (bpm), PR, QRS, QT (ms): (records, 4); NaN where missing."""
    number = lambda text: float(text) if text else np.nan
    with open(path, newline="") as file:
        rows = [[number(row[name]) for _, name, *_ in PANELS[:4]] for row in csv.DictReader(file)]
    values = np.array(rows)
    values[:, 0] = 60000 / values[:, 0]
    return values


def draw(sets, path):
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "ecgraft", "font.size": 9})
    figure, axes = plt.subplots(2, 4, figsize=(11, 4.6))
    for place, (axis, (name, _, unit, limits, bins)) in enumerate(zip(axes.flat, PANELS)):
        for (label, colour), values in zip(SETS, sets):
            one = values[place // 4][:, place % 4]
            one = np.clip(one[~np.isnan(one)], *limits)
            counts, edges = np.histogram(one, bins=bins, range=limits)
            heights = counts / counts.sum()
            if label == "PTB-XL":
                axis.stairs(heights, edges, fill=True, color="#c8c8c8", label=label)
            else:
                axis.stairs(heights, edges, color=colour, label=label, linewidth=1.4)
        axis.set_title(name, loc="left", fontsize=9)
        axis.set_xlabel(unit, fontsize=8)
        axis.set_yticks([])
        axis.spines[["top", "right", "left"]].set_visible(False)
    axes.flat[0].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def table(sets):
    print("| | " + " | ".join(label for label, _ in SETS) + " |")
    print("|---|" + "---|" * len(SETS))
    for place, (name, _, unit, *_) in enumerate(PANELS):
        cells = []
        for values in sets:
            one = values[place // 4][:, place % 4]
            low, middle, high = np.nanquantile(one, [0.05, 0.5, 0.95])
            digits = 0 if place < 4 else 2
            mean = f", mean {np.nanmean(one):.2f}" if place > 5 else ""
            cells.append(f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f}){mean}")
        print(f"| {name}, {unit} | " + " | ".join(cells) + " |")


def main():
    real, real_features, simple, detailed, path = sys.argv[1:]
    own = lambda folder: features(os.path.join(folder, "features", "simulator_features.csv"))
    sets = [
        (features(real_features), signals(real)),
        (own(simple), signals(simple)),
        (own(detailed), signals(detailed)),
    ]
    draw(sets, path)
    table(sets)


main()
