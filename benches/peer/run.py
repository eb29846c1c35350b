#!/usr/bin/env python3
"""Measures ecgraft against its peers, in turn: `make bench-peer`.

Prints Markdown, writes it to target/peer/measurements.md, and puts it between the markers of benches/README.md,
unless a side failed (exit code 1), other processes kept the machine busy, or the settings are those of a trial.
Settings come from the environment:

    PARTS    what is measured, of: step load study gpu   [all but gpu]
    ROUNDS   turns of each side                      [3; fewer is a trial]
    LENGTHS  samples per lead of the training steps  [1000 5000]
    STEPS    timed steps of each turn                [10; fewer is a trial]
    EPOCHS   of the study                            [as in study.toml; where given, a trial]
    BATCHES  records of a step on a GPU              [64 256]
    KINDS    architectures of the training steps     [all; where given on the CPU, a trial]
    ECGRAFT  our side                                [target/release/ecgraft]
    CPU      instruction set of both sides: avx2     [the best that the machine has]
"""
import csv
import datetime
import io
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import gpu
from report import README, Section, cells, cores, machine, ratio, refresh, table, versions
from turns import ROOT, Failed, Measured, Numbers, Side, call, disturbed, in_turn, pairs

HERE = Path(__file__).resolve().parent
WORK = ROOT / "target/peer"
ECGRAFT = Path(os.environ.get("ECGRAFT") or ROOT / "target/release/ecgraft")
BATCH, LEADS = 32, 8
RECORDS = 1000  # of the folder that both sides read
FAILED = "a side failed"
# What holds each library that PyTorch calculates with to an instruction set.
HELD = {
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
}


