//! The report as one HTML file, and figures as files, through the command.

mod workbench;

use std::path::{Path, PathBuf};
use std::process::Command;

use workbench::{Workbench, sample, tiny};

/// A study of seconds, its results, and what is in the manifest beside it.
fn studied(name: &str, more: &str) -> Workbench {
    let bench = Workbench::new(name);
    let text = format!("# <b>bold</b> & <script>alert(1)</script>\n{}", tiny("small", &sample(), more));
    bench.write("study.toml", &text);
    bench.run(&["run", "study.toml", "--threads", "2"]).ok();
    bench
}

/// Names in the store become ones that no manifest allows.
fn rename(bench: &Workbench, sql: &str) {
    let store = rusqlite::Connection::open(bench.results().join("ecgraft.sqlite")).unwrap();
    store.execute_batch(sql).unwrap();
}

/// Figures that a page of one experiment has.
const FIGURES: [&str; 14] = [
    "label-efficiency",
    "differences",
    "roc",
    "calibration",
    "confusion",
    "learning1-auc",
    "learning1-loss",
    "regression",
    "regression-scatter",
    "bland-altman",
    "ecg1",
    "ecg2",
    "ecg3",
    "ecg6",
];

#[test]
fn a_report_has_everything_and_needs_nothing_else() {
    let bench = studied("page", "");
    bench.run(&["report", "-o", "report.html"]).ok();
    let page = std::fs::read_to_string(bench.path.join("report.html")).unwrap();
    for figure in FIGURES {
        assert!(page.contains(&format!("<title id=\"e1-{figure}-title\">")), "no figure {figure}");
        assert!(page.contains(&format!("<desc id=\"e1-{figure}-text\">")), "{figure} has no text alternative");
    }
    for (section, _) in page.match_indices("href=\"#").map(|(at, _)| page[at + 7..].split_once('"').unwrap()) {
        assert!(page.contains(&format!("id=\"{section}\"")), "nothing is at #{section}");
    }
    // No address but SVG's own name for itself, which inline SVG does not even need.
    assert!(
        !page.contains("http://") && !page.contains("https://") && !page.contains("src=") && !page.contains("@import")
    );
    assert!(!page.contains("NaN") && !page.contains("inf\""), "a number that is none");
    // Six runs: two grafted arms and the baseline, two seeds each; all unfold without a script.
    assert_eq!(page.matches("<details class=\"run\"").count(), 6);
    for run in
        bench.ask("SELECT run_id FROM runs UNION SELECT stage_id FROM stages UNION SELECT manifest_sha256 FROM runs")
    {
        let ecgraft::store::Cell::Text(id) = &run[0] else { panic!("{run:?}") };
        assert!(page.contains(id.as_str()), "{id} is not told");
    }
    assert!(page.contains("# &lt;b&gt;bold&lt;/b&gt; &amp; &lt;script&gt;alert(1)&lt;/script&gt;"));
    assert_eq!(page.matches("<script").count(), 1, "our own");

    // The numbers of the test set, from the store.
    let positives = bench.number("SELECT count(DISTINCT record_id) FROM predictions WHERE class = 'MI' AND label = 1");
    let records = bench.number("SELECT count(DISTINCT record_id) FROM predictions");
    assert!(page.contains(&format!("MI, n = {positives} of {records}")));
    bench.run(&["report", "large*"]).users_fault(&["no experiment is called `large*`"]);
    bench.run(&["report", "-o", "no/such/folder.html"]).users_fault(&["folder.html", "cannot be written"]);
}

