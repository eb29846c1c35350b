"""ecgraft's architectures, at its defaults, in PyTorch.

A backbone takes (batch, leads, samples) to (batch, `width`, samples or fewer) through its `stages`: the blocks that
manifests call block1, block2 ... (recurrent layers are one module). A `Network` is one backbone or several under a
head. To add an architecture, write a function like `cnn` and list it in `ARCHITECTURES`.
"""
import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


def conv(inputs: int, outputs: int, taps: int) -> nn.Conv1d:
    """A convolution that keeps the length; batch norm follows, so it has no bias."""
    return nn.Conv1d(inputs, outputs, taps, padding=taps // 2, bias=False)


class Network(nn.Module):
    """Backbones, their pooled features side by side, and a head."""

    def __init__(self, backbones: Sequence[nn.Module], outputs: int, hidden: int = 128, dropout: float = 0.5):
        super().__init__()
        self.backbones = nn.ModuleList(backbones)
        features = 2 * sum(backbone.width for backbone in backbones)
        self.head = nn.Sequential(
            nn.BatchNorm1d(features),
            nn.Dropout(dropout / 2),
            nn.Linear(features, hidden),
            nn.ReLU(inplace=True),
            nn.BatchNorm1d(hidden),
            nn.Dropout(dropout),
            nn.Linear(hidden, outputs),
        )

    def features(self, x: Tensor) -> Tensor:
        """Maximum and mean over time of each channel of each backbone."""
        maps = [backbone(x) for backbone in self.backbones]
        return torch.cat([pooled for y in maps for pooled in (y.amax(-1), y.mean(-1))], 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


class Cnn(nn.Module):
    """Blocks of convolution, batch norm, ReLU and max pooling by 2."""

    def __init__(self, leads: int, channels: Sequence[int] = (32, 64, 128), kernels: Sequence[int] = (7, 5, 3)):
        super().__init__()
        self.width = channels[-1]
        self.stages = nn.Sequential()
        for (inputs, outputs), taps in zip(pairwise([leads, *channels]), kernels, strict=True):
            block = [conv(inputs, outputs, taps), nn.BatchNorm1d(outputs), nn.ReLU(inplace=True), nn.MaxPool1d(2)]
            self.stages.append(nn.Sequential(*block))

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(x)


class InceptionBlock(nn.Module):
    """Three convolutions of a bottleneck beside a max pool; where told, a shortcut from three blocks before."""

    def __init__(self, inputs: int, filters: int, kernel: int, bottleneck: int, shortcut_from: int | None):
        super().__init__()
        width = 4 * filters
        taps = [kernel // part - (1 - kernel // part % 2) for part in (1, 2, 4)]
        self.bottleneck = conv(inputs, bottleneck, 1)
        self.branches = nn.ModuleList(conv(bottleneck, filters, odd) for odd in taps)
        self.pooled = nn.Sequential(nn.MaxPool1d(3, stride=1, padding=1), conv(inputs, filters, 1))
        self.norm = nn.BatchNorm1d(width)
        self.shortcut = None
        if shortcut_from is not None:
            self.shortcut = nn.Sequential(conv(shortcut_from, width, 1), nn.BatchNorm1d(width))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
        narrow = self.bottleneck(x)
        joined = torch.cat([*(branch(narrow) for branch in self.branches), self.pooled(x)], 1)
        x = self.relu(self.norm(joined))
        if self.shortcut is None:
            return x, residual
        x = self.relu(x + self.shortcut(residual))
        return x, x


class Inception1d(nn.Module):
    """InceptionTime (Ismail Fawaz 2020) as used on PTB-XL (Strodthoff 2021)."""

    def __init__(self, leads: int, depth: int = 6, filters: int = 32, kernel: int = 40, bottleneck: int = 32):
        super().__init__()
        self.width = 4 * filters
        self.stages = nn.ModuleList()
        for number in range(depth):
            inputs = leads if number == 0 else self.width
            shortcut_from = (leads if number == 2 else self.width) if number % 3 == 2 else None
            self.stages.append(InceptionBlock(inputs, filters, kernel, bottleneck, shortcut_from))

    def forward(self, x: Tensor) -> Tensor:
        residual = x
        for stage in self.stages:
            x, residual = stage(x, residual)
        return x


class ConvNorm(nn.Sequential):
    """A convolution and its batch norm; with a stride, one output for each `stride` samples."""

    def __init__(self, inputs: int, outputs: int, taps: int, stride: int = 1, relu: bool = True):
        layers = [nn.Conv1d(inputs, outputs, taps, stride, taps // 2, bias=False), nn.BatchNorm1d(outputs)]
        super().__init__(*layers, *([nn.ReLU(inplace=True)] if relu else []))


class Residual(nn.Module):
    """Convolutions beside a shortcut: the input itself, or what it gives in some layers."""

    def __init__(self, convs: Sequence[nn.Module], shortcut: Sequence[nn.Module] = ()):
        super().__init__()
        self.convs = nn.Sequential(*convs)
        self.shortcut = nn.Sequential(*shortcut)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.convs(x) + self.shortcut(x))


class Resnet1d(nn.Module):
    """Wang 2017 as used on PTB-XL (Strodthoff 2021)."""

    def __init__(
        self, leads: int, width: int = 128, blocks: int = 3, kernels: Sequence[int] = (5, 3), stem_kernel: int = 7
    ):
        super().__init__()
        self.width = width
        self.stages = nn.Sequential(ConvNorm(leads, width, stem_kernel))
        for number in range(blocks):
            stride = 2 if number else 1
            convs = [ConvNorm(width, width, kernels[0], stride), ConvNorm(width, width, kernels[1], relu=False)]
            shortcut = [ConvNorm(width, width, 1, stride, relu=False)] if number else []
            self.stages.append(Residual(convs, shortcut))

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(x)


class Xresnet1d(nn.Module):
    """XResNet (He 2019) as used on PTB-XL (Strodthoff 2021), with bottlenecks; all stages are of one width."""

    def __init__(self, leads: int, stages: Sequence[int] = (3, 4, 23, 3), kernel: int = 5, width: int = 64):
        super().__init__()
        self.width = 4 * width
        sizes = [leads, width // 2, width // 2, width]
        stem = [ConvNorm(i, o, kernel, 1 if n else 2) for n, (i, o) in enumerate(pairwise(sizes))]
        self.stages = nn.Sequential(nn.Sequential(*stem, nn.MaxPool1d(3, stride=2, padding=1)))
        inputs = width
        for stage, blocks in enumerate(stages):
            made = []
            for block in range(blocks):
                stride = 2 if stage and not block else 1
                convs = [
                    ConvNorm(inputs, width, 1),
                    ConvNorm(width, width, kernel, stride),
                    ConvNorm(width, self.width, 1, relu=False),
                ]
                shortcut: list[nn.Module] = [nn.AvgPool1d(2, ceil_mode=True)] if stride > 1 else []
                if inputs != self.width:
                    shortcut.append(ConvNorm(inputs, self.width, 1, relu=False))
                made.append(Residual(convs, shortcut))
                inputs = self.width
            self.stages.append(nn.Sequential(*made))
        self.start()

    def start(self) -> None:
        """He's normal weights; a residual block does at first what its shortcut does."""
        for module in self.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.kaiming_normal_(module.weight)
            elif isinstance(module, Residual):
                nn.init.zeros_(module.convs[-1][1].weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(x)


class Vit(nn.Module):
    """Patches through a pre-norm transformer encoder, without a class token."""

    def __init__(self, leads: int, length: int, patch: int = 50, dim: int = 128, depth: int = 6, heads: int = 8):
        super().__init__()
        self.width = dim
        self.patches = nn.Conv1d(leads, dim, patch, stride=patch)
        self.positions = nn.Parameter(torch.randn(1, length // patch, dim) * 0.02)
        self.stages = nn.Sequential()
        for _ in range(depth):
            settings = {"dropout": 0.1, "activation": "gelu", "batch_first": True, "norm_first": True}
            self.stages.append(nn.TransformerEncoderLayer(dim, heads, 4 * dim, **settings))
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).transpose(1, 2) + self.positions
        return self.norm(self.stages(x)).transpose(1, 2)


class Recurrent(nn.Module):
    """Recurrent layers, `nn.RNN`, `nn.LSTM` or `nn.GRU`: one module for all, which is its fast path."""

    def __init__(self, layers: type[nn.RNNBase], leads: int, hidden: int = 256, depth: int = 2):
        super().__init__()
        self.width = hidden
        self.rnn = layers(leads, hidden, num_layers=depth, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.rnn(x.transpose(1, 2))[0].transpose(1, 2)


class StateSpace(nn.Module):
    """A diagonal state space of each channel in both directions (S4D: Gu 2022), as one long convolution by `torch.fft`.

    The kernels are made in one product of all powers, as the authors' minimal module makes them.
    """

    def __init__(self, width: int, states: int, dt: tuple[float, float] = (0.001, 0.1)):
        super().__init__()
        low, high = (math.log(step) for step in dt)
        self.log_dt = nn.Parameter(torch.rand(width) * (high - low) + low)
        self.log_a_real = nn.Parameter(torch.full((width, states), math.log(0.5)))
        self.a_imag = nn.Parameter((math.pi * torch.arange(states)).repeat(width, 1))
        self.c = nn.Parameter(torch.randn(2, width, states, 2) * math.sqrt(0.5))
        self.d = nn.Parameter(torch.randn(width))

    def kernels(self, length: int) -> Tensor:
        """(directions, channels, length)."""
        poles = torch.complex(-self.log_a_real.exp(), self.a_imag)
        steps = poles * self.log_dt.exp()[:, None]
        weights = torch.view_as_complex(self.c) * (steps.exp() - 1) / poles
        powers = torch.exp(steps[..., None] * torch.arange(length, device=steps.device))
        return 2 * torch.einsum("dcn,cnl->dcl", weights, powers).real

    def forward(self, x: Tensor) -> Tensor:
        length = x.shape[-1]
        forth, back = self.kernels(length)
        kernel = nn.functional.pad(forth, (0, length)) + nn.functional.pad(back.flip(-1), (length, 0))
        spectrum = torch.fft.rfft(x, n=2 * length) * torch.fft.rfft(kernel)
        return torch.fft.irfft(spectrum, n=2 * length)[..., :length] + self.d[:, None] * x


class S4Block(nn.Module):
    """A state space, GELU, a linear layer with a gate, and a layer norm behind the sum."""

    def __init__(self, width: int, states: int, dropout: float):
        super().__init__()
        self.space = StateSpace(width, states)
        self.dropout = nn.Dropout1d(dropout)
        self.output = nn.Sequential(nn.Conv1d(width, 2 * width, 1), nn.GLU(dim=1))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.output(self.dropout(nn.functional.gelu(self.space(x))))
        return self.norm((x + self.dropout(y)).transpose(1, 2)).transpose(1, 2)


class S4(nn.Module):
    """Mehari and Strodthoff 2022, at ecgraft's default sizes."""

    def __init__(self, leads: int, width: int = 128, depth: int = 4, state: int = 64, dropout: float = 0.2):
        super().__init__()
        self.width = width
        self.stages = nn.Sequential(nn.Conv1d(leads, width, 1))
        for _ in range(depth):
            self.stages.append(S4Block(width, state // 2, dropout))

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(x)


class Fcn(nn.Module):
    """Wang, Yan and Oates 2017: convolution, batch norm and ReLU, three times."""

    def __init__(self, leads: int, channels: Sequence[int] = (128, 256, 128), kernels: Sequence[int] = (8, 5, 3)):
        super().__init__()
        self.width = channels[-1]
        self.stages = nn.Sequential()
        for (inputs, outputs), taps in zip(pairwise([leads, *channels]), kernels, strict=True):
            own = conv(inputs, outputs, taps) if taps % 2 else nn.Sequential(same(taps), unpadded(inputs, outputs, taps))
            self.stages.append(nn.Sequential(own, nn.BatchNorm1d(outputs), nn.ReLU(inplace=True)))

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(x)


def same(taps: int) -> nn.Module:
    """Zeros that keep the length, the odd one behind."""
    return nn.ConstantPad1d(((taps - 1) // 2, taps // 2), 0.0)


def unpadded(inputs: int, outputs: int, taps: int) -> nn.Conv1d:
    return nn.Conv1d(inputs, outputs, taps, bias=False)


class Halving(nn.Module):
    """A convolution with stride 2, one output for each two samples, the last for what is left; the odd zero is behind."""

    def __init__(self, inputs: int, outputs: int, taps: int, groups: int = 1):
        super().__init__()
        self.taps = taps
        self.conv = nn.Conv1d(inputs, outputs, taps, stride=2, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        zeros = self.taps - 2 + x.shape[-1] % 2
        return self.conv(nn.functional.pad(x, (zeros // 2, zeros - zeros // 2)))


class Net1dBlock(nn.Module):
    """Hong 2020: a bottleneck with a grouped convolution, squeeze and excitation, and a shortcut without weights."""

    def __init__(self, inputs: int, outputs: int, taps: int, groups: int, halves: bool, first: bool):
        super().__init__()
        self.halves, self.more = halves, outputs - inputs
        grouped = nn.Sequential(same(taps), nn.Conv1d(outputs, outputs, taps, groups=groups, bias=False))
        self.body = nn.Sequential(*([] if first else [nn.BatchNorm1d(inputs), nn.SiLU()]))
        self.body.extend([nn.Conv1d(inputs, outputs, 1, bias=False), nn.BatchNorm1d(outputs), nn.SiLU(inplace=True)])
        self.body.extend([Halving(outputs, outputs, taps, groups) if halves else grouped])
        self.body.extend([nn.BatchNorm1d(outputs), nn.SiLU(inplace=True), nn.Conv1d(outputs, outputs, 1)])
        narrow = outputs // 2
        self.gates = nn.Sequential(nn.Linear(outputs, narrow), nn.SiLU(), nn.Linear(narrow, outputs), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        y = y * self.gates(y.mean(-1))[..., None]
        if self.halves:
            x = nn.functional.max_pool1d(nn.functional.pad(x, (0, 1)), 2)
        if self.more:
            x = nn.functional.pad(x, (0, 0, self.more // 2, self.more - self.more // 2))
        return y + x


class Net1d(nn.Module):
    """Hong 2020, the smallest of the sizes that ECGFounder's authors name, with batch norms."""

    def __init__(
        self, leads: int, channels: Sequence[int] = (16, 32, 32, 80, 80, 256, 256), blocks: int = 2, taps: int = 16
    ):
        super().__init__()
        self.width, inputs = channels[-1], channels[0]
        self.stages = nn.Sequential(
            nn.Sequential(Halving(leads, inputs, taps), nn.BatchNorm1d(inputs), nn.SiLU(inplace=True))
        )
        for stage, outputs in enumerate(channels):
            made = nn.Sequential()
            for block in range(blocks):
                first = stage + block == 0
                made.append(Net1dBlock(inputs, outputs, taps, outputs // 16, block == 0, first))
                inputs = outputs
            self.stages.append(made)

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(x)


def cnn(leads: int, length: int, outputs: int) -> nn.Module:
    return Network([Cnn(leads)], outputs)


def inception1d(leads: int, length: int, outputs: int) -> nn.Module:
    return Network([Inception1d(leads)], outputs)


def resnet1d(leads: int, length: int, outputs: int) -> nn.Module:
    return Network([Resnet1d(leads)], outputs)


def xresnet1d(leads: int, length: int, outputs: int) -> nn.Module:
    network = Network([Xresnet1d(leads)], outputs)
    for layer in network.head:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
    return network


def vit(leads: int, length: int, outputs: int) -> nn.Module:
    return Network([Vit(leads, length)], outputs)


def rnn(leads: int, length: int, outputs: int) -> nn.Module:
    return Network([Recurrent(nn.RNN, leads)], outputs)


def lstm(leads: int, length: int, outputs: int) -> nn.Module:
    return Network([Recurrent(nn.LSTM, leads)], outputs)


def gru(leads: int, length: int, outputs: int) -> nn.Module:
    return Network([Recurrent(nn.GRU, leads)], outputs)


def s4(leads: int, length: int, outputs: int) -> nn.Module:
    return Network([S4(leads)], outputs)


def fcn(leads: int, length: int, outputs: int) -> nn.Module:
    return Network([Fcn(leads)], outputs)


def net1d(leads: int, length: int, outputs: int) -> nn.Module:
    return Network([Net1d(leads)], outputs)


# By ecgraft's names; each is called with leads, samples per lead and outputs.
ARCHITECTURES: dict[str, Callable[[int, int, int], nn.Module]] = {
    "cnn": cnn,
    "inception1d": inception1d,
    "resnet1d": resnet1d,
    "xresnet1d": xresnet1d,
    "vit": vit,
    "rnn": rnn,
    "lstm": lstm,
    "gru": gru,
    "s4": s4,
    "fcn": fcn,
    "net1d": net1d,
}
