//! Metrics by name.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Store, rows};
use crate::Result;
use crate::data::Subset;
use crate::metrics::{Metric, NamedMetric, regression_metrics};

/// What a row of `score` is called, in SQL.
const NAME_OF_SCORE: &str = "CASE split WHEN 'test' THEN '' ELSE split || ':' END || metric
    || CASE WHEN class = '' THEN '' ELSE ':' || class END";
/// Whether it is a metric of a classifier, in SQL, and no count.
const IS_METRIC: &str = "metric NOT LIKE 'confusion:%' AND metric NOT LIKE '%counted'
    AND metric NOT IN ('records', 'positives', 'tn', 'fp', 'fn', 'tp')
    AND NOT EXISTS (SELECT 1 FROM stage s WHERE s.stage_id = score.stage_id AND s.kind IN ('masked', 'contrastive'))";

/// Where a metric is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Of the classification, by class or of all: the view `scores`.
    Scores,
    /// Of the networks that were grafted, by target: the view `regression`.
    Regression,
}

impl Store {
    /// A metric of every transfer stage that has it: of the classes together, or of one class or target. A stage
    /// grafted from several networks that measure a target has the mean of theirs.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn metric(&self, found: Found, metric: &NamedMetric) -> Result<HashMap<String, f64>> {
        let NamedMetric { split, name, of, .. } = metric;
        let column = regression_metrics().map(Metric::name).find(|known| *known == name).unwrap_or("mae");
        let sql = match found {
            Found::Scores => "SELECT stage_id, value FROM score WHERE split = ?3 AND metric = ?1 AND class = ?2
                 AND value IS NOT NULL"
                .to_owned(),
            Found::Regression => format!(
                "SELECT i.stage_id, avg(g.{column}) AS value FROM stage_input i JOIN regression_score g ON g.stage_id = i.input_id
                 WHERE g.split = ?3 AND ?1 <> '' AND g.target = ?2 AND g.{column} IS NOT NULL GROUP BY i.stage_id"
            ),
        };
        self.read(|connection| {
            let mut select = connection.prepare(&sql)?;
            let [id, value] = rows::places(&select, ["stage_id", "value"])?;
            let of = of.as_deref().unwrap_or_default();
            select.query_map((name, of, split), |row| Ok((row.get(id)?, row.get(value)?)))?.collect()
        })
    }

    /// The same of the medians of the targets that were measured: what no measurement at all is worth. Nothing of metrics
    /// that a constant does not have, nor of stages that were trained before it was kept.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn metric_of_medians(&self, metric: &NamedMetric) -> Result<HashMap<String, f64>> {
        const OF_CONSTANTS: [&str; 3] = ["mae", "rmse", "r2"];
        let NamedMetric { split, name, of, .. } = metric;
        let Some(column) = OF_CONSTANTS.into_iter().find(|known| known == name) else { return Ok(HashMap::new()) };
        let from = match metric.of_last {
            true => "FROM stage i JOIN median_score m ON m.stage_id = i.stage_id AND i.kind = 'transfer'",
            false => "FROM stage_input i JOIN median_score m ON m.stage_id = i.input_id",
        };
        let sql = format!(
            "SELECT i.stage_id, avg(m.{column}) AS value {from}
             WHERE m.split = ?2 AND m.target = ?1 AND m.{column} IS NOT NULL GROUP BY i.stage_id"
        );
        self.read(|connection| {
            let mut select = connection.prepare(&sql)?;
            let [id, value] = rows::places(&select, ["stage_id", "value"])?;
            select.query_map((of, split), |row| Ok((row.get(id)?, row.get(value)?)))?.collect()
        })
    }

    /// Where metrics are found, by what [`Store::metrics`] calls them: of those `asked` for that there are.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn metrics_among(&self, asked: &[String]) -> Result<BTreeMap<String, Found>> {
        // The first stage that has scores mostly has them all: whoever asks for what there is, is told at once.
        let known = self.read(|connection| {
            let mut select = connection
                .prepare(&format!("SELECT EXISTS (SELECT 1 FROM score WHERE {NAME_OF_SCORE} = ?1 AND {IS_METRIC})"))?;
            let mut found = BTreeMap::new();
            for name in asked {
                if select.query_row([name], |row| row.get(0))? {
                    found.insert(name.clone(), Found::Scores);
                }
            }
            Ok(found)
        })?;
        if known.len() == asked.iter().collect::<BTreeSet<_>>().len() { Ok(known) } else { self.metrics() }
    }

    /// Names of the metrics there are, as `ecgraft compare --metric` takes them, with where each is found.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn metrics(&self) -> Result<BTreeMap<String, Found>> {
        self.read(|connection| {
            let mut metrics = BTreeMap::new();
            let mut select =
                connection.prepare(&format!("SELECT DISTINCT {NAME_OF_SCORE} AS name FROM score WHERE {IS_METRIC}"))?;
            for name in select.query_map([], |row| row.get::<_, String>("name"))? {
                metrics.insert(name?, Found::Scores);
            }
            let mut select = connection.prepare("SELECT DISTINCT g.split AS split, g.target AS target FROM regression_score g JOIN stage s USING (stage_id)
                 WHERE s.kind <> 'transfer'")?;
            let found = select.query_map([], |row| Ok((row.get::<_, Subset>("split")?, row.get("target")?)))?;
            for found in found {
                let (split, target): (_, String) = found?;
                for name in regression_metrics().map(Metric::name) {
                    let metric = NamedMetric { split, name: name.to_owned(), of: Some(target.clone()), of_last: false };
                    metrics.insert(metric.to_string(), Found::Regression);
                }
            }
            Ok(metrics)
        })
    }
}
