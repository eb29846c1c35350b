use super::cpu::{Clip, PIECE, divide_by_rms};
use super::*;
use crate::ops::gradient_check::param;
use crate::tensor::Cpu;

#[test]
fn several_pieces_give_what_one_value_after_another_gives_on_any_number_of_threads() {
    let device = Cpu::default();
    let len = 2 * PIECE + 77;
    let drawn = |purpose: &str| -> Vec<f32> {
        use rand::RngExt;
        let mut random = crate::seed::stream(1, purpose, 0);
        (0..len).map(|_| random.random::<f32>() - 0.5).collect()
    };
    let (start, weights, origin) = (drawn("gradient"), param(&drawn("weights")), param(&drawn("origin")));
    let all = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut gradient = device.try_alloc_len(len).unwrap();
            let mut squares = device.try_alloc_len(len).unwrap();
            gradient.copy_from_slice(&start);
            let mut clip = Clip::default();
            device.measure(&mut clip, &mut gradient).unwrap();
            let sum = clip.squares;
            device.shrink(&Clip { factor: 0.5, ..clip }, &mut gradient).unwrap();
            device.pull(&mut gradient, 0.1, &weights.value, Some(&origin.value)).unwrap();
            device.pull(&mut gradient, 0.2, &weights.value, None).unwrap();
            divide_by_rms(&mut gradient, &mut squares, 0.75);
            (sum, gradient.to_vec(), squares.to_vec())
        })
    };
    let one = all(1);
    assert!(one == all(3));
    let (sum, gradient, squares) = one;
    let exact: f64 = start.iter().map(|g| f64::from(*g).powi(2)).sum();
    assert!((sum - exact).abs() < 1e-9 * exact, "{sum} {exact}");
    let (weights, origin) = (weights.to_vec(), origin.to_vec());
    for i in 0..len {
        let [g, w, o] = [start[i], weights[i], origin[i]].map(f64::from);
        let pulled = 0.5 * g + 0.1 * (w - o) + 0.2 * w;
        let square = 0.25 * pulled * pulled;
        assert!((f64::from(squares[i]) - square).abs() < 1e-6, "{i}");
        // Where both are near 0, the sign is all that counts.
        let expected = pulled / (square.sqrt() + EPS);
        assert!((f64::from(gradient[i]) - expected).abs() < 1e-3 || pulled.abs() < 1e-4, "{i}: {expected}");
    }
}
