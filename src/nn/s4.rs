//! `s4`: diagonal state spaces in residual blocks (S4D: Gu, Gupta, Goel and Ré 2022, arXiv 2206.11893), on ECGs the best
//! network from scratch of Mehari and Strodthoff 2022 (arXiv 2211.07579), who took a width of 512 and 8 states.
//!
//! A block is norm(x + drop(GLU(W drop(gelu(s(x)))))), s being [`state_space`], or with `prenorm` x + drop(..(s(norm(x)))).
//! Dropout, `layer_dropout`, leaves out channels of a record over all samples; a frozen block drops nothing.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::backbone::{BlockVisitor, FreezeState, Visit};
use super::config::block_names;
use super::layer::{BatchNorm, LayerNorm, Linear};
use super::{Blocks, Config, Cost, HeadConfig, Init, Input, Pass, Role, Signal};
use crate::Result;
use crate::declare::{Faults, Range, Type, count, fraction, table, words};
use crate::ops::Backend;
use crate::ops::layers::gated::gated;
use crate::ops::layers::linear::linear;
use crate::ops::layers::state_space::{Weights, state_space};
use crate::ops::layers::transformer::Dropping;
use crate::tensor::{DeviceStorage, Param, Var};

words! {
    /// Where the poles of a state space are at first: real parts of -1/2, imaginary parts of N / 2 states n from 0 on.
    pub enum Poles as "choice of poles" {
        /// pi n (S4D-Lin)
        Lin = "lin",
        /// (N / pi) (N / (2 n + 1) - 1) (S4D-Inv)
        Inv = "inv",
        /// those of the normal part of HiPPO-LegS (S4D-LegS)
        Legs = "legs",
    }
}

words! {
    /// What normalises in a block.
    pub enum Norm as "norm" {
        /// each sample over its channels
        Layer = "layer",
        /// each channel over the batch
        Batch = "batch",
    }
}

table! {
    /// Residual blocks of diagonal state spaces (S4D), each a convolution as long as the signal, and a gated layer.
    pub struct S4Config {
        /// Number of blocks.
        pub layers: usize = 4 in count(1.0, 64.0);
        /// Channels of each, each with a state space of its own.
        pub width: usize = 128 in count(1.0, 4096.0);
        /// N, the size of a state: N / 2 complex numbers and their conjugates. Even.
        pub state: usize = 64 in count(2.0, 256.0);
        /// State spaces also go from the last sample to the first, with weights `C` of their own.
        pub bidirectional: bool = true;
        /// Where the poles are at first.
        pub poles: Poles = "lin";
        /// The shortest step of a state space, of a unit of its own for each sample; steps are drawn between it and `dt_max`,
        /// their logarithms uniformly. A step of 1 / n sees about n samples.
        pub dt_min: f64 = 0.001 in Type::Number(Range::above_to(0.0, 10.0));
        /// The longest, no shorter than `dt_min`.
        pub dt_max: f64 = 0.1 in Type::Number(Range::above_to(0.0, 10.0));
        /// What normalises.
        pub norm: Norm = "layer";
        /// Norms come before the state space, not after the sum.
        pub prenorm: bool = false;
        /// Dropout in a block, after its GELU and after its gate: of whole channels of a record. A frozen block drops nothing.
        pub layer_dropout: f64 = 0.2 in fraction();
        /// Hidden width of the head.
        pub head: usize = 128 in count(1.0, 65536.0);
        /// Dropout before the head's last layer; half of it before its first.
        pub dropout: f64 = 0.5 in fraction();
    }
}

impl Config for S4Config {
    fn blocks(&self) -> Vec<String> {
        block_names(true, self.layers)
    }

    fn channels(&self) -> usize {
        self.width
    }

    fn head(&self) -> HeadConfig {
        HeadConfig::new(self.head, self.dropout)
    }

    fn cost(&self, Input { leads, length }: Input) -> Cost {
        let S4Config { layers, width, .. } = *self;
        let (mut cost, each) = (Cost::default(), width * length);
        cost.layer(leads * each, each);
        for _ in 0..layers {
            // Transforms there and back of as many complex points, and a product of each.
            let transforms = 4 * (length.next_power_of_two().ilog2() as usize + 1);
            cost.layer(each * transforms, each);
            // What the linear layer gives, and the norm and what it reads.
            cost.layer_keeping(2 * width * each, 4 * each, 2 * each);
        }
        cost
    }

    fn check(&self, faults: &mut Faults<'_>, _signal: Option<&Signal>) {
        if !self.state.is_multiple_of(2) && faults.is_sound("state") {
            faults.tell(&["state"], format!("`state`, {}, is odd; states come in conjugate pairs", self.state));
        }
        if self.dt_min > self.dt_max && faults.is_sound("dt_min") && faults.is_sound("dt_max") {
            let key = if faults.is_written("dt_min") { "dt_min" } else { "dt_max" };
            faults.tell(&[key], format!("`dt_min`, {}, is above `dt_max`, {}", self.dt_min, self.dt_max));
        }
    }

