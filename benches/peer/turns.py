"""Commands run side by side, in turn, so that whatever else the machine does meets all of them."""
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]

Numbers = dict[str, float]

# Cores that others may take during a turn. Threads that wait for each other, as PyTorch's do, lose far more than that.
QUIET = 0.2


class Failed(Exception):
    """A side that gave no numbers; the text says why."""


@dataclass
class Finished:
    stdout: str
    stderr: str
    seconds: float
    peak_memory_mb: int


def call(command: Sequence[str | Path]) -> Finished:
    """Runs a command in the project's folder and waits for it."""
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        start = time.perf_counter()
        try:
            process = subprocess.Popen(command, cwd=ROOT, stdout=stdout, stderr=stderr)
        except OSError as error:
            raise Failed(f"{command[0]}: {error.strerror}") from None
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output, errors = written(stdout), written(stderr)
    if process.returncode != 0:
        said = [line for line in f"{output}\n{errors}".splitlines() if line.strip()]
        raise Failed(f"exit code {process.returncode}: {said[-1] if said else 'no output'}")
    return Finished(output, errors, seconds, usage.ru_maxrss // 1024)


def written(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def pairs(line: str) -> dict[str, str]:
    """`key=value key=value` as a dictionary."""
    return dict(pair.split("=", 1) for pair in line.split() if "=" in pair)


@dataclass(frozen=True)
class Spread:
    """The median of several turns, the lowest and the highest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))


Side = Callable[[], Numbers]
Measured = dict[str, Spread]


def processor_seconds() -> tuple[float, float]:
    """Seconds of processor time so far: of all processes and the host, and of our children."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    ours = resource.getrusage(resource.RUSAGE_CHILDREN)
    return busy, ours.ru_utime + ours.ru_stime


def watched(side: Side) -> Numbers:
    """What `side` finds, and under `others` the cores that everything else took meanwhile."""
    start, (all_before, ours_before) = time.perf_counter(), processor_seconds()
    numbers = side()
    seconds, (all_after, ours_after) = time.perf_counter() - start, processor_seconds()
    others = (all_after - all_before) - (ours_after - ours_before)
    return {**numbers, "others": max(others, 0.0) / seconds}


def in_turn(what: str, sides: Mapping[str, Side], rounds: int) -> dict[str, Measured | Failed]:
    """Runs every side once a round. A side that fails is told, and takes no further turn.

    Numbers come with `others`, see `watched`.
    """
    turns: dict[str, list[Numbers]] = {name: [] for name in sides}
    failed: dict[str, Failed] = {}
    for number in range(1, rounds + 1):
        for name, side in sides.items():
            if name in failed:
                continue
            print(f"{what}, turn {number} of {rounds}: {name}", file=sys.stderr, flush=True)
            try:
                turns[name].append(watched(side))
            except Failed as error:
                failed[name] = error
                print(f"{what}: {name} failed: {error}", file=sys.stderr, flush=True)
    return {name: failed.get(name) or spreads(turns[name]) for name in sides}


def disturbed(found: Iterable[Measured | Failed]) -> float:
    """The most cores that others took in a turn; 0 where it was quiet."""
    most = max((side["others"].high for side in found if not isinstance(side, Failed)), default=0.0)
    return most if most > QUIET else 0.0


def spreads(turns: Sequence[Numbers]) -> Measured:
    return {key: Spread.of([turn[key] for turn in turns]) for key in turns[0]}
