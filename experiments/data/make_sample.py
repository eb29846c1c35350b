#!/usr/bin/env python3
"""Chooses the records of ptbxl-sample/ from a larger folder in PTB-XL's layout, and copies them.

    python experiments/data/make_sample.py SOURCE [DESTINATION]

SOURCE holds ptbxl_database.csv, scp_statements.csv, records100/ and features/ecgdeli_features.csv.
DESTINATION is ptbxl-sample/ beside this script where not given. Python's standard library is enough.

How records are chosen, separately in each fold (`strat_fold`), until the fold has its number of records:

1. Patients are taken whole: with every record that SOURCE has of them.
2. Patients with an excluded record (EXCLUDED) are left out.
3. There are five groups: patients with a record whose only superclass is NORM, STTC or CD, and patients
   with a record that has MI or HYP among its superclasses. The next patient comes from the group with the
   fewest records so far (in the order above where equal), as long as the group has patients left.
4. Within a group: patients with all four features first, then those with fewer superclasses, then by the
   SHA-256 of the patient number, which is a shuffle that never changes.

Superclasses are those of all diagnostic statements of a record, whatever their likelihood, as in PTB-XL's
own example. Table rows, headers and signals are copied as they are; nothing is computed anew. Every copied
signal is checked against the checksums of its header.
"""
import array
import ast
import csv
import hashlib
import shutil
import sys
from collections import Counter, defaultdict
from pathlib import Path

SUPERCLASSES = ["NORM", "MI", "STTC", "CD", "HYP"]
GROUPS = [("NORM", True), ("STTC", True), ("CD", True), ("MI", False), ("HYP", False)]  # (class, it alone)
RECORDS = {fold: 24 for fold in range(1, 9)} | {9: 46, 10: 72}
EXCLUDED = {"10565"}  # noise instead of lead I
LARGEST = 8_000_000  # bytes, the whole folder
FEATURES = "features/ecgdeli_features.csv"


def read_table(path):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    return rows[0], rows[1:]


def write_table(path, header, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def superclass_of_statement(path):
    header, rows = read_table(path)
    diagnostic, superclass = header.index("diagnostic"), header.index("diagnostic_class")
    return {row[0]: row[superclass] for row in rows if row[diagnostic] and float(row[diagnostic]) == 1}


def choose(patients, wanted):
    """`patients`: {number: [(record id, superclasses, whether all features are known)]} of one fold."""

    def rank(patient):
        records = patients[patient]
        complete = all(full for _, _, full in records)
        return not complete, max(len(classes) for _, classes, _ in records), hashlib.sha256(patient.encode()).digest()

    def belongs(classes, group):
        name, alone = group
        return classes == {name} if alone else name in classes

    waiting = sorted(patients, key=rank)
    chosen, counts = [], Counter({group: 0 for group in GROUPS})
    while len(chosen) < wanted:
        for group in sorted(GROUPS, key=lambda g: counts[g]):
            found = next((p for p in waiting if any(belongs(c, group) for _, c, _ in patients[p])), None)
            if found is not None:
                break
        else:
            sys.exit(f"only {len(chosen)} of {wanted} records in a fold")
        waiting.remove(found)
        for record, classes, _ in patients[found]:
            chosen.append(record)
            counts.update(g for g in GROUPS if belongs(classes, g))
    return chosen


def copy_record(source, destination, name):
    """Copies NAME.hea and NAME.dat after a look at the checksums (16-bit sums over each lead)."""
    header = (source / f"{name}.hea").read_text().splitlines()
    leads = int(header[0].split()[1])
    samples = array.array("h", (source / f"{name}.dat").read_bytes())
    if sys.byteorder == "big":
        samples.byteswap()
    for lead in range(leads):
        said = int(header[1 + lead].split()[6])
        if (sum(samples[lead::leads]) - said) % 65536:
            sys.exit(f"{name}: lead {lead + 1} does not match its checksum {said}")
    for ending in ("hea", "dat"):
        target = destination / f"{name}.{ending}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / f"{name}.{ending}", target)


def main(source, destination):
    header, database = read_table(source / "ptbxl_database.csv")
    column = {name: place for place, name in enumerate(header)}
    features_header, features = read_table(source / FEATURES)
    complete = {row[0] for row in features if all(row[1:])}
    superclass = superclass_of_statement(source / "scp_statements.csv")

    folds, classes_of, excluded = defaultdict(lambda: defaultdict(list)), {}, set()
    for row in database:
        record, patient = row[column["ecg_id"]], row[column["patient_id"]]
        statements = ast.literal_eval(row[column["scp_codes"]])
        classes = {superclass[s] for s in statements if s in superclass}
        classes_of[record] = classes
        folds[int(row[column["strat_fold"]])][patient].append((record, classes, record in complete))
        if record in EXCLUDED:
            excluded.add(patient)

    chosen = set()
    for fold, patients in sorted(folds.items()):
        chosen.update(choose({p: r for p, r in patients.items() if p not in excluded}, RECORDS[fold]))

    for stale in ("records100", "features"):
        shutil.rmtree(destination / stale, ignore_errors=True)
    rows = [row for row in database if row[column["ecg_id"]] in chosen]
    write_table(destination / "ptbxl_database.csv", header, rows)
    write_table(destination / FEATURES, features_header, [row for row in features if row[0] in chosen])
    shutil.copyfile(source / "scp_statements.csv", destination / "scp_statements.csv")
    for row in rows:
        copy_record(source, destination, row[column["filename_lr"]])

    size = sum(path.stat().st_size for path in destination.rglob("*") if path.is_file())
    if size > LARGEST:
        sys.exit(f"{destination} has {size} bytes, more than {LARGEST}")
    print(f"{len(rows)} records, {len({row[column['patient_id']] for row in rows})} patients, {size} bytes\n")
    print_counts(rows, column, classes_of, complete)


def print_counts(rows, column, classes_of, complete):
    """The table of README.md."""
    only = [name for name, alone in GROUPS if alone]
    print("| fold | records |", " | ".join(SUPERCLASSES + [f"only {c}" for c in only] + ["all features"]), "|")
    print("|---" * (3 + len(SUPERCLASSES) + len(only)) + "|")
    fold_of = {row[column["ecg_id"]]: int(row[column["strat_fold"]]) for row in rows}
    for name, folds in [*((str(f), [f]) for f in range(1, 11)), ("all", range(1, 11))]:
        records = [record for record, fold in fold_of.items() if fold in folds]
        counts = [len(records)]
        counts += [sum(c in classes_of[r] for r in records) for c in SUPERCLASSES]
        counts += [sum(classes_of[r] == {c} for r in records) for c in only]
        counts += [sum(r in complete for r in records)]
        print("|", " | ".join([name, *map(str, counts)]), "|")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else Path(__file__).parent / "ptbxl-sample")
