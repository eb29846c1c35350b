//! What is shown: a page for each address.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::http::{Kind, Request, Response, Status};
use super::study::{Compared, Live, Snapshot};
use crate::report::figure::svg::escaped;
use crate::report::page::style_sheet;

mod arm;
mod charts;
mod frame;
mod meter;
mod overview;
mod stage;
mod stages;
mod tables;
mod times;
mod work;

use frame::Page;

const STYLE: &str = include_str!("site.css");
const SCRIPT: &str = include_str!("live.js");
const ICON: &str = include_str!("icon.svg");

/// All pages.
pub(super) struct Site {
    live: Arc<Live>,
    /// Figures of arms, by the run of the address, with what they were drawn from.
    figures: Mutex<HashMap<String, (u64, Arc<str>)>>,
}

/// What a page is made from.
struct Seen<'a> {
    live: &'a Live,
    snapshot: &'a Snapshot,
    compared: &'a Compared,
}

impl Site {
    pub fn new(live: Arc<Live>) -> Self {
        Self { live, figures: Mutex::default() }
    }

    /// The answer to who may look.
    pub fn answer(&self, request: &Request) -> Response {
        let known = request.header("if-none-match");
        let file = match &*request.path {
            "/style.css" => Some((Kind::Css, style_sheet() + STYLE)),
            "/live.js" => Some((Kind::Script, SCRIPT.to_owned())),
            "/icon.svg" => Some((Kind::Svg, ICON.to_owned())),
            _ => None,
        };
        if let Some((kind, content)) = file {
            let tag = frame::tag(&content);
            return Response::new(Status::Ok, kind, content).unless_known(&tag, known);
        }
        let (snapshot, compared) = self.live.now();
        let seen = Seen { live: &self.live, snapshot: &snapshot, compared: &compared };
        let path: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        let page = match path[..] {
            [""] => Some(overview::page(&seen)),
            ["stages"] => Some(stages::page(&seen, request)),
            ["stage", id] => stage::page(&seen, id),
            ["arm", run] => arm::page(&seen, run, &self.figures),
            _ => None,
        };
        let (page, status) = match page {
            Some(page) => (page, Status::Ok),
            None => (nothing(&request.path), Status::NotFound),
        };
        page.answer(&seen, request, status)
    }
}

/// What is said where there is nothing.
fn nothing(path: &str) -> Page {
    let mut page = Page::new("Nothing is here");
    page.part("nothing", |html| {
        html.push(format_args!(
            "<p>The study has nothing at <code>{}</code>, or not yet. <a href=\"/\">All of it</a>.</p>",
            escaped(path)
        ));
    });
    page
}
