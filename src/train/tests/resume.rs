//! A stage that is stopped, or killed, at any step, and goes on: the same bits as if it had never been.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::time::Duration;

use rand::RngExt;

use super::*;
use crate::error::Blame;
use crate::nn::ARCHITECTURES;

/// Stops the stage, or ends it as a kill does, when it was asked `left` times whether to go on.
pub(super) struct Stopping {
    left: Cell<usize>,
    killed: bool,
    saving: Saving,
    pub told: Vec<String>,
}

impl Watch for Stopping {
    fn epoch(&mut self, _: usize, _: usize, _: &str) {}
    fn stopped(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        assert!(left > 0 || !self.killed, "killed");
        left == 0
    }
    fn saving(&self) -> Option<Saving> {
        Some(self.saving.clone())
    }
    fn tell(&mut self, sentence: &str) {
        self.told.push(sentence.to_owned());
    }
}

pub(super) fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("ecgraft-resume-{}-{name}", std::process::id()))
}

pub(super) fn watch(path: &Path, left: usize) -> Stopping {
    let saving = Saving { path: path.into(), stage: "stage".into(), every: Duration::from_secs(3600) };
    Stopping { left: Cell::new(left), killed: false, saving, told: Vec::new() }
}

/// All that a stage leaves behind but for its time.
fn found(mut trained: Trained<Cpu>) -> impl PartialEq + std::fmt::Debug {
    let mut weights = Vec::new();
    trained.network.visit(|place, param| {
        weights.push((place.name.to_owned(), param.to_vec().into_iter().map(f32::to_bits).collect::<Vec<_>>()));
    });
    let Outcome { epochs, best_epoch, last_step, regression, measured, scores, predictions, notes, .. } =
        trained.outcome;
    let curves: Vec<_> = epochs.into_iter().map(|v| (v.epoch, v.split, v.metric, v.value.to_bits())).collect();
    (weights, curves, (best_epoch, last_step), (regression, measured), (scores, predictions), notes, trained.metadata)
}

/// How a stage is trained.
pub(super) type Train<'a> = dyn Fn(&mut dyn Watch) -> Result<Trained<Cpu>> + Sync + 'a;

fn on<T: Send>(threads: usize, act: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(act)
}

/// What is killed for the first time while it computes features, before anything is saved.
const LATE: &str = "thawing";

/// Compares a stage with one that is stopped again and again, after at most `most` steps, on one thread and on two.
pub(super) fn goes_on(name: &str, most: usize, train: &Train<'_>) {
    let expected = on(2, || found(train(&mut Silent).unwrap()));
    for killed in [false, true] {
        let file = path(&format!("{name}-{killed}"));
        let mut random = crate::seed::stream(0, name, u64::from(killed));
        let mut stops = 0;
        let trained = loop {
            let mut watch = watch(&file, random.random_range(1..=most));
            if killed {
                (watch.killed, watch.saving.every) = (true, Duration::ZERO);
            }
            let threads = 1 + stops % 2;
            // Who is killed before the first saving, as while features are computed, begins anew.
            let is_saved = if killed { file.exists() } else { stops > 0 };
            assert!(is_saved || stops == 0 || name == LATE, "{name} saved nothing before it was killed");
            let ended = std::panic::catch_unwind(AssertUnwindSafe(|| on(threads, || train(&mut watch))));
            assert_eq!(watch.told.len(), usize::from(is_saved), "{name}: {:?}", watch.told);
            assert!(watch.told.iter().all(|told| told.starts_with("goes on from where it was")), "{:?}", watch.told);
            match ended {
                Ok(Ok(trained)) => break trained,
                Ok(Err(error)) => assert_eq!(error.blame, Blame::Interrupted, "{error}"),
                Err(_) => assert!(killed),
            }
            stops += 1;
            assert!(stops < 200, "{name} does not come to its end");
        };
        assert!(stops > 1, "{name} was stopped {stops} times");
        assert!(found(trained) == expected, "{name}, killed {killed}: stopped {stops} times it ends elsewhere");
        std::fs::remove_file(file).unwrap();
    }
}

fn regression_goes_on(name: &str, manifest: &Manifest, split: impl FnOnce(&mut Split)) {
    let (datasets, mut of_records) = records_of(40, manifest.signal.length());
    split(&mut of_records);
    goes_on(name, 6, &|watch| regressed(&Cpu::default(), manifest, &[Target::HR], (&of_records, &datasets), watch));
}

#[test]
fn every_optimizer_and_schedule_goes_on() {
    for (name, optimizer, schedule) in [
        ("adam", "{ kind = \"adam\" }", "{ kind = \"exponential\" }"),
        ("adamw", "{ kind = \"adamw\" }", "{ kind = \"one-cycle\" }"),
        ("sgd", "{ kind = \"sgd\", nesterov = true }", "{ kind = \"cosine\", warmup_epochs = 1.5 }"),
        ("plain sgd", "{ kind = \"sgd\", momentum = 0.0 }", "{ kind = \"constant\" }"),
        ("rmsprop", "{ kind = \"rmsprop\", momentum = 0.5 }", "{ kind = \"plateau\", patience = 1 }"),
    ] {
        let text = format!("[regression]\noptimizer = {optimizer}\nschedule = {schedule}\n");
        regression_goes_on(name, &parse(&MANIFEST.replace("[regression]\n", &text)), |_| {});
    }
}

#[test]
fn clipping_augmentations_and_plateaus_go_on() {
    let mut manifest = parse(&controls::controlled());
    manifest.regression.epochs = 8;
    regression_goes_on("controlled", &manifest, |_| {});
}