@dataclass(frozen=True)
class Settings:
    parts: list[str]
    rounds: int
    lengths: list[int]
    steps: int
    epochs: int | None
    batches: list[int]
    kinds: list[str]
    cpu: str

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        epochs = environment.get("EPOCHS")
        settings = cls(
            parts=environment.get("PARTS", "step load study").split(),
            rounds=int(environment.get("ROUNDS", "3")),
            lengths=[int(length) for length in environment.get("LENGTHS", "1000 5000").split()],
            steps=int(environment.get("STEPS", "10")),
            epochs=int(epochs) if epochs else None,
            batches=[int(batch) for batch in environment.get("BATCHES", "64 256").split()],
            kinds=environment.get("KINDS", "").split(),
            cpu=environment.get("CPU", ""),
        )
        unknown = set(settings.parts) - set(PARTS)
        if unknown:
            sys.exit(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
        if settings.cpu not in {"", *HELD}:
            sys.exit(f"CPU={settings.cpu}: both sides can be held to {', '.join(HELD)}")
        if min(settings.rounds, settings.steps, *settings.lengths, *settings.batches, settings.epochs or 1) < 1:
            sys.exit("ROUNDS, STEPS, LENGTHS, BATCHES and EPOCHS start at 1")
        return settings

    @property
    def is_trial(self) -> bool:
        some = bool(self.kinds) and "step" in self.parts
        return self.rounds < 3 or self.steps < 10 or self.epochs is not None or some


@dataclass
class Part:
    """What a part found: its table with a line of introduction, and what each side gave."""

    title: str
    text: str
    packages: tuple[str, ...]
    sides: list[Measured | Failed]


def python(script: str, *arguments: object) -> list[str]:
    return [sys.executable, str(HERE / script), *map(str, arguments)]


def ecgraft(*arguments: object) -> list[str]:
    return [str(ECGRAFT), *map(str, arguments)]


def architectures() -> list[tuple[str, str]]:
    """Name and description of every kind."""
    # One row a kind, the name first; continued lines are indented further.
    return re.findall(r"^ ?(\w+) {2,}(.*)", call(ecgraft("architectures")).stdout, re.MULTILINE)[1:]


def step(settings: Settings) -> Part:
    """A training step and an inference of every architecture."""
    rows = architectures()
    kinds = [kind for kind, about in rows if not about.startswith("not in this build")]
    later = [kind for kind, about in rows if about.startswith("not in this build")]
    try:
        peers = call(python("torch_bench.py", "--list")).stdout.split()
    except Failed:
        peers = kinds  # each will say what is wrong

    keys = ["train_samples_per_s", "infer_samples_per_s", "peak_memory_mb"]

    def bench(command: list[str], arch: str, length: int) -> Numbers:
        options = ["--batch", BATCH, "--channels", LEADS, "--length", length, "--threads", cores(), "--device", "cpu"]
        line = pairs(call([*command, arch, *map(str, options), "--steps", str(settings.steps)]).stdout)
        return {key: float(line[key]) for key in ("parameters", *keys)}

    lines: list[list[str]] = []
    given: list[Measured | Failed] = []
    for arch in settings.kinds or kinds:
        for length in settings.lengths:
            what = f"{arch}, {LEADS} x {length}"
            sides: dict[str, Side] = {"ecgraft": partial(bench, ecgraft("bench"), arch, length)}
            if arch in peers:
                sides["PyTorch"] = partial(bench, python("torch_bench.py"), arch, length)
            found = in_turn(what, sides, settings.rounds)
            ours, theirs = found["ecgraft"], same_network(found)
            given.append(ours)
            lines.append([what, "ecgraft", *cells(ours, keys)])
            if theirs is None:
                lines.append(["", "PyTorch", "no peer", "", ""])
            else:
                given.append(theirs)
                better = [ratio(ours, theirs, key, less=key == "peak_memory_mb") for key in keys]
                lines.append(["", "PyTorch", *cells(theirs, keys)])
                lines.append(["", "ratio", *better])
    header = ["network, input", "", "training, samples/s", "inference, samples/s", "peak memory, MB"]
    text = (
        f"Batch {BATCH}, {cores()} threads, f32: forward, cross entropy, backward and Adam; inference without "
        f"gradients. Medians of {settings.steps} steps. Peak memory is that of the process, libraries included.\n\n"
        + table(header, lines)
        + (f"\nNot in this build of ecgraft: {', '.join(later)}.\n" if later else "")
    )
    return Part("Training step and inference", text, ("torch",), given)


def same_network(found: Mapping[str, Measured | Failed]) -> Measured | Failed | None:
    """PyTorch's side, if there is one; it has failed where its network has another size."""
    ours, theirs = found["ecgraft"], found.get("PyTorch")
    if theirs is None or isinstance(ours, Failed) or isinstance(theirs, Failed):
        return theirs
    sizes = [side["parameters"].median for side in (ours, theirs)]
    return theirs if sizes[0] == sizes[1] else Failed(f"its network has {sizes[1]:.0f} parameters, not {sizes[0]:.0f}")


def load(settings: Settings) -> Part:
    """Records of a folder in PTB-XL's layout to mV."""
    folder = WORK / f"records-{RECORDS}"
    if not folder.exists():
        call(ecgraft("simulate", folder, "--records", RECORDS))

    def speeds(command: list[str]) -> Numbers:
        """records/s by folder and what was done, from the lines that both benchmarks print."""
        found, signals = {}, ""
        for line in call(command).stdout.splitlines():
            if section := re.match(r"(records\d+):", line):
                signals = section[1]
            elif timed := re.match(r"\s+(decoded to mV.*?)\s+[\d.]+ ms\s+([\d.]+) records/s", line):
                found[f"{signals}, {timed[1]}"] = float(timed[2])
        if not found:
            raise Failed("no measurements in what it printed")
        return found

    cargo = os.environ.get("CARGO", "cargo")
    sides: dict[str, Side] = {
        "ecgraft": partial(speeds, [cargo, "bench", "--quiet", "--locked", "--bench", "load", "--", str(folder)]),
        "wfdb-python": partial(speeds, python("load_wfdb.py", folder, cores())),
    }
    found = in_turn("load", sides, settings.rounds)
    ours, theirs = found["ecgraft"], found["wfdb-python"]
    lines = []
    for signals, rate in [("records100", "100 Hz"), ("records500", "500 Hz")]:
        key = f"{signals}, decoded to mV"
        lines.append([rate, f"ecgraft, {cores()} threads", *cells(ours, [key]), ""])
        for processes in ("1 process", f"{cores()} processes"):
            of_peer = f"{key}, {processes}"
            better = ratio(ours, theirs, key, of_peer)
            lines.append(["", f"wfdb-python, {processes}", *cells(theirs, [of_peer]), better])
    text = (
        f"{RECORDS:,} records of 12 leads and 10 s, to mV, from the system's file cache; of each turn the best of five."
        "\n\n" + table(["signals", "", "records/s", "ecgraft's ratio"], lines)
    )
    return Part("Decoding records", text, ("wfdb", "numpy"), list(found.values()))


def study(settings: Settings) -> Part:
    """The whole of study.toml."""
    manifest = HERE / "study.toml"
    if settings.epochs is not None:
        text = manifest.read_text().replace("../../", f"{ROOT}/")
        manifest = WORK / "study.toml"
        manifest.write_text(re.sub(r"^epochs = \d+$", f"epochs = {settings.epochs}", text, flags=re.MULTILINE))

    def ours() -> Numbers:
        with tempfile.TemporaryDirectory() as results:
            done = call(ecgraft("run", manifest, "--results", results, "--threads", cores(), "--device", "cpu"))
            loaded = re.search(r"source ptbxl: \d+ records, ([\d.]+) s", done.stderr)
            trained = re.search(r"(\d+) of (\d+) stages done", done.stderr)
            if not loaded or not trained or trained[1] != trained[2]:
                raise Failed("not every stage is done")
            query = "SELECT avg(test_macro_auc) AS auc FROM runs"
            answer = call(ecgraft("query", query, "--format", "csv", "--results", results)).stdout
        (row,) = csv.DictReader(io.StringIO(answer))
        return {
            "seconds": done.seconds,
            "load_seconds": float(loaded[1]),
            "trainings": int(trained[1]),
            "test_macro_auc": float(row["auc"]),
            "peak_memory_mb": done.peak_memory_mb,
        }

    def script(*options: str) -> Numbers:
        done = call(python("torch_study.py", manifest, "--threads", cores(), *options))
        line = pairs(done.stdout)
        taken = {key: float(line[key]) for key in ("load_seconds", "trainings", "test_macro_auc")}
        return {"seconds": done.seconds, "peak_memory_mb": done.peak_memory_mb, **taken}

    sides: dict[str, Side] = {
        "ecgraft": ours,
        "PyTorch, careful script": partial(script, "--share"),
        "PyTorch, copied scripts": script,
    }
    found = in_turn("study", sides, settings.rounds)
    keys = ["seconds", "load_seconds", "trainings", "peak_memory_mb", "test_macro_auc"]
    lines = []
    for name, side in found.items():
        against = "" if name == "ecgraft" else ratio(found["ecgraft"], side, "seconds", less=True)
        lines.append([name, *cells(side, keys), against])
    header = ["", "seconds", "reading", "trainings", "peak memory, MB", "mean test macro AUC", "ecgraft's ratio"]
    text = (
        f"[`study.toml`](peer/study.toml) from the raw records to the last test, {cores()} cores: `ecgraft run` with "
        "an empty results folder, and [`torch_study.py`](peer/torch_study.py), whose trainings are as long, on as many "
        "records. The careful script (`--share`) trains no regression network twice and runs a backbone that holds "
        "still once; copied scripts train the regressions of each trial anew.\n\n" + table(header, lines)
    )
    return Part("A whole study", text, ("torch", "wfdb", "pandas", "scipy"), list(found.values()))


def on_gpu(settings: Settings) -> Part:
    """As `step`, on a GPU."""
    kinds = settings.kinds or [kind for kind, _ in architectures()]
    text, given = gpu.compare(
        ecgraft("bench"), python("torch_bench.py"), kinds, settings.batches, settings.lengths, settings.steps, settings.rounds
    )
    return Part("Training step and inference on a GPU", f"{text}\n{gpu.gpu()}.", ("torch",), given)


PARTS = {"step": step, "load": load, "study": study, "gpu": on_gpu}


def measured(name: str, settings: Settings) -> tuple[Section, list[str]]:
    """The section of one part, and what speaks against it."""
    try:
        part = PARTS[name](settings)
    except Failed as error:
        print(f"{name} failed: {error}", file=sys.stderr)
        return Section(name, f"failed: {error}"), [FAILED]
    turns = "one turn" if settings.rounds == 1 else f"medians of {settings.rounds} turns (lowest to highest)"
    origin = (
        f"In turn, {turns}, {datetime.date.today()}. {machine()}; {call(ecgraft('--version')).stdout.strip()}, "
        f"{versions(*part.packages)}."
    )
    against = [FAILED] if any(isinstance(side, Failed) for side in part.sides) else []
    if others := disturbed(part.sides):
        against.append(f"other processes took up to {others:.1f} cores")
        origin += f" Not for comparison: {against[-1]} meanwhile."
    title = f"{part.title}, {settings.cpu} alone" if settings.cpu else part.title
    return Section(title, f"{part.text}\n{origin}"), against


def main() -> int:
    settings = Settings.of(os.environ)
    if settings.cpu:
        os.environ.update(HELD[settings.cpu], ECGRAFT_CPU=settings.cpu)
    WORK.mkdir(parents=True, exist_ok=True)
    found = [measured(name, settings) for name in PARTS if name in settings.parts]
    text = "\n".join(str(section) for section, _ in found)
    (WORK / "measurements.md").write_text(text)
    print(text)
    against = [reason for _, reasons in found for reason in reasons]
    if settings.is_trial:
        against.append("this was a trial")
    if against:
        print(f"{README.relative_to(ROOT)} is as it was: {'; '.join(dict.fromkeys(against))}", file=sys.stderr)
    else:
        README.write_text(refresh(README.read_text(), [section for section, _ in found]))
    return 1 if FAILED in against else 0


if __name__ == "__main__":
    sys.exit(main())
