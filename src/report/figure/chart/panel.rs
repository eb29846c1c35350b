//! A frame with axes, and panels side by side.

use super::axis::Axis;
use super::svg::{Svg, fitted, width as words};

/// Room right of a panel, below it for ticks and the axis' name, and above it for a title, px.
pub(crate) const GAP: f64 = 26.0;
pub(crate) const BELOW: f64 = 46.0;
pub(crate) const ABOVE: f64 = 46.0;
/// Room for the ticks and the name of the left axis, px.
pub(crate) const LEFT: f64 = 58.0;

/// One pair of axes, its origin at the top left of the frame.
pub(crate) struct Panel<'a> {
    pub x: &'a Axis,
    pub y: &'a Axis,
    /// What is on the axes, with units.
    pub names: [&'a str; 2],
    /// Whether the left axis has its ticks' numbers and its name: of the first panel of a line.
    pub first: bool,
}

impl Panel<'_> {
    /// Draws title, a line below it, frame, grid, ticks and the names of the axes.
    pub fn frame(&self, svg: &mut Svg, title: &str, below: &str) {
        let (width, height) = (self.x.length(), self.y.length());
        let [title_at, below_at] = if below.is_empty() { [-10.0, 0.0] } else { [-24.0, -9.0] };
        svg.text("title", "start", 0.0, title_at, &fitted(title, 0.9 * width));
        if !below.is_empty() {
            svg.text("small", "start", 0.0, below_at, &fitted(below, width));
        }
        for &tick in &self.y.ticks {
            let at = height - self.y.place(tick);
            svg.push(format_args!("<path class=\"tick\" d=\"M0 {at:.1}H{width}\"/>"));
            if self.first {
                svg.text("small", "end", -7.0, at + 4.0, &self.y.text(tick));
            }
        }
        let mut free = f64::NEG_INFINITY;
        for &tick in &self.x.ticks {
            let at = self.x.place(tick);
            svg.push(format_args!("<path class=\"tick\" d=\"M{at:.1} {height}v5\"/>"));
            // Numbers that would run into one another are left out.
            let text = self.x.text(tick);
            if at - words(&text) / 2.0 > free {
                svg.text("small", "middle", at, height + 18.0, &text);
                free = at + words(&text) / 2.0 + 4.0;
            }
        }
        svg.push(format_args!("<rect class=\"frame\" width=\"{width}\" height=\"{height}\"/>"));
        svg.text("small", "middle", width / 2.0, height + 35.0, self.names[0]);
        if self.first {
            svg.upwards(-42.0, height / 2.0, self.names[1]);
        }
    }

    /// Where a pair of values lies.
    pub fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.x.place(x), self.y.length() - self.y.place(y))
    }
}

/// Where panels of one size lie, so many in a line.
pub(crate) struct Grid {
    pub columns: usize,
    pub size: [f64; 2],
    pub count: usize,
}

impl Grid {
    /// The origin of a panel.
    pub fn origin(&self, number: usize) -> (f64, f64) {
        let (column, row) = (number % self.columns, number / self.columns);
        let [width, height] = self.size;
        (LEFT + (width + GAP) * column as f64, ABOVE + (ABOVE + height + BELOW) * row as f64)
    }

    /// Whether a panel is the first of its line.
    pub fn is_first(&self, number: usize) -> bool {
        number.is_multiple_of(self.columns)
    }

    /// Width and height of all.
    pub fn extent(&self) -> [f64; 2] {
        let columns = self.columns.min(self.count).max(1) as f64;
        let rows = self.count.div_ceil(self.columns) as f64;
        let [width, height] = self.size;
        [LEFT + (width + GAP) * columns, (ABOVE + height + BELOW) * rows]
    }
}
