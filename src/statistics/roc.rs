//! Receiver operating characteristic.

/// The corners of the curve from (0, 0) to (1, 1), of scores and whether each is of a positive: 1 - specificity and
/// sensitivity, which are the shares of the negatives and of the positives at or above each threshold. Scores that are
/// equal are passed at once, on a slope: so the area below is the AUC, ties counting half (Hanley and McNeil 1982).
pub fn roc_curve(mut scored: Vec<(f64, bool)>) -> Vec<(f64, f64)> {
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positives = scored.iter().filter(|record| record.1).count().max(1) as f64;
    let negatives = scored.iter().filter(|record| !record.1).count().max(1) as f64;
    let (mut hits, mut falls) = (0.0, 0.0);
    let mut points = vec![(0.0, 0.0)];
    for equal in scored.chunk_by(|a, b| a.0 == b.0) {
        hits += equal.iter().filter(|record| record.1).count() as f64;
        falls += equal.iter().filter(|record| !record.1).count() as f64;
        let point = (falls / negatives, hits / positives);
        // What goes on straight up or straight on has no corner.
        if let [.., (x0, y0), (x1, y1)] = points[..]
            && ((x0 == x1 && x1 == point.0) || (y0 == y1 && y1 == point.1))
        {
            points.pop();
        }
        points.push(point);
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: negatives 0.1, 0.4, 0.4; positives 0.35, 0.4, 0.8.
    #[test]
    fn corners_are_right_and_ties_are_slopes() {
        let scored = vec![(0.1, false), (0.4, false), (0.4, false), (0.35, true), (0.4, true), (0.8, true)];
        let third = 1.0 / 3.0;
        let expected = [(0.0, 0.0), (0.0, third), (2.0 * third, 2.0 * third), (2.0 * third, 1.0), (1.0, 1.0)];
        let found = roc_curve(scored);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!((found.0 - expected.0).abs() < 1e-12 && (found.1 - expected.1).abs() < 1e-12, "{found:?}");
        }
        // The area below is the share of pairs in order, ties counting half:
        // 0.8 is above all three, 0.4 above one and level with two, 0.35 above one: (3 + 2 + 1) / 9.
        let area: f64 = found.windows(2).map(|w| (w[1].0 - w[0].0) * (w[1].1 + w[0].1) / 2.0).sum();
        assert!((area - 6.0 / 9.0).abs() < 1e-12, "{area}");
    }
}
