//! Windows of records: what a network sees of a record that is longer than its input.

use serde_json::{Map, Value, json};

use crate::declare::{Range, Type, table, words};

table! {
    /// Windows of records. A record remains one prediction, of one patient, however many windows it is seen in.
    pub struct Window, incomplete {
        /// What a network sees at once, at most `duration`.
        pub length: f64 = required in Type::Number(Range::above_to(0.0, 3600.0)), unit "s", example "2.5";
        /// Which window of a record it is trained on in an epoch.
        pub train: TrainWindow = "random";
        /// Which windows of a record it is validated and tested on.
        pub test: TestWindows = "tile";
        /// From the start of a tile to that of the next, at most `length`. A last tile ends where the record does, so that all
        /// of it is seen.
        pub stride: f64 = none in Type::Number(Range::above_to(0.0, 3600.0)), absent "half of `length`", derived half,
            example "1.25", unit "s";
        /// How what is said of the tiles becomes what is said of the record: of each class its probability, of a target its
        /// value. After `max`, probabilities of classes of which a record has exactly one are divided by their sum.
        pub join: Join = "mean";
    }
}

words! {
    /// The window that is trained on.
    pub enum TrainWindow as "training window" {
        /// one at a random place, drawn anew for each record and epoch; all places are equally likely
        Random = "random",
        /// the first of the record
        First = "first",
        /// the one in its middle
        Centre = "centre",
    }
}

words! {
    /// The windows that are validated and tested on.
    pub enum TestWindows as "choice of windows" {
        /// windows from the start of the record to its end
        Tile = "tile",
        /// the first of the record alone
        First = "first",
        /// the one in its middle alone
        Centre = "centre",
    }
}

words! {
    /// How outputs on several windows of a record are joined.
    pub enum Join as "way to join windows" {
        /// their mean
        Mean = "mean",
        /// the largest
        Max = "max",
    }
}

fn half(settings: &Map<String, Value>) -> Value {
    settings.get("length").and_then(Value::as_f64).map_or(Value::Null, |length| json!(length / 2.0))
}
