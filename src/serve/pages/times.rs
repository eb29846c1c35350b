//! Times, that stand in a page as of the clock and that the script keeps counting.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

/// `14:03:10 UTC`
pub(super) fn clock(time: DateTime<Utc>) -> String {
    time.format("%H:%M:%S UTC").to_string()
}

/// `2026-01-31 14:03 UTC`
pub(super) fn minute(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// Since when something is going on: `1m20s so far` in the script's words.
pub(super) fn since(time: DateTime<Utc>) -> String {
    element("since", time, &format!("since {}", clock(time)))
}

/// When something is likely done that began at `begun`, took `since` and needs `left` yet.
pub(super) fn until(begun: DateTime<Utc>, since: Duration, left: Duration) -> String {
    if left.is_zero() {
        return "longer than others took".to_owned();
    }
    // To 5 s: what is reckoned from the same twice is the same.
    let seconds = ((since + left).as_secs_f64() / 5.0).round() as i64 * 5;
    let end = begun + chrono::TimeDelta::try_seconds(seconds).unwrap_or_default();
    element("until", end, &format!("likely until {}", clock(end)))
}

fn element(name: &str, time: DateTime<Utc>, words: &str) -> String {
    let (stamp, machine) = (time.timestamp_millis(), time.to_rfc3339_opts(SecondsFormat::Secs, true));
    format!("<time data-{name}=\"{stamp}\" datetime=\"{machine}\">{words}</time>")
}

/// A time as the store writes it.
pub(super) fn stored(text: Option<&str>) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text?).ok().map(|time| time.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_of_the_same_end_is_the_same_text() {
        let begun = stored(Some("2026-01-31T14:00:00.000Z")).unwrap();
        let of = |since, left| until(begun, Duration::from_millis(since), Duration::from_millis(left));
        assert_eq!(of(10_000, 50_000), of(12_345, 47_655));
        assert!(of(10_000, 50_000).contains("likely until 14:01:00 UTC"));
        assert_eq!(of(10_000, 0), "longer than others took");
        assert!(stored(Some("yesterday")).is_none() && stored(None).is_none());
    }
}
