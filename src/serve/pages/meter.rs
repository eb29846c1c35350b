//! How far something is, as a bar.

use crate::report::page::Html;
use crate::report::status::{Counts, describe};

/// Of a bar, in its own units.
const WIDTH: f64 = 200.0;

/// A bar of what is done, in work, failed and waiting, said in words for who does not see it.
pub(super) fn meter(html: &mut Html, counts: &Counts) {
    let all = counts.all().max(1) as f64;
    let rest = describe(counts);
    let rest = if rest.is_empty() { rest } else { format!(", {rest}") };
    html.push(format_args!(
        "<svg class=\"meter\" role=\"img\" viewBox=\"0 0 {WIDTH} 8\" preserveAspectRatio=\"none\" \
         aria-label=\"{} of {} done{rest}\">",
        counts.done,
        counts.all()
    ));
    let mut left = 0.0;
    for (class, count) in [("done", counts.done), ("running", counts.running), ("failed", counts.failed)] {
        if count > 0 {
            let width = WIDTH * count as f64 / all;
            html.push(format_args!("<rect class=\"{class}\" x=\"{left:.2}\" width=\"{width:.2}\" height=\"8\"/>"));
            left += width;
        }
    }
    html.push(format_args!("</svg>"));
}
