//! A running study in the browser, through the command and over its socket.

mod browser;
mod client;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use client::{Served, Told};
use sha2::{Digest, Sha256};

use crate::workbench::{Workbench, sample, tiny};

/// The study of seconds, done.
fn done(name: &str) -> Workbench {
    let bench = Workbench::new(name);
    bench.write("study.toml", &tiny("small", &sample(), ""));
    bench.run(&["run", "study.toml", "--threads", "2"]).ok();
    bench
}

/// Asks until what is answered `is_it`.
#[track_caller]
fn until(served: &Served, path: &str, is_it: impl Fn(&Told) -> bool) -> Told {
    let begun = Instant::now();
    loop {
        let told = served.get(path);
        if is_it(&told) {
            return told;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not come: {}", told.body);
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The checksums of all files of results but those that SQLite's readers share.
fn checksums(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files =
        walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.unwrap()).filter(|of| of.file_type().is_file());
    let kept = files.filter(|of| !["-shm", "-wal"].iter().any(|end| of.file_name().to_string_lossy().ends_with(end)));
    kept.map(|of| (of.path().to_owned(), Sha256::digest(std::fs::read(of.path()).unwrap()).to_vec())).collect()
}

/// Every address on a page that begins with this.
fn links(page: &str, begin: &str) -> Vec<String> {
    let mut found: Vec<String> = page
        .split(&format!("href=\"{begin}"))
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .map(|end| format!("{begin}{end}"))
        .collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn a_study_is_shown_page_by_page_and_nothing_is_written() {
    let bench = done("serve");
    let before = checksums(&bench.results());
    let served = Served::start(&bench, &[]);
    assert!(served.address.starts_with("http://127.0.0.1:"), "{}", served.address);
    let page = until(&served, "/", |told| told.body.contains("Arms of small"));
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<h1>small</h1>") && page.body.contains("6 <small>of 6</small>"), "{}", page.body);
    assert!(page.body.contains("8 <small>of 8</small>") && page.body.contains("Nothing is left to be done"));
    // Nothing of it comes from elsewhere, and nothing in it is a script or a style.
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe"), "{policy}");
    for wrong in ["http://", "https://", " style=", "<style", "onclick", "javascript:"] {
        assert!(!page.body.contains(wrong), "{wrong} is in {}", page.body);
    }
    assert_eq!(page.body.matches("<script").count(), 1);
    assert!(page.body.contains("<noscript><meta http-equiv=\"refresh\""));
    for (path, kind) in [("/style.css", "text/css"), ("/live.js", "text/javascript"), ("/icon.svg", "image/svg+xml")] {
        let told = served.get(path);
        assert!(told.status == 200 && told.header("content-type").unwrap().starts_with(kind), "{path}");
    }

    // Three arms, each with a page that has the numbers of its runs.
    let arms = links(&page.body, "/arm/");
    assert_eq!(arms.len(), 3, "{arms:?}");
    let mut told_of = 0;
    for arm in &arms {
        let page = served.get(arm);
        assert!(page.status == 200 && page.body.contains("2 of 2 runs done"), "{}", page.body);
        for figure in ["roc", "calibration", "confusion", "chart-loss", "chart-macro-auc"] {
            assert!(page.body.contains(&format!("<figure id=\"{figure}\">")), "{arm} has no {figure}");
        }
        let run = arm.strip_prefix("/arm/").unwrap();
        let auc = bench.number(&format!("SELECT test_macro_auc FROM runs WHERE run_id = '{run}'"));
        assert!(page.body.contains(&format!("<td class=\"number\">{auc:.3}</td>")), "{auc}");
        told_of += links(&page.body, "/stage/").len();
    }
    assert_eq!(told_of, 6, "every run leads to its stage");

    let list = served.get("/stages");
    let stages = links(&list.body, "/stage/");
    assert_eq!(stages.len(), 8);
    for stage in &stages {
        let page = served.get(stage);
        assert!(page.status == 200 && page.body.contains("<figure id=\"chart-loss\">"), "{stage}: {}", page.body);
        assert!(page.body.contains("the weights of epoch ") && page.body.contains("Runs that have it"), "{stage}");
    }
    assert!(served.get("/stages?state=failed").body.contains("There are none."));
    assert_eq!(links(&served.get("/stages?state=done&page=99").body, "/stage/").len(), 8, "the last page there is");
    for nothing in
        ["/nothing", "/stage/0000", "/arm/0000", "/stage", "/arm/../etc/passwd", "/%2e%2e/x", "/stage/%3Cb%3E"]
    {
        let told = served.get(nothing);
        assert!(told.status == 404 && !told.body.contains("<b>"), "{nothing}: {}", told.body);
    }
    assert_eq!(checksums(&bench.results()), before, "it only reads");
    served.end("INT");
}

#[test]
fn a_page_is_asked_for_in_parts_and_only_what_changed_is_sent() {
    let bench = done("serve-parts");
    let served = Served::start(&bench, &[]);
    let page = until(&served, "/", |told| told.body.contains("Arms of small"));
    let all: serde_json::Value = serde_json::from_str(&served.ask("GET", "/", &["X-Parts: none=0"]).body).unwrap();
    let parts = all["parts"].as_object().unwrap();
    assert!(parts.len() > 3 && all["title"] == "small");
    for (id, part) in parts {
        let begins = format!("<section id=\"{id}\" data-tag=\"{}\">", part["tag"].as_str().unwrap());
        assert!(page.body.contains(&begins), "{id} is that of the page");
    }
    let has: Vec<String> = parts.iter().map(|(id, part)| format!("{id}={}", part["tag"].as_str().unwrap())).collect();
    let nothing = served.ask("GET", "/", &[&format!("X-Parts: {}", has.join(","))]);
    assert_eq!(nothing.body, r#"{"parts":{},"title":"small"}"#);
    let one = served.ask("GET", "/", &[&format!("X-Parts: {}", has[1..].join(","))]);
    let one: serde_json::Value = serde_json::from_str(&one.body).unwrap();
    assert_eq!(one["parts"].as_object().unwrap().len(), 1);

    // What a browser has is not sent again, and of HEAD the head alone.
    let tag = served.get("/style.css").header("etag").unwrap().to_owned();
    let known = served.ask("GET", "/style.css", &[&format!("If-None-Match: {tag}")]);
    assert_eq!((known.status, known.body.as_str()), (304, ""));
    let [head, whole] = ["HEAD", "GET"].map(|method| served.ask(method, "/stages", &[]));
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), whole.header("content-length"));
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let told = served.ask(method, "/", &["Content-Length: 2"]);
        assert_eq!((told.status, told.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
    served.end("TERM");
}

#[test]
fn a_study_that_has_not_begun_is_shown_when_it_has_and_its_curves_grow() {
    let bench = Workbench::new("serve-live");
    let served = Served::start(&bench, &[]);
    let page = served.get("/");
    assert!(page.status == 200 && page.body.contains("The study has not begun"), "{}", page.body);
    assert!(!bench.results().exists(), "nothing is made");

    let text = tiny("slow", &sample(), "").replace("epochs = 2", "epochs = 300");
    bench.write("study.toml", &text);
    let arguments = ["run", "study.toml", "--jobs", "1", "--threads", "1"];
    let mut run = bench.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // The epochs of one stage, by what is told of them while it is in work.
    let mut seen: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let begun = Instant::now();
    while run.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(120), "the run does not end");
        let page = served.get("/").body;
        let cards = page.split("<article class=\"card\">").skip(1);
        for card in cards.map(|rest| rest.split("</article>").next().unwrap()) {
            let stage = links(card, "/stage/").remove(0);
            if let Some(epoch) = card.split("epoch ").nth(1).and_then(|rest| rest.split_once(" of at most 300")) {
                assert!(card.contains(&format!("<title id=\"s{}-loss-title\">", &stage["/stage/".len()..])), "{card}");
                seen.entry(stage).or_default().push(epoch.0.parse().unwrap());
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(run.wait().unwrap().success());
    assert!(seen.values().any(|epochs| epochs.last() > epochs.first()), "epochs come: {seen:?}");
    assert!(seen.values().all(|epochs| epochs.is_sorted() && epochs.iter().all(|epoch| *epoch <= 300)), "{seen:?}");
    let page = until(&served, "/", |told| told.body.contains("6 of 6 runs"));
    assert!(page.body.contains("Nothing is left to be done"), "{}", page.body);
    assert_eq!(std::fs::read_dir(bench.results().join("epochs")).unwrap().count(), 0, "they go with the progress");
    served.end("INT");
}

#[test]
fn stages_of_workers_that_do_not_open_the_store_are_shown_before_they_are_merged() {
    let bench = Workbench::new("serve-shards");
    bench.write("study.toml", &tiny("small", &sample(), ""));
    let served = Served::start(&bench, &[]);
    assert!(served.get("/").body.contains("The study has not begun"));
    let commands = bench.run(&["plan", "study.toml", "--shell"]).ok();
    let commands: Vec<Vec<&str>> = commands.lines().map(|line| line.split(' ').skip(1).collect()).collect();
    assert_eq!(commands.len(), 4);
    bench.run(&commands[0]).ok();
    let page = until(&served, "/", |told| told.body.contains("1 <small>of 1</small>"));
    assert!(
        page.body.contains("Workers that do not open the store") && page.body.contains("ecgraft merge"),
        "{}",
        page.body
    );
    let stage = links(&served.get("/stages").body, "/stage/").remove(0);
    let page = served.get(&stage);
    assert!(
        page.body.contains("and not merged yet") && page.body.contains("<figure id=\"chart-loss\">"),
        "{}",
        page.body
    );

    // The store is begun by a run that is stopped at once; what the shard has is done beside it.
    let plan = bench.run(&["plan", "study.toml", "--json"]).ok();
    let ids: Vec<String> = plan
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_str().unwrap().to_owned())
        .collect();
    let mut run = bench.command(&["run", "study.toml"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let store = bench.results().join("ecgraft.sqlite");
    let begun = Instant::now();
    while !store.is_file() || bench.number("SELECT count(*) FROM runs") < 6.0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "the run does not begin");
        std::thread::sleep(Duration::from_millis(2));
    }
    run.kill().unwrap();
    run.wait().unwrap();
    let pending = "UPDATE stage SET status = 'pending', worker = NULL, lease_until = NULL";
    rusqlite::Connection::open(&store).unwrap().execute(pending, []).unwrap();
    let page = until(&served, "/", |told| told.body.contains("1 <small>of 8</small>"));
    assert!(page.body.contains("`ecgraft merge`") || page.body.contains("<code>ecgraft merge</code>"), "{}", page.body);
    assert_eq!(ids.len(), 8);
    bench.run(&["merge", "results/shards"]).ok();
    until(&served, &stage, |told| !told.body.contains("and not merged yet") && told.body.contains("epoch"));
    served.end("INT");
}

#[test]
fn beyond_loopback_a_token_is_asked_for() {
    let bench = done("serve-token");
    let served = Served::start(&bench, &["--host", "0.0.0.0"]);
    let (_, token) = served.address.split_once("/?token=").expect("a token is part of the address");
    assert_eq!(token.len(), 32);
    for path in
        ["/", "/stages", "/style.css", "/live.js", "/nothing", "/?token=", "/?token=00000000000000000000000000000000"]
    {
        let told = served.get(path);
        assert_eq!(told.status, 401, "{path}");
        assert!(!told.body.contains("small") && !told.body.contains(token), "{}", told.body);
    }
    let entered = served.get(&format!("/?token={token}"));
    assert_eq!((entered.status, entered.header("location"), entered.body.as_str()), (303, Some("/"), ""));
    let cookie = entered.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite="), "{cookie}");
    let cookie = format!("Cookie: {}", cookie.split(';').next().unwrap());
    assert_eq!(served.ask("GET", "/", &[&cookie]).status, 200);
    assert_eq!(served.ask("GET", "/", &[&format!("Authorization: Bearer {token}")]).status, 200);
    assert_eq!(served.ask("GET", "/", &["Authorization: Bearer wrong"]).status, 401);
    // By any name of this machine.
    assert_eq!(served.ask("GET", "/", &["Host: node7.cluster", &cookie]).status, 200);
    served.end("INT");

    let served = Served::start(&bench, &["--token", "correct-horse"]);
    assert_eq!((served.get("/").status, served.get("/?token=correct-horse").status), (401, 303));
    served.end("INT");
    bench.run(&["serve", "--port", "0", "--token", "short"]).users_fault(&["--token", "12"]);
}

#[test]
fn a_page_elsewhere_that_is_led_here_by_its_name_is_refused() {
    let bench = Workbench::new("serve-names");
    let served = Served::start(&bench, &[]);
    let port = served.port();
    for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}"), "localhost".into(), "[::1]:9".into()] {
        assert_eq!(served.ask("GET", "/", &[&format!("Host: {host}")]).status, 200, "{host}");
    }
    for host in ["evil.example", &format!("evil.example:{port}"), "localhost.evil.example", "0.0.0.0", "10.0.0.7", ""] {
        assert_eq!(served.ask("GET", "/", &[&format!("Host: {host}")]).status, 421, "{host}");
    }
    served.end("INT");
}

#[test]
fn who_is_slow_or_talks_nonsense_keeps_nobody_else_waiting() {
    let bench = Workbench::new("serve-slow");
    let served = Served::start(&bench, &[]);
    let at = ("127.0.0.1", served.port());
    // More than there are places, each with half a request.
    let slow: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(at).unwrap();
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: local");
            stream
        })
        .collect();
    let begun = Instant::now();
    assert_eq!(served.get("/").status, 200);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    drop(slow);
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(500));
    for (nonsense, status) in [
        (&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\xff\r\n\r\n"[..], 400),
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/7.0\r\n\r\n", 400),
        (b"GET /%ff%fe HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 421),
        (long.as_bytes(), 431),
        (many.as_bytes(), 431),
    ] {
        assert_eq!(
            served.raw(nonsense).status,
            status,
            "{}",
            String::from_utf8_lossy(&nonsense[..30.min(nonsense.len())])
        );
    }
    // Who says nothing at all is not answered, and the rest goes on.
    let silent = TcpStream::connect(at).unwrap();
    assert_eq!(served.get("/").status, 200);
    drop(silent);
    let said = served.end("TERM");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn what_cannot_be_served_is_told() {
    let bench = done("serve-faults");
    let served = Served::start(&bench, &[]);
    let port = served.port().to_string();
    bench.run(&["serve", "--port", &port]).users_fault(&[&port, "taken", "--port 0"]);
    bench.run(&["serve", "--host", "no.such.name.invalid"]).users_fault(&["--host no.such.name.invalid"]);
    bench
        .run(&["serve", "smal", "--port", "0"])
        .users_fault(&["no experiment is called `smal`", "did you mean `small`?"]);
    // A store that is taken away and put back, and one that is none.
    let store = bench.results().join("ecgraft.sqlite");
    let content = std::fs::read(&store).unwrap();
    std::fs::remove_file(&store).unwrap();
    until(&served, "/", |told| told.body.contains("The study has not begun"));
    std::fs::write(&store, &content).unwrap();
    until(&served, "/", |told| told.body.contains("8 <small>of 8</small>"));
    std::fs::write(&store, "not a store").unwrap();
    let page = until(&served, "/", |told| told.body.contains("cannot be read just now"));
    assert!(page.body.contains("8 <small>of 8</small>"), "what was known stays: {}", page.body);
    std::fs::write(&store, &content).unwrap();
    until(&served, "/", |told| !told.body.contains("cannot be read just now"));
    served.end("INT");
}

#[test]
fn whatever_the_user_names_is_escaped() {
    let bench = done("serve-escaped");
    let evil = "</h1><img src=x onerror=alert(1)>\"&";
    let store = rusqlite::Connection::open(bench.results().join("ecgraft.sqlite")).unwrap();
    store
        .execute_batch(&format!(
            "UPDATE trial SET mix = '{evil}', graft = '{evil}', freeze = '{evil}' WHERE mix IS NOT NULL;
             UPDATE trial SET experiment = '{evil}', architecture = architecture || '<i>';
             UPDATE stage SET mix = '{evil}', error = '{evil}', device = '{evil}', version = '{evil}', notes = '[\"<i>\"]';
             UPDATE stage SET status = 'failed' WHERE kind = 'regression';
             UPDATE prediction SET class = 'MI<i>' WHERE class = 'MI';"
        ))
        .unwrap();
    drop(store);
    let served = Served::start(&bench, &[]);
    let page = until(&served, "/", |told| told.body.contains("Failed"));
    let list = served.get("/stages");
    let pages = [links(&page.body, "/arm/"), links(&list.body, "/stage/")].concat();
    assert!(pages.len() > 8, "{pages:?}");
    for body in pages.iter().map(|path| served.get(path).body).chain([page.body, list.body]) {
        assert!(!body.contains("<img") && !body.contains("<i>"), "{body}");
    }
    served.end("INT");
}