#[test]
fn curricula_go_on() {
    let mut manifest = exploding(12);
    manifest.regression.early_stopping =
        Some(EarlyStopping { patience: 2, metric: StoppingMetric::Loss, from: StoppingFrom::LastStep });
    regression_goes_on("curriculum", &manifest, |split| {
        split.epochs = (0..split.train.len()).map(|example| if example < 9 { 1..=usize::MAX } else { 3..=6 }).collect();
    });
}

#[test]
fn windows_at_random_go_on() {
    regression_goes_on("windows", &parse(&windows::windowed(MANIFEST, "")), |_| {});
    let mut manifest = parse(&windows::windowed(&controls::controlled(), ""));
    manifest.regression.epochs = 6;
    regression_goes_on("windows and more", &manifest, |split| {
        split.epochs = (0..split.train.len()).map(|example| if example < 9 { 1..=usize::MAX } else { 3..=6 }).collect();
    });
}

#[test]
fn every_freeze_goes_on() {
    let donors = [regress(MANIFEST).network, regress(&controls::controlled()).network];
    let pulled = MANIFEST.replace("[freezes.gradual]", "[freezes.gradual]\nl2_sp = { alpha = 0.1, beta = 0.01 }");
    let adapting = MANIFEST.replace("[freezes.probe]", "[freezes.probe]\nbatch_norm = \"adapt\"");
    let measuring = MANIFEST.replace("classes = [\"NORM\", \"MI\"]\n", "targets = [\"hr\"]\n");
    let controlled = controls::controlled();
    let thawing = MANIFEST.to_owned() + "[freezes.thawing]\ngradual_thaw = { every = 1 }\n";
    for (name, text, count, fusion, freeze) in [
        (LATE, &*thawing, 1, Fusion::Concat, "thawing"),
        ("probe", MANIFEST, 1, Fusion::Concat, "probe"),
        ("adapting", &*adapting, 1, Fusion::Concat, "probe"),
        ("pulled", &pulled, 1, Fusion::Concat, "gradual"),
        ("measuring", &measuring, 1, Fusion::Concat, "gradual"),
        ("gated", MANIFEST, 2, Fusion::Gate, "gradual"),
        ("controlled transfer", &controlled, 2, Fusion::Mean, "gradual"),
    ] {
        let manifest = parse(text);
        let (datasets, split) = records_of(40, manifest.signal.length());
        let freeze = Some(&manifest.freezes[freeze]);
        let train = |watch: &mut dyn Watch| {
            let graft = Graft { donors: &donors[..count], backbones: count, fusion, freeze };
            transferred(&Cpu::default(), &manifest, &graft, (&split, &datasets), watch)
        };
        goes_on(name, 7, &train);
    }
}

#[test]
fn every_architecture_goes_on() {
    for kind in ARCHITECTURES.known {
        let (start, end) = (MANIFEST.find("[architectures").unwrap(), MANIFEST.find("[freezes.probe]").unwrap());
        let text =
            format!("{}[architectures.inception]\nkind = {:?}\n{}", &MANIFEST[..start], kind.name, &MANIFEST[end..]);
        let text = text.replace("0.64", "1.28").replace("\"block1\", \"block2\"", "\"block1\"");
        let text = text.replace("epochs = 4\nbatch_size = 8", "epochs = 2\nbatch_size = 6");
        let (before, after) = (text.find("[freezes.probe]").unwrap(), text.find("[regression]").unwrap());
        let manifest = parse(&format!("{}{}", &text[..before], &text[after..]));
        regression_goes_on(kind.name, &manifest, |_| {});
    }
}

#[test]
fn progress_that_does_not_fit_is_none_and_told() {
    let manifest = parse(MANIFEST);
    let (datasets, split) = records(40);
    let train = |watch: &mut Stopping| regressed(&Cpu::default(), &manifest, &[Target::HR], (&split, &datasets), watch);
    let expected = found(train(&mut watch(&path("unused"), usize::MAX)).unwrap());
    let file = path("damaged");
    assert!(train(&mut watch(&file, 7)).is_err());
    let whole = std::fs::read(&file).unwrap();
    let mut other = watch(&file, usize::MAX);
    other.saving.stage = "other".into();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 4;
    for (name, bytes, mut watch, says) in [
        ("another stage's", whole.clone(), other, "is of stage stage"),
        ("a flipped bit", damaged, watch(&file, usize::MAX), "not what was written"),
        ("a part", whole[..whole.len() - 1].to_vec(), watch(&file, usize::MAX), "not what was written"),
        ("next to nothing", whole[..9].to_vec(), watch(&file, usize::MAX), "not whole"),
    ] {
        std::fs::write(&file, bytes).unwrap();
        assert!(found(train(&mut watch).unwrap()) == expected, "{name}");
        let told = &watch.told;
        assert!(told.len() == 1 && told[0].starts_with("begins anew") && told[0].contains(says), "{name}: {told:?}");
    }
    // Whole, but of a network of another size.
    std::fs::write(&file, whole).unwrap();
    let larger = parse(&MANIFEST.replace("filters = 2", "filters = 3"));
    let mut watch = watch(&file, usize::MAX);
    regressed(&Cpu::default(), &larger, &[Target::HR], (&split, &datasets), &mut watch).unwrap();
    assert!(watch.told[0].contains("is not that of this network"), "{:?}", watch.told);
    std::fs::remove_file(file).unwrap();
}
