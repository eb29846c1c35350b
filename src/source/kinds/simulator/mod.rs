//! The built-in simulator: 12-lead ECGs whose HR, PR, QRS and QT are exact by construction.
//!
//! A record is 10 s at 500 Hz. A cardiac dipole in three dimensions, a sum of bell-shaped waves (McSharry et al. 2003; for a
//! dipole: Sameni et al. 2007), is seen by the leads through Dower's matrix (Dower et al. 1980). Every bell is exactly 0
//! outside its support, so that onsets and offsets are facts rather than thresholds. Which of them the intervals go by says
//! [`Boundaries`]: those of the support, or of what is to be seen.
//!
//! - PR is the time from the start of the P wave to that of the QRS complex, QRS from start to end of the QRS complex,
//!   QT from the start of the QRS complex to the end of the T wave; equal in every beat of a record.
//! - HR is 60 over the mean RR interval between the starts of all QRS complexes that lie wholly in the record.
//! - In the simple model no two waves overlap; in the detailed one recovery may begin within the QRS complex.
//!
//! Respiration, baseline wander, muscle noise and mains hum are added, each from a random stream of its own. None of them
//! moves an onset or offset of the heart's own signal.
//!
//! There are two models of the heart: [`Model::Simple`], below, is of sinus rhythm and of nobody in particular; [`detailed`] is
//! of people with an age, a sex and diagnoses. `docs/simulator.md` describes both, beside real records.
//!
//! ## How records of the simple model differ
//!
//! | | distribution | compare |
//! |---|---|---|
//! | HR | N(75, 15) bpm in 40 to 140 | 48 to 98 in healthy people (Mason et al. 2007; 2nd to 98th percentile, as below) |
//! | QRS | 94 %: N(95, 12) ms in 65 to 150; 6 %: uniform in 110 to 150 | 69 to 109 (same) |
//! | QT | QTc (RR / 1 s)^(1/3), QTc N(415 + (QRS - 95) / 2, 22) ms in 350 to 500 | correction: Fridericia 1920; QTc 359 to 445 (Mason et al. 2007); about half of a longer QRS is added to QT (Bogossian et al. 2014) |
//! | PR | N(160 - 0.26 (HR - 75), 23.7) ms in 90 to 280 | 113 to 212 (Mason et al. 2007); slope, and correlation with HR of -0.15 (Soliman and Rautaharju 2012) |
//! | SD of RR | 3 % of the mean RR, log-normal (sigma 0.5), 0.5 to 9 % | spectrum: McSharry et al. 2003 |
//!
//! These are the support's. Ranges are wider than in healthy people, as those of patients are.
//!
//! Where T of one beat and P of the next would meet, PR is shortened down to 90 ms, then variation of RR; where that is not
//! enough, intervals are drawn again. It happens at fast rates.
//!
//! ## References
//!
//! - Bogossian H. et al. New formula for evaluation of the QT interval in patients with left bundle branch block.
//!   Heart Rhythm 11:2273 (2014).
//! - Dower G. E., Machado H. B., Osborne J. A. On deriving the electrocardiogram from vectorcardiographic leads.
//!   Clin. Cardiol. 3:87 (1980).
//! - Fridericia L. S. Die Systolendauer im Elektrokardiogramm bei normalen Menschen und bei Herzkranken.
//!   Acta Med. Scand. 53:469 (1920).
//! - Mason J. W. et al. Electrocardiographic reference ranges derived from 79,743 ambulatory subjects.
//!   J. Electrocardiol. 40:228 (2007).
//! - McSharry P. E. et al. A dynamical model for generating synthetic electrocardiogram signals.
//!   IEEE Trans. Biomed. Eng. 50:289 (2003).
//! - Sameni R. et al. Multichannel ECG and noise modeling: application to maternal and fetal ECG signals.
//!   EURASIP J. Adv. Signal Process. 43407 (2007).
//! - Soliman E. Z., Rautaharju P. M. Heart rate adjustment of PR interval in middle-aged and older adults.
//!   J. Electrocardiol. 45:66 (2012).

pub mod detailed;
mod dipole;
mod draw;
mod heart;
mod noise;
mod record;
mod rhythm;
mod settings;
mod shape;
mod source;
mod visible;

pub use heart::{Beat, Intervals, Origin};
pub use record::{Clean, SAMPLES, SAMPLING_RATE, VERSION, clean, simulate};
pub use settings::{Boundaries, Model};
pub use source::Simulator;
pub use visible::SEEN;

use record::{END, STEP};
