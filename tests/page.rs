//! The report as one HTML file, and figures as files, through the command.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::workbench::{Workbench, sample, tiny};
use ecgraft::store::Cell;

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
    bench.run(&["plot", "roc", "smal"]).users_fault(&["no experiment is called `smal`", "did you mean `small`?"]);
    bench.run(&["plot", "roc", "--run", "zz"]).users_fault(&["zz", "ecgraft runs --status done"]);
    bench.run(&["plot", "ecg", "--record", "no-such"]).users_fault(&["no-such", "not among the test records"]);

    // Another run than the best.
    let cell = bench.ask("SELECT run_id, seed FROM runs WHERE graft = 'scratch' ORDER BY seed LIMIT 1");
    let ecgraft::store::Cell::Text(run) = &cell[0][0] else { panic!("{cell:?}") };
    let svg = bench.run(&["plot", "confusion", "--run", &run[..8]]).ok();
    assert!(svg.contains("confusion, tiny, scratch, 100% of the labels, seed 0"), "{svg}");
}

#[test]
fn a_figure_by_epoch_is_of_the_run_that_was_asked_for() {
    let bench = studied("asked", "");
    let runs = bench.ask(
        "SELECT r.run_id, r.graft, r.seed, e.value FROM runs r JOIN epochs e ON e.run_id = r.run_id AND e.stage_id = r.stage_id
         WHERE e.split = 'validation' AND e.metric = 'loss' AND e.epoch = 1 ORDER BY r.position",
    );
    let all = bench.run(&["plot", "loss"]).ok();
    for row in runs {
        let [Cell::Text(run), Cell::Text(graft), Cell::Integer(seed), _] = &row[..] else { panic!("{row:?}") };
        for kind in ["learning-curves", "loss"] {
            let svg = bench.run(&["plot", kind, "--run", run]).ok();
            assert!(svg.contains(&format!("run {run}, seed {seed}")) && svg.contains("n = 1 network"), "{svg}");
            assert!(svg.len() < all.len() && !svg.contains(&format!("seed {}", 1 - seed)), "{svg}");
        }
        // What is grafted into it, where anything is.
        let said = bench.run(&["plot", "regression-loss", "--run", run]);
        if graft == "scratch" {
            said.users_fault(&["from scratch", "no network is grafted"]);
        } else {
            assert!(said.ok().contains(&format!("run {run}, seed {seed}")));
        }
        for kind in ["label-efficiency", "forest"] {
            bench.run(&["plot", kind, "--run", run]).users_fault(&["--run", kind, "leave it out"]);
        }
    }
    bench.run(&["plot", "learning-curves", "--run", "zz"]).users_fault(&["zz", "ecgraft runs --status done"]);
}

