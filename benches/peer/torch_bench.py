#!/usr/bin/env python3
"""Times a training step and an inference of ecgraft's architectures in PyTorch: the peer of `ecgraft bench`.

    torch_bench.py inception1d --batch 32 --length 1000 --threads 2

Prints one line, as `ecgraft bench` does. `--list` prints the architectures there are.
"""
import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from torch_nets import ARCHITECTURES

CLASSES = 5
WARM_UP = 3


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arch", nargs="?", choices=sorted(ARCHITECTURES), default="inception1d")
    parser.add_argument("--list", action="store_true", help="print the architectures and end")
    parser.add_argument("--batch", type=int, default=32, help="records per step")
    parser.add_argument("--channels", type=int, default=8, help="leads")
    parser.add_argument("--length", type=int, default=1000, help="samples per lead")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads of the CPU")
    parser.add_argument("--steps", type=int, default=10, help="timed steps; the median counts")
    parser.add_argument("--compile", action="store_true", help="the network through torch.compile")
    parser.add_argument("--tf32", action="store_true", help="TF32 convolutions and matrix products on CUDA")
    return parser.parse_args()


def median_seconds(step: Callable[[], object], steps: int, device: torch.device) -> float:
    """Median of `steps` calls, after a few that are not counted."""
    times = []
    for number in range(WARM_UP + steps):
        start = time.perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if number >= WARM_UP:
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def peak_memory_mb(device: torch.device) -> int:
    """The most memory this process has held, on a GPU that of its tensors there."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) // 2**20
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def bench(options: argparse.Namespace) -> str:
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = options.tf32
    torch.backends.cudnn.benchmark = True
    device = torch.device(options.device)

    network = ARCHITECTURES[options.arch](options.channels, options.length, CLASSES).to(device)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    run = torch.compile(network) if options.compile else network
    x = torch.randn(options.batch, options.channels, options.length, device=device)
    y = torch.arange(options.batch, device=device) % CLASSES
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    loss = nn.CrossEntropyLoss()

    def train() -> None:
        optimizer.zero_grad()
        loss(run(x), y).backward()
        optimizer.step()

    step = median_seconds(train, options.steps, device)
    network.eval()
    with torch.inference_mode():
        inference = median_seconds(lambda: run(x), options.steps, device)
    variant = "".join(f"+{name}" for name in ("compile", "tf32") if getattr(options, name))
    return (
        f"peer=torch-{torch.__version__.split('+')[0]}{variant} arch={options.arch} device={options.device} "
        f"threads={options.threads} batch={options.batch} length={options.length} parameters={parameters} "
        f"train_step_ms={step * 1e3:.2f} train_samples_per_s={options.batch / step:.1f} "
        f"infer_samples_per_s={options.batch / inference:.1f} peak_memory_mb={peak_memory_mb(device)}"
    )


if __name__ == "__main__":
    chosen = arguments()
    print("\n".join(ARCHITECTURES) if chosen.list else bench(chosen))
