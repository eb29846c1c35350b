//! The search for settings: on validation folds alone, and what it finds goes into a manifest.

use crate::workbench::{Workbench, sample, tiny};
use ecgraft::store::Cell;

fn study(search: &str) -> String {
    format!("{}{search}", tiny("sought", &sample(), ""))
}

#[test]
fn halving_trains_the_better_half_longer_and_tests_nothing() {
    let bench = Workbench::new("search");
    let search = "[search]\nmethod = \"halving\"\ntrials = 4\neta = 2\nfirst_epochs = 1\nseeds = [0, 1]\n\
                  [search.over]\n\"transfer.batch_size\" = [8, 16, 32, 64]\n";
    bench.write("experiments/s.toml", &study(search));
    let said = bench.run(&["search", "experiments/s.toml", "--write", "found.toml"]);
    let table = said.ok();
    // Four values are four candidates; two of them go on to the manifest's two epochs.
    let rows: Vec<&str> = table.lines().filter(|line| line.trim_start().starts_with(['1', '2', '3', '4'])).collect();
    assert_eq!(rows.len(), 4, "{table}");
    let epochs: Vec<&str> = rows.iter().map(|row| row.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(epochs, ["2", "2", "1", "1"], "{table}");
    assert_eq!(bench.number("SELECT count(*) FROM runs WHERE experiment = 'sought search'"), (4.0 + 2.0) * 2.0);

    // Nothing is tested, and who tests the study trains no donor either.
    assert_eq!(bench.number("SELECT count(*) FROM score WHERE split = 'test'"), 0.0);
    assert_eq!(bench.number("SELECT count(*) FROM prediction"), 0.0);
    let regressions = "SELECT stage_id FROM stage WHERE kind = 'regression' ORDER BY 1";
    let donors = bench.ask(regressions);

    // By hand: of each candidate the mean over its seeds of the validation macro AUC; the best is what is found.
    let best = bench.ask(
        "SELECT json_extract(s.settings, '$.transfer.batch_size') FROM runs r JOIN stage s USING (stage_id)
         JOIN score v ON v.stage_id = s.stage_id AND v.split = 'validation' AND v.metric = 'macro_auc' AND v.class = ''
         WHERE json_extract(s.settings, '$.transfer.epochs') = 2 GROUP BY r.variant ORDER BY avg(v.value) DESC LIMIT 1",
    );
    let Cell::Integer(best) = best[0][0] else { panic!("{best:?}") };
    let found = std::fs::read_to_string(bench.path.join("found.toml")).unwrap();
    assert!(found.contains(&format!("[variants.found]\n\"transfer.batch_size\" = {best}\n")), "{found}");

    // The same again trains nothing, and a manifest takes what was found; regressions are those of the search.
    let again = bench.run(&["search", "experiments/s.toml"]);
    assert!(!again.err.contains("done    "), "{}", again.err);
    assert!(again.ok().starts_with(&table));
    bench.write("experiments/s.toml", "include = [\"../base.toml\", \"../found.toml\"]\n");
    bench.write("base.toml", &study(search));
    bench.run(&["run"]).ok();
    assert_eq!(bench.ask(regressions), donors);
    assert_eq!(bench.number("SELECT count(DISTINCT variant) FROM runs WHERE experiment = 'sought'"), 2.0);
    bench.run(&["verify"]).ok();
    bench.run(&["audit"]).ok();
}

#[test]
fn faults_of_a_search_are_told_where_they_stand() {
    let bench = Workbench::new("search-faults");
    for (search, says) in [
        ("[search.over]\n\"transfer.batch_size\" = []\n", ["is an empty list", "s.toml"]),
        (
            "[search.over]\n\"transfer.batch_size\" = { from = 3, to = 3 }\n",
            ["goes from 3 to 3", "`from` must be less"],
        ),
        (
            "[search.over]\n\"transfer.batch_size\" = { from = 0, to = 3, scale = \"log\" }\n",
            ["begins above 0", "begins at 0"],
        ),
        ("[search.over]\n\"transfer.batch_size\" = { from = 1, too = 3 }\n", ["has `too`", "`to`"]),
        ("[search]\nmethod = \"grid\"\n", ["unknown method of search `grid`", "halving"]),
    ] {
        bench.write("s.toml", &study(search));
        bench.run(&["check", "s.toml"]).users_fault(&says);
    }
    for (search, says) in [
        ("", ["has no [search]", "[search.over]"]),
        ("[search.over]\n\"transfer.batch_sise\" = [1]\n", ["unknown key `batch_sise`", "did you mean `batch_size`"]),
        ("[search.over]\n\"transfer.batch_size\" = [0]\n", ["`batch_size` is 0", "s.toml:"]),
        ("[search.over]\n\"trials.seed\" = [1]\n", ["`trials` is nothing that a search varies", "s.toml:"]),
        (
            "[search]\nmethod = \"halving\"\n[search.over]\n\"transfer.epochs\" = [2, 4]\n",
            ["`transfer.epochs` cannot be varied", "method = \"random\""],
        ),
        (
            "[search]\nmetric = \"makro_auc\"\n[search.over]\n\"transfer.batch_size\" = [8]\n",
            ["no metric is called `makro_auc`", "did you mean"],
        ),
    ] {
        bench.write("s.toml", &study(search));
        bench.run(&["search", "s.toml"]).users_fault(&says);
    }
}
