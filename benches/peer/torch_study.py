#!/usr/bin/env python3
"""A regression-then-transfer study as one writes it in PyTorch: the peer of `ecgraft run`.

    torch_study.py study.toml            # each trial trains its own regression networks, as copied scripts do
    torch_study.py study.toml --share    # a careful script: each regression network is trained once, and a backbone
                                         # that holds still is run once, not once an epoch

Reads the manifest's keys that study.toml uses: one ptb-xl source, one mix, one inception1d, Adam at a constant rate,
single labels, no early stopping. Records stay in memory. Prints one line.
"""
import argparse
import ast
import copy
import fnmatch
import os
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import wfdb
from scipy.signal import butter, sosfiltfilt
from scipy.stats import mannwhitneyu
from torch import Tensor, nn

from torch_bench import peak_memory_mb
from torch_nets import Inception1d, Network

FEATURES = {"pr": "PR_Int_Global", "qt": "QT_Int_Global", "qrs": "QRS_Dur_Global"}
INFERENCE_BATCH = 64


@dataclass
class Split:
    """Signals (records, leads, samples), and a number or a class of each."""

    x: Tensor
    y: Tensor


@dataclass
class Task:
    train: Split
    validation: Split
    test: Split


# Signals, or pooled features, to outputs.
Forward = Callable[[Tensor], Tensor]


def read_table(source: dict, classes: list[str], folder: Path) -> pd.DataFrame:
    """One row per record: patient, fold, file, the four targets, and the class where there is exactly one."""
    root = folder / source["path"]
    table = pd.read_csv(root / "ptbxl_database.csv", index_col="ecg_id")
    statements = pd.read_csv(root / "scp_statements.csv", index_col=0)
    superclass = statements.loc[statements.diagnostic == 1, "diagnostic_class"]

    def single_class(codes: str) -> float:
        found = {superclass[code] for code in ast.literal_eval(codes) if code in superclass.index}
        return classes.index(found.pop()) if len(found) == 1 and found <= set(classes) else np.nan

    table["label"] = table.scp_codes.map(single_class)
    features = pd.read_csv(folder / source["features"], index_col="ecg_id").reindex(table.index)
    features = features.where(features > 0)
    table["hr"] = 60_000 / features["RR_Mean_Global"]
    for target, column in FEATURES.items():
        table[target] = features[column]
    table["file"] = [root / name for name in table.filename_lr]
    return table


def read_signal(file: Path, signal: dict) -> np.ndarray:
    """(leads, samples): band-pass without delay, then each lead to mean 0 and standard deviation 1."""
    values, header = wfdb.rdsamp(str(file))
    x = values[:, [header["sig_name"].index(lead) for lead in signal["leads"]]].T
    x = sosfiltfilt(butter(3, signal["bandpass"], "bandpass", fs=header["fs"], output="sos"), x)
    x = x[:, : round(signal["duration"] * signal["sampling_rate"])]
    return ((x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)).astype(np.float32)


def macro_auc(logits: Tensor, truth: Tensor) -> float:
    """Mean area under the ROC curve of the classes that some records have and some have not."""
    probabilities = torch.softmax(logits, 1).cpu().numpy()
    areas = []
    for column, of_class in enumerate(probabilities.T):
        positive = truth.cpu().numpy() == column
        if positive.any() and not positive.all():
            wins = mannwhitneyu(of_class[positive], of_class[~positive]).statistic
            areas.append(wins / (positive.sum() * (~positive).sum()))
    return float(np.mean(areas))


def hold(network: Network, steps: Sequence[dict], epoch: int) -> bool:
    """Freezes the blocks that `epoch` asks for, batch-norm statistics included; whether those are all."""
    patterns: list[str] = []
    end = 0.0
    for step in steps:
        end += step.get("epochs", float("inf"))
        if epoch < end:
            patterns = step["blocks"]
            break
    network.train()
    moving = 0
    for backbone in network.backbones:
        for number, stage in enumerate(backbone.stages, start=1):
            frozen = any(fnmatch.fnmatch(f"block{number}", pattern) for pattern in patterns)
            stage.requires_grad_(not frozen).train(not frozen)
            moving += not frozen
    return moving == 0


@torch.no_grad()
def predict(forward: Forward, x: Tensor) -> Tensor:
    return torch.cat([forward(batch) for batch in x.split(INFERENCE_BATCH)])


@dataclass
class Trainer:
    """Trains networks, and counts."""

    share: bool
    trainings: int = 0
    steps: int = 0

    def fit(
        self,
        network: Network,
        task: Task,
        settings: dict,
        loss: nn.Module,
        score: Callable[[Tensor, Tensor], float],
        freeze: Sequence[dict] = (),
    ) -> Network:
        """Trains for all epochs; the network of the one with the best validation score is kept."""
        self.trainings += 1
        optimizer = torch.optim.Adam(network.parameters(), lr=settings["optimizer"]["learning_rate"])
        best, best_weights = -float("inf"), network.state_dict()
        pooled: list[Tensor] | None = None
        for epoch in range(settings["epochs"]):
            inputs = [task.train.x, task.validation.x]
            forward: Forward = network
            if hold(network, freeze, epoch) and self.share:
                if pooled is None:
                    pooled = [predict(network.features, x) for x in inputs]
                inputs, forward = pooled, network.head
            for batch in torch.randperm(len(inputs[0])).split(settings["batch_size"]):
                optimizer.zero_grad()
                loss(forward(inputs[0][batch]), task.train.y[batch]).backward()
                optimizer.step()
                self.steps += 1
            network.eval()
            reached = score(predict(forward, inputs[1]), task.validation.y)
            if reached > best:
                best, best_weights = reached, copy.deepcopy(network.state_dict())
        network.load_state_dict(best_weights)
        return network.eval()


