"""Measurements as Markdown, and their place in benches/README.md."""
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from turns import ROOT, Failed, Measured, Spread

README = ROOT / "benches/README.md"
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->"
HEADING = "### "


@dataclass
class Section:
    title: str
    text: str

    def __str__(self) -> str:
        return f"{HEADING}{self.title}\n\n{self.text.strip()}\n"


def cores() -> int:
    return len(os.sched_getaffinity(0))


def machine() -> str:
    """Processor, cores in use, memory and system."""
    model = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    name = model[1] if model else platform.machine()
    size = f", {int(memory[1]) / 2**20:.0f} GiB" if memory else ""
    return f"{cores()} cores of {name}{size}, {platform.system()} {platform.release().split('-')[0]}"


def versions(*packages: str) -> str:
    """The packages' versions and Python's."""

    def told(package: str) -> str:
        try:
            return f"{package} {version(package)}"
        except PackageNotFoundError:
            return f"no {package}"

    return ", ".join([*map(told, packages), f"Python {platform.python_version()}"])


def number(value: float) -> str:
    """Three digits that count; all of a whole number."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.{1 if value >= 10 else 2 if value >= 1 else 3}f}"


def cell(spread: Spread) -> str:
    if spread.low == spread.high:
        return number(spread.median)
    return f"{number(spread.median)} ({number(spread.low)} to {number(spread.high)})"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def cells(found: Measured | Failed, keys: Sequence[str]) -> list[str]:
    """One cell for each of `keys`; of a side that failed the error, in the first."""
    if isinstance(found, Failed):
        return [f"failed: {found}".replace("|", "\\|"), *[""] * (len(keys) - 1)]
    return [cell(found[key]) for key in keys]


def ratio(ours: Measured | Failed, theirs: Measured | Failed, key: str, of_peer: str = "", less: bool = False) -> str:
    """How many times better ours is: more of `key`, or `less`. Empty where a side failed.

    `of_peer` is the peer's key where it has another name for it.
    """
    if isinstance(ours, Failed) or isinstance(theirs, Failed):
        return ""
    times = ours[key].median / theirs[of_peer or key].median
    if less:
        times = 1 / times
    return f"**{times:.{2 if times < 1 else 1 if times < 10 else 0}f}x**"


def refresh(readme: str, sections: Sequence[Section]) -> str:
    """The README with `sections` between the markers; those of other titles stay."""
    before, rest = readme.split(BEGIN)
    old, after = rest.split(END)
    parts = re.split(rf"^{HEADING}", old, flags=re.MULTILINE)[1:]
    kept = {title: Section(title, text) for title, text in (part.split("\n", 1) for part in parts)}
    kept.update({section.title: section for section in sections})
    return before + BEGIN + "\n" + "\n".join(map(str, kept.values())) + "\n" + END + after
