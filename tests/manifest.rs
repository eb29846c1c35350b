//! Manifests as a user writes them: what is read, and what is said of each fault.

use std::path::{Path, PathBuf};

use ecgraft::ecg::{Lead, superclass};
use ecgraft::manifest::{
    Architecture, Augment, BatchNormMode, Class, Condition, Diagnostic, Donor, EarlyStopping, Freeze, Fusion,
    GradientClipping, L2Sp, Manifest, Optimizer, Pretraining, RegressionLoss, Schedule, Signal, StoppingFrom,
    StoppingMetric, Storage, Target, Targets, Transfer, TransferLoss, load, parse, reference, schema,
};
use ecgraft::nn::{
    CnnConfig, GruConfig, Inception1dConfig, LstmConfig, Resnet1dConfig, RnnConfig, VitConfig, Xresnet1dConfig,
};
use ecgraft::source::Simulator;
use serde_json::{Value, json};

const CONTRACT: &str = include_str!("manifests/contract.toml");

/// A small manifest in which each test changes one thing.
const SMALL: &str = r#"name = "small"
[sources]
sim = { kind = "simulator" }
ptbxl = { kind = "ptb-xl", path = "ptb-xl", features = "features.csv" }
[mixes]
synthetic = { parts = [{ source = "sim" }] }
[architectures]
net = { kind = "cnn" }
"#;

fn read(text: &str) -> Result<Manifest, Vec<Diagnostic>> {
    parse(Path::new("study/m.toml"), text, &|name| (name == "ECG_DATA").then(|| "/data".to_string()))
}

fn good(text: &str) -> Manifest {
    read(text).unwrap_or_else(|problems| panic!("{}", problems.iter().map(|p| format!("{p}\n")).collect::<String>()))
}

/// The problems of `text`, each with the underlined text.
fn faults(text: &str) -> Vec<(usize, usize, String, String)> {
    let problems = read(text).expect_err("the manifest has a fault");
    let underlined = |p: &Diagnostic| p.source_line.chars().skip(p.column - 1).take(p.width).collect();
    problems.iter().map(|p| (p.line, p.column, underlined(p), p.message.clone())).collect()
}

/// The only problem of the small manifest with `more` at its end; its line is counted from `more`.
fn fault(more: &str) -> (usize, usize, String, String) {
    let mut faults = faults(&format!("{SMALL}{more}"));
    assert_eq!(faults.len(), 1, "{faults:#?}");
    let (line, column, underlined, message) = faults.remove(0);
    (line - SMALL.lines().count(), column, underlined, message)
}

#[test]
fn the_contract_is_read_as_it_says() {
    let manifest = good(CONTRACT);
    assert_eq!(manifest.name, "everything");
    assert_eq!(manifest.sources["simulated"], Simulator::new(2000, 7).into());
    let [path, features] = manifest.sources["ptbxl"].paths()[..] else { panic!() };
    assert_eq!(path.written, "$ECG_DATA/ptb-xl");
    assert_eq!(path.resolved, Ok(PathBuf::from("/data/ptb-xl")));
    assert_eq!(features.resolved, Ok(PathBuf::from("/data/ptb-xl-plus/features/12sl_features.csv")));
    assert_eq!(manifest.signal.bandpass, Some([0.5, 40.0]));
    assert_eq!(manifest.signal.length(), 1000);
    assert_eq!(manifest.mixes["half-real"].records, Some(1000));
    assert_eq!(manifest.mixes["half-real"].parts[1].folds, Some(vec![1, 2, 3, 4]));
    assert_eq!(manifest.architectures["inception"], Architecture::Inception1d(Inception1dConfig::default()));
    assert_eq!(manifest.architectures["cnn"], Architecture::Cnn(CnnConfig::default()));
    assert_eq!(manifest.freezes["none"], Freeze::default());
    assert_eq!(manifest.freezes["gradual"].steps[1].epochs, Some(4));
    assert_eq!(manifest.freezes["gradual"].learning_rate("block3"), 0.1);
    assert_eq!(manifest.freezes["gradual"].learning_rate("head"), 1.0);
    assert_eq!(manifest.regression.augment.len(), 4);
    let stopping = EarlyStopping { patience: 5, metric: StoppingMetric::Loss, from: StoppingFrom::Start };
    assert_eq!(manifest.regression.early_stopping, Some(stopping));
    assert_eq!(manifest.transfer.early_stopping.unwrap().metric, StoppingMetric::MacroAuc);
    assert_eq!(manifest.trials.from, [vec![Target::QRS.into()], Target::BUILT_IN.map(Donor::from).to_vec()]);
    assert_eq!(manifest.trials.exclude[0].freeze.as_deref(), Some("gradual"));
    assert_eq!(manifest.text, CONTRACT);
}

