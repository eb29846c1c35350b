//! A page: parts that are told apart, so that those that changed can be asked for.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value, json};

use super::Seen;
use crate::report::figure::svg::escaped;
use crate::report::page::Html;
use crate::serve::http::{Kind, Request, Response, Status};

/// A page.
pub(super) struct Page {
    title: String,
    parts: Vec<(&'static str, String)>,
}

/// A name of a content.
pub(super) fn tag(content: &str) -> String {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

impl Page {
    /// One without parts yet.
    pub fn new(title: &str) -> Self {
        Self { title: title.to_owned(), parts: Vec::new() }
    }

    /// Adds a part. Every page of an address has the same parts, empty ones too.
    pub fn part(&mut self, id: &'static str, write: impl FnOnce(&mut Html)) {
        let mut html = Html::default();
        write(&mut html);
        self.parts.push((id, html.0));
    }

    /// The page, or the parts of it that the script asks for.
    pub fn answer(self, seen: &Seen<'_>, request: &Request, status: Status) -> Response {
        match request.header("x-parts") {
            Some(has) => self.changed(has, request, status),
            None => {
                let content = self.whole(seen);
                let named = tag(&content);
                Response::new(status, Kind::Html, content).unless_known(&named, request.header("if-none-match"))
            }
        }
    }

    /// The parts that are other than those the script `has`: `id=tag` each.
    fn changed(&self, has: &str, request: &Request, status: Status) -> Response {
        let has: Vec<(&str, &str)> = has.split(',').filter_map(|part| part.trim().split_once('=')).collect();
        let mut parts = Map::new();
        for (id, html) in &self.parts {
            let tag = tag(html);
            if !has.contains(&(id, &tag)) {
                parts.insert((*id).to_owned(), json!({ "tag": tag, "html": html }));
            }
        }
        let content = json!({ "title": self.title, "parts": Value::Object(parts) }).to_string();
        let named = tag(&content);
        Response::new(status, Kind::Json, content).unless_known(&named, request.header("if-none-match"))
    }

    fn whole(&self, seen: &Seen<'_>) -> String {
        let mut html = Html::default();
        let title = escaped(&self.title);
        let folder = escaped(&seen.live.results().path().display().to_string());
        html.push(format_args!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title} · ecgraft</title>\n<link rel=\"icon\" href=\"/icon.svg\">\n\
             <link rel=\"stylesheet\" href=\"/style.css\">\n<script src=\"/live.js\" defer></script>\n\
             <noscript><meta http-equiv=\"refresh\" content=\"10\"></noscript></head>\n\
             <body><a class=\"skip\" href=\"#main\">To the content</a>\n\
             <header class=\"top\"><a class=\"home\" href=\"/\">ecgraft</a><nav aria-label=\"Pages\"><a href=\"/\">Study</a>\
             <a href=\"/stages\">Stages</a></nav><span class=\"folder faint\">{folder}</span>\
             <span id=\"link\" role=\"status\">as of {}</span></header>",
            super::times::clock(seen.snapshot.at)
        ));
        html.push(format_args!("<main id=\"main\" class=\"layout\"><h1>{title}</h1>"));
        for (id, content) in &self.parts {
            html.push(format_args!("<section id=\"{id}\" data-tag=\"{}\">{content}</section>", tag(content)));
        }
        html.push(format_args!(
            "</main><footer class=\"layout faint\">For research only: nothing here is for diagnosis or for any decision about a \
             patient.</footer></body></html>"
        ));
        html.0
    }
}
