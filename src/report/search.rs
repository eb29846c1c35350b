//! What a search found, as a table.

use super::layout;
use crate::search::Found;
use crate::words::number::decimals;

/// The candidates, the best first, in lines of at most `columns` characters where that is said.
pub fn table(found: &Found, columns: Option<usize>) -> String {
    let metric = format!("validation {}", found.metric.heading().trim_start_matches("test "));
    let keys: Vec<&str> =
        found.ranking.first().map_or_else(Vec::new, |best| best.settings.iter().map(|(key, _)| &**key).collect());
    let heads: Vec<&str> = ["candidate", "epochs", &metric, "seeds"].into_iter().chain(keys).collect();
    let mut table = layout::table(&heads, &["epochs", "seeds", &metric], false);
    for ranked in &found.ranking {
        let name = ranked.name.trim_start_matches("candidate ").split(',').next().unwrap_or_default();
        let digits = found.metric.digits();
        let (value, seeds) = match &ranked.score {
            None => ("—".to_owned(), 0),
            Some(score) => {
                let sd = score.sd.map_or_else(String::new, |sd| format!(" ± {}", decimals(sd, digits)));
                (format!("{}{sd}", decimals(score.mean, digits)), score.n)
            }
        };
        let cells = [name.to_owned(), ranked.epochs.to_string(), value, format!("{seeds}/{}", found.seeds.len())];
        table.add_row(cells.into_iter().chain(ranked.settings.iter().map(|(_, value)| value.clone())));
    }
    layout::shown(table, columns)
}
