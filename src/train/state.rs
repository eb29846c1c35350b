//! All that decides how a stage's training goes on, and its form in a file.
//!
//! Random streams are functions of what they are drawn for and need not be kept, and features of a backbone that holds
//! still are made again.

use std::borrow::Cow;
use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::data::Subset;
use crate::error::Error;
use crate::nn::{Network, Role};
use crate::ops::Backend;
use crate::plan::NUMERIC_VERSION;
use crate::tensor::device_error;

use super::EpochValue;
use super::finite::in_words;
use super::optimizer::Optimizer;
use super::schedule::LearningRate;

/// The best epoch so far.
pub(super) struct Best<D: Backend> {
    pub score: f64,
    /// From 0.
    pub epoch: usize,
    pub network: Network<D>,
    /// Its outputs on the validation records, which a file does not keep.
    pub validated: Option<Vec<f32>>,
}

/// How far a stage's training is.
pub(super) struct State<D: Backend> {
    pub net: Network<D>,
    pub optimizer: Optimizer<D>,
    pub rate: LearningRate,
    pub best: Option<Best<D>>,
    pub curves: Vec<EpochValue>,
    /// The epoch that is trained, from 0, and how many of its steps are done.
    pub epoch: usize,
    pub step: usize,
    /// How many micro-batches a batch is worked on in.
    pub micro_batches: usize,
    /// Of the losses of the epoch, of `counted` examples, and of the norms of its gradients.
    pub losses: D::Sum,
    pub counted: usize,
    pub norms: D::Sum,
    /// Whether nothing is left to be trained.
    pub over: bool,
}

/// The part of a state that is no tensor, as JSON; numbers that are not whole are in a tensor, bit by bit.
#[derive(Serialize, Deserialize)]
struct Head {
    stage: String,
    numerics: u32,
    arithmetic: String,
    epoch: usize,
    step: usize,
    parts: usize,
    counted: usize,
    over: bool,
    /// Epochs that the schedule has waited.
    waited: usize,
    best: Option<usize>,
    updates: Vec<Option<i32>>,
    /// Epoch, whether of validation, and metric of each value of the curves.
    curves: Vec<(usize, bool, String)>,
}

/// Numbers of a state before those of its curves: losses, norms, the plateaus' factor, the best score, seconds.
const NUMBERS: usize = 5;

/// What a network's values are called after: those that train, those of the best epoch.
const NETS: [&str; 2] = ["net", "best"];

impl<D: Backend> State<D> {
    /// Before the first step.
    ///
    /// # Errors
    /// Where the device has no memory left.
    pub(super) fn new(device: &D, net: Network<D>, optimizer: Optimizer<D>, rate: LearningRate) -> Result<Self> {
        let sum = || device.sum().map_err(device_error);
        Ok(Self {
            net,
            optimizer,
            rate,
            best: None,
            curves: Vec::new(),
            epoch: 0,
            step: 0,
            micro_batches: 1,
            losses: sum()?,
            counted: 0,
            norms: sum()?,
            over: false,
        })
    }

    /// Goes to the first step of `epoch`.
    ///
    /// # Errors
    /// Where the device has no memory left.
    pub(super) fn enter(&mut self, device: &D, epoch: usize) -> Result<()> {
        (self.epoch, self.step) = (epoch, 0);
        self.norms = device.sum().map_err(device_error)?;
        self.forget_losses(device)
    }

    /// Counts losses from here.
    ///
    /// # Errors
    /// Where the device has no memory left.
    pub(super) fn forget_losses(&mut self, device: &D) -> Result<()> {
        (self.losses, self.counted) = (device.sum().map_err(device_error)?, 0);
        Ok(())
    }

