//! `toy`: convolutions of one width, for tests and as the example of `docs/adding/architecture.md`.

use super::backbone::{BlockVisitor, FreezeState};
use super::config::{block_names, check_odd};
use super::residual::{ConvNorm, Sizes};
use super::{Blocks, Config, Cost, HeadConfig, Init, Input, Pass, Signal};
use crate::Result;
use crate::declare::{Faults, count, fraction, table};
use crate::ops::Backend;
use crate::tensor::{DeviceStorage, Var};

table! {
    /// Convolutions of one width, each with batch norm and ReLU.
    pub struct ToyConfig {
        /// Number of convolutions.
        pub depth: usize = 2 in count(1.0, 64.0);
        /// Output channels of each.
        pub width: usize = 8 in count(1.0, 4096.0);
        /// Odd kernel size of each.
        pub kernel: usize = 3 in count(1.0, 1023.0), unit "samples";
        /// Hidden width of the head.
        pub head: usize = 16 in count(1.0, 65536.0);
        /// Dropout before the head's last layer; half of it before its first.
        pub dropout: f64 = 0.5 in fraction();
    }
}

impl Config for ToyConfig {
    fn blocks(&self) -> Vec<String> {
        block_names(false, self.depth)
    }

    fn channels(&self) -> usize {
        self.width
    }

    fn head(&self) -> HeadConfig {
        HeadConfig::new(self.head, self.dropout)
    }

    fn cost(&self, Input { leads, length }: Input) -> Cost {
        let (mut cost, mut inputs) = (Cost::default(), leads);
        for _ in 0..self.depth {
            cost.layer(inputs * self.width * self.kernel * length, self.width * length);
            inputs = self.width;
        }
        cost
    }

    fn check(&self, faults: &mut Faults<'_>, _signal: Option<&Signal>) {
        check_odd(faults, &["kernel"], "a `toy`", self.kernel);
    }

    type Blocks<D: Backend> = Toy<D>;

    fn build<D: Backend>(&self, input: Input, init: &mut Init<'_, D>) -> Result<Self::Blocks<D>> {
        let (mut inputs, mut layers) = (input.leads, Vec::new());
        for _ in 0..self.depth {
            let sizes = Sizes { inputs, outputs: self.width, kernel: self.kernel, stride: 1 };
            layers.push(ConvNorm::new(sizes, true, init)?);
            inputs = self.width;
        }
        Ok(Toy { layers })
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Toy<D: DeviceStorage> {
    layers: Vec<ConvNorm<D>>,
}

impl<D: Backend> Blocks<D> for Toy<D> {
    /// (batch, length, leads) to (batch, length, width).
    fn forward(&mut self, x: &Var<D>, freezes: &[FreezeState], pass: &mut Pass<D>) -> Result<Var<D>> {
        let mut x = x.clone();
        for (layer, freeze) in self.layers.iter_mut().zip(freezes) {
            x = layer.forward(&x, *freeze, pass)?; // (batch, length, width)
        }
        Ok(x)
    }

    fn visit(&mut self, f: &mut BlockVisitor<'_, D>) {
        for (i, layer) in self.layers.iter_mut().enumerate() {
            layer.visit(&format!("blocks.{i}"), &mut |name, role, param| f(i, name, role, param));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest;
    use crate::nn::Architecture;
    use crate::nn::tests::assert_gradients_are_slopes;

    const TEXT: &str =
        "name = 'a'\n[sources.p]\nkind = 'ptb-xl'\npath = 'data'\n[architectures.small]\nkind = 'toy'\nwidth = 4\n";

    #[test]
    fn a_manifest_has_it_with_its_defaults() {
        let manifest = manifest::parse("a.toml".as_ref(), TEXT, &|_| None).unwrap();
        let small = &manifest.architectures["small"];
        assert_eq!(*small, ToyConfig { width: 4, ..ToyConfig::default() }.into());
        let json = serde_json::json!({
            "kind": "toy", "depth": 2, "width": 4, "kernel": 3, "head": 16, "dropout": 0.5
        });
        assert_eq!(serde_json::to_value(small).unwrap(), json, "what a stage's id is hashed from");
        assert_eq!(serde_json::from_value::<Architecture>(json).unwrap(), *small);
        assert_eq!(small.blocks(), ["block1", "block2"]);
    }

    #[test]
    fn what_is_wrong_with_it_is_told_with_its_place() {
        let problem = |keys: &str| {
            let text = format!("{TEXT}{keys}\n");
            let problems = manifest::parse("a.toml".as_ref(), &text, &|_| None).unwrap_err();
            (problems[0].line, problems[0].column, problems[0].message.clone())
        };
        assert_eq!(problem("kernel = 4"), (8, 10, "the kernel size 4 is even; kernels of a `toy` are odd".into()));
        assert_eq!(problem("depth = 65"), (8, 9, "`depth` is 65; it must be from 1 to 64".into()));
        let known = "unknown key `dept` in `architectures.small` of kind `toy`; did you mean `depth`?";
        assert_eq!(problem("dept = 3"), (8, 1, known.into()));
    }

    #[test]
    fn the_schema_and_the_reference_have_it() {
        let schema = manifest::schema();
        let kinds = schema["properties"]["architectures"]["additionalProperties"]["oneOf"].as_array().unwrap();
        let toy = kinds.iter().find(|kind| kind["properties"]["kind"]["const"] == "toy").unwrap();
        assert_eq!(toy["properties"]["kernel"]["default"], 3);
        assert_eq!(toy["properties"]["kernel"]["maximum"], 1023);
        assert_eq!(toy["properties"]["kernel"]["description"], "Odd kernel size of each. Unit: samples.");
        let page = manifest::reference();
        assert!(page.contains("### `kind = \"toy\"`\n\nConvolutions of one width, each with batch norm and ReLU.\n"));
    }

    #[test]
    fn it_runs_forward_and_backward() {
        assert_gradients_are_slopes(&ToyConfig { dropout: 0.0, ..ToyConfig::default() }.into());
    }

    #[test]
    fn the_walk_shows_this_file() {
        let file = include_str!("toy.rs").split("\n#[cfg(test)]").next().unwrap();
        assert!(
            include_str!("../../docs/adding/architecture.md").contains(file),
            "docs/adding/architecture.md is behind"
        );
    }

    #[test]
    fn it_is_costed() {
        let cost = Architecture::from(ToyConfig::default()).cost(Input { leads: 2, length: 100 });
        let multiplications = (2 * 8 + 8 * 8) * 3 * 100;
        assert_eq!(cost, Cost { multiplications, kept: 2 * 8 * 100, largest: 8 * 100 });
    }
}
