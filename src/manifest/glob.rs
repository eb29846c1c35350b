//! Block names with `*` and `?`.

/// Whether `pattern` stands for `name`: `*` is any text (also none), `?` any one character, every
/// other character itself.
///
/// ```
/// use ecgraft::manifest::glob_matches;
/// assert!(glob_matches("block*", "block12"));
/// assert!(glob_matches("block?", "block1"));
/// assert!(!glob_matches("block?", "block12"));
/// ```
pub fn glob_matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    // reach[j]: the pattern so far stands for the first j characters of the name.
    let mut reach = vec![false; name.len() + 1];
    reach[0] = true;
    for &letter in &pattern {
        if letter == '*' {
            for j in 1..reach.len() {
                reach[j] |= reach[j - 1];
            }
        } else {
            for j in (1..reach.len()).rev() {
                reach[j] = reach[j - 1] && (letter == '?' || letter == name[j - 1]);
            }
            reach[0] = false;
        }
    }
    reach[name.len()]
}

#[cfg(test)]
mod tests {
    use super::glob_matches;

    #[test]
    fn stars_question_marks_and_plain_letters() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*", "block1", true),
            ("", "", true),
            ("", "a", false),
            ("?", "", false),
            ("block1", "block1", true),
            ("block1", "block12", false),
            ("*1", "block11", true),
            ("b*k?", "block1", true),
            ("b*k?", "block", false),
            ("**o*", "block", true),
            ("a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(glob_matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
