//! What a manifest says of the simulator in words.

use crate::declare::words;

words! {
    /// Where a wave starts and ends.
    pub enum Boundaries as "definition of boundaries" {
        /// where its support does: it is exactly 0 outside
        Support = "support",
        /// where any of the twelve leads first and last sees more than 20 microvolt of it, alone and without noise or respiration
        Visible = "visible",
    }
}

words! {
    /// Models of the heart.
    pub enum Model as "model" {
        /// sinus rhythm of nobody in particular
        Simple = "simple",
        /// people with an age, a sex and diagnoses, which are labels; QRS complexes as steep as real ones
        Detailed = "detailed",
    }
}