#[test]
fn a_report_or_figure_takes_the_place_of_no_other_kind_of_file() {
    let bench = studied("places", "");
    let store = std::fs::read(bench.results().join("ecgraft.sqlite")).unwrap();
    let Cell::Text(checkpoint) = &bench.ask("SELECT checkpoint FROM stages LIMIT 1")[0][0] else { panic!() };
    let weights = std::fs::read(bench.results().join(checkpoint)).unwrap();
    let manifest = std::fs::read(bench.path.join("study.toml")).unwrap();
    for (name, content, what) in [
        ("ecgraft.sqlite", &store, "SQLite"),
        ("weights.safetensors", &weights, "a checkpoint"),
        ("study.toml", &manifest, "not"),
    ] {
        // By its ending, and by what it is whatever it is called; links lead to what they name.
        std::fs::write(bench.path.join(name), content).unwrap();
        bench.run(&["report", "-o", name]).users_fault(&[name, ".html"]);
        for (command, kind, alias) in [("report", "", "x.html"), ("plot", "roc", "x.svg"), ("plot", "roc", "x.pdf")] {
            let arguments: Vec<&str> =
                [command, kind, "-o", alias].into_iter().filter(|word| !word.is_empty()).collect();
            std::fs::write(bench.path.join(alias), content).unwrap();
            bench.run(&arguments).users_fault(&[alias, what, "left as it is"]);
            assert!(std::fs::read(bench.path.join(alias)).unwrap() == *content, "{alias}");
            std::fs::remove_file(bench.path.join(alias)).unwrap();
        }
        assert!(std::fs::read(bench.path.join(name)).unwrap() == *content, "{name}");
    }
    for other in ["x.pdf", "x.svg", "x.txt", "x.HTML.gz"] {
        bench.run(&["report", "-o", other]).users_fault(&[other, "ends in .html"]);
        assert!(!bench.path.join(other).exists());
    }
    bench.run(&["plot", "roc", "-o", "x"]).users_fault(&["x: ", ".svg, .png or .pdf"]);
    bench.run(&["report", "-o", "results"]).users_fault(&["results", "folder"]);
    // What is of its kind is replaced, also behind a link; a device is written to.
    bench.write("old.html", "<!doctype html>\n<p>old");
    std::os::unix::fs::symlink("old.html", bench.path.join("link.htm")).unwrap();
    bench.run(&["report", "-o", "link.htm"]).ok();
    assert!(bench.path.join("link.htm").is_symlink());
    assert!(std::fs::read_to_string(bench.path.join("old.html")).unwrap().contains("Report on small"));
    bench.run(&["report", "-o", "/dev/null"]).ok();
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
    assert!(std::fs::read_dir(&bench.path).unwrap().all(|entry| !entry.unwrap().path().ends_with(".tmp")));
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
pub fn chromium() -> Option<PathBuf> {
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

/// The pages of what the browser prints, each as its lines of text; `None` where a program is missing.
fn printed(browser: &Path, bench: &Workbench, page: &Path) -> Option<Vec<Vec<String>>> {
    Command::new("pdftotext").arg("-v").output().ok()?;
    let pdf = bench.path.join("report.pdf");
    let output = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer"])
        .arg(format!("--user-data-dir={}", bench.path.join("profile").display()))
        .arg(format!("--print-to-pdf={}", pdf.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    assert!(pdf.is_file(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = Command::new("pdftotext").args(["-layout"]).arg(&pdf).arg("-").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let pages = text.split('\x0c').map(|page| {
        page.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect::<Vec<_>>()
    });
    Some(pages.filter(|page| !page.is_empty()).collect())
}

#[test]
fn printed_no_ecg_is_cut_and_no_heading_is_left_alone() {
    let test = "printed_no_ecg_is_cut_and_no_heading_is_left_alone";
    let Some(browser) = chromium() else {
        return crate::workbench::skipped(test, "no chromium is on the path, and CHROMIUM is not set");
    };
    let bench = studied("printed", "");
    bench.run(&["report", "-o", "report.html"]).ok();
    let html = std::fs::read_to_string(bench.path.join("report.html")).unwrap();
    let Some(pages) = printed(&browser, &bench, &bench.path.join("report.html")) else {
        return crate::workbench::skipped(test, "pdftotext is not on the path");
    };
    let headings: Vec<&str> = ["<h2", "<h3", "<summary"]
        .into_iter()
        .flat_map(|tag| html.split(tag).skip(1))
        .filter_map(|rest| Some(rest.split_once('>')?.1.split_once("</")?.0))
        .collect();
    assert!(headings.contains(&"Example ECGs") && headings.contains(&"Learning curves"), "{headings:?}");
    let mut ecgs = 0;
    for page in &pages[..pages.len() - 1] {
        let last = page.last().unwrap();
        assert!(!headings.iter().any(|heading| last.ends_with(heading)), "{last:?} is alone at the foot of {page:#?}");
        // An ECG begins with its title and ends with its scale, on one page, of which it is the only one.
        let begins = page.iter().filter(|line| line.contains("small: ECG ")).count();
        let ends = page.iter().filter(|line| line.contains("the pulse at the left is 1 mV")).count();
        assert!(begins == ends && begins <= 1, "{page:#?}");
        ecgs += begins;
    }
    assert_eq!(ecgs, 6);
    // A run is one line, with all its columns.
    let runs = pages.iter().flatten().filter(|line| line.contains("100% labels") && line.contains("done")).count();
    assert_eq!(runs, 6, "{pages:#?}");
    assert!(pages.len() < 20, "{} pages", pages.len());
}
