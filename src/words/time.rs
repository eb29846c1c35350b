//! Times as people read them.

use std::time::Duration;

/// `4.2 s`, `1m20s`, `2h05m`
///
/// ```
/// use ecgraft::words::time::duration;
/// use std::time::Duration;
/// assert_eq!(duration(Duration::from_millis(4210)), "4.2 s");
/// assert_eq!(duration(Duration::from_secs(80)), "1m20s");
/// assert_eq!(duration(Duration::from_secs(7530)), "2h06m");
/// ```
pub fn duration(time: Duration) -> String {
    let tenths = (time.as_secs_f64() * 10.0).round();
    if tenths < 600.0 { format!("{:.1} s", tenths / 10.0) } else { whole(time) }
}

/// Like [`duration`], without tenths of a second: `4 s`.
pub fn whole(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    let minutes = (seconds + 30) / 60;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", minutes / 60, minutes % 60),
    }
}

/// A guess, without digits that it cannot know: to 5 s below 2 minutes, 10 s below 10, else to a minute.
pub fn about(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let step = match seconds {
        0.0..10.0 => 1.0,
        10.0..120.0 => 5.0,
        120.0..600.0 => 10.0,
        _ => 60.0,
    };
    let rounded = (seconds / step).round().max(1.0) * step;
    if (600.0..3600.0).contains(&rounded) {
        return format!("{}m", rounded / 60.0);
    }
    whole(Duration::from_secs_f64(rounded))
}

/// RFC 3339 to the minute: `2026-05-04 13:37`.
pub fn minute(time: &str) -> String {
    time.get(..16).unwrap_or(time).replace('T', " ")
}