#[test]
fn whatever_the_user_names_is_escaped() {
    let bench = studied("escaped", "");
    let evil = "</title></script><img src=x onerror=alert(1)>\"&";
    rename(
        &bench,
        &format!(
            "UPDATE trial SET experiment = '{evil}', mix = '{evil}', graft = '{evil}' WHERE mix IS NOT NULL;
             UPDATE trial SET experiment = '{evil}', architecture = architecture || '<';
             UPDATE stage SET mix = '{evil}', notes = '[\"{}\"]', error = '{evil}', device = '{evil}', version = '{evil}';
             UPDATE prediction SET class = 'MI<' WHERE class = 'MI';
             UPDATE manifest SET path = '{evil}';
             UPDATE stage SET settings = replace(settings, '\"MI\"', '\"MI<\"');",
            evil.replace('"', "\\\"")
        ),
    );
    let page = bench.run(&["report"]).ok();
    assert!(!page.contains("<img") && page.contains("&lt;img src=x"));
    assert_eq!(
        (page.matches("</script>").count(), page.matches("</title>").count()),
        (1, 1 + page.matches("<title id=").count())
    );
    assert!(!page.contains("MI<,") && page.contains("MI&lt;"));
    for kind in ["label-efficiency", "forest", "roc", "confusion", "learning-curves", "regression-scatter"] {
        let svg = bench.run(&["plot", kind]).ok();
        assert!(!svg.contains("<img") && svg.contains("&lt;img"), "{kind}");
    }
}

#[test]
fn figures_are_files_of_three_kinds() {
    let bench = studied("figures", "");
    for kind in [
        "label-efficiency",
        "forest",
        "learning-curves",
        "loss",
        "regression-loss",
        "regression-scatter",
        "bland-altman",
        "roc",
        "calibration",
        "confusion",
        "ecg",
    ] {
        bench.run(&["plot", kind, "-o", "figure.svg"]).ok();
        let svg = std::fs::read_to_string(bench.path.join("figure.svg")).unwrap();
        assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.ends_with("</svg>\n"), "{kind}");
        assert!(svg.contains("<desc id=\"text\">") && svg.contains("n = ") && !svg.contains("NaN"), "{kind}");
        // Well formed: what reads SVG reads it.
        resvg::usvg::Tree::from_str(&svg, &resvg::usvg::Options::default()).unwrap();
    }
    // Fonts are the system's: where there are none this is told.
    let png = bench.run(&["plot", "roc", "-o", "roc.png"]);
    if png.code == Some(2) {
        println!("skipped PNG and PDF: {}", png.users_fault(&["fonts", "SVG needs none"]));
    } else {
        png.ok();
        bench.run(&["plot", "ecg", "-o", "ecg.PDF"]).ok();
        let read = |name: &str| std::fs::read(bench.path.join(name)).unwrap();
        assert!(read("roc.png").starts_with(b"\x89PNG\r\n\x1a\n") && read("ecg.PDF").starts_with(b"%PDF-"));
    }
    bench.run(&["plot", "roc", "-o", "roc.gif"]).users_fault(&["roc.gif", ".svg, .png or .pdf"]);
    bench.run(&["plot", "roc", "--record", "1"]).users_fault(&["--record"]);
    bench.run(&["plot", "roc", "--run", "zz"]).users_fault(&["zz", "ecgraft runs --status done"]);
    bench.run(&["plot", "ecg", "--record", "no-such"]).users_fault(&["no-such", "not among the test records"]);

    // Another run than the best.
    let cell = bench.ask("SELECT run_id, seed FROM runs WHERE graft = 'scratch' ORDER BY seed LIMIT 1");
    let ecgraft::store::Cell::Text(run) = &cell[0][0] else { panic!("{cell:?}") };
    let svg = bench.run(&["plot", "confusion", "--run", &run[..8]]).ok();
    assert!(svg.contains("confusion, tiny, scratch, 100% of the labels, seed 0"), "{svg}");
}

#[test]
fn data_that_are_gone_are_told_and_the_rest_is_there() {
    let bench = Workbench::new("gone");
    let data = bench.path.join("data");
    let copied = Command::new("cp").arg("-r").arg(sample()).arg(&data).status().unwrap();
    assert!(copied.success());
    bench.write("study.toml", &tiny("small", &data, ""));
    bench.run(&["run", "study.toml", "--threads", "2"]).ok();
    std::fs::remove_dir_all(&data).unwrap();
    let page = bench.run(&["report"]).ok();
    assert!(page.contains("There are none: the records of source ptbxl cannot be found"), "{page}");
    assert!(page.contains("e1-roc-title") && !page.contains("e1-ecg1"));
    bench.run(&["plot", "ecg"]).users_fault(&["no ECG to draw", "cannot be found"]);
    // Before anything is done there is a page too.
    rename(
        &bench,
        "UPDATE stage SET status = 'pending'; DELETE FROM score; DELETE FROM prediction; DELETE FROM epoch;",
    );
    let page = bench.run(&["report"]).ok();
    assert!(page.contains("0 of 6 runs done") && page.contains("no run is done yet"), "{page}");
}