    type Blocks<D: Backend> = S4<D>;

    fn build<D: Backend>(&self, input: Input, init: &mut Init<'_, D>) -> Result<Self::Blocks<D>> {
        let width = self.width;
        let [weight, bias] = Linear::new(input.leads, width, false, init)?.into_params();
        let blocks = (0..self.layers).map(|_| Block::new(self, init)).collect::<Result<_>>()?;
        Ok(S4 { encoder: [weight, bias], blocks, prenorm: self.prenorm, dropout: self.layer_dropout })
    }
}

/// The imaginary parts of the poles of `pairs` states.
fn frequencies(poles: Poles, pairs: usize) -> Vec<f64> {
    let size = 2.0 * pairs as f64;
    let of = |n: usize| match poles {
        Poles::Lin => std::f64::consts::PI * n as f64,
        _ => size / std::f64::consts::PI * (size / (2 * n + 1) as f64 - 1.0),
    };
    match poles {
        Poles::Legs => legs(2 * pairs),
        _ => (0..pairs).map(of).collect(),
    }
}

/// The positive imaginary parts of the eigenvalues of HiPPO-LegS's normal part, which is -1/2 plus the skew matrix with
/// -sqrt((n + 1/2)(k + 1/2)) below its diagonal (Gu 2022, section 3.2), upwards: the square root of each second eigenvalue of
/// minus its square, found by Jacobi's rotations (Golub and Van Loan, Matrix Computations, section 8.5).
fn legs(size: usize) -> Vec<f64> {
    let entry = |n: usize, k: usize| -> f64 {
        let root = ((n as f64 + 0.5) * (k as f64 + 0.5)).sqrt();
        match n.cmp(&k) {
            std::cmp::Ordering::Less => root,
            std::cmp::Ordering::Equal => 0.0,
            std::cmp::Ordering::Greater => -root,
        }
    };
    let product = |i: usize, j: usize| (0..size).map(|k| entry(k, i) * entry(k, j)).sum::<f64>();
    let mut matrix: Vec<Vec<f64>> = (0..size).map(|i| (0..size).map(|j| product(i, j)).collect()).collect();
    for _ in 0..30 {
        let mut moved = false;
        for p in 0..size {
            for q in p + 1..size {
                moved |= rotate(&mut matrix, p, q);
            }
        }
        if !moved {
            break;
        }
    }
    let mut squares: Vec<f64> = (0..size).map(|i| matrix[i][i].max(0.0)).collect();
    squares.sort_by(f64::total_cmp);
    squares.into_iter().step_by(2).map(f64::sqrt).collect()
}

/// Makes entry (p, q) of a symmetric matrix 0; whether it was not.
fn rotate(matrix: &mut [Vec<f64>], p: usize, q: usize) -> bool {
    let off = matrix[p][q];
    if off.abs() <= 1e-15 * (matrix[p][p] * matrix[q][q]).abs().sqrt() {
        return false;
    }
    let half = (matrix[q][q] - matrix[p][p]) / (2.0 * off);
    let tangent = half.signum() / (half.abs() + half.hypot(1.0));
    let cos = 1.0 / tangent.hypot(1.0);
    let sin = tangent * cos;
    for row in matrix.iter_mut() {
        (row[p], row[q]) = (cos * row[p] - sin * row[q], sin * row[p] + cos * row[q]);
    }
    // p is before q.
    let (before, after) = matrix.split_at_mut(q);
    for (a, b) in before[p].iter_mut().zip(&mut after[0]) {
        (*a, *b) = (cos * *a - sin * *b, sin * *a + cos * *b);
    }
    true
}

#[derive(Clone, Debug)]
enum BlockNorm<D: DeviceStorage> {
    Layer(LayerNorm<D>),
    Batch(BatchNorm<D>),
}

impl<D: Backend> BlockNorm<D> {
    /// (batch, length, width) to the same shape.
    fn forward(&mut self, x: &Var<D>, freeze: FreezeState, pass: &mut Pass<D>) -> Result<Var<D>> {
        match self {
            BlockNorm::Layer(norm) => norm.forward(x, pass),
            BlockNorm::Batch(norm) => norm.forward(x, freeze, pass),
        }
    }

    fn visit(&mut self, prefix: &str, f: &mut Visit<'_, D>) {
        match self {
            BlockNorm::Layer(norm) => norm.visit(prefix, f),
            BlockNorm::Batch(norm) => norm.visit(prefix, f),
        }
    }
}

