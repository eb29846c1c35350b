//! What a trained network is worth on records of a source that did not teach it.

use std::collections::BTreeMap;

use super::classification::{labels, listed, one_hot, probabilities};
use super::data_loader::DataLoader;
use super::examples::{Examples, Scaling};
use super::labels::ExampleLabels;
use super::regression::{KnownValues, Scale};
use super::{MeasuredValue, Prediction, Watch};
use crate::data::{Datasets, Pick};
use crate::manifest::{Signal, Target, Transfer};
use crate::metrics::{ClassScore, Predictions};
use crate::nn::Network;
use crate::ops::Backend;
use crate::{Error, Result};

/// Records to look at, with what is needed to show them to a network as those that taught it were shown.
#[derive(Debug)]
pub struct Elsewhere<'a, D: Backend> {
    /// Where it is computed.
    pub device: &'a D,
    /// How signals are prepared.
    pub signal: &'a Signal,
    /// The metadata of the network's checkpoint: scales of leads and targets.
    pub metadata: &'a BTreeMap<String, String>,
    /// Where the records are.
    pub datasets: &'a Datasets,
    /// The records.
    pub picks: &'a [Pick],
}

/// What a classifier said of the records.
#[derive(Clone, Debug)]
pub struct Told {
    /// Record by record, class by class.
    pub predictions: Vec<Prediction>,
    /// Every metric.
    pub scores: Vec<ClassScore>,
}

impl<D: Backend> Elsewhere<'_, D> {
    /// What `network` measures of the records: the known values beside it, target by target, in their units.
    ///
    /// # Errors
    /// Where the device or a file fails, the checkpoint does not say how its numbers are scaled, or the watch says stop.
    pub fn measured(
        &self,
        network: &mut Network<D>,
        targets: &[Target],
        watch: &dyn Watch,
    ) -> Result<Vec<MeasuredValue>> {
        let scales = Scale::from_metadata(targets, self.metadata)?;
        let known = KnownValues::from_records(self.datasets, self.picks, targets)?;
        let outputs = self.outputs(network, &known.standardised(&scales), watch)?; // (records, targets)
        known.beside(&outputs, self.datasets, self.picks, &scales)
    }

    /// What `network`, which was trained as `settings` say, tells of the records.
    ///
    /// # Errors
    /// As [`Elsewhere::measured`].
    pub fn classified(&self, network: &mut Network<D>, settings: &Transfer, watch: &dyn Watch) -> Result<Told> {
        let Transfer { classes, labels: labelling, .. } = settings;
        let labels = labels(self.datasets, self.picks, settings)?;
        let outputs = self.outputs(network, &labels, watch)?; // (records, classes)
        let probabilities = probabilities(&outputs, classes.len(), *labelling);
        let hot = one_hot(&labels, classes.len());
        let all = Predictions::of_network(*labelling, classes.len(), &probabilities, &hot).map_err(Error::user)?;
        let names: Vec<&str> = classes.iter().map(|class| class.name()).collect();
        let predictions = listed((self.datasets, self.picks), classes, &probabilities)?;
        Ok(Told { predictions, scores: all.scores(&names) })
    }

    fn outputs(&self, network: &mut Network<D>, labels: &ExampleLabels, watch: &dyn Watch) -> Result<Vec<f32>> {
        let scaling = Scaling::from_metadata(self.metadata)?;
        let examples = Examples::new(self.signal, self.datasets, self.picks, scaling.as_ref(), labels);
        DataLoader::new(&examples).predict(self.device, network, watch)
    }
}
