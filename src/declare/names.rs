//! The nearest known name to one that is not known.

/// How a message goes on after "unknown ... `name`": the nearest known name, or all of them.
pub(crate) fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(name, &known) {
        Some(near) => format!("; did you mean `{near}`?"),
        None if known.is_empty() => "; none is declared".into(),
        None => format!("; known: {}", first(&known)),
    }
}

/// How a message goes on after a name of which there is none: the nearest there is, and all of them.
pub(crate) fn choices<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(name, &known) {
        _ if known.is_empty() => "; there is none".into(),
        Some(near) => format!("; did you mean `{near}`? There are {}", known.join(", ")),
        None => format!("; there are {}", known.join(", ")),
    }
}

/// `a`, `b`, `c`
pub(crate) fn list<T: AsRef<str>>(names: &[T]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// As [`list`]; of very many the first twelve, and how many there are beside them.
pub(crate) fn first<T: AsRef<str>>(names: &[T]) -> String {
    const MANY: usize = 40;
    const SHOWN: usize = 12;
    match names.get(..SHOWN).filter(|_| names.len() > MANY) {
        Some(shown) => format!("{} and {} more", list(shown), names.len() - SHOWN),
        None => list(names),
    }
}

/// The known name with the smallest edit distance (Damerau-Levenshtein; case, `-` and `_` do not
/// count), if at most a third of its letters differ; else the shortest that has all of `name` in it.
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', '_', ' '], "");
    let name = plain(name);
    let longer =
        known.iter().filter(|other| name.len() > 2 && plain(other).contains(&name)).min_by_key(|other| other.len());
    let closest = known
        .iter()
        .map(|other| {
            let plain = plain(other);
            let longest = name.chars().count().max(plain.chars().count());
            (strsim::damerau_levenshtein(&name, &plain), longest, *other)
        })
        .filter(|(distance, longest, _)| *distance <= (longest / 3).max(1) && distance < longest)
        .min_by_key(|(distance, ..)| *distance)
        .map(|(_, _, other)| other);
    closest.or(longer.copied())
}

#[cfg(test)]
mod tests {
    use super::{choices, hint};

    #[test]
    fn a_near_name_is_offered_and_otherwise_all_are_listed() {
        let known = ["epochs", "batch_size", "loss"];
        assert_eq!(hint("epoch", known), "; did you mean `epochs`?");
        assert_eq!(hint("batch-sise", known), "; did you mean `batch_size`?");
        assert_eq!(hint("LOSS", known), "; did you mean `loss`?");
        assert_eq!(hint("size", known), "; did you mean `batch_size`?");
        assert_eq!(hint("temperature", known), "; known: `epochs`, `batch_size`, `loss`");
        assert_eq!(hint("x", []), "; none is declared");
        let many: Vec<String> = (0..41).map(|name| format!("{name}")).collect();
        let told = hint("temperature", many.iter().map(String::as_str));
        assert!(told.ends_with("`10`, `11` and 29 more"), "{told}");
    }

    #[test]
    fn the_nearest_is_asked_for_and_all_are_told() {
        let known = ["none", "probe", "gradual"];
        assert_eq!(choices("nonee", known), "; did you mean `none`? There are none, probe, gradual");
        assert_eq!(choices("x*", known), "; there are none, probe, gradual");
        assert_eq!(choices("x", []), "; there is none");
    }
}