#[derive(Clone, Debug)]
struct Block<D: DeviceStorage> {
    space: Weights<Param<D>>,
    output: [Param<D>; 2],
    norm: BlockNorm<D>,
}

impl<D: Backend> Block<D> {
    fn new(config: &S4Config, init: &mut Init<'_, D>) -> Result<Self> {
        let (width, pairs) = (config.width, config.state / 2);
        let device = init.device;
        let directions = if config.bidirectional { 2 } else { 1 };
        let space = Weights {
            log_dt: Param::new(device, vec![width], steps(config, init.random))?,
            log_a_real: Param::new(device, vec![width, pairs], vec![0.5f32.ln(); width * pairs])?,
            a_imag: {
                let of_channel: Vec<f32> = frequencies(config.poles, pairs).iter().map(|x| *x as f32).collect();
                Param::new(device, vec![width, pairs], of_channel.repeat(width))?
            },
            // Complex numbers of variance 1.
            c: {
                let values = normal(directions * width * pairs * 2, 0.5f64.sqrt(), init.random);
                Param::new(device, vec![directions, width, pairs, 2], values)?
            },
            d: Param::new(device, vec![width], normal(width, 1.0, init.random))?,
        };
        let [weight, bias] = Linear::new(width, 2 * width, false, init)?.into_params();
        let norm = match config.norm {
            Norm::Layer => BlockNorm::Layer(LayerNorm::new(device, width)?),
            Norm::Batch => BlockNorm::Batch(BatchNorm::new(device, width, false)?),
        };
        Ok(Self { space, output: [Param { shape: vec![2 * width, width, 1], ..weight }, bias], norm })
    }

    /// What is added to `beside`, with x before the state space: (batch, length, width) to the same shape.
    fn branch(&self, x: &Var<D>, beside: &Var<D>, dropout: f64, pass: &mut Pass<D>) -> Result<Var<D>> {
        let Weights { log_dt, log_a_real, a_imag, c, d } = &self.space;
        let y = state_space(&mut pass.trace, x, &Weights { log_dt, log_a_real, a_imag, c, d })?; // (batch, length, width)
        let dropping = Dropping::new(dropout, &mut pass.random);
        gated(&mut pass.trace, &y, beside, self.output.each_ref(), dropping) // (batch, length, width)
    }

    /// Names are those of the authors' minimal module.
    fn visit(&mut self, number: usize, f: &mut Visit<'_, D>) {
        let Self { space, output: [weight, bias], norm } = self;
        let params = [
            ("kernel.log_dt", &mut space.log_dt),
            ("kernel.log_A_real", &mut space.log_a_real),
            ("kernel.A_imag", &mut space.a_imag),
            ("kernel.C", &mut space.c),
            ("D", &mut space.d),
            ("output_linear.0.weight", weight),
            ("output_linear.0.bias", bias),
        ];
        for (name, param) in params {
            f(&format!("s4_layers.{number}.{name}"), Role::Parameter, param);
        }
        norm.visit(&format!("norms.{number}"), f);
    }
}

/// Logarithms of fresh steps.
fn steps(config: &S4Config, random: &mut ChaCha8Rng) -> Vec<f32> {
    let (low, high) = (config.dt_min.ln(), config.dt_max.ln());
    (0..config.width).map(|_| (low + random.random::<f64>() * (high - low)) as f32).collect()
}

