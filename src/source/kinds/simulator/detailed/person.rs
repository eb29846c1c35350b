//! Whose heart it is.

use rand_chacha::ChaCha8Rng;

use super::Condition;
use crate::ecg::{OLDEST, Sex};
use crate::source::kinds::simulator::draw::{truncated, uniform};

/// A person.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Person {
    /// Years, whole.
    pub age: f64,
    pub sex: Sex,
}

impl Person {
    /// Draws a person with these conditions: of several, as the mean over them is.
    pub fn draw(conditions: &[Condition], random: &mut ChaCha8Rng) -> Self {
        let mean = |of: fn(Condition) -> f64| {
            conditions.iter().map(|condition| of(*condition)).sum::<f64>() / conditions.len().max(1) as f64
        };
        let [age, sd] = [mean(|condition| condition.age()[0]), mean(|condition| condition.age()[1])];
        let sex = if uniform(random, 0.0, 1.0) < mean(Condition::women) { Sex::Female } else { Sex::Male };
        Self { age: truncated(random, age, sd, [18.0, 97.0]).floor(), sex }
    }

    /// `male` of a man, `female` of a woman.
    pub fn by_sex(&self, male: f64, female: f64) -> f64 {
        match self.sex {
            Sex::Male => male,
            Sex::Female => female,
        }
    }

    /// The age as records have it.
    pub fn known_age(&self) -> f32 {
        self.age.min(OLDEST) as f32
    }
}
