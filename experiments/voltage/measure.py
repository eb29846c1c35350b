#!/usr/bin/env python3
"""What normalisation takes away: AUC by class of small networks, and of one voltage criterion.

    ECG_SAMPLES=/data python experiments/voltage/measure.py target/release/ecgraft [RESULTS]

Needs NumPy. Writes RESULTS/manifests/*.toml from voltage.toml, runs them into RESULTS (default: results/voltage), and prints
Markdown:

1. The Sokolow-Lyon voltage (S in V1 + the larger R of V5 and V6; Sokolow and Lyon 1949, doi 10.1016/0002-8703(49)90562-1) as the
   only feature, from signals in mV and from the same signals normalised.
2. A network for each normalisation: six rotations of PTB-XL's folds, so that each record is tested once by a network that saw
   neither it nor its patient; seeds as in voltage.toml. A record's score is the mean of its logits over the seeds, standardised
   within a rotation, as networks of different rotations have different biases.

Intervals: percentiles of 2,000 bootstrap resamples of the patients, the same for all that is compared.
"""
import ast
import csv
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
NORMALIZATIONS = ["z-score", "record-z-score", "global-z-score"]
GROUPS = [[1, 2], [3, 4], [5, 6], [7, 8], [9], [10]]
CLASSES = ["NORM", "MI", "STTC", "CD", "HYP"]
RESAMPLES = 2000
RATE = 100


def auc(truth, score):
    """The share of pairs in the right order; ties count half."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = truth.sum()
    if positives in (0, len(truth)):
        return np.nan
    return (ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * (len(truth) - positives))


def resamples(patients):
    """Rows of resampled patients, by resample."""
    random = np.random.default_rng(1)
    of = [np.flatnonzero(patients == patient) for patient in np.unique(patients)]
    for _ in range(RESAMPLES):
        yield np.concatenate([of[index] for index in random.integers(0, len(of), len(of))])


def interval(values):
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return f"[{low:.3f}, {high:.3f}]"


def compare(truth, scores, patients, reference):
    """For each of `scores` its AUC, and the difference from `reference`, as cells of a table."""
    found = {name: [] for name in scores}
    for rows in resamples(patients):
        for name, score in scores.items():
            found[name].append(auc(truth[rows], score[rows]))
    cells = {}
    for name, score in scores.items():
        difference = np.array(found[name]) - np.array(found[reference])
        own = auc(truth, score)
        text = f"{own:.3f} {interval(found[name])}"
        if name != reference:
            text += f"; {own - auc(truth, scores[reference]):+.3f} {interval(difference)}"
        cells[name] = text
    return cells


def records(folder):
    """Rows of the table, with the superclasses and statements of each."""
    with open(folder / "scp_statements.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file)]
        superclass = {row[""]: row["diagnostic_class"] for row in rows if row["diagnostic"] == "1.0"}
    with open(folder / "ptbxl_database.csv", newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    for row in table:
        codes = ast.literal_eval(row["scp_codes"])
        row["statements"] = set(codes)
        row["classes"] = {superclass[code] for code in codes if code in superclass}
    return table


def read(folder, row):
    """A record in mV, (12, samples): WFDB format 16, 1000 steps per mV. Of one at 500 Hz the means of five samples."""
    signal = np.fromfile(folder / (row["filename_lr"] + ".dat"), dtype="<i2").reshape(-1, 12).T / 1000.0
    return signal.reshape(12, 10 * RATE, -1).mean(axis=2)


def normalised(signal, how, scale):
    if how == "z-score":
        return (signal - signal.mean(axis=1, keepdims=True)) / signal.std(axis=1, keepdims=True)
    if how == "record-z-score":
        return (signal - signal.mean()) / signal.std()
    return (signal - scale[0]) / scale[1]


def sokolow_lyon(signal):
    """Depth of S in V1 plus the larger R of V5 and V6, over the lead's median; each the median over windows of 2 s."""
    v1, v5, v6 = (signal[lead] - np.median(signal[lead]) for lead in (6, 10, 11))
    of_windows = lambda lead, extreme: np.median(extreme(lead.reshape(-1, 2 * RATE), axis=1))
    return -of_windows(v1, np.min) + max(of_windows(v5, np.max), of_windows(v6, np.max))