/// `count` values with mean 0.
fn normal(count: usize, deviation: f64, random: &mut ChaCha8Rng) -> Vec<f32> {
    let mut draw = || -> f64 { StandardNormal.sample(random) };
    (0..count).map(|_| (deviation * draw()) as f32).collect()
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct S4<D: DeviceStorage> {
    encoder: [Param<D>; 2],
    blocks: Vec<Block<D>>,
    prenorm: bool,
    dropout: f64,
}

impl<D: Backend> Blocks<D> for S4<D> {
    /// (batch, length, leads) to (batch, length, width).
    fn forward(&mut self, x: &Var<D>, freezes: &[FreezeState], pass: &mut Pass<D>) -> Result<Var<D>> {
        let [weight, bias] = &self.encoder;
        let mut x = linear(&mut pass.trace, x, weight, bias, false)?; // (batch, length, width)
        for (block, freeze) in self.blocks.iter_mut().zip(&freezes[1..]) {
            let dropout = if pass.training && !freeze.frozen { self.dropout } else { 0.0 };
            if self.prenorm {
                let normal = block.norm.forward(&x, *freeze, pass)?; // (batch, length, width)
                x = block.branch(&normal, &x, dropout, pass)?; // (batch, length, width)
            } else {
                let sum = block.branch(&x, &x, dropout, pass)?; // (batch, length, width)
                x = block.norm.forward(&sum, *freeze, pass)?; // (batch, length, width)
            }
        }
        Ok(x)
    }

    fn visit(&mut self, f: &mut BlockVisitor<'_, D>) {
        for (name, param) in ["weight", "bias"].into_iter().zip(&mut self.encoder) {
            f(0, &format!("encoder.{name}"), Role::Parameter, param);
        }
        for (i, block) in self.blocks.iter_mut().enumerate() {
            block.visit(i, &mut |name, role, param| f(i + 1, name, role, param));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Architecture;
    use crate::nn::tests::{assert_equals_pytorch, assert_gradients_are_slopes};

    fn small() -> S4Config {
        S4Config { layers: 2, width: 12, state: 8, layer_dropout: 0.0, head: 8, dropout: 0.0, ..S4Config::default() }
    }

    #[test]
    fn it_equals_pytorch() {
        // The head's batch norm cancels what the last layer norm's weight and bias do: what is left of their gradients is
        // rounding, of which PyTorch's own in f32 has 5e-6 beside gradients of 3.2.
        assert_equals_pytorch("s4", &small().into(), 3e-4);
        let forth = S4Config { bidirectional: false, ..small() };
        assert_equals_pytorch("s4_prenorm", &S4Config { prenorm: true, ..forth.clone() }.into(), 1e-4);
        assert_equals_pytorch("s4_batch_norm", &S4Config { norm: Norm::Batch, ..forth }.into(), 1e-4);
    }

    #[test]
    fn it_runs_forward_and_backward() {
        for norm in [Norm::Layer, Norm::Batch] {
            for prenorm in [false, true] {
                assert_gradients_are_slopes(&S4Config { norm, prenorm, ..small() }.into());
            }
        }
    }

    /// Frequencies of 4 states that numpy gives for the normal part of HiPPO-LegS, and of S4D-Inv by hand.
    #[test]
    fn poles_are_those_of_the_paper() {
        let near = |ours: Vec<f64>, theirs: &[f64]| {
            assert_eq!(ours.len(), theirs.len());
            assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-9 * b.abs().max(1.0)), "{ours:?}");
        };
        let pi = std::f64::consts::PI;
        near(frequencies(Poles::Lin, 3), &[0.0, pi, 2.0 * pi]);
        near(frequencies(Poles::Inv, 2), &[12.0 / pi, 4.0 / pi / 3.0]);
        near(frequencies(Poles::Legs, 4), &LEGS_OF_8);
    }

    /// numpy: sorted positive imaginary parts of `eigvals` of the matrix, N = 8.
    const LEGS_OF_8: [f64; 4] = [0.4274887122858606, 1.9577941509028063, 5.354208515030878, 19.857410370970584];

    /// Of `s4` at its defaults: 128 channels, 32 pairs of states, two directions.
    #[test]
    fn parameters_are_counted_by_block() {
        let config = Architecture::from(S4Config::default());
        let random = &mut crate::seed::stream(0, "init", 0);
        let device = crate::tensor::Cpu::default();
        let mut net =
            crate::nn::Network::new(&device, &config, (8, 1000), (1, crate::nn::Fusion::Concat), 5, random).unwrap();
        let (_, blocks) = net.parameters();
        let space = 128 + 2 * 128 * 32 + 2 * 128 * 32 * 2 + 128;
        let block = space + (256 * 128 + 256) + 2 * 128;
        assert_eq!(blocks[0], ("stem".to_owned(), 128 * 8 + 128));
        assert_eq!(blocks[1], ("block1".to_owned(), block));
        assert_eq!(blocks[4], ("block4".to_owned(), block));
    }

    #[test]
    fn frozen_blocks_drop_nothing() {
        let random = &mut crate::seed::stream(0, "init", 0);
        let device = crate::tensor::Cpu::default();
        let config = S4Config { layer_dropout: 0.5, ..small() }.into();
        let mut net =
            crate::nn::Network::new(&device, &config, (3, 100), (1, crate::nn::Fusion::Concat), 5, random).unwrap();
        let x = Var::input(&device, super::super::layer::uniform(2 * 300, 1, random), (2, 100, 3)).unwrap();
        let inferred = net.features(&x, &mut Pass::inference()).unwrap().to_vec();
        let mut trained = |frozen: &[&str], seed| {
            net.freeze(|name| FreezeState { frozen: frozen.contains(&name), ..FreezeState::default() });
            net.features(&x, &mut Pass::training(crate::seed::stream(seed, "dropout", 0))).unwrap().to_vec()
        };
        assert!(trained(&["stem", "block1", "block2"], 0) == inferred);
        let once = trained(&["stem", "block1"], 0);
        assert!(once != inferred && once == trained(&["stem", "block1"], 0) && once != trained(&["stem", "block1"], 1));
    }
}
