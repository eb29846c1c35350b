//! A drawing, as part of a page and as files.

use super::chart::style;
use super::chart::svg::{Svg, escaped, wrapped};
use super::render;
use crate::Result;

/// Height of a line of the note, px.
const NOTE_LINE: f64 = 15.0;
/// Height of a line of the title of a figure that stands alone, and how much wider it is than small text.
const HEADING_LINE: f64 = 20.0;
const HEADING_WIDTH: f64 = 1.6;

/// A drawing, with what it shows in words.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// What it shows, in a line.
    pub title: String,
    /// The same for who does not see it: axes, lines, and the numbers that matter.
    pub description: String,
    width: f64,
    height: f64,
    body: String,
}

impl Drawing {
    /// A drawing of this size, px, with `note` in lines below: what n is, what bars are.
    pub(super) fn new(title: String, description: String, [width, height]: [f64; 2], body: Svg, note: &str) -> Drawing {
        let mut body = body;
        let lines = wrapped(note, width - 16.0);
        for (number, line) in lines.iter().enumerate() {
            body.text("small", "start", 8.0, height + NOTE_LINE * (number as f64 + 0.8), line);
        }
        let height = height + NOTE_LINE * lines.len() as f64 + 8.0;
        Drawing { title, description: format!("{description} {note}"), width, height, body: body.0 }
    }

    /// Its height without a title, px.
    pub(in crate::report) fn height(&self) -> f64 {
        self.height
    }

    /// As part of an HTML page that has the figures' style, its ids beginning with `id`.
    pub(crate) fn inline(&self, id: &str) -> String {
        let Drawing { width, height, body, .. } = self;
        let (title, description) = (escaped(&self.title), escaped(&self.description));
        format!(
            "<svg class=\"figure\" role=\"img\" aria-labelledby=\"{id}-title\" aria-describedby=\"{id}-text\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\">\n\
             <title id=\"{id}-title\">{title}</title><desc id=\"{id}-text\">{description}</desc>\n{body}</svg>\n"
        )
    }

    /// As an SVG file of its own, with its title above; light or dark as the reader's page is.
    pub fn svg(&self) -> String {
        self.alone(&style::alone())
    }

    /// As a PNG file on white, two pixels to the px of the SVG.
    ///
    /// # Errors
    /// A user error where no fonts are installed.
    pub fn png(&self) -> Result<Vec<u8>> {
        render::png::render(&self.alone(&style::light()))
    }

    /// As a PDF file of one page, 96 px of the SVG to the inch: ECGs are in true size.
    ///
    /// # Errors
    /// A user error where no fonts are installed.
    pub fn pdf(&self) -> Result<Vec<u8>> {
        render::pdf::render(&self.alone(&style::light()))
    }

    fn alone(&self, style: &str) -> String {
        let Drawing { width, body, .. } = self;
        let mut heading = Svg::default();
        let lines = wrapped(&self.title, (width - 16.0) / HEADING_WIDTH);
        for (number, line) in lines.iter().enumerate() {
            heading.text("heading", "start", 8.0, HEADING_LINE * (number as f64 + 1.0), line);
        }
        let above = HEADING_LINE * lines.len() as f64 + 14.0;
        let (heading, height) = (heading.0, self.height + above);
        let (title, description) = (escaped(&self.title), escaped(&self.description));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
             height=\"{height:.0}\" role=\"img\" aria-labelledby=\"title\" aria-describedby=\"text\">\n\
             <title id=\"title\">{title}</title><desc id=\"text\">{description}</desc>\n<style>{style}</style>\n\
             <rect class=\"page\" width=\"100%\" height=\"100%\"/>\n\
             {heading}<g transform=\"translate(0 {above:.0})\">\n{body}</g>\n</svg>\n"
        )
    }
}
