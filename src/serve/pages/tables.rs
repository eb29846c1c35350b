//! The comparison so far.

use super::{Seen, times};
use crate::report::figure::svg::escaped;
use crate::report::page::Html;

/// The tables of all experiments.
pub(super) fn tables(html: &mut Html, seen: &Seen<'_>) {
    let is_going_on = seen.compared.tables.iter().any(|table| table.done < table.planned);
    let so_far = if is_going_on || seen.compared.number == 0 { " so far" } else { "" };
    html.push(format_args!("<h2>The table{so_far}</h2>"));
    if !seen.snapshot.has_store {
        return html.paragraph("There is none before a study has begun.");
    }
    if seen.compared.number == 0 {
        return html.paragraph("It is being reckoned.");
    }
    if is_going_on {
        html.paragraph(
            "Some runs are not done yet: means are of the seeds that are, differences of the pairs that are, and what is \
             beyond chance now need not be in the end.",
        );
    }
    for table in &seen.compared.tables {
        html.push(format_args!("<h3>{}</h3>", escaped(&table.experiment)));
        let so_far = if table.done < table.planned { "So far: " } else { "" };
        html.push(format_args!(
            "<p class=\"faint\">{so_far}{} of {} runs, as of {}</p>",
            table.done,
            table.planned,
            times::clock(seen.compared.at)
        ));
        html.push(format_args!("{}", table.html));
    }
    for why in &seen.compared.left_out {
        html.paragraph(&format!("Not compared: {why}"));
    }
}
