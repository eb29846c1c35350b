//! What else than a regression can be grafted: networks that learn from signals alone, classifiers of other labels, and
//! weights from elsewhere.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::workbench::{Workbench, sample, tiny};

/// A study of seconds whose grafts are `from`; `more` goes before `[trials]`.
fn study(name: &str, from: &str, more: &str) -> String {
    tiny(name, &sample(), more).replace("from = [[\"hr\"]]", &format!("from = {from}"))
}

#[test]
fn donors_without_labels_run_are_proved_and_found_done() {
    let bench = Workbench::new("donors");
    let more = "[masked]\nepochs = 3\npatch = 200\nleads = \"all\"\n[contrastive]\nbatch_size = 8\nwindow = 4.0\n";
    let text = study("alone", r#"[["masked"], ["contrastive"], ["hr", "masked"]]"#, more);
    bench.write("alone.toml", &text);
    bench.run(&["check", "alone.toml"]).ok();
    let plan = bench.run(&["plan", "alone.toml"]).ok();
    assert!(
        plan.contains("2 regressions, 2 masked networks, 2 contrastive networks (grafted 16 times) and 14 transfers"),
        "{plan}"
    );
    bench.run(&["run", "alone.toml", "--jobs", "2"]).ok();
    let again = bench.run(&["run", "alone.toml"]);
    let told = format!("{}{}", again.out, again.err);
    assert!(!told.contains("on half, tiny"), "nothing is trained again: {told}");
    let verified = bench.run(&["verify"]).ok();
    assert!(verified.contains("20 of 20 stages are done"), "{verified}");
    let audit = bench.run(&["audit"]).ok();
    assert!(audit.contains("alone: 14 of 14 done runs proved"), "{audit}");
    // Contrastive networks have the masked ones' records, and so their proof.
    assert!(audit.contains("4 runs") && audit.contains("masked on half, seed 0: train"), "{audit}");
    for (kind, metrics) in [("masked", ["mae", "r2", "rmse"]), ("contrastive", ["loss", "top1", "top1_by_chance"])] {
        for metric in metrics {
            let of = format!("FROM score JOIN stage USING (stage_id) WHERE kind = '{kind}' AND metric = '{metric}'");
            assert_eq!(bench.number(&format!("SELECT count(*) {of}")), 4.0, "{kind} {metric}: two seeds, two splits");
        }
    }
    let epochs = "FROM epoch JOIN stage USING (stage_id) WHERE kind = 'masked' AND split = 'train' AND metric = 'loss'";
    assert_eq!(bench.number(&format!("SELECT count(*) {epochs}")), 6.0);
    // What is asked of transfers has nothing of this.
    let said = bench.run(&["compare", "alone", "--metric", "top1"]).users_fault(&["no metric is called `top1`"]);
    assert!(!said.contains("r2,") && said.contains("mae:hr"), "{said}");
    let table = bench.run(&["compare", "alone"]).ok();
    assert!(table.contains("hr+masked") && table.contains("contrastive"), "{table}");
    let run = bench.ask("SELECT run_id FROM runs WHERE graft = 'masked' AND freeze = 'probe'");
    let Some(ecgraft::store::Cell::Text(run)) = run.first().and_then(|row| row.first()) else { panic!("{run:?}") };
    let shown = bench.run(&["show", run]).ok();
    assert!(shown.contains("what is masked of test records is given with MAE"), "{shown}");
    let settings =
        "json_extract(settings, '$.masked.masking.patch') || json_extract(settings, '$.masked.training.epochs')";
    assert_eq!(
        bench.number(&format!("SELECT count(*) FROM stage WHERE kind = 'masked' AND {settings} = '200.03'")),
        2.0
    );
}

#[test]
fn settings_of_learning_alone_that_cannot_be_are_told() {
    let bench = Workbench::new("donors-check");
    for (from, more, says) in [
        (r#"[["masked"]]"#, "[masked]\nshare = 0.0\n", "nothing is masked"),
        (
            r#"[["masked"]]"#,
            "[masked]\npatch = 20000.0\n",
            "a patch of 20000 ms is longer than what networks see at once, 10 s",
        ),
        (r#"[["masked"]]"#, "[masked]\nlead = \"all\"\n", "did you mean `leads`?"),
        (r#"[["maskd"]]"#, "", "`maskd` is not in regression.targets"),
        (r#"[[["hr", "masked"]]]"#, "", "unknown target `masked`"),
        (r#"[["contrastive"]]"#, "[contrastive]\nwindow = 11.0\n", "a window of 11 s is longer than what networks see"),
        (
            r#"[["contrastive"]]"#,
            "[contrastive]\nwindow = 0.04\n",
            "2 samples, as a view of [contrastive] has (0.04 s at 50 Hz)",
        ),
        (
            r#"[["contrastive"]]"#,
            "[contrastive]\nvalidation_share = 0.6\ntest_share = 0.5\n",
            "leave no training records",
        ),
        (r#"[["weights:mine"]]"#, "", "no weights are called `mine`"),
        (
            r#"[["weights:mine"]]"#,
            "[weights.mine]\npath = \"a\"\narchitecture = \"tiny\"\nnames = { \"a\" = \"b.*\" }\n",
            "`b.*` has more `*` than `a`",
        ),
    ] {
        bench.write("a.toml", &study("a", from, more));
        bench.run(&["check", "a.toml"]).users_fault(&[says]);
    }
    let hidden = |from: &str| study("a", from, "graft = \"hidden\"\n");
    for (from, says) in [
        (r#"[["masked"]]"#, "has no hidden layer"),
        (r#"[["hr", "contrastive"]]"#, "the hidden layers of several cannot be joined"),
    ] {
        bench.write("a.toml", &hidden(from));
        bench.run(&["check", "a.toml"]).users_fault(&[says]);
    }
    let named = |graft: &str| {
        let text = study("a", r#"[["contrastive"]]"#, graft);
        text.replace(
            "[freezes.probe]\nsteps = [{ blocks = [\"*\"] }]",
            "[freezes.probe]\nsteps = [{ blocks = [\"*\", \"hidden\"] }]",
        )
    };
    bench.write("a.toml", &named("graft = \"hidden\"\n"));
    bench.run(&["check", "a.toml"]).ok();
    bench.write("a.toml", &named(""));
    bench.run(&["check", "a.toml"]).users_fault(&["is called `hidden`"]);
}

#[test]
fn a_hidden_layer_that_is_not_taken_changes_no_stage() {
    let bench = Workbench::new("donors-hidden");
    let ids = |text: &str| {
        bench.write("a.toml", text);
        bench
            .run(&["plan", "a.toml"])
            .ok()
            .lines()
            .filter(|line| line.contains("to run "))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let plain = ids(&study("a", r#"[["hr"]]"#, ""));
    assert_eq!(ids(&study("a", r#"[["hr"]]"#, "graft = \"backbone\"\n")), plain);
    let hidden = ids(&study("a", r#"[["hr"]]"#, "graft = \"hidden\"\n"));
    for (line, other) in plain.iter().zip(&hidden) {
        assert_eq!(
            line == other,
            !line.contains("freeze"),
            "{line}: regressions and networks from scratch are the same"
        );
    }
    bench.run(&["run", "a.toml"]).ok();
    bench.run(&["verify"]).ok();
}

/// Records of the mix are told by sex, those of the transfer by superclass.
#[test]
fn a_classifier_that_is_grafted_may_tell_other_classes() {
    let bench = Workbench::new("donors-classes");
    let own = "[classification]\nlabels = \"single\"\n[classification.classes]\nwoman = \"sex = 'female'\"\nman = \"*\"\n\
               [mixes.real]\nparts = [{ source = \"other\" }]\n[sources.other]\nkind = \"ptb-xl\"\npath = \"DATA\"\n";
    let text = study("classes", r#"[["classification"]]"#, &own.replace("DATA", &sample().to_string_lossy()));
    let text = text.replace("mix = [\"half\"]", "mix = [\"real\"]");
    bench.write("a.toml", &text);
    bench.run(&["run", "a.toml"]).ok();
    bench.run(&["verify"]).ok();
    bench.run(&["audit"]).ok();
    let of = "FROM prediction JOIN stage USING (stage_id) WHERE kind =";
    let classes = |kind: &str| bench.ask(&format!("SELECT DISTINCT class {of} '{kind}' ORDER BY class"));
    assert_eq!(format!("{:?}", classes("classification")), r#"[[Text("man")], [Text("woman")]]"#);
    assert_eq!(classes("transfer").len(), 5);
    for (classes, says) in [
        ("classes = [\"AFIB\", \"SR\", \"NORN\"]", "NORN"),
        ("classes = { old = \"aeg > 60\", young = \"*\" }", "did you mean `age`?"),
    ] {
        let wrong = text.replace("[classification.classes]\nwoman = \"sex = 'female'\"\nman = \"*\"", classes);
        bench.write("a.toml", &wrong);
        bench.run(&["check", "a.toml"]).users_fault(&[says]);
    }
    let task = text.replace("[classification.classes]\nwoman = \"sex = 'female'\"\nman = \"*\"", "task = \"rhythm\"");
    bench.write("a.toml", &task.replace("labels = \"single\"", "labels = \"multi\""));
    bench.run(&["run", "a.toml"]).ok();
}

/// The tensors of a checkpoint, under other names.
fn renamed(bytes: &[u8], name: impl Fn(&str) -> Option<String>) -> Vec<u8> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let views = file.tensors().into_iter().filter_map(|(own, view)| {
        Some((name(&own)?, TensorView::new(view.dtype(), view.shape().to_vec(), view.data()).unwrap()))
    });
    safetensors::serialize(views.collect::<Vec<_>>(), None::<HashMap<String, String>>).unwrap()
}

#[test]
fn weights_from_elsewhere_are_grafted_by_name_and_shape() {
    let bench = Workbench::new("donors-weights");
    bench.write("teacher.toml", &study("teacher", r#"[["hr"]]"#, ""));
    bench.run(&["run", "teacher.toml"]).ok();
    let of_teacher = "kind = 'regression' AND seed = 1";
    let found = bench.ask(&format!("SELECT checkpoint FROM stage WHERE {of_teacher}"));
    let Some(ecgraft::store::Cell::Text(checkpoint)) = found.first().and_then(|row| row.first()) else {
        panic!("{found:?}")
    };
    let bytes = std::fs::read(bench.results().join(checkpoint)).unwrap();
    std::fs::write(bench.path.join("own.safetensors"), &bytes).unwrap();
    // As another program would call them.
    let theirs = |own: &str| Some(format!("net.{}", own.replace("blocks.", "layer").replace(".bn.", ".norm.")));
    std::fs::write(bench.path.join("theirs.safetensors"), renamed(&bytes, theirs)).unwrap();
    let weights = "[weights.own]\npath = \"own.safetensors\"\narchitecture = \"tiny\"\n\
                   [weights.theirs]\npath = \"theirs.safetensors\"\narchitecture = \"tiny\"\nprefix = \"net.\"\n\
                   names = { \"layer*.conv.*\" = \"blocks.*.conv.*\", \"layer*.norm.*\" = \"blocks.*.bn.*\" }\n";
    let text = study("graft", r#"[["weights:own"], ["weights:theirs"], ["hr"], ["weights:own", "hr"]]"#, weights);
    bench.write("graft.toml", &text);
    bench.run(&["run", "graft.toml"]).ok();
    bench.run(&["verify"]).ok();
    // The same backbone, whatever its tensors were called: the same networks to the bit.
    let same = "SELECT count(DISTINCT p.probability) FROM runs r JOIN predictions p USING (run_id)
                WHERE r.experiment = 'graft' AND r.graft IN ('weights:own', 'weights:theirs') AND r.freeze = 'probe'
                GROUP BY r.seed, p.record_id, p.class";
    assert!(bench.ask(same).iter().all(|row| format!("{row:?}") == "[Integer(1)]"));
    assert_eq!(bench.number("SELECT count(*) FROM runs WHERE graft = 'weights:own' AND mix IS NULL"), 4.0);
    assert_eq!(bench.number("SELECT count(*) FROM runs WHERE graft = 'weights:own+hr' AND mix = 'half'"), 4.0);
    // And what a graft of the network itself gives, seed 1 having trained it.
    let both = "SELECT max(abs(a.test_macro_auc - b.test_macro_auc)) FROM runs a JOIN runs b USING (seed, freeze)
                WHERE a.graft = 'weights:own' AND b.graft = 'hr' AND b.experiment = 'graft' AND seed = 1";
    assert_eq!(bench.number(both), 0.0);
    let audit = bench.run(&["audit", "graft"]);
    assert_eq!(audit.code, Some(1), "{}", audit.out);
    assert!(audit.out.contains("NOT PROVED: weights:own: the people who taught it are not known"), "{}", audit.out);
    let table = bench.run(&["compare", "graft"]).ok();
    assert!(
        table.replace('\n', " ").contains("weights:own and weights:theirs: the people who taught these weights"),
        "{table}"
    );
    let allowed = text.replace("[sources.simulated]", "allow_overlap = \"weights of a friend\"\n[sources.simulated]");
    bench.write("graft.toml", &allowed);
    bench.run(&["run", "graft.toml"]).ok();
    let audit = bench.run(&["audit", "graft"]).ok();
    assert!(audit.contains("weights:own: the people who taught it are not known"), "{audit}");
    // Where a file lies is in no id; what is in it is.
    std::fs::create_dir(bench.path.join("moved")).unwrap();
    std::fs::rename(bench.path.join("own.safetensors"), bench.path.join("moved/own.safetensors")).unwrap();
    bench.write("graft.toml", &allowed.replace("\"own.safetensors\"", "\"moved/own.safetensors\""));
    let plan = bench.run(&["plan", "graft.toml"]).ok();
    assert!(plan.contains(" 0 to run") || plan.contains(", 0 to run"), "{plan}");
    let other = renamed(&bytes, |own| (!own.starts_with("head")).then(|| own.to_owned()));
    std::fs::write(bench.path.join("moved/own.safetensors"), other).unwrap();
    let plan = bench.run(&["plan", "graft.toml"]).ok();
    assert!(plan.contains("weights:own, tiny"), "{plan}");
}

#[test]
fn weights_that_do_not_fit_are_told_with_what_is_missing_and_left_over() {
    let bench = Workbench::new("donors-unfit");
    let conv: Vec<u8> = vec![0; 4 * 4 * 2 * 5];
    let norm = vec![0u8; 4 * 4];
    let view = |shape: &[usize], data: &'static [u8]| TensorView::new(Dtype::F32, shape.to_vec(), data).unwrap();
    let (conv, norm): (&'static [u8], &'static [u8]) = (conv.leak(), norm.leak());
    let tensors = vec![
        ("blocks.0.conv.wieght", view(&[4, 2, 5], conv)),
        ("blocks.0.bn.weight", view(&[4, 1], norm)),
        ("blocks.0.bn.bias", view(&[4], norm)),
        ("fc", view(&[4], norm)),
    ];
    let bytes = safetensors::serialize(tensors, None::<HashMap<String, String>>).unwrap();
    std::fs::write(bench.path.join("w.safetensors"), bytes).unwrap();
    let weights = "[weights.w]\npath = \"w.safetensors\"\narchitecture = \"tiny\"\n";
    let text = study("a", r#"[["weights:w"]]"#, weights);
    bench.write("a.toml", &text);
    bench.run(&["run", "a.toml"]).users_fault(&[
        "weights w: ",
        "does not fit architecture `tiny`",
        "missing: blocks.0.conv.weight 4x2x5 (is it blocks.0.conv.wieght?)",
        "wrong: blocks.0.bn.weight is 4x1, not 4",
        "left over: blocks.0.conv.wieght 4x2x5, fc 4",
    ]);
    std::fs::write(bench.path.join("w.safetensors"), b"no tensors").unwrap();
    bench.run(&["run", "a.toml"]).users_fault(&["no whole safetensors file"]);
    std::fs::remove_file(bench.path.join("w.safetensors")).unwrap();
    bench.run(&["plan", "a.toml"]).users_fault(&["weights w: ", "cannot be read"]);
    bench.write("a.toml", &text.replace("\"w.safetensors\"", "\"$NOWHERE/w.safetensors\""));
    let said = bench.run(&["plan", "a.toml"]);
    assert!(format!("{}{}", said.out, said.err).contains("$NOWHERE is not set"), "{} {}", said.out, said.err);
}
