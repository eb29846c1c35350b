//! The pages as Chromium shows them: light, dark, and 400 px wide.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use resvg::tiny_skia::Pixmap;

use super::client::Served;
use super::{done, links, until};
use crate::page::chromium;
use crate::workbench::Workbench;

/// Runs the browser; what it wrote to standard output, and the lines of its console.
fn browse(browser: &Path, bench: &Workbench, more: &[&str], page: &str) -> (String, Vec<String>) {
    let output = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"])
        .args(["--enable-logging=stderr", "--v=0"])
        .args(more)
        .arg(format!("--user-data-dir={}", bench.path.join("profile").display()))
        .arg(page)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let console = text(&output.stderr).lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
    (text(&output.stdout), console)
}

/// A picture of a page: the colour at its corner, and how many colours it has.
fn pictured(browser: &Path, bench: &Workbench, page: &str, dark: bool) -> ([u8; 3], usize, Vec<String>) {
    let picture = bench.path.join("picture.png");
    let _ = std::fs::remove_file(&picture);
    let shot = format!("--screenshot={}", picture.display());
    let scheme = format!("--blink-settings=preferredColorScheme={}", if dark { 0 } else { 1 });
    let (_, console) = browse(browser, bench, &["--window-size=1200,1600", "--timeout=4000", &shot, &scheme], page);
    let drawn = Pixmap::decode_png(&std::fs::read(&picture).unwrap()).unwrap();
    let colour = |x: u32, y: u32| drawn.pixel(x, y).map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]).unwrap();
    let mut colours: Vec<[u8; 3]> =
        (0..drawn.height()).flat_map(|y| (0..drawn.width()).map(move |x| (x, y))).map(|(x, y)| colour(x, y)).collect();
    colours.sort_unstable();
    colours.dedup();
    (colour(2, drawn.height() - 2), colours.len(), console)
}

/// Says what a page that is `WIDTH` wide looks like, in a frame that is.
const FRAME: &str =
    "<!DOCTYPE html><body><iframe src=\"saved.html\" width=\"WIDTH\" height=\"2000\" frameborder=\"0\"></iframe>
<script>addEventListener('message', (event) => {
  const out = document.createElement('output');
  out.id = 'probe';
  out.textContent = event.data;
  document.body.append(out);
});</script></body>";

/// What is measured in the frame. Contrast is that of WCAG 2.2, 1.4.3.
const PROBE: &str = "<script>addEventListener('load', () => {
  for (const details of document.querySelectorAll('details')) details.open = true;
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((of) => of / 255)
    .map((of) => of <= 0.04045 ? of / 12.92 : ((of + 0.055) / 1.055) ** 2.4)
    .reduce((sum, of, place) => sum + of * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const words = [...document.querySelectorAll('main *, header *')].filter((element) => !element.closest('svg') &&
    [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()) && element.getClientRects().length);
  const contrast = (element) => {
    const [a, b] = [parse(getComputedStyle(element).color), behind(element)].map(light);
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const levels = [...document.querySelectorAll('h1, h2, h3')].map((heading) => Number(heading.tagName[1]));
  const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
  parent.postMessage(JSON.stringify({
    width: innerWidth,
    fits: document.documentElement.scrollWidth <= innerWidth,
    beyond: [...document.querySelectorAll('main *')].filter((element) => !element.closest('.scroll, svg, pre')
      && element.getBoundingClientRect().right > innerWidth + 1).map((element) => element.outerHTML.slice(0, 80)),
    faint: words.filter((element) => contrast(element) < 4.5).map((element) => element.outerHTML.slice(0, 80)),
    twice: ids.filter((id, place) => ids.indexOf(id) !== place),
    skips: levels.filter((level, place) => place && level > levels[place - 1] + 1).length,
    heads: [...document.querySelectorAll('th')].filter((head) => !head.scope).length,
  }), '*');
});</script></body>";

