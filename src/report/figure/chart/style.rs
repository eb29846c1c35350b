//! Colours and line styles, for pages and for figures that stand alone.

/// Rules of all figures, one a line, with colours as variables.
const RULES: &str = include_str!("figure.css");

/// Colours that differ for colour-blind readers too (Okabe and Ito 2008) are `--c0` to `--c5`.
pub(crate) const COLOURS: usize = 6;

/// Line styles.
pub(crate) const DASHES: [&str; 4] = ["", "6 3", "2 3", "9 3 2 3"];

/// What the variables of [`RULES`] stand for on a light page and on paper, and on a dark page.
const VARIABLES: [(&str, &str, &str); 13] = [
    ("--ink", "#1b1b1b", "#e8e8e8"),
    ("--faint", "#767676", "#9a9a9a"),
    ("--grid", "#d4d4d4", "#484848"),
    ("--page", "#ffffff", "#161616"),
    ("--c0", "#0072b2", "#56a9e0"),
    ("--c1", "#d55e00", "#ee8446"),
    ("--c2", "#009e73", "#2fc69a"),
    ("--c3", "#cc79a7", "#e0a3c4"),
    ("--c4", "#b8860b", "#e3bb4e"),
    ("--c5", "#56b4e9", "#a5dcfa"),
    ("--paper", "#fffafa", "#201719"),
    ("--millimetre", "#f6d5d5", "#3b2528"),
    ("--five", "#eaa8a8", "#64383d"),
];

/// Declarations of the variables, for the light page or the dark.
pub(crate) fn variables(dark: bool) -> String {
    VARIABLES.map(|(name, light, night)| format!("{name}: {};", if dark { night } else { light })).join(" ")
}

/// The rules for figures that are part of a page which declares the variables: of `svg.figure` only.
pub(crate) fn inline() -> String {
    let scoped = |line: &str| {
        let (selectors, rule) = line.split_once(" {").unwrap_or((line, "}"));
        let selectors: Vec<String> = selectors.split(", ").map(|selector| format!("svg.figure {selector}")).collect();
        format!("{} {{{rule}\n", selectors.join(", "))
    };
    RULES.lines().map(scoped).collect()
}

/// The rules for a figure on paper: light, and without variables, which not every viewer knows.
pub(crate) fn light() -> String {
    resolved(false)
}

/// The rules for a figure that stands alone, and follows the reader's light or dark page.
pub(crate) fn alone() -> String {
    format!("{}@media (prefers-color-scheme: dark) {{\n{}}}", resolved(false), resolved(true))
}

fn resolved(dark: bool) -> String {
    // The dark page differs in colours only.
    let lines = RULES.lines().filter(|line| !dark || line.contains("var("));
    let rules: String = lines.map(|line| format!("{line}\n")).collect();
    VARIABLES.iter().fold(rules, |rules, (name, light, night)| {
        rules.replace(&format!("var({name})"), if dark { night } else { light })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_is_declared_and_every_rule_scoped() {
        for rules in [resolved(false), resolved(true)] {
            assert!(!rules.contains("var("), "{rules}");
        }
        assert!(inline().lines().all(|line| line.starts_with("svg.figure ") && line.ends_with('}')));
        assert_eq!(inline().lines().count(), RULES.lines().count());
        for colour in 0..COLOURS {
            assert!(RULES.contains(&format!(".c{colour} .line")) && RULES.contains(&format!("--c{colour}")));
        }
    }
}
