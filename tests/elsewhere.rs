//! What networks are worth on records that taught them nothing.

use crate::workbench::{Workbench, sample, tiny};
use ecgraft::store::Cell;

/// Another simulator, and where the networks are evaluated.
fn elsewhere(regression: &str, transfer: &str) -> String {
    let other = "[sources.other]\nkind = \"simulator\"\nrecords = 25\nseed = 2\n[signal]";
    tiny("elsewhere", &sample(), "")
        .replace("[signal]", other)
        .replace("[regression]\n", &format!("[regression]\nevaluate_on = {regression}\n"))
        .replace("[transfer]\n", &format!("[transfer]\nevaluate_on = {transfer}\n"))
}

#[test]
fn networks_are_evaluated_on_other_sources_and_only_on_whom_did_not_teach_them() {
    let bench = Workbench::new("elsewhere");
    bench.write("experiments/elsewhere.toml", &elsewhere("[]", "[]"));
    assert!(!bench.run(&["run"]).ok().contains("tested on"));
    let stages = bench.ask("SELECT stage_id, finished_at FROM stages ORDER BY stage_id");
    let none = bench.run(&["compare", "--elsewhere"]).users_fault(&["no network was evaluated", "evaluate_on"]);
    assert!(none.contains("nothing is trained anew"), "{none}");

    bench.write("experiments/elsewhere.toml", &elsewhere("[\"simulated\", \"other\", \"ptbxl\"]", "[\"ptbxl\"]"));
    let said = bench.run(&["run"]);
    assert!(said.err.contains("evaluating 2 networks on other"), "{}", said.err);
    assert!(said.err.contains("evaluating 8 networks on ptbxl"), "two regressions, six classifiers: {}", said.err);
    let table = said.ok();
    assert_eq!(
        bench.ask("SELECT stage_id, finished_at FROM stages ORDER BY stage_id"),
        stages,
        "nothing is trained again"
    );
    assert!(table.contains("tested on") && table.contains("bias"), "{table}");
    let again = bench.run(&["run"]);
    assert!(!again.err.contains("evaluating"), "{}", again.err);
    assert_eq!(again.out, table);

    // The other simulator's 25 taught nobody; of the first's 40 each network left out those that taught it.
    let records = "SELECT count(*) FROM (SELECT DISTINCT stage_id, record_id FROM evaluated_record e JOIN elsewhere w \
                   USING (fingerprint) WHERE w.kind = 'regression' AND w.source = 'SOURCE' AND subject = 'hr')";
    assert_eq!(bench.number(&records.replace("SOURCE", "other")), 2.0 * 25.0);
    let taught = bench.number(
        "SELECT count(*) FROM stage_set m JOIN stage s USING (stage_id) JOIN record_set r USING (set_id) JOIN members a
         ON a.record_set = r.sha256 WHERE s.kind = 'regression' AND m.split <> 'test' AND a.data_set LIKE 'simulator%'",
    );
    assert!(taught > 0.0);
    assert_eq!(bench.number(&records.replace("SOURCE", "simulated")), 2.0 * 40.0 - taught);
    let met = bench.number(
        "SELECT count(*) FROM evaluated_record e JOIN run_stages r USING (stage_id) JOIN run_stages own USING (run_id)
         JOIN stage_set m ON m.stage_id = own.stage_id AND m.split <> 'test' JOIN record_set s USING (set_id)
         JOIN members a ON a.record_set = s.sha256 AND a.data_set = 'ptb-xl' AND a.patient = e.patient
         JOIN elsewhere w ON w.fingerprint = e.fingerprint AND w.source = 'ptbxl' JOIN stage t ON t.stage_id = e.stage_id
         WHERE t.kind = 'transfer' OR own.stage_id = e.stage_id",
    );
    assert_eq!(met, 0.0, "nobody who taught a network, or what is grafted in it, evaluates it");

    // What the training measured of its own test records is measured again by another way.
    let same = |ours: &str, theirs: &str| {
        let joined = format!(
            "FROM evaluated_record e JOIN stage s USING (stage_id)
             JOIN elsewhere w ON w.fingerprint = e.fingerprint AND w.kind = s.kind JOIN {theirs} p ON p.stage_id = e.stage_id
             AND p.record_id = e.record_id AND p.{ours} = e.subject"
        );
        (bench.number(&format!("SELECT count(*) {joined}")), joined)
    };
    let (count, joined) = same("class", "prediction");
    // 72 test records, of five classes, by six classifiers.
    assert_eq!(count, 72.0 * 5.0 * 6.0);
    assert_eq!(
        bench.number(&format!("SELECT count(*) {joined} WHERE p.probability <> e.said OR p.label <> e.truth")),
        0.0
    );
    let (count, joined) = same("target", "regression_prediction");
    assert!(count > 0.0);
    let off =
        format!("SELECT count(*) {joined} AND p.source = w.source WHERE p.measured <> e.said OR p.truth <> e.truth");
    assert_eq!(bench.number(&off), 0.0);

    // The mean error by hand.
    let by_hand = bench.number(
        "SELECT avg(said - truth) FROM evaluated_record e JOIN elsewhere w USING (fingerprint)
        WHERE w.source = 'other' AND stage_id = (SELECT min(stage_id) FROM stage WHERE kind = 'regression')",
    );
    let stored = bench.number(
        "SELECT value FROM evaluations WHERE source = 'other' AND metric = 'bias' AND subject = 'hr'
        AND stage_id = (SELECT min(stage_id) FROM stage WHERE kind = 'regression')",
    );
    assert!((by_hand - stored).abs() < 1e-9, "{by_hand} {stored}");

    let csv = bench.run(&["compare", "--elsewhere", "--format", "csv"]).ok();
    assert!(
        csv.starts_with("experiment,kind,architecture,network,mix,freeze,labels,tested_on,seeds,of,metric,mean,sd,"),
        "{csv}"
    );
    let of = |start: &str| csv.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!(of("elsewhere,regression,tiny,hr,half,,,other,2,hr,mae,"), 1, "{csv}");
    assert_eq!(of("elsewhere,transfer,tiny,hr,half,probe,100%,ptbxl,2,,macro_auc,"), 1, "{csv}");
    assert_eq!(of("elsewhere,transfer,tiny,scratch,,,100%,ptbxl,2,MI,auc,"), 1, "{csv}");
    for format in ["table", "markdown", "latex", "typst", "json"] {
        let text = bench.run(&["compare", "--elsewhere", "--format", format]).ok();
        assert!(text.contains("other") && !text.contains("vs scratch"), "{text}");
    }
    let page = std::fs::read_to_string({
        bench.run(&["report", "--output", "report.html"]).ok();
        bench.path.join("report.html")
    });
    let page = page.unwrap();
    assert!(page.contains("regressions on records that taught them nothing"));
    let verified = bench.run(&["verify"]).ok();
    assert!(verified.contains("metrics on other sources from"), "{verified}");

    // A value that is changed is found, and weights that are gone are made again for who is to be evaluated.
    let store = rusqlite::Connection::open(bench.results().join("ecgraft.sqlite")).unwrap();
    store.execute("UPDATE evaluation SET value = value + 0.5 WHERE metric = 'mae'", []).unwrap();
    let said = bench.run(&["verify"]);
    assert!(said.code == Some(1) && said.err.contains("mae of hr on another source is stored as"), "{}", said.err);
    let Cell::Text(regression) = &bench.ask("SELECT min(stage_id) FROM stage WHERE kind = 'regression'")[0][0] else {
        panic!("no regression")
    };
    store.execute("DELETE FROM evaluation WHERE stage_id = ?1", [regression]).unwrap();
    std::fs::remove_file(bench.results().join(format!("checkpoints/{regression}.safetensors"))).unwrap();
    let said = bench.run(&["run"]);
    assert!(said.err.contains("its stage is trained again: hr on half"), "{}", said.err);
    assert!(bench.number("SELECT count(*) FROM evaluation WHERE metric = 'mae'") > 0.0);
}