def criterion(folder):
    table = records(folder)
    signals = [read(folder, row) for row in table]
    scale = np.mean(signals), np.std(signals)
    scores = {how: np.array([sokolow_lyon(normalised(s, how, scale)) for s in signals]) for how in NORMALIZATIONS}
    millivolts = np.array([sokolow_lyon(signal) for signal in signals])
    patients = np.array([row["patient_id"] for row in table])
    lines = []
    print(f"{len(table)} records of {len(set(patients))} patients.\n")
    print("| Sokolow-Lyon voltage, for | positives | " + " | ".join(f"`{how}`" for how in NORMALIZATIONS) + " |")
    print("|---|---|" + "---|" * len(NORMALIZATIONS))
    for name, truth in [
        ("HYP", np.array(["HYP" in row["classes"] for row in table])),
        ("LVH", np.array(["LVH" in row["statements"] for row in table])),
    ]:
        cells = compare(truth, scores, patients, NORMALIZATIONS[0])
        print(f"| {name} | {truth.sum()} | " + " | ".join(cells[how] for how in NORMALIZATIONS) + " |")
        above = millivolts >= 3.5
        lines.append(f"At least 3.5 mV: {above[truth].sum()} of {truth.sum()} with {name}, {above[~truth].sum()} of the others.")
    print("\n" + "\n".join(lines))


def manifests(to):
    text = (HERE / "voltage.toml").read_text(encoding="utf-8")
    to.mkdir(parents=True, exist_ok=True)
    for how in NORMALIZATIONS:
        for number, test in enumerate(GROUPS):
            validation = GROUPS[(number + 1) % len(GROUPS)]
            train = [fold for group in GROUPS if group not in (test, validation) for fold in group]
            one = text
            for before, after in [
                ('name = "voltage"', f'name = "{how}-{number}"'),
                ('normalize = "global-z-score"', f'normalize = "{how}"'),
                ("train_folds = [1, 2, 3, 4, 5, 6, 7, 8]", f"train_folds = {train}"),
                ("validation_folds = [9]", f"validation_folds = {validation}"),
                ("test_folds = [10]", f"test_folds = {test}"),
            ]:
                assert one.count(before) == 1, before
                one = one.replace(before, after)
            (to / f"{how}-{number}.toml").write_text(one, encoding="utf-8")


def networks(store):
    sql = (
        "SELECT r.experiment, r.seed, p.record_id, p.patient, p.class, p.probability, p.label"
        " FROM predictions p JOIN runs r USING (run_id) WHERE r.status = 'done' AND r.current = 1"
    )
    logits, truth, patient, seeds = {}, {}, {}, set()
    for experiment, seed, record, who, name, probability, label in sqlite3.connect(store).execute(sql):
        how, number = experiment.rsplit("-", 1)
        p = min(max(probability, 1e-7), 1 - 1e-7)
        logits.setdefault((how, name), {}).setdefault(number, {}).setdefault(record, []).append(np.log(p / (1 - p)))
        truth[record, name], patient[record] = bool(label), who
        seeds.add(seed)
    ids = sorted(patient)
    patients = np.array([patient[record] for record in ids])
    print(f"\n{len(ids)} records of {len(set(patients))} patients, {len(GROUPS)} rotations, {len(seeds)} seeds.\n")
    print("| network, for | positives | " + " | ".join(f"`{how}`" for how in NORMALIZATIONS) + " |")
    print("|---|---|" + "---|" * len(NORMALIZATIONS))
    for name in CLASSES:
        scores = {}
        for how in NORMALIZATIONS:
            score = {}
            for rotation in logits[how, name].values():
                mean = {record: np.mean(values) for record, values in rotation.items()}
                centre, spread = np.mean(list(mean.values())), np.std(list(mean.values()))
                score |= {record: (value - centre) / spread for record, value in mean.items()}
            scores[how] = np.array([score[record] for record in ids])
        true = np.array([truth[record, name] for record in ids])
        cells = compare(true, scores, patients, NORMALIZATIONS[0])
        print(f"| {name} | {true.sum()} | " + " | ".join(cells[how] for how in NORMALIZATIONS) + " |")


def main():
    program, results = sys.argv[1], Path(sys.argv[2] if len(sys.argv) > 2 else "results/voltage")
    folder = Path(os.environ["ECG_SAMPLES"]) / "ptbxl-mv"
    criterion(folder)
    manifests(results / "manifests")
    subprocess.run([program, "run", results / "manifests", "--results", results], check=True, stdout=sys.stderr)
    networks(results / "ecgraft.sqlite")


if __name__ == "__main__":
    main()