#[test]
fn chromium_shows_every_page_light_dark_and_narrow() {
    let test = "chromium_shows_every_page_light_dark_and_narrow";
    let Some(browser) = chromium() else {
        return crate::workbench::skipped(test, "no chromium is on the path, and CHROMIUM is not set");
    };
    let bench = done("serve-browser");
    let served = Served::start(&bench, &[]);
    let page = until(&served, "/", |told| told.body.contains("Arms of small"));
    let arm = links(&page.body, "/arm/").remove(0);
    let stage = links(&served.get("/stages").body, "/stage/").remove(0);
    let pages = ["/".to_owned(), "/stages".to_owned(), arm, stage];

    for page in &pages {
        let address = format!("{}{page}", served.address);
        for (dark, corner) in [(false, [0xff; 3]), (true, [0x16; 3])] {
            let (colour, colours, console) = pictured(&browser, &bench, &address, dark);
            assert!(console.is_empty(), "{page}: {console:#?}");
            assert_eq!(colour, corner, "{page}, dark: {dark}");
            assert!(colours > 50, "{page} is blank: {colours} colours");
        }
        // After its script, which has asked for what is new.
        let (dom, console) = browse(&browser, &bench, &["--virtual-time-budget=6000", "--dump-dom"], &address);
        assert!(console.is_empty(), "{page}: {console:#?}");
        assert!(dom.contains("class=\"live\">live</span>"), "{page}: {dom}");
    }
    let style = served.get("/style.css").body;
    std::fs::write(bench.path.join("style.css"), style).unwrap();
    for page in &pages {
        for dark in [false, true] {
            for width in [400, 1200] {
                let found = probed(&browser, &bench, &served.get(page).body, width, dark);
                assert_eq!(found["width"], width, "{found}");
                let nothing = serde_json::json!([]);
                assert!(found["fits"] == true && found["beyond"] == nothing, "{page} at {width} px: {found}");
                assert_eq!(found["faint"], nothing, "{page}, dark: {dark}");
                assert_eq!(
                    [&found["twice"], &found["skips"], &found["heads"]],
                    [&nothing, &0.into(), &0.into()],
                    "{page}"
                );
            }
        }
    }
    served.end("INT");
}

/// What [`PROBE`] finds in a page that is kept beside its style sheet.
fn probed(browser: &Path, bench: &Workbench, page: &str, width: usize, dark: bool) -> serde_json::Value {
    let saved = page.replace("\"/style.css\"", "\"style.css\"").replace("<script src=\"/live.js\" defer></script>", "");
    let saved = saved.replace("href=\"/icon.svg\"", "href=\"data:,\"").replace("</body>", PROBE);
    std::fs::write(bench.path.join("saved.html"), saved).unwrap();
    let frame: PathBuf = bench.write("frame.html", &FRAME.replace("WIDTH", &width.to_string()));
    let scheme = format!("--blink-settings=preferredColorScheme={}", if dark { 0 } else { 1 });
    let arguments = ["--window-size=1300,2100", "--virtual-time-budget=5000", "--dump-dom", &scheme];
    let (dom, console) = browse(browser, bench, &arguments, &format!("file://{}", frame.display()));
    assert!(console.is_empty(), "{console:#?}");
    let found = dom.split("<output id=\"probe\">").nth(1).unwrap_or_else(|| panic!("{dom}")).split('<').next().unwrap();
    serde_json::from_str(&found.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")).unwrap()
}

#[test]
fn a_server_that_is_gone_is_told() {
    let test = "a_server_that_is_gone_is_told";
    let Some(browser) = chromium() else {
        return crate::workbench::skipped(test, "no chromium is on the path, and CHROMIUM is not set");
    };
    let bench = done("serve-gone");
    let served = Served::start(&bench, &[]);
    until(&served, "/", |told| told.body.contains("Arms of small"));
    let port = served.port();
    let between = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", between.local_addr().unwrap());
    // Until the script has asked for the first time; then nobody is there.
    let passing = std::thread::spawn(move || {
        for stream in between.incoming() {
            if pass(stream.unwrap(), port) {
                return;
            }
        }
    });
    let arguments = ["--virtual-time-budget=20000", "--dump-dom"];
    let (dom, _) = browse(&browser, &bench, &arguments, &address);
    passing.join().unwrap();
    assert!(dom.contains("does not answer; as of") && dom.contains("class=\"gone\""), "{dom}");
    assert!(dom.contains("Arms of small"), "what was known stays");
    served.end("INT");
}

/// Passes one request on to the server at `port`, and its answer back; whether it was the script's.
fn pass(mut stream: TcpStream, port: u16) -> bool {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => request.extend_from_slice(&piece[..count]),
            _ => return false,
        }
    }
    let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
    server.write_all(&request).unwrap();
    let _ = std::io::copy(&mut server, &mut stream);
    String::from_utf8_lossy(&request).to_ascii_lowercase().contains("\r\nx-parts: ")
}