#[test]
fn sources_that_know_nothing_of_what_is_learned_are_told() {
    let bench = Workbench::new("elsewhere-unknown");
    bench.write("typo.toml", &elsewhere("[\"ptb\"]", "[]"));
    bench.run(&["check", "typo.toml"]).users_fault(&["no source is called `ptb`", "did you mean `ptbxl`"]);
    bench.write("labels.toml", &elsewhere("[]", "[\"other\"]"));
    bench
        .run(&["check", "labels.toml"])
        .users_fault(&["`other` is of kind `simulator`, which has no labels", "evaluate_on"]);
    let features = format!("features = \"{}/features/ecgdeli_features.csv\"\n", sample().display());
    let without =
        elsewhere("[\"ptbxl\"]", "[]").replace(&features, "").replace(", { source = \"ptbxl\", share = 0.5 }", "");
    bench.write("targets.toml", &without.replace("share = 0.5", "share = 1.0"));
    bench.run(&["check", "targets.toml"]).users_fault(&["`ptbxl` knows none of the targets", "sources.ptbxl.features"]);
}

#[test]
fn classes_of_ones_own_are_shown_and_counted_once_whoever_shares_the_stage() {
    let bench = Workbench::new("own-classes");
    let own = |name: &str| {
        let more = "classes = { infarction = \"MI\", rest = \"*\" }\n";
        tiny(name, &sample(), "").replace("[transfer]\n", &format!("[transfer]\n{more}"))
    };
    bench.write("experiments/one.toml", &own("one"));
    bench.write("experiments/two.toml", &own("two"));
    let table = bench.run(&["run"]).ok();
    // 16 of the 72 test records have an infarction (the sample's README).
    assert_eq!(table.matches("72 test records: 16 infarction, 56 rest.").count(), 2, "{table}");
    let Cell::Text(run) = &bench.ask("SELECT run_id FROM runs WHERE experiment = 'one' AND graft = 'scratch'")[0][0]
    else {
        panic!("no run")
    };
    let shown = bench.run(&["show", run]).ok();
    let rows = shown.lines().filter(|line| line.starts_with("infarction ") || line.starts_with("rest ")).count();
    assert_eq!(rows, 4, "AUC and confusion of both: {shown}");
}