/// A Chromium: `CHROMIUM`, or one of the usual names on the path.
fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let usual = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    named.or_else(|| {
        usual.iter().flat_map(|name| folders.iter().map(move |at| at.join(name))).find(|path| path.is_file())
    })
}

/// What the browser makes of a page: its document after the scripts, and what it wrote to the console.
fn browse(browser: &Path, bench: &Workbench, page: &Path) -> (String, Vec<String>) {
    let profile = bench.path.join("profile");
    let output = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=1200,900"])
        .args(["--enable-logging=stderr", "--v=0", "--virtual-time-budget=20000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let console = text(&output.stderr).lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
    (text(&output.stdout), console)
}

/// Says what is drawn, after unfolding everything and trying the list.
const PROBE: &str = "<script>addEventListener('load', () => {
    for (const details of document.querySelectorAll('details')) details.open = true;
    const seen = [...document.querySelectorAll('svg.figure')].filter((svg) => {
      const box = svg.getBoundingClientRect();
      return box.width > 100 && box.height > 100 && svg.querySelectorAll('path, rect, circle').length > 1;
    });
    const form = document.getElementById('filters');
    form.words.value = 'freeze probe';
    form.order.value = 'high';
    form.words.dispatchEvent(new Event('input', { bubbles: true }));
    setTimeout(() => {
      const shown = [...document.querySelectorAll('#list > .run:not([hidden])')];
      const first = shown[0].firstElementChild;
      first.focus();
      first.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowDown', bubbles: true }));
      const out = document.createElement('output');
      out.id = 'probe';
      out.textContent = JSON.stringify({
        seen: seen.map((svg) => svg.getAttribute('aria-labelledby')),
        count: document.getElementById('count').textContent,
        aucs: shown.map((run) => Number(run.dataset.auc)),
        second: document.activeElement === shown[1].firstElementChild,
        wide: document.documentElement.scrollWidth <= innerWidth,
      });
      document.body.append(out);
    }, 1000);
  });</script></body>";

#[test]
fn a_browser_draws_every_figure_without_a_word_on_its_console() {
    let Some(browser) = chromium() else {
        println!(
            "skipped a_browser_draws_every_figure_without_a_word_on_its_console: no chromium on the path, and CHROMIUM is not set"
        );
        return;
    };
    let bench = studied("browser", "");
    bench.run(&["report", "-o", "report.html"]).ok();
    let path = bench.path.join("report.html");
    let (_, console) = browse(&browser, &bench, &path);
    assert!(console.is_empty(), "{console:?}");

    let page = std::fs::read_to_string(&path).unwrap();
    let probed = bench.write("probed.html", &page.replace("</body>", PROBE));
    let (document, console) = browse(&browser, &bench, &probed);
    assert!(console.is_empty(), "{console:?}");
    let found = document.rsplit_once("<output id=\"probe\">").and_then(|(_, rest)| rest.split_once("</output>"));
    let found = found.unwrap_or_else(|| panic!("the page did not get so far: {document}")).0.replace("&quot;", "\"");
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    for figure in FIGURES {
        let id = format!("e1-{figure}-title");
        assert!(
            found["seen"].as_array().unwrap().iter().any(|seen| *seen == id.as_str()),
            "{figure} is not drawn: {found}"
        );
    }
    assert_eq!(
        (&found["count"], &found["second"], &found["wide"]),
        (&"2 of 6 runs".into(), &true.into(), &true.into())
    );
    let aucs: Vec<f64> = found["aucs"].as_array().unwrap().iter().map(|auc| auc.as_f64().unwrap()).collect();
    assert!(aucs.len() == 2 && aucs[0] >= aucs[1], "the highest first: {aucs:?}");

    // And one that has a fault is told from one that has none.
    let broken = bench.write("broken.html", "<body><script>nothing.there()</script></body>");
    assert!(!browse(&browser, &bench, &broken).1.is_empty(), "the browser's console is not heard");
}
