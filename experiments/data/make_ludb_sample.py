#!/usr/bin/env python3
"""Makes ludb-sample/ from LUDB, the Lobachevsky University Electrocardiography Database, as PhysioNet has it (1.0.1).

    python experiments/data/make_ludb_sample.py SOURCE [DESTINATION]

SOURCE holds ludb.csv and data/ with a header, a signal and one annotation file for each of 12 leads of every record.
DESTINATION is ludb-sample/ beside this script where not given. Needs numpy 2.4, scipy 1.17 and wfdb 4.3.

signals.npy: (records, leads, samples), int16, microvolts, 100 Hz; leads I, II, V1 to V6, of which III and the augmented leads
follow. Resampled from 500 Hz by a polyphase filter (scipy.signal.resample_poly, 1/5). A step of the files is a microvolt,
whatever gain their headers name: those scale each lead to a range of one, and with one gain for all I + III = II in all records.

records.csv, a row for each record in the order of signals.npy:
  record, age, sex       as in ludb.csv; ages that are no number (">89") are 90
  hr                     60000 over the mean RR, bpm: the time from the first QRS to the last over the number of intervals
  pr, qrs, qt            ms, from the waves that cardiologists marked in each lead: of each beat from the earliest onset over leads
                         to the latest end over leads; PR to the onset of the QRS; then the median over beats
  pr_lead, qrs_lead, qt_lead
                         ms, as one lead shows them: of each lead the median over its beats, from its own onset to its own end;
                         then the median over leads
  diagnoses              all statements of ludb.csv, in order, separated by ";"
"""
import csv
import statistics
import sys
from pathlib import Path

import numpy
import wfdb
from scipy.signal import resample_poly

LEADS = ["i", "ii", "v1", "v2", "v3", "v4", "v5", "v6"]
MARKED = ["i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6"]
OF_ONE_BEAT = 100  # ms between peaks
LONGEST_PR = 400  # ms


def waves(base, lead):
    """[(kind, onset, peak, end)] in samples; an onset or end that is not marked is None."""
    marks = wfdb.rdann(str(base), lead)
    found = []
    for place, (symbol, sample) in enumerate(zip(marks.symbol, marks.sample)):
        if symbol in "pNt":
            before = place and marks.symbol[place - 1] == "("
            after = place + 1 < len(marks.symbol) and marks.symbol[place + 1] == ")"
            found.append((symbol, marks.sample[place - 1] if before else None, sample, marks.sample[place + 1] if after else None))
    return found


def beats(leads, rate):
    """[(peak, onset, end)]: QRS complexes of several leads whose peaks are near each other are one beat."""
    all_of = sorted((wave for lead in leads for wave in lead if wave[0] == "N"), key=lambda wave: wave[2])
    groups = []
    for wave in all_of:
        if groups and wave[2] - groups[-1][-1][2] <= OF_ONE_BEAT * rate / 1000:
            groups[-1].append(wave)
        else:
            groups.append([wave])
    edge = lambda values, which: which([value for value in values if value is not None], default=None)
    return [(statistics.median(w[2] for w in group), edge([w[1] for w in group], min), edge([w[3] for w in group], max)) for group in groups]


def intervals(leads, rate):
    """HR in bpm, PR, QRS and QT in ms; None where there is none."""
    ms = 1000 / rate
    found = beats(leads, rate)
    pr, qrs, qt = [], [], []
    for place, (_, onset, end) in enumerate(found):
        if onset is None or end is None:
            continue
        qrs.append((end - onset) * ms)
        before = next((b[2] for b in found[place - 1:place] if b[2] is not None), -1)
        after = next((b[1] for b in found[place + 1:place + 2] if b[1] is not None), float("inf"))
        p = [[w[1] for w in lead if w[0] == "p" and w[1] is not None and before < w[1] < onset and (onset - w[1]) * ms <= LONGEST_PR] for lead in leads]
        if any(p):
            pr.append((onset - min(of[-1] for of in p if of)) * ms)
        t = [next((w for w in lead if w[0] == "t" and end < w[2] < after), None) for lead in leads]
        ends = [w[3] for w in t if w is not None and w[3] is not None]
        if ends:
            qt.append((max(ends) - onset) * ms)
    rr = (found[-1][0] - found[0][0]) * ms / (len(found) - 1) if len(found) > 1 else None
    middle = lambda values: statistics.median(values) if values else None
    return (60000 / rr if rr else None), middle(pr), middle(qrs), middle(qt)


def by_lead(leads, rate):
    """PR, QRS and QT in ms as one lead shows them; None where there is none."""
    ms = 1000 / rate
    middle = lambda values: statistics.median(values) if values else None
    found = [[], [], []]
    for lead in leads:
        pr, qrs, qt = [], [], []
        for place, (symbol, onset, _, end) in enumerate(lead):
            if symbol != "N" or onset is None or end is None:
                continue
            qrs.append((end - onset) * ms)
            if place and lead[place - 1][0] == "p" and lead[place - 1][1] is not None and (onset - lead[place - 1][1]) * ms <= LONGEST_PR:
                pr.append((onset - lead[place - 1][1]) * ms)
            if place + 1 < len(lead) and lead[place + 1][0] == "t" and lead[place + 1][3] is not None:
                qt.append((lead[place + 1][3] - onset) * ms)
        for of, values in zip(found, (pr, qrs, qt)):
            if values:
                of.append(statistics.median(values))
    return [middle(values) for values in found]


def main():
    source = Path(sys.argv[1])
    destination = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parent / "ludb-sample"
    destination.mkdir(parents=True, exist_ok=True)
    signals, rows = [], []
    with open(source / "ludb.csv", newline="", encoding="utf-8-sig") as file:
        table = list(csv.DictReader(file))
    for row in table:
        base = source / "data" / row["ID"].strip()
        record = wfdb.rdrecord(str(base), physical=False)
        leads = [waves(base, lead) for lead in MARKED]
        hr, pr, qrs, qt = intervals(leads, record.fs)
        lead_intervals = by_lead(leads, record.fs)
        names = [name.lower() for name in record.sig_name]
        steps = record.d_signal[:, [names.index(lead) for lead in LEADS]].T.astype(float)
        signals.append(numpy.round(resample_poly(steps, 100, int(record.fs), axis=1)).astype("<i2"))
        said = [line.strip() for key, text in row.items() if key not in ("ID", "Sex", "Age") for line in (text or "").splitlines()]
        age = row["Age"].strip()
        number = lambda value, digits: "" if value is None else f"{value:.{digits}f}"
        rows.append([row["ID"].strip(), age if age.isdigit() else "90", row["Sex"].strip(), number(hr, 2), number(pr, 0), number(qrs, 0), number(qt, 0), *(number(value, 0) for value in lead_intervals), "; ".join(line for line in said if line)])
    numpy.save(destination / "signals.npy", numpy.stack(signals))
    with open(destination / "records.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["record", "age", "sex", "hr", "pr", "qrs", "qt", "pr_lead", "qrs_lead", "qt_lead", "diagnoses"])
        writer.writerows(rows)


if __name__ == "__main__":
    main()
