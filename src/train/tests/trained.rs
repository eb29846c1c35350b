//! What the kept network says of the records that trained it.

use super::windows::windowed;
use super::*;
use crate::metrics::LOSS;

/// With random windows and changes, of which the kept network's numbers have neither.
fn random(text: &str) -> String {
    let noise = "augment = [{ kind = \"lead-dropout\", p = 0.5 }]";
    let text = text.replace("[transfer]\n", &format!("[transfer]\n{noise}\n"));
    windowed(
        &text.replace("[regression]\n", &format!("[regression]\n{noise}\n")),
        ", train = \"random\", test = \"tile\"",
    )
}

fn elsewhere<'a>(
    device: &'a Cpu,
    manifest: &'a Manifest,
    trained: &'a Trained<Cpu>,
    (datasets, split): &'a (Datasets, Split),
) -> Elsewhere<'a, Cpu> {
    Elsewhere { device, signal: &manifest.signal, metadata: &trained.metadata, datasets, picks: &split.train }
}

#[test]
fn train_metrics_are_those_of_the_kept_network_on_records_as_they_are_tested() {
    let (device, data) = (Cpu::default(), records_of(40, 160));
    for text in [random(MANIFEST), random(&MANIFEST.replace("epochs = 4", "epochs = 2"))] {
        let manifest = parse(&text);
        let graft = Graft { donors: &[], backbones: 1, fusion: Fusion::Concat, freeze: None };
        let trained = transferred(&device, &manifest, &graft, (&data.1, &data.0), &mut Silent).unwrap();
        let mut network = trained.network.copied().unwrap();
        let of_training = elsewhere(&device, &manifest, &trained, &data);
        let told = of_training.classified(&mut network, &manifest.transfer, &Silent).unwrap();
        let classes = ["NORM", "MI"];
        let kept = |metric: &str, class: Option<&str>| {
            let is_it = |score: &&Score| score.split == Subset::Train && score.metric == metric && score.class == class;
            trained.outcome.scores.iter().find(is_it).unwrap_or_else(|| panic!("no {metric}")).value
        };
        assert!(told.scores.len() > 30);
        for score in &told.scores {
            assert_eq!(kept(&score.metric, score.class.map(|class| classes[class])), score.value, "{}", score.metric);
        }
        assert_eq!(kept("records", None), Some(20.0));
        // The mean of -ln p of what is true.
        let true_ones = told.predictions.iter().filter(|said| said.label);
        let loss = true_ones.map(|said| -f64::from(said.probability).ln()).sum::<f64>() / 20.0;
        assert!((kept(LOSS, None).unwrap() - loss).abs() < 1e-5, "{:?} and {loss}", kept(LOSS, None));
    }
}

#[test]
fn regressions_have_train_errors_too() {
    let (device, data, manifest) = (Cpu::default(), records_of(40, 160), parse(&random(MANIFEST)));
    let trained = regressed(&device, &manifest, &[Target::HR], (&data.1, &data.0), &mut Silent).unwrap();
    let mut network = trained.network.copied().unwrap();
    let of_training = elsewhere(&device, &manifest, &trained, &data);
    let values = of_training.measured(&mut network, &[Target::HR], &Silent).unwrap();
    let expected = by_source(Subset::Train, &values).unwrap();
    let found: Vec<_> = trained.outcome.by_source.iter().filter(|own| own.split == Subset::Train).collect();
    assert_eq!(found, expected.iter().collect::<Vec<_>>());
    let mae = values.iter().map(|own| (own.measured - own.truth).abs()).sum::<f64>() / 20.0;
    let own = trained.outcome.regression.iter().find(|own| own.split == Subset::Train).unwrap();
    assert!(own.records == 20 && (own.metrics.mae - mae).abs() < 1e-9);
    // The median of the twenty, by sorting; half of the records lie on each side of it.
    let mut truths: Vec<f64> = values.iter().map(|own| own.truth).collect();
    truths.sort_by(f64::total_cmp);
    let median = (truths[9] + truths[10]) / 2.0;
    assert_eq!(own.of_median.median, median);
    let mae = truths.iter().map(|truth| (truth - median).abs()).sum::<f64>() / 20.0;
    assert!((own.of_median.mae - mae).abs() < 1e-9);
    assert!(trained.outcome.scores.is_empty() && trained.outcome.measured.len() == 10, "test values alone are kept");
}
