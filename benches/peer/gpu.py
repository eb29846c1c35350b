"""The training step and the inference of every architecture on a GPU: `make bench-cuda`."""
import re
import subprocess
from collections.abc import Sequence
from functools import partial

from report import cells, ratio, table
from turns import Failed, Measured, Numbers, Side, call, in_turn, pairs

LEADS = 8
KEYS = ["train_samples_per_s", "infer_samples_per_s", "peak_memory_mb"]
PEERS = {"PyTorch eager": [], "PyTorch compiled": ["--compile"]}


def bench(command: Sequence[str], arch: str, batch: int, length: int, steps: int) -> Numbers:
    options = ["--batch", batch, "--channels", LEADS, "--length", length, "--device", "cuda", "--steps", steps]
    line = pairs(call([*command, arch, *map(str, options)]).stdout)
    return {key: float(line[key]) for key in ("parameters", *KEYS)}


def compare(
    ours: Sequence[str], theirs: Sequence[str], kinds: Sequence[str], batches: Sequence[int], lengths: Sequence[int],
    steps: int, rounds: int,
) -> tuple[str, list[Measured | Failed]]:
    """The table, and what each side gave."""
    lines: list[list[str]] = []
    given: list[Measured | Failed] = []
    for arch in kinds:
        for length in lengths:
            for batch in batches:
                what = f"{arch}, {batch} x {LEADS} x {length}"
                sides: dict[str, Side] = {"ecgraft": partial(bench, ours, arch, batch, length, steps)}
                for name, options in PEERS.items():
                    sides[name] = partial(bench, [*theirs, "--tf32", *options], arch, batch, length, steps)
                found = in_turn(what, sides, rounds)
                given.extend(found.values())
                lines.append([what, "ecgraft", *cells(found["ecgraft"], KEYS)])
                for name in PEERS:
                    peer = same_network(found["ecgraft"], found[name])
                    lines.append(["", name, *cells(peer, KEYS)])
                    better = [ratio(found["ecgraft"], peer, key, less=key == "peak_memory_mb") for key in KEYS]
                    lines.append(["", "ratio", *better])
    header = ["network, input", "", "training, samples/s", "inference, samples/s", "peak GPU memory, MB"]
    text = (
        f"TF32 on both sides: forward, cross entropy, backward and Adam; inference without gradients. Medians of {steps} "
        "steps, each waited for. Peak memory is that of tensors on the GPU.\n\n" + table(header, lines)
    )
    return text, given


def same_network(ours: Measured | Failed, theirs: Measured | Failed) -> Measured | Failed:
    """PyTorch's side; it has failed where its network has another size."""
    if isinstance(ours, Failed) or isinstance(theirs, Failed):
        return theirs
    sizes = [side["parameters"].median for side in (ours, theirs)]
    return theirs if sizes[0] == sizes[1] else Failed(f"its network has {sizes[1]:.0f} parameters, not {sizes[0]:.0f}")


def gpu() -> str:
    """The GPU, its driver and the CUDA that the driver takes."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        name, driver = subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()[0].split(", ")
        about = subprocess.run(["nvidia-smi"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError, IndexError, ValueError):
        return "GPU unknown"
    cuda = re.search(r"CUDA Version:\s*([\d.]+)", about)
    return f"{name}, driver {driver}" + (f", CUDA {cuda[1]}" if cuda else "")