@dataclass
class Study:
    manifest: dict
    table: pd.DataFrame
    signals: Tensor
    trainer: Trainer
    regressions: dict[tuple[str, int], Network] = field(default_factory=dict)

    def backbone(self) -> Inception1d:
        (settings,) = self.manifest["architectures"].values()
        sizes = {key: settings[key] for key in ("depth", "filters", "kernel", "bottleneck")}
        return Inception1d(len(self.manifest["signal"]["leads"]), **sizes)

    def in_folds(self, folds: list[int]) -> np.ndarray:
        return self.table.strat_fold.isin(folds).to_numpy()

    def split(self, rows: np.ndarray, y: Tensor) -> Split:
        return Split(self.signals[rows], y)

    def regression_task(self, target: str, seed: int) -> Task:
        """The mix's records with a known target, split by patient; targets standardised."""
        settings = self.manifest["regression"]
        (mix,) = self.manifest["mixes"].values()
        known = np.flatnonzero(self.in_folds(mix["parts"][0]["folds"]) & self.table[target].notna().to_numpy())
        patients = self.table.patient_id.to_numpy()
        rows: dict[str, list[int]] = {"validation": [], "test": [], "train": []}
        room = {
            "validation": settings["validation_share"] * len(known),
            "test": settings["test_share"] * len(known),
            "train": float("inf"),
        }
        for patient in np.random.default_rng(seed).permutation(np.unique(patients[known])):
            place = next(name for name in rows if len(rows[name]) + 0.5 <= room[name])
            rows[place].extend(known[patients[known] == patient])
        values = self.table[target].to_numpy()
        mean, sd = values[rows["train"]].mean(), values[rows["train"]].std()

        def standardised(name: str) -> Split:
            y = torch.tensor((values[rows[name]] - mean) / sd, dtype=torch.float32).unsqueeze(1)
            return self.split(np.array(rows[name]), y.to(self.signals.device))

        return Task(standardised("train"), standardised("validation"), standardised("test"))

    def regression(self, target: str, seed: int) -> Network:
        task = self.regression_task(target, seed)
        network = Network([self.backbone()], 1).to(self.signals.device)
        loss = nn.L1Loss()
        network = self.trainer.fit(
            network, task, self.manifest["regression"], loss, lambda output, truth: -loss(output, truth).item()
        )
        for measured in (task.validation, task.test):
            loss(predict(network, measured.x), measured.y)
        return network

    def donor(self, target: str, seed: int) -> Network:
        if not self.trainer.share:
            return self.regression(target, seed)
        if (target, seed) not in self.regressions:
            self.regressions[target, seed] = self.regression(target, seed)
        return self.regressions[target, seed]

    def transfer(self, donors: list[Network], freeze: Sequence[dict]) -> float:
        """Test macro AUC of a classifier on copies of the donors' backbones, or on a fresh one."""
        settings = self.manifest["transfer"]
        labelled = self.table.label.notna().to_numpy()

        def of_folds(name: str) -> Split:
            rows = np.flatnonzero(self.in_folds(settings[f"{name}_folds"]) & labelled)
            y = torch.tensor(self.table.label.to_numpy()[rows], dtype=torch.long)
            return self.split(rows, y.to(self.signals.device))

        task = Task(of_folds("train"), of_folds("validation"), of_folds("test"))
        backbones = [copy.deepcopy(donor.backbones[0]) for donor in donors] or [self.backbone()]
        network = Network(backbones, len(settings["classes"])).to(self.signals.device)
        network = self.trainer.fit(network, task, settings, nn.CrossEntropyLoss(), macro_auc, freeze)
        macro_auc(predict(network, task.validation.x), task.validation.y)
        return macro_auc(predict(network, task.test.x), task.test.y)

    def trials(self) -> list[float]:
        """Test macro AUC of every trial."""
        trials = self.manifest["trials"]
        areas = []
        for seed in trials["seed"]:
            torch.manual_seed(seed)
            for graft in trials["from"]:
                for name in trials["freeze"]:
                    donors = [self.donor(target, seed) for target in graft]
                    areas.append(self.transfer(donors, self.manifest["freezes"][name]["steps"]))
            areas.append(self.transfer([], []))
        return areas


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--share", action="store_true", help="train and run nothing twice")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads of the CPU")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    start = time.perf_counter()
    manifest = tomllib.loads(options.manifest.read_text())
    (source,) = manifest["sources"].values()
    table = read_table(source, manifest["transfer"]["classes"], options.manifest.parent)
    signals = torch.from_numpy(np.stack([read_signal(file, manifest["signal"]) for file in table.file]))
    loaded = time.perf_counter() - start

    trainer = Trainer(options.share)
    areas = Study(manifest, table, signals.to(options.device), trainer).trials()
    print(
        f"peer=torch-{torch.__version__.split('+')[0]} mode={'share' if options.share else 'copies'} "
        f"device={options.device} threads={options.threads} seconds={time.perf_counter() - start:.1f} "
        f"load_seconds={loaded:.1f} trainings={trainer.trainings} steps={trainer.steps} trials={len(areas)} "
        f"test_macro_auc={np.mean(areas):.3f} peak_memory_mb={peak_memory_mb(torch.device('cpu'))}"
    )


if __name__ == "__main__":
    main()
