//! Test metrics by name.

use std::collections::{BTreeMap, HashMap};

use super::{Store, rows};
use crate::Result;
use crate::metrics::{Metric, regression_metrics};

/// Where a metric is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Of the classification, by class or of all: the view `scores`.
    Scores,
    /// Of the networks that were grafted, by target: the view `regression`.
    Regression,
}

impl Store {
    /// A test metric of every transfer stage that has it: of the classes together, or of class or target `of`. A stage
    /// grafted from several networks that measure a target has the mean of theirs.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn metric(&self, found: Found, name: &str, of: Option<&str>) -> Result<HashMap<String, f64>> {
        let column = regression_metrics().map(Metric::name).find(|known| *known == name).unwrap_or("mae");
        let sql = match found {
            Found::Scores => "SELECT stage_id, value FROM score WHERE split = 'test' AND metric = ?1 AND class = ?2
                 AND value IS NOT NULL"
                .to_owned(),
            Found::Regression => format!(
                "SELECT i.stage_id, avg(g.{column}) AS value FROM stage_input i JOIN regression_score g ON g.stage_id = i.input_id
                 WHERE g.split = 'test' AND ?1 <> '' AND g.target = ?2 AND g.{column} IS NOT NULL GROUP BY i.stage_id"
            ),
        };
        self.read(|connection| {
            let mut select = connection.prepare(&sql)?;
            let [id, value] = rows::places(&select, ["stage_id", "value"])?;
            select.query_map([name, of.unwrap_or("")], |row| Ok((row.get(id)?, row.get(value)?)))?.collect()
        })
    }

    /// Names of the test metrics there are, as `ecgraft compare --metric` takes them, with where each is found.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn metrics(&self) -> Result<BTreeMap<String, Found>> {
        self.read(|connection| {
            let mut metrics = BTreeMap::new();
            let mut select = connection.prepare(
                "SELECT DISTINCT metric || CASE WHEN class = '' THEN '' ELSE ':' || class END AS name FROM score
                 WHERE split = 'test' AND metric NOT LIKE 'confusion:%' AND metric NOT LIKE '%counted'
                   AND metric NOT IN ('records', 'positives', 'tn', 'fp', 'fn', 'tp')
                   AND stage_id NOT IN (SELECT stage_id FROM stage WHERE kind IN ('masked', 'contrastive'))",
            )?;
            for name in select.query_map([], |row| row.get::<_, String>("name"))? {
                metrics.insert(name?, Found::Scores);
            }
            let mut select = connection.prepare("SELECT DISTINCT target FROM regression_score WHERE split = 'test'")?;
            for target in select.query_map([], |row| row.get::<_, String>("target"))? {
                let target = target?;
                for name in regression_metrics().map(Metric::name) {
                    metrics.insert(format!("{name}:{target}"), Found::Regression);
                }
            }
            Ok(metrics)
        })
    }
}