    /// All of it, and the `seconds` it took, as what a file of `stage` has; or what of the network that trains is not a
    /// finite number, which is not to be kept.
    ///
    /// # Errors
    /// Where the device fails.
    pub(super) fn written(
        &mut self,
        device: &D,
        stage: &str,
        seconds: f64,
    ) -> Result<std::result::Result<Vec<u8>, String>> {
        let mut file = File::default();
        let mut wrong = None;
        let mut moments = Ok(());
        let (optimizer, mut slot) = (&self.optimizer, 0);
        self.net.visit(|place, param| {
            let values = param.to_vec();
            if values.iter().any(|value| !value.is_finite()) {
                wrong.get_or_insert_with(|| in_words(place.role, place.name));
            }
            file.floats(format!("net.{}", place.name), &values);
            if place.role == Role::Parameter {
                match optimizer.moments(device, slot) {
                    Ok(Some([first, second])) => {
                        file.floats(format!("first.{slot}"), &first);
                        file.floats(format!("second.{slot}"), &second);
                    }
                    Ok(None) => {}
                    Err(error) => moments = Err(error),
                }
                slot += 1;
            }
        });
        moments?;
        if let Some(wrong) = wrong {
            return Ok(Err(wrong));
        }
        if let Some(best) = &mut self.best {
            best.network.visit(|place, param| file.floats(format!("best.{}", place.name), &param.to_vec()));
        }
        let sums = [&self.losses, &self.norms].map(|sum| device.total(sum).map_err(device_error));
        let [losses, norms] = sums;
        let (plateau, waited) = self.rate.memory();
        let score = self.best.as_ref().map_or(0.0, |best| best.score);
        let numbers = [losses?, norms?, plateau, score, seconds];
        let curves = self.curves.iter().map(|value| value.value);
        file.doubles(&numbers.into_iter().chain(curves).collect::<Vec<_>>());
        let head = self.head(device, stage, waited);
        file.bytes(&head).map(Ok)
    }

    fn head(&self, device: &D, stage: &str, waited: usize) -> Head {
        let of_curve = |value: &EpochValue| (value.epoch, value.split == Subset::Validation, value.metric.to_string());
        Head {
            stage: stage.to_owned(),
            numerics: NUMERIC_VERSION,
            arithmetic: device.arithmetic(),
            epoch: self.epoch,
            step: self.step,
            parts: self.micro_batches,
            counted: self.counted,
            over: self.over,
            waited,
            best: self.best.as_ref().map(|best| best.epoch),
            updates: self.optimizer.updates(),
            curves: self.curves.iter().map(of_curve).collect(),
        }
    }

    /// Goes where the state of `stage` in `content` was, and gives the seconds it took; or says why it cannot be, and
    /// stays as it is.
    ///
    /// # Errors
    /// Where the device fails.
    pub(super) fn take_up(
        &mut self,
        device: &D,
        stage: &str,
        content: &[u8],
    ) -> Result<std::result::Result<f64, String>> {
        let saved = match Saved::read(content).and_then(|saved| saved.fits(self, device, stage).map(|()| saved)) {
            Ok(saved) => saved,
            Err(reason) => return Ok(Err(reason)),
        };
        let Saved { head, mut floats, numbers } = saved;
        let mut values = |name: String| floats.remove(&name).unwrap_or_default();
        let [losses, norms, plateau, score, seconds] = [0, 1, 2, 3, 4].map(|place: usize| numbers[place]);
        self.best = match head.best {
            Some(epoch) => Some(Best { score, epoch, network: self.net.copied()?, validated: None }),
            None => None,
        };
        let nets = [Some(&mut self.net), self.best.as_mut().map(|best| &mut best.network)];
        for (prefix, net) in NETS.into_iter().zip(nets) {
            let Some(net) = net else { continue };
            net.visit(|place, param| param.value.copy_from(&values(format!("{prefix}.{}", place.name))));
        }
        for (slot, updates) in head.updates.iter().enumerate() {
            let Some(updates) = *updates else { continue };
            let moments = ["first", "second"].map(|moment| values(format!("{moment}.{slot}")));
            self.optimizer.restore(device, slot, updates, moments)?;
        }
        self.rate.remember((plateau, head.waited));
        let curves = head.curves.into_iter().zip(&numbers[NUMBERS..]);
        self.curves = curves
            .map(|((epoch, of_validation, metric), value)| EpochValue {
                epoch,
                split: if of_validation { Subset::Validation } else { Subset::Train },
                metric: Cow::Owned(metric),
                value: *value,
            })
            .collect();
        (self.epoch, self.step, self.micro_batches, self.over) = (head.epoch, head.step, head.parts, head.over);
        let sum = |value| device.sum_from(value).map_err(device_error);
        (self.losses, self.counted, self.norms) = (sum(losses)?, head.counted, sum(norms)?);
        Ok(Ok(seconds))
    }
}