#[test]
fn a_small_manifest_gets_all_defaults() {
    let manifest = good(SMALL);
    let leads: Vec<&str> = manifest.signal.leads.iter().map(|lead: &Lead| lead.name()).collect();
    assert_eq!(leads, ["I", "II", "V1", "V2", "V3", "V4", "V5", "V6"]);
    assert_eq!(manifest.signal.bandpass, None);
    let adam = Optimizer::Adam { learning_rate: 0.001, weight_decay: 0.0, betas: [0.9, 0.999] };
    assert_eq!(manifest.regression.optimizer, adam);
    assert_eq!(manifest.regression.schedule, Schedule::Exponential { gamma: 0.99, warmup_epochs: 0.0 });
    assert_eq!((manifest.regression.epochs, manifest.regression.batch_size), (20, 32));
    assert_eq!((manifest.regression.validation_share, manifest.regression.test_share), (0.1, 0.1));
    assert_eq!(manifest.regression.early_stopping, None);
    assert_eq!(manifest.regression.augment, []);
    assert_eq!(manifest.transfer.source, "ptbxl");
    assert_eq!(manifest.transfer.classes, superclass::ALL.map(Class::from));
    assert_eq!(manifest.transfer.train_folds, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!((manifest.transfer.validation_folds, manifest.transfer.test_folds), (vec![9], vec![10]));
    assert_eq!(manifest.transfer.epochs, 30);
    assert_eq!(manifest.freezes["none"].batch_norm, BatchNormMode::Frozen);
    let trials = manifest.trials;
    assert_eq!((trials.mix, trials.architecture), (vec!["synthetic".into()], vec!["net".to_string()]));
    assert_eq!(
        (trials.from, trials.freeze),
        (vec![Target::BUILT_IN.map(Donor::from).to_vec()], vec!["none".to_string()])
    );
    assert_eq!((trials.label_fraction, trials.seed, trials.scratch), (vec![1.0], vec![0], true));
    // Only the transfer source and the sources of the mixes in use.
    assert_eq!(good(CONTRACT).used_sources(), ["ptbxl", "simulated"]);
}

#[test]
fn without_mixes_there_is_only_scratch() {
    let text = "name = 'a'\n[sources.p]\nkind = 'ptb-xl'\n[architectures.n]\nkind = 'cnn'\n";
    let trials = good(text).trials;
    assert!(trials.mix.is_empty() && trials.from.is_empty() && trials.scratch);
    let faults = faults(&format!("{text}[trials]\nscratch = false\nfrom = [['hr']]\n"));
    assert_eq!((faults[0].0, &faults[0].2[..]), (7, "false"));
    assert!(faults[0].3.starts_with("nothing to run"), "{faults:?}");
    assert!(faults[1].3.starts_with("there is no mix to train these networks on"), "{faults:?}");
}

#[test]
fn variables_that_are_not_set_are_no_fault() {
    let text = CONTRACT.replace("$ECG_DATA/ptb-xl\"", "$PTBXL/x\"").replace("$ECG_DATA/deep", "$DEEPFAKE/deep");
    let manifest = good(&text);
    assert_eq!(manifest.missing_variables(), ["PTBXL"], "`deepfake` is not used");
    let path = manifest.sources["deepfake"].paths()[0];
    assert_eq!(path.resolved, Err("DEEPFAKE".to_string()));
    let small = good(SMALL);
    let path = small.sources["ptbxl"].paths()[0];
    assert_eq!(path.resolved, Ok(PathBuf::from("study/ptb-xl")), "relative paths start at the manifest's folder");
}

/// What is added to the small manifest; line (from there) and column; the underlined text; the message.
type Case = (&'static str, usize, usize, &'static str, &'static str);

#[test]
fn each_fault_is_shown_with_its_place_and_the_nearest_name() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        // keys
        ("[regresion]", 1, 2, "regresion", "unknown key `regresion` in the manifest; did you mean `regression`?"),
        ("[signal]\n  sampling-rate = 5", 2, 3, "sampling-rate", "unknown key `sampling-rate` in `signal`; did you mean `sampling_rate`?"),
        ("[compute]\nepochs = 5", 2, 1, "epochs", "unknown key `epochs` in `compute`; known: `precision`; it belongs in `regression`, `transfer`, `classification`, `masked`, `contrastive`"),
        ("[mixes.b]", 1, 1, "[mixes.b]", "`mixes.b` needs the key `parts`"),
        ("[architectures.b]\ndepth = 3", 1, 1, "[architectures.b]", ""),
        ("[architectures.b]\nkind = 'cnn'\nfilters = 3", 3, 1, "filters", "unknown key `filters` in `architectures.b` of kind `cnn`; known: `channels`, `kernels`, `head`, `dropout`, `kind`"),
        // words
        ("[regression]\nloss = \"mea\"", 2, 8, "\"mea\"", "unknown loss `mea`; did you mean `mae`?"),
        ("[signal]\nleads = [\"I\", \"AVR\"]", 2, 15, "\"AVR\"", "unknown lead `AVR`; did you mean `aVR`?"),
        ("[regression]\noptimizer = { kind = \"adamww\" }", 2, 22, "\"adamww\"", "unknown optimizer `adamww`; did you mean `adamw`?"),
        ("[regression]\nearly_stopping = { metric = 'macro_auc' }", 2, 29, "'macro_auc'", "unknown metric of the regression stage `macro_auc`; known: `loss`"),
        ("[transfer]\nloss = 'bce'", 2, 8, "'bce'", "unknown loss `bce`; known: `cross-entropy`, `focal`, `mae`, `mse`, `huber`"),
        ("[transfer]\noptimizer = 'sdg'", 2, 13, "'sdg'", "unknown optimizer `sdg`; did you mean `sgd`?"),
        ("[regression]\nloss = { kind = 'mae', delta = 2 }", 2, 24, "delta", "unknown key `delta` in `regression.loss` of kind `mae`; known: `kind`"),
        // references
        ("[mixes.b]\nparts = [{ source = 'simm' }]", 2, 21, "'simm'", "no source is called `simm`; did you mean `sim`?"),
        ("[trials]\nmix = ['synthetik']", 2, 8, "'synthetik'", "no mix is called `synthetik`; did you mean `synthetic`?"),
        ("[trials]\narchitecture = ['transformer']", 2, 17, "'transformer'", "no architecture is called `transformer`; known: `net`"),
        ("[trials]\nfreeze = ['non']", 2, 11, "'non'", "no freeze is called `non`; did you mean `none`?"),
        ("[regression]\ntargets = ['qrs']\n[trials]\nfrom = [['qrs'], ['hr']]", 4, 19, "'hr'", "`hr` is not in regression.targets: `qrs`"),
        ("[trials]\nexclude = [{ mix = 'real' }]", 2, 20, "'real'", "no mix is called `real`; known: `synthetic`"),
        ("[trials]\nexclude = [{ seed = 1 }]", 2, 21, "1", "1 is not in trials.seed: [0]"),
        ("[trials]\nexclude = [{}]", 2, 12, "{}", "without any key this leaves out every trial; name a mix, an architecture, ..."),
        // types and ranges
        ("[regression]\nepochs = '3'", 2, 10, "'3'", "`epochs` must be a whole number, not the text \"3\""),
        ("[regression]\nepochs = 2.5", 2, 10, "2.5", "`epochs` must be a whole number, not the number 2.5"),
        ("[regression]\nepochs = 0", 2, 10, "0", "`epochs` is 0; it must be from 1 to 1000000"),
        ("[transfer]\nbatch_size = -1", 2, 14, "-1", "`batch_size` is -1; it must be from 1 to 65536"),
        ("[transfer]\noptimizer = { learning_rate = 0 }", 2, 31, "0", "`learning_rate` is 0; it must be above 0"),
        ("[regression]\nschedule = 3", 2, 12, "3", "`schedule` must be a table or a word in quotes, not the number 3"),
        ("[regression]\nloss = { kind = 'huber', delta = 0 }", 2, 34, "0", "`delta` is 0; it must be above 0"),
        ("[transfer]\ngradient_clipping = { norm = 0 }", 2, 30, "0", "`norm` is 0; it must be above 0"),
        ("[transfer]\nlabel_smoothing = 1", 2, 19, "1", "`label_smoothing` is 1; it must be at least 0 and below 1"),
        ("[freezes.f]\nl2_sp = { alpha = -1 }", 2, 19, "-1", "`alpha` is -1; it must be at least 0"),
        ("[signal]\nduration = nan", 2, 12, "nan", "`duration` is nan; it must be a finite number"),
        ("[trials]\nlabel_fraction = [0.1, 0, 1.5]\nseed = []", 2, 24, "0", ""),
        ("[trials]\nseed = [1, 2, 1]", 2, 15, "1", "1 comes twice in `seed`"),
        ("[transfer]\nclasses = ['NORM', 'MI', 'NORM']", 2, 26, "'NORM'", "`NORM` comes twice in `classes`"),
        ("[transfer]\ntrain_folds = [0]", 2, 16, "0", ""),
        ("[sources.b]\nkind = 'ptb-xl'\npath = '~/x'\n[transfer]\nsource = 'ptbxl'", 3, 8, "'~/x'", "`~` is not expanded; write `$HOME`"),
        // between values
        ("[signal]\nbandpass = [40, 1]", 2, 12, "[40, 1]", "the low edge, 40 Hz, is not below the high edge, 1 Hz"),
        ("[signal]\nbandpass = [1, 50]", 2, 16, "50", "the high edge, 50 Hz, is not below half the sampling rate, 50 Hz"),
        ("[mixes.b]\nparts = [{ source = 'sim', share = 0.5 }, { source = 'ptbxl', share = 0.4 }]", 2, 9, "[{ source = 'sim', share = 0.5 }, { source = 'ptbxl', share = 0.4 }]", "the shares of `b` are 0.9 together; they must be 1"),
        ("[mixes.b]\nparts = [{ source = 'sim', share = 1 }, { source = 'ptbxl' }]", 2, 9, "[{ source = 'sim', share = 1 }, { source = 'ptbxl' }]", "either all parts of `b` have a `share` or none has"),
        ("[mixes.b]\nparts = [{ source = 'ptbxl', folds = [8, 9] }]", 2, 38, "[8, 9]", "fold 9 is also in transfer.validation_folds: the mix would train on patients the transfer stage is tested on"),
        ("[mixes.b]\nparts = [{ source = 'sim', folds = [8] }]", 2, 36, "[8]", "only sources of kind `ptb-xl`, `cinc`, `ecg-arrhythmia`, `chapman`, `code-15`, `sph`, `mimic-iv-ecg`, `ludb`, `medalcare-xl`, `ptb`, `fda-drug-studies`, `hospital`, `table` have folds; `sim` is of kind `simulator`"),
        ("[mixes.b]\nparts = [{ source = 'sim' }, { source = 'sim' }]", 2, 41, "'sim'", "an earlier part of `b` already draws from the same records"),
        ("[transfer]\nsource = 'sim'", 2, 10, "'sim'", "`sim` is of kind `simulator`, which has no labels without `conditions`; the transfer stage needs a source of kind `ptb-xl`, `cinc`, `ecg-arrhythmia`, `chapman`, `code-15`, `sph`, `ludb`, `medalcare-xl`, `ptb`, `hospital`, `table`"),
        ("[transfer]\ntest_folds = [8, 10]", 2, 14, "[8, 10]", "fold 8 is also in transfer.train_folds; the sets of folds must not overlap"),
        ("[transfer]\ntrain_folds = [1, 10]", 2, 15, "[1, 10]", "fold 10 is also in transfer.test_folds; the sets of folds must not overlap"),
        ("[regression]\ntest_share = 0.9", 2, 14, "0.9", "`validation_share` (0.1) and `test_share` (0.9) leave no training records; together they must be below 1"),
        ("[transfer]\naugment = [{ kind = 'random-crop', duration = 11 }]", 2, 47, "11", "the crop of 11 s is longer than `signal.duration`, 10 s"),
        ("[transfer]\naugment = ['random-crop', { kind = 'time-shift', shift = 10 }]", 2, 58, "10", "the shift of 10 s is not shorter than `signal.duration`, 10 s"),
        ("[signal]\nwindow.length = 11", 2, 17, "11", "the window of 11 s is longer than `signal.duration`, 10 s"),
        ("[signal]\nwindow = { length = 2.5, stride = 3 }", 2, 35, "3", "windows of 2.5 s that are 3 s apart leave out what is between them"),
        ("[signal]\nwindow = { length = 2.5, stride = 0.001 }", 2, 35, "0.001", "0.001 s are less than a sample at 100 Hz"),
        ("[signal]\nwindow = { length = 2.5, test = 'centre', join = 'max' }", 2, 50, "'max'", "`join` is of tiles; with `test = \"centre\"` there is one window"),
        ("[signal]\nwindow = { stride = 1 }", 2, 10, "{ stride = 1 }", "`signal.window` needs the key `length`"),
        ("[signal]\nwindow.length = 2.5\n[transfer]\naugment = [{ kind = 'random-crop', duration = 3 }]", 4, 47, "3", "the crop of 3 s is longer than `signal.window.length`, 2.5 s"),
        ("[signal]\nwindow.length = 2.5\n[architectures.b]\nkind = 'vit'\npatch = 251", 5, 9, "251", "a patch of 251 samples is longer than the signal: it has 250 samples (2.5 s at 100 Hz)"),
        ("[transfer]\nloss = 'focal'\nlabel_smoothing = 0.1", 3, 19, "0.1", "label smoothing is defined for the loss `cross-entropy` alone; leave one of the two out"),
        ("[regression]\nschedule = { kind = 'plateau', warmup_epochs = 20 }", 2, 48, "20", "the warm-up of 20 epochs is not shorter than the stage's 20 epochs"),
        ("[architectures.b]\nkind = 'cnn'\nkernels = [3, 4, 5]", 3, 15, "4", "the kernel size 4 is even; kernels of a `cnn` are odd"),
        ("[architectures.b]\nkind = 'resnet1d'\nkernels = [5, 4]", 3, 15, "4", "the kernel size 4 is even; kernels of a `resnet1d` are odd"),
        ("[architectures.b]\nkind = 'resnet1d'\nkernels = [5]", 3, 11, "[5]", ""),
        ("[architectures.b]\nkind = 'resnet1d'\nstem_kernel = 8", 3, 15, "8", "the kernel size 8 is even; kernels of a `resnet1d` are odd"),
        ("[architectures.b]\nkind = 'fcn'\nchannels = [8, 8]", 3, 12, "[8, 8]", "`channels` has 2 items and `kernels` 3, one of them by default; they must be as many"),
        ("[architectures.b]\nkind = 'net1d'\nblocks = [1]", 3, 10, "[1]", "`channels` has 7 items and `blocks` 1, one of them by default; they must be as many"),
        ("[architectures.b]\nkind = 'net1d'\nchannels = [16, 40]\nblocks = [1, 1]", 3, 17, "40", "40 channels of a stage are no multiple of `group`, 16"),
        ("[architectures.b]\nkind = 'net1d'\nchannels = [32, 16]\nblocks = [1, 1]", 3, 17, "16", "16 channels of a stage are fewer than the 32 of the stage before"),
        ("[architectures.b]\nkind = 'net1d'\nstem = 17", 3, 8, "17", "16 channels of a stage are fewer than the 17 of the stem"),
        ("[architectures.b]\nkind = 'net1d'\nratio = 0.55", 3, 9, "0.55", "32 channels of a stage are 17 by `ratio`, which 2 groups cannot share"),
        ("[architectures.b]\nkind = 'xresnet1d'\nkernel = 6", 3, 10, "6", "the kernel size 6 is even; kernels of an `xresnet1d` are odd"),
        ("[architectures.b]\nkind = 'xresnet1d'\ndepth = 60", 3, 9, "60", "there is no `xresnet1d` of depth 60; depths: 18, 34, 50, 101"),
        ("[architectures.b]\nkind = 'xresnet1d'\ndepth = 152", 3, 9, "152", "`depth` is 152; it must be from 18 to 101"),
        ("[architectures.b]\nkind = 'cnn'\nchannels = [8, 8]", 3, 12, "[8, 8]", "`channels` has 2 items and `kernels` 3, one of them by default; they must be as many"),
        ("[freezes.f]\nsteps = [{ blocks = ['block1'] }, { blocks = ['block2'] }]", 2, 10, "{ blocks = ['block1'] }", "a step without `epochs` lasts to the end; only the last step can"),
        ("[architectures.b]\nkind = 'vit'\nheads = 5", 3, 9, "5", "`dim`, 128, is not divisible by `heads`, 5"),
        ("[architectures.b]\nkind = 'vit'\ndim = 100", 3, 7, "100", "`dim`, 100, is not divisible by `heads`, 8"),
        ("[architectures.b]\nkind = 'vit'\npatch = 1001", 3, 9, "1001", "a patch of 1001 samples is longer than the signal: it has 1000 samples (10 s at 100 Hz)"),
        ("[freezes.f]\nsteps = [{ blocks = ['blok1', 'block?'] }]\n[trials]\nfreeze = ['f']", 2, 22, "'blok1'", "no block of architecture `net` is called `blok1`; did you mean `block1`? its blocks: `block1`, `block2`, `block3`"),
        ("[freezes.f]\nsteps = [{ blocks = ['stem'] }]\n[trials]\nfreeze = ['f']", 2, 21, "['stem']", "this step holds no block of architecture `net`; its blocks: `block1`, `block2`, `block3`"),
        ("[freezes.f]\nlearning_rate_scale = { 'conv*' = 1 }\n[trials]\nfreeze = ['f']", 2, 35, "1", "no block of architecture `net` is called `conv*`; its blocks: `block1`, `block2`, `block3`, `head`"),
        ("[trials]\nfrom = [['hr', 'qt'], ['qt', 'hr']]", 2, 23, "['qt', 'hr']", "the same networks are grafted by an earlier item"),
        ("[trials]\nfrom = [['qrs', ['qrs']]]", 2, 17, "['qrs']", "the network `qrs` is grafted by an earlier item"),
        ("[trials]\nfrom = [['hr', ['qrs', 'qt']]]", 2, 16, "['qrs', 'qt']", "`[\"qt\",\"qrs\"]` is not in regression.targets: `hr`, `pr`, `qt`, `qrs`"),
        ("[trials]\nfrom = [[['hr', 'classification']]]", 2, 17, "'classification'", "unknown target `classification`; known: `hr`, `pr`, `qt`, `qrs`"),
        ("[trials]\nfrom = [['hr'], ['classification']]", 2, 17, "['classification']", "no classifier can be trained on mix `synthetic`: records of `sim` have no classes; add to trials.exclude { mix = \"synthetic\", from = [\"classification\"] }"),
        ("[trials]\nfusion = 'sum'", 2, 10, "'sum'", "unknown fusion `sum`; known: `concat`, `gate`, `mean`"),
        ("[trials]\nexclude = [{ fusion = 'gate' }]", 2, 23, "'gate'", "`gate` is not in trials.fusion"),
        // the simulator's models
        ("[sources.b]\nkind = 'simulator'\nboundaries = 'seen'", 3, 14, "'seen'", "unknown definition of boundaries `seen`; known: `support`, `visible`"),
        ("[sources.b]\nkind = 'simulator'\nconditions = { NORM = 0.5, AFIBB = 0.5 }", 3, 36, "0.5", "unknown condition `AFIBB`; did you mean `AFIB`?"),
        ("[sources.b]\nkind = 'simulator'\nconditions = { NORM = 0.5, AFIB = 0.4 }", 3, 14, "{ NORM = 0.5, AFIB = 0.4 }", "the shares of `conditions` are 0.9 together; they must be 1"),
        ("[sources.b]\nkind = 'simulator'\nconditions = { 'AFIB + 1AVB' = 1 }", 3, 32, "1", "no record is both AFIB and 1AVB"),
        ("[sources.b]\nkind = 'simulator'\nconditions = { 'LVH + LVH' = 1 }", 3, 30, "1", "`LVH` comes twice in `LVH + LVH`"),
        ("[sources.b]\nkind = 'simulator'\nconditions = { AFIB = 1.5 }", 3, 23, "1.5", "`AFIB` is 1.5; it must be above 0 and at most 1"),
        ("[sources.b]\nkind = 'simulator'\nmodel = 'simple'\nconditions = { AFIB = 1 }", 3, 9, "'simple'", "the simple model has no conditions; write model = \"detailed\", or leave `conditions` out"),
        // conditions and curricula
        ("[mixes.b]\nparts = [{ source = 'sim', where = 'x' }]", 2, 37, "x", "unknown name `x`; known: `hr`, `pr`, `qt`, `qrs`"),
        ("[mixes.b]\nparts = [{ source = 'ptbxl', where = 'HYP or nrom' }]", 2, 46, "nrom", "unknown name `nrom`; did you mean `NORM`?"),
        ("[mixes.b]\nparts = [{ source = 'ptbxl', where = 'HR < 60 or weight > 3' }]", 2, 39, "HR", "unknown name `HR`; did you mean `hr`?"),
        ("[mixes.b]\nparts = [{ source = 'ptbxl', where = 'hr < 60 or weight > 3' }]", 2, 50, "weight", "unknown name `weight`; known: `hr`, `pr`, `qt`, `qrs`, `fold`, `age`, `sex`, `NORM`, `MI`, `STTC`, `CD`, `HYP` and 93 more"),
        ("[transfer]\nclasses = ['NORM', 'AFIBB']", 2, 20, "'AFIBB'", "unknown name `AFIBB`; did you mean `AFIB`?"),
        ("[transfer]\nclasses = { sick = 'not NORM', norm = 'norm' }", 2, 40, "norm", "unknown name `norm`; did you mean `NORM`?"),
        ("[transfer]\nclasses = { sick = 'not NORM or', norm = 'NORM' }", 2, 32, "'", "`sick`: the condition ends too early; expected: a condition such as `hr < 60`"),
        ("[transfer]\nclasses = { a = '*', b = '*' }", 2, 26, "'*'", "only one class can be `*`, the records of none of the others"),
        ("[transfer]\nclasses = { a = 'MI' }", 2, 11, "{ a = 'MI' }", "`classes` needs at least 2 classes, not 1"),
        ("[transfer]\nclasses = { a = 5, b = '*' }", 2, 17, "5", "a class is a condition in quotes such as \"AFIB or AFLT\", a list of labels, or \"*\""),
        ("[regression]\ntargets = ['hr', 'qtc']", 2, 18, "'qtc'", "unknown target `qtc`; did you mean `qt`?"),
        ("[mixes.b]\nparts = [{ source = 'sim', where = 'hr == 60' }]", 2, 40, "==", "`where`: unknown operator `==`; write `=`; known: `<`, `<=`, `>`, `>=`, `=`, `!=`"),
        ("[mixes.b]\nparts = [{ source = 'ptbxl', where = \"MI and sex = \\\"man\\\"\" }]", 2, 52, "\\\"man\\\"", "`where`: unknown sex `man`; known: `male`, `female`"),
        ("[mixes.b]\nparts = [{ source = 'ptbxl', where = \"sex = \\u0027man\\u0027\" }]", 2, 38, "\"sex = \\u0027man\\u0027\"", "`where`: unknown sex `man`; known: `male`, `female`"),
        ("[mixes.b]\nparts = [{ source = 'sim', where = 5 }]", 2, 36, "5", "`where` must be a condition in quotes, not the number 5"),
        ("[mixes.b]\nparts = [{ source = 'sim', where = 'hr < 60 and not age > 60' }]", 2, 36, "'hr < 60 and not age > 60'", "`age` is known for sources of kind `ptb-xl`, `cinc`, `ecg-arrhythmia`, `chapman`, `code-15`, `sph`, `ludb`, `ptb`, `fda-drug-studies`, `hospital`, `table` only; `sim` is of kind `simulator`, with `hr`, `pr`, `qt`, `qrs`"),
        ("[mixes.b]\nparts = [{ source = 'ptbxl', where = 'MI' }, { source = 'ptbxl', where = '(MI)' }]", 2, 57, "'ptbxl'", "an earlier part of `b` already draws from the same records"),
        ("[mixes.b]\nparts = [{ source = 'sim', max_records = 0 }]", 2, 42, "0", "`max_records` is 0; it must be from 1 to 10000000"),
        ("[mixes.b]\nparts = [{ source = 'sim', until_epoch = 0 }]", 2, 42, "0", "`until_epoch` is 0; it must be from 1 to 1000000"),
        ("[mixes.b]\nparts = [{ source = 'sim', from_epoch = 5, until_epoch = 4 }]", 2, 58, "4", "`until_epoch` (4) is before `from_epoch` (5): the part never trains"),
        ("[mixes.b]\nparts = [{ source = 'sim' }, { source = 'ptbxl', from_epoch = 21 }]", 2, 63, "21", "the part never trains: the regression stage has 20 epochs"),
        ("[mixes.b]\nparts = [{ source = 'sim', until_epoch = 5 }, { source = 'ptbxl', from_epoch = 8 }]", 2, 9, "[{ source = 'sim', until_epoch = 5 }, { source = 'ptbxl', from_epoch = 8 }]", "no part of `b` trains in epochs 6 to 7 of the regression stage's 20; change `from_epoch` or `until_epoch`"),
        ("[mixes.b]\nparts = [{ source = 'sim', until_epoch = 19 }, { source = 'ptbxl', until_epoch = 3 }]", 2, 9, "[{ source = 'sim', until_epoch = 19 }, { source = 'ptbxl', until_epoch = 3 }]", "no part of `b` trains in epoch 20 of the regression stage's 20; change `from_epoch` or `until_epoch`"),
        ("[mixes.b]\nparts = [{ source = 'sim', from_epoch = 2 }]", 2, 9, "[{ source = 'sim', from_epoch = 2 }]", "no part of `b` trains in epoch 1 of the regression stage's 20; change `from_epoch` or `until_epoch`"),
        ("[mixes.b]\nparts = [{ source = 'ptbxl', from_epoch = 4 }]\n[classification]\nepochs = 3\n[trials]\nmix = ['b']\nfrom = [['classification']]", 2, 43, "4", "the part never trains: the classification stage has 3 epochs"),
        // syntax
        ("[trials]\nseed = [1,, 2]", 2, 11, ",", ""),
        ("[trials]\nseed = [0]\nseed = [1]", 3, 1, "seed", ""),
    ];
    let mut wrong = Vec::new();
    for (more, line, column, underlined, message) in cases {
        let text = format!("{SMALL}{more}\n");
        let Err(problems) = read(&text) else {
            wrong.push(format!("no problem was found in\n{more}"));
            continue;
        };
        let first = &problems[0];
        let shown: String = first.source_line.chars().skip(first.column - 1).take(first.width).collect();
        let place = (first.line - SMALL.lines().count(), first.column);
        if place != (*line, *column) || shown != *underlined || (!message.is_empty() && first.message != *message) {
            wrong.push(format!("in\n{more}\nexpected {line}:{column} {underlined}: {message}\nfound {first}"));
        } else if !message.is_empty() && problems.len() > 1 {
            wrong.push(format!("in\n{more}\nmore than one problem: {}", problems[1]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_training_control_is_read_and_kinds_may_be_written_as_words() {
    let more = r#"wide = "inception1d"
[freezes.near]
l2_sp = { beta = 0.1 }
[regression]
loss = { kind = "huber", delta = 0.5 }
optimizer = "rmsprop"
schedule = { kind = "plateau", warmup_epochs = 2 }
gradient_clipping = {}
augment = ["time-shift", { kind = "amplitude-scale", range = 0.5 }]
[transfer]
loss = { kind = "focal", gamma = 1.5 }
schedule = "constant"
gradient_clipping = { norm = 5 }
"#;
    let manifest = good(&format!("{SMALL}{more}"));
    assert_eq!(manifest.architectures["wide"], Architecture::Inception1d(Inception1dConfig::default()));
    assert_eq!(manifest.freezes["near"].l2_sp, Some(L2Sp { alpha: 0.01, beta: 0.1 }));
    let regression = manifest.regression;
    assert_eq!(regression.loss, RegressionLoss::Huber { delta: 0.5 });
    let rmsprop = Optimizer::Rmsprop { learning_rate: 0.01, weight_decay: 0.0, alpha: 0.99, momentum: 0.0 };
    assert_eq!(regression.optimizer, rmsprop);
    assert_eq!(regression.schedule, Schedule::Plateau { factor: 0.5, patience: 3, warmup_epochs: 2.0 });
    assert_eq!(regression.gradient_clipping, Some(GradientClipping { norm: 1.0 }));
    assert_eq!(regression.augment, [Augment::TimeShift { shift: 0.5 }, Augment::AmplitudeScale { range: 0.5 }]);
    assert_eq!(manifest.transfer.loss, TransferLoss::Focal { gamma: 1.5 });
    assert_eq!(manifest.transfer.schedule, Schedule::Constant { warmup_epochs: 0.0 });
    assert_eq!(manifest.transfer.gradient_clipping, Some(GradientClipping { norm: 5.0 }));

    let plain = good(SMALL);
    assert_eq!((plain.transfer.loss, plain.transfer.label_smoothing), (TransferLoss::CrossEntropy, 0.0));
    assert_eq!((plain.regression.gradient_clipping, plain.transfer.gradient_clipping), (None, None));
    assert_eq!(good(&format!("{SMALL}[transfer]\nlabel_smoothing = 0.1\n")).transfer.label_smoothing, 0.1);
    let huber = good(&format!("{SMALL}[regression]\nloss = 'huber'\n")).regression.loss;
    assert_eq!(huber, RegressionLoss::Huber { delta: 1.0 });
}

/// Kinds of architectures, from the schema.
fn kinds() -> Vec<String> {
    let schema = schema();
    let kinds = schema["properties"]["architectures"]["additionalProperties"]["oneOf"].as_array().unwrap();
    let kinds = kinds.iter().filter_map(|kind| kind["properties"]["kind"]["const"].as_str());
    kinds.map(str::to_owned).collect()
}

#[test]
fn a_kind_is_asked_for_with_all_there_are() {
    let kinds = kinds();
    assert_eq!(kinds[..2], ["cnn", "inception1d"]);
    let message = format!("`architectures.b` needs the key `kind`; known: `{}`", kinds.join("`, `"));
    assert_eq!(fault("[architectures.b]\ndepth = 3").3, message);
}

#[test]
fn unknown_blocks_are_told_for_every_architecture() {
    for kind in kinds() {
        let small = SMALL.replace("\"cnn\"", &format!("{kind:?}"));
        let with = |freeze: &str| format!("{small}[freezes.f]\n{freeze}\n[trials]\nfreeze = ['f']\n");
        let blocks = good(&small).architectures["net"].blocks();
        for block in &blocks {
            good(&with(&format!("steps = [{{ blocks = ['{block}'] }}]\nlearning_rate_scale = {{ {block} = 0.5 }}")));
        }
        let listed = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let with_head = [&blocks[..], &["head".to_owned()]].concat();
        for (freeze, underlined, known) in [
            ("steps = [{ blocks = ['*', 'nosuchpart'] }]", "'nosuchpart'", &blocks),
            ("steps = [{ blocks = ['nosuch*'], epochs = 1 }, { blocks = ['*'] }]", "'nosuch*'", &blocks),
            ("learning_rate_scale = { '*' = 1, nosuchpart = 0.1 }", "0.1", &with_head),
        ] {
            let faults = faults(&with(freeze));
            assert_eq!(faults[0].2, underlined, "{kind}: {faults:?}");
            let message = &faults[0].3;
            assert!(message.starts_with("no block of architecture `net` is called `nosuch"), "{kind}: {message}");
            assert!(message.ends_with(&format!("its blocks: {}", listed(known))), "{kind}: {message}");
        }
    }
}

#[test]
fn residual_networks_have_defaults_and_a_stem_to_freeze() {
    let more = "[architectures]\nwang = { kind = 'resnet1d' }\nx = { kind = 'xresnet1d' }\n[freezes.f]\nsteps = [{ blocks = ['stem'] }]\n[trials]\nfreeze = ['f']\n";
    let manifest = good(&(SMALL.replace("[architectures]\nnet = { kind = \"cnn\" }\n", "") + more));
    assert_eq!(manifest.architectures["wang"], Architecture::Resnet1d(Resnet1dConfig::default()));
    assert_eq!(manifest.architectures["x"], Architecture::Xresnet1d(Xresnet1dConfig::default()));
    for architecture in manifest.architectures.values() {
        assert_eq!(architecture.blocks()[..2], ["stem", "block1"]);
    }
}

#[test]
fn grafts_of_every_form_are_read() {
    let text = r#"
name = "forms"
[sources.ptbxl]
kind = "ptb-xl"
path = "ptb-xl"
features = "features.csv"
[mixes.real]
parts = [{ source = "ptbxl" }]
[architectures.net]
kind = "cnn"
[regression]
targets = ["hr", "pr", "qt", "qrs", ["qrs", "hr"]]
validation_share = 0.2
[transfer]
epochs = 7
labels = "multi"
early_stopping = { patience = 3 }
[classification]
classes = ["NORM", "MI"]
test_share = 0.0
[trials]
from = [["hr"], [["hr", "qrs"]], ["qt", ["hr", "qrs"], "classification"]]
fusion = "gate"
"#;
    let manifest = good(text);
    let both = Donor::Regression(Targets::of(&[Target::HR, Target::QRS]));
    assert_eq!(manifest.regression.targets[4].list(), [Target::HR, Target::QRS]);
    let all = vec![Target::QT.into(), both.clone(), Donor::CLASSIFICATION];
    assert_eq!(manifest.trials.from, [vec![Target::HR.into()], vec![both], all]);
    assert_eq!(manifest.trials.fusion, [Fusion::Gate]);
    // What [classification] leaves out is as in [transfer] and [regression].
    let Pretraining { training, validation_share, test_share } = manifest.classification;
    assert_eq!((validation_share, test_share), (0.2, 0.0));
    assert_eq!(training.classes, [superclass::NORM, superclass::MI].map(Class::from));
    assert_eq!(Transfer { classes: superclass::ALL.map(Into::into).to_vec(), ..training }, manifest.transfer);
    let listed = good(&text.replace("\"gate\"", "[\"mean\", \"concat\"]"));
    assert_eq!(listed.trials.fusion, [Fusion::Mean, Fusion::Concat]);
}

#[test]
fn recurrent_layers_have_one_set_of_keys() {
    let of = |kind: &str, more: &str| {
        good(&format!("{SMALL}[architectures.r]\nkind = '{kind}'\n{more}")).architectures["r"].clone()
    };
    assert_eq!(of("rnn", ""), RnnConfig::default().into());
    let keys = "bidirectional = true\nlayers = 3\nlayer_dropout = 0.2\n";
    let both = LstmConfig { bidirectional: true, layers: 3, layer_dropout: 0.2, ..LstmConfig::default() };
    assert_eq!(of("lstm", keys), both.into());
    let both = GruConfig { bidirectional: true, layers: 3, layer_dropout: 0.2, ..GruConfig::default() };
    assert_eq!(of("gru", keys), both.into());
    assert_eq!(of("gru", keys).blocks(), ["block1", "block2", "block3"]);
}

#[test]
fn an_excluded_combination_needs_no_matching_blocks() {
    let more = "[architectures.deep]\nkind = 'inception1d'\n[freezes.f]\nsteps = [{ blocks = ['block6'] }]\n[trials]\nfreeze = ['none', 'f']\n";
    assert!(fault(more).3.starts_with("no block of architecture `net` is called `block6`"));
    good(&format!("{SMALL}{more}exclude = [{{ architecture = 'net', freeze = 'f' }}]\n"));
}

#[test]
fn a_vit_has_a_stem_and_an_mlp_of_four_times_its_dim() {
    let vit = |keys: &str| {
        let text =
            format!("{SMALL}[architectures.v]\nkind = 'vit'\n{keys}\n[freezes.f]\nsteps = [{{ blocks = ['stem'] }}]\n");
        let manifest = good(&format!("{text}[trials]\narchitecture = ['v']\nfreeze = ['f']\n"));
        manifest.architectures["v"].clone()
    };
    assert_eq!(vit(""), Architecture::Vit(VitConfig::default()));
    // What is hashed is the width, whether written or not.
    assert_eq!(json!(vit("mlp = 512")), json!(vit("")));
    assert_eq!(vit("dim = 64"), Architecture::Vit(VitConfig { dim: 64, mlp: 256, ..VitConfig::default() }));
    assert_eq!(vit("depth = 2").blocks(), ["stem", "block1", "block2"]);
}

#[test]
fn a_condition_that_ends_too_early_is_marked_at_its_end() {
    let (line, column, underlined, message) = fault("[mixes.b]\nparts = [{ source = 'sim', where = 'hr <' }]\n");
    assert_eq!((line, column, &underlined[..]), (2, "parts = [{ source = 'sim', where = 'hr <".len() + 1, "'"));
    assert_eq!(message, "`where`: the condition ends too early; expected: a number");
}

#[test]
fn parts_with_conditions_limits_and_epochs_are_read() {
    let more = "[mixes.b]\nparts = [
        { source = 'sim', until_epoch = 10, max_records = 50 },
        { source = 'ptbxl', where = \"sex = 'female' and(hr<60)\", from_epoch = 8 },
        { source = 'ptbxl', folds = [1, 2], where = '''
            not (hr < 60)
            and age >= 65''', from_epoch = 11, until_epoch = 99 },
    ]\n";
    let parts = &good(&format!("{SMALL}{more}")).mixes["b"].parts;
    assert_eq!((parts[0].max_records, parts[0].epochs()), (Some(50), 1..=10));
    let text = |part: usize| parts[part].condition.as_ref().unwrap().to_string();
    assert_eq!((text(1), parts[1].epochs()), ("sex = \"female\" and hr < 60".into(), 8..=usize::MAX));
    assert_eq!((text(2), parts[2].epochs()), ("not hr < 60 and age >= 65".into(), 11..=99));
    assert_eq!(parts[2].condition, Some(Condition::parse("not hr < 60 and age >= 65").unwrap()));
}

#[test]
fn a_real_mix_needs_features() {
    let text = SMALL.replace(", features = \"features.csv\"", "") + "[mixes.real]\nparts = [{ source = 'ptbxl' }]\n";
    let faults = faults(&text);
    assert_eq!(faults.len(), 1);
    assert_eq!((faults[0].0, faults[0].1), (10, 21));
    assert!(faults[0].3.starts_with("`ptbxl` has no regression targets; set sources.ptbxl.features"), "{faults:?}");
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_the_text_and_none_twice() {
    let text = "nam = 'x'\n[regression]\nepochs = 0\nlos = 'mae'\n[architectures.a]\nkind = 'cn'\n[trials]\narchitecture = ['a', 'b']\nmix = ['m']\n";
    let faults = faults(text);
    let told: Vec<(usize, &str)> = faults.iter().map(|(line, _, _, message)| (*line, message.as_str())).collect();
    assert_eq!(
        told,
        [
            (1, "unknown key `nam` in the manifest; did you mean `name`?"),
            (
                1,
                "the transfer stage needs a source of kind `ptb-xl`, `cinc`, `ecg-arrhythmia`, `chapman`, `code-15`, `sph`, `ludb`, `medalcare-xl`, `ptb`, `hospital`, `table`; declare one under [sources]"
            ),
            (3, "`epochs` is 0; it must be from 1 to 1000000"),
            (4, "unknown key `los` in `regression`; did you mean `loss`?"),
            (6, "unknown architecture `cn`; did you mean `cnn`?"),
            (8, "no architecture is called `b`; known: `a`"),
            (9, "no mix is called `m`; none is declared"),
        ]
    );
}

#[test]
fn a_broken_value_does_not_hide_problems_between_others() {
    let more = "[signal]\nbandpass = [1, 'x']\n[regression]\noptimizer.betas = [0.9]\n[transfer]\ntest_folds = [9]\n";
    let faults = faults(&format!("{SMALL}{more}"));
    let told: Vec<(usize, &str)> = faults.iter().map(|(line, _, _, message)| (*line, message.as_str())).collect();
    assert_eq!(
        told,
        [
            (10, "`bandpass[1]` must be a number, not the text \"x\""),
            (12, "`betas` needs 2 items, not 1"),
            (14, "fold 9 is also in transfer.validation_folds; the sets of folds must not overlap"),
        ]
    );
}

#[test]
fn folders_are_walked_in_name_order_and_problems_of_all_files_come_together() {
    let folder = std::env::temp_dir().join(format!("ecgraft-manifests-{}", std::process::id()));
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    let b = write("good/b.toml", &SMALL.replace("small", "second"));
    write("good/sub/c.toml", &SMALL.replace("small", "third"));
    write("good/a.toml", &SMALL.replace("small", "first"));
    write("good/readme.md", "not a manifest");
    let names = |paths: &[PathBuf]| -> Vec<String> { load(paths).unwrap().into_iter().map(|m| m.name).collect() };
    assert_eq!(names(&[folder.join("good")]), ["first", "second", "third"]);
    assert_eq!(names(&[b, folder.join("good")]), ["second", "first", "third"], "each file once");

    write("bad/a.toml", SMALL);
    write("bad/b.toml", "name = 'x'\nx = = 1\n");
    write("bad/c.toml", SMALL);
    std::fs::create_dir_all(folder.join("empty")).unwrap();
    let error = load(&[folder.join("bad"), folder.join("empty"), folder.join("gone")]).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let folder_text = folder.display().to_string();
    let message = error.message.replace(&folder_text, "");
    assert!(message.starts_with("4 problems in the manifests\n\n"), "{message}");
    for part in [
        "/empty: no manifests (*.toml) in this folder",
        "/gone: no such file or folder",
        "/bad/b.toml:2:5: ",
        "2 | x = = 1\n  |     ^",
        "/bad/c.toml:1:8: the name `small` is taken by /bad/a.toml; names are unique",
    ] {
        assert!(message.contains(part), "{part} is not in\n{message}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_commands_say_what_they_found() {
    let ecgraft = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ecgraft"));
        let output = command.args(arguments).env_remove("ECG_DATA").output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let contract = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/manifests/contract.toml");
    let (code, out, _) = ecgraft(&["check", contract]);
    assert_eq!(code, Some(0));
    assert!(out.starts_with("everything  ") && out.ends_with("\nok: 1 manifest\n"), "{out}");
    assert!(out.contains("2 mixes x 1 architecture x 2 grafts x 3 freezes x 2 label fractions x 3 seeds"), "{out}");
    assert!(out.contains("note: not set: $ECG_DATA"), "{out}");
    let lost = "note: HYP is told by voltage, which normalize = \"z-score\" takes away; \"global-z-score\" keeps it";
    assert!(out.contains(lost), "{out}");
    let (code, out, error) = ecgraft(&["check", "gone.toml"]);
    assert_eq!((code, &out[..], &error[..]), (Some(2), "", "error: gone.toml: no such file or folder\n"));

    let (_, out, _) = ecgraft(&["schema"]);
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), schema());

    let (_, out, _) = ecgraft(&["architectures", "inception1d"]);
    for part in ["bottleneck", "Channels of the bottleneck.", "block1", "block6"] {
        assert!(out.contains(part), "{out}");
    }
    // Convolutions 8x32x7 + 32x64x5 + 64x128x3, their batch norms 2x(32 + 64 + 128), the head's batch norm 2x256, layer
    // 256x128 + 128, batch norm 2x128 and layer 128x5 + 5.
    let (_, out, _) = ecgraft(&["architectures", "cnn"]);
    let total = 1792 + 10240 + 24576 + 448 + 512 + 32896 + 256 + 645;
    assert!(out.lines().any(|line| line.trim().starts_with("all ") && line.ends_with(&total.to_string())), "{out}");
    let (code, _, error) = ecgraft(&["architectures", "cn"]);
    assert_eq!((code, &error[..]), (Some(2), "error: unknown architecture `cn`; did you mean `cnn`?\n"));
}

#[test]
fn the_contract_fits_the_schema() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let document: Value = serde_json::to_value(toml::from_str::<toml::Table>(CONTRACT).unwrap()).unwrap();
    assert_eq!(misfit(&schema, &document), None);
    let mut other = document.clone();
    other["regression"]["epoch"] = json!(1);
    assert_eq!(misfit(&schema, &other), Some("epoch".into()));
    other = document;
    other["transfer"]["optimizer"]["kind"] = json!("sgd");
    other["transfer"]["optimizer"]["betas"] = json!([0.9, 0.99]);
    assert!(misfit(&schema, &other).is_some(), "`sgd` has no betas");
}

/// What does not fit, by the rules of JSON Schema that the manifest's schema uses.
fn misfit(schema: &Value, value: &Value) -> Option<String> {
    if let Some(variants) = schema["oneOf"].as_array() {
        let fitting = variants.iter().filter(|variant| misfit(variant, value).is_none()).count();
        return (fitting != 1).then(|| format!("{value} fits {fitting} kinds"));
    }
    let known = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64(),
        Some("number") => value.is_number(),
        _ => schema["const"] == *value,
    };
    let bounds = [
        ("minimum", 1.0, false),
        ("exclusiveMinimum", 1.0, true),
        ("maximum", -1.0, false),
        ("exclusiveMaximum", -1.0, true),
    ];
    let inside = bounds.iter().all(|(key, sign, open)| match (schema[key].as_f64(), value.as_f64()) {
        (Some(bound), Some(value)) => sign * (value - bound) > 0.0 || (!open && value == bound),
        _ => true,
    });
    let listed = schema["enum"].as_array().is_none_or(|words| words.contains(value));
    if !known || !inside || !listed {
        return Some(value.to_string());
    }
    if let Some(items) = value.as_array() {
        return items.iter().find_map(|item| misfit(&schema["items"], item));
    }
    let object = value.as_object()?;
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    required.filter(|key| !object.contains_key(*key)).map(String::from).next().or_else(|| {
        object.iter().find_map(|(key, value)| match (&schema["properties"][key], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => Some(key.clone()),
            (Value::Null, other) => misfit(other, value),
            (property, _) => misfit(property, value),
        })
    })
}

#[test]
fn every_key_of_the_schema_is_read() {
    let samples = samples(&schema());
    assert!(samples.len() >= 5, "one for each kind of schedule at least");
    for mut sample in samples {
        // The names that the examples refer to.
        for (table, from, to) in [
            ("sources", "name0", "simulated"),
            ("sources", "name2", "ptbxl"),
            ("mixes", "name0", "synthetic"),
            ("architectures", "name0", "cnn"),
            ("architectures", "name1", "inception"),
        ] {
            let value = sample[table].as_object_mut().unwrap().remove(from).unwrap();
            sample[table][to] = value;
        }
        // Augmentations at their defaults are of seconds that a window must have; a protocol sets many keys, and has a test.
        sample["signal"]["window"]["length"] = json!(10.0);
        let sample = sample.as_object_mut().unwrap();
        // An arm is compared with another, which has neither mix nor freeze.
        for family in ["primary", "secondary"] {
            for comparison in sample["comparisons"][family].as_array_mut().unwrap() {
                if let Some(against) = comparison["against"].as_object_mut() {
                    against.retain(|key, _| key != "mix" && key != "freeze");
                    against.insert("graft".into(), json!("scratch"));
                }
            }
        }
        // Classes or targets; the latter have tests of their own.
        assert!(sample["transfer"].as_object_mut().unwrap().remove("targets").is_some());
        for section in ["classification", "transfer"] {
            let loss = &mut sample[section]["loss"];
            if matches!(loss["kind"].as_str(), Some("mae" | "mse" | "huber")) {
                *loss = json!("cross-entropy");
            }
        }
        assert_eq!(sample.remove("protocol"), Some(json!("ptb-xl-benchmark")));
        // Of a file that is not there; variants and includes have tests of their own.
        assert_eq!(sample.remove("include"), Some(json!("base.toml")));
        sample["search"]["over"] =
            json!({ "transfer.batch_size": [16, 32], "transfer.epochs": { "from": 1, "to": 3 } });
        sample.insert("variants".into(), json!({ "lead-ii": { "signal.leads": ["II"] } }));
        good(&toml::to_string(&*sample).unwrap());
    }
}

/// Values that fit a schema and together write every key of it in every kind.
fn samples(schema: &Value) -> Vec<Value> {
    if let Some(variants) = schema["oneOf"].as_array().filter(|all| all.iter().any(|one| one["type"] == "object")) {
        return variants.iter().flat_map(samples).collect();
    }
    if schema.get("const").is_some() {
        return vec![schema["const"].clone()];
    }
    if schema["type"] == "array" {
        let items = samples(&schema["items"]);
        if items.iter().any(Value::is_object) {
            return vec![Value::Array(items)];
        }
    }
    if schema["type"] == "object" {
        if let Some(properties) = schema["properties"].as_object() {
            let choices: Vec<(&String, Vec<Value>)> = properties.iter().map(|(key, of)| (key, samples(of))).collect();
            let most = choices.iter().map(|(_, values)| values.len()).max().unwrap_or(1);
            let sample = |index: usize| {
                choices.iter().map(move |(key, values)| ((*key).clone(), values[index % values.len()].clone()))
            };
            return (0..most).map(|index| Value::Object(sample(index).collect())).collect();
        }
        if let Some(example) = schema["examples"].get(0) {
            return vec![example.clone()];
        }
        let named = samples(&schema["additionalProperties"]).into_iter().enumerate();
        return vec![Value::Object(named.map(|(index, value)| (format!("name{index}"), value)).collect())];
    }
    let written = schema.get("default").or_else(|| schema["examples"].get(0)).or_else(|| schema["enum"].get(0));
    vec![written.cloned().unwrap_or(json!(1))]
}

#[test]
fn the_reference_page_is_what_the_code_says() {
    let page = include_str!("../docs/manifest.md");
    assert!(
        page == reference(),
        "docs/manifest.md is not that of this version: `cargo run --release -- schema --markdown > docs/manifest.md`"
    );
}

/// The keys that the protocol of the PTB-XL benchmark stands for, written out.
const BENCHMARK: &str = r#"[signal]
leads = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]
sampling_rate = 100
duration = 10
normalize = "global-z-score"
window = { length = 2.5, train = "random", test = "tile", stride = 1.25, join = "max" }
[transfer]
labels = "multi"
train_folds = [1, 2, 3, 4, 5, 6, 7, 8]
validation_folds = [9]
test_folds = [10]
"#;

#[test]
fn a_protocol_is_its_keys_written_out() {
    let with = |text: &str| {
        let manifest = good(text);
        (manifest.signal, manifest.transfer, manifest.classification)
    };
    let protocol = "protocol = \"ptb-xl-benchmark\"\n";
    let written = with(&format!("{SMALL}{BENCHMARK}"));
    assert_eq!(written.0.window.as_ref().map(|window| (window.length, window.stride)), Some((2.5, 1.25)));
    assert_eq!((written.0.shape(), written.0.length()), ((12, 250), 1000));
    assert!(with(&format!("{protocol}{SMALL}")) == written);
    assert!(with(&format!("{protocol}{SMALL}{BENCHMARK}")) == written, "the same may be said twice");
    // Other keys are free.
    let more =
        with(&format!("{protocol}{SMALL}[signal]\nstorage = 'f16'\nwindow = {{ length = 2.5, stride = 1.25 }}\n"));
    assert_eq!(more.0, Signal { storage: Storage::F16, ..written.0 });
}

#[test]
fn what_says_otherwise_than_the_protocol_is_told_with_both_lines() {
    let at = SMALL.lines().count() + 3;
    for (more, line, says) in [
        (
            "[signal]\nsampling_rate = 500",
            at,
            "`signal.sampling_rate` (line 11) is 500, but protocol = \"ptb-xl-benchmark\" (line 1) says 100; leave one of the two out",
        ),
        (
            "[signal]\nbandpass = [0.5, 40]",
            at,
            "`signal.bandpass` (line 11) is [0.5, 40], but protocol = \"ptb-xl-benchmark\" (line 1) says none; leave one of the two out",
        ),
        (
            "[signal]\nwindow = { length = 2.5, join = 'mean' }",
            at,
            "`signal.window.join` (line 11) is \"mean\", but protocol = \"ptb-xl-benchmark\" (line 1) says \"max\"; leave one of the two out",
        ),
        (
            "[transfer]\ntest_folds = [9, 10]",
            at,
            "`transfer.test_folds` (line 11) is [9, 10], but protocol = \"ptb-xl-benchmark\" (line 1) says [10]; leave one of the two out",
        ),
    ] {
        let problems = faults(&format!("protocol = 'ptb-xl-benchmark'\n{SMALL}{more}"));
        let told: Vec<(usize, &str)> = problems.iter().map(|(line, _, _, message)| (*line, message.as_str())).collect();
        assert_eq!(told, [(line, says)]);
    }
    let unknown = faults(&format!("protocol = 'ptb-xl-benchmrk'\n{SMALL}"));
    assert_eq!(unknown[0].3, "unknown protocol `ptb-xl-benchmrk`; did you mean `ptb-xl-benchmark`?");
}