/// What goes into a file.
#[derive(Default)]
struct File {
    tensors: Vec<(String, Dtype, Vec<u8>)>,
}

impl File {
    fn floats(&mut self, name: String, values: &[f32]) {
        self.tensors.push((name, Dtype::F32, values.iter().flat_map(|value| value.to_le_bytes()).collect()));
    }

    fn doubles(&mut self, values: &[f64]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensors.push(("numbers".to_owned(), Dtype::F64, bytes));
    }

    /// All of it as safetensors.
    fn bytes(&self, head: &Head) -> Result<Vec<u8>> {
        let internal = |error: &dyn std::fmt::Display| Error::internal(format!("a stage's progress: {error}"));
        let head = serde_json::to_string(head).map_err(|error| internal(&error))?;
        let mut views = Vec::new();
        for (name, kind, bytes) in &self.tensors {
            let size = if *kind == Dtype::F64 { 8 } else { 4 };
            let view = TensorView::new(*kind, vec![bytes.len() / size], bytes).map_err(|error| internal(&error))?;
            views.push((name.as_str(), view));
        }
        let metadata = HashMap::from([("state".to_owned(), head)]);
        safetensors::serialize(views, Some(metadata)).map_err(|error| internal(&error))
    }
}

/// What is in a file.
struct Saved {
    head: Head,
    floats: HashMap<String, Vec<f32>>,
    numbers: Vec<f64>,
}

impl Saved {
    /// # Errors
    /// What of it cannot be understood.
    fn read(content: &[u8]) -> std::result::Result<Self, String> {
        let tensors = SafeTensors::deserialize(content).map_err(|error| error.to_string())?;
        let (_, metadata) = SafeTensors::read_metadata(content).map_err(|error| error.to_string())?;
        let head = metadata.metadata().as_ref().and_then(|metadata| metadata.get("state"));
        let head: Head = serde_json::from_str(head.ok_or("it has no state")?).map_err(|error| error.to_string())?;
        let (mut floats, mut numbers) = (HashMap::new(), Vec::new());
        for (name, tensor) in tensors.tensors() {
            match tensor.dtype() {
                Dtype::F32 => {
                    let values = tensor.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
                    floats.insert(name, values.collect());
                }
                _ => {
                    let values = tensor.data().as_chunks::<8>().0.iter();
                    numbers = values.map(|bytes| f64::from_le_bytes(*bytes)).collect();
                }
            }
        }
        Ok(Self { head, floats, numbers })
    }

    /// Whether it is of `stage`, in this arithmetic, and has all that `state` is made of.
    ///
    /// # Errors
    /// Why not.
    fn fits<D: Backend>(&self, state: &mut State<D>, device: &D, stage: &str) -> std::result::Result<(), String> {
        let Self { head, floats, numbers } = self;
        if head.stage != stage {
            return Err(format!("it is of stage {}", head.stage));
        }
        if head.numerics != NUMERIC_VERSION {
            return Err("it is of another version of ecgraft, which calculates otherwise".to_owned());
        }
        let here = device.arithmetic();
        if head.arithmetic != here {
            return Err(format!(
                "it was calculated elsewhere ({}; here {here}), to other last digits",
                head.arithmetic
            ));
        }
        if numbers.len() != NUMBERS + head.curves.len() {
            return Err("its learning curves are not whole".to_owned());
        }
        let mut missing = None;
        let mut slot = 0;
        state.net.visit(|place, param| {
            let count: usize = param.shape.iter().product();
            let mut names = vec![format!("net.{}", place.name)];
            names.extend(head.best.map(|_| format!("best.{}", place.name)));
            if place.role == Role::Parameter {
                if head.updates.get(slot).is_some_and(Option::is_some) {
                    names.extend([format!("first.{slot}"), format!("second.{slot}")]);
                }
                slot += 1;
            }
            let lacks = |name: &String| floats.get(name).is_none_or(|values| values.len() != count);
            missing = missing.take().or_else(|| names.into_iter().find(lacks));
        });
        missing.map_or(Ok(()), |name| Err(format!("its {name} is not that of this network")))
    }
}
