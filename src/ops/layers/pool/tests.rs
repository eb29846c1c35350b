use super::cpu::concat_record;
use super::*;
use crate::ops::cpu::Isa;
use crate::ops::cpu::reading::Reading;
use crate::ops::cpu::simd::dispatch;
use crate::ops::gradient_check::{assert_close, check, reference, turned, values};
use crate::tensor::Cpu;
use crate::tensor::memory::Buffer;

#[test]
fn gradients_match_finite_differences() {
    for window in [Window { kernel: 3, stride: 1, padding: 1 }, Window { kernel: 2, stride: 2, padding: 0 }] {
        check(&[vec![2, 9, 3]], |trace, inputs| max_pool(trace, &inputs[0].var, window));
    }
    check(&[vec![2, 9, 3]], |trace, inputs| concat_pool(trace, &inputs[0].var));
}

#[test]
fn equals_pytorch_ties_included() {
    let (device, reference) = (Cpu::default(), reference("ops"));
    let cases: Vec<&str> =
        reference.keys().filter_map(|key| key.strip_prefix("max_pool.")?.strip_suffix(".params")).collect();
    assert!(cases.len() >= 5, "{cases:?}");
    for case in cases {
        let get = |name: &str| values(&reference, &format!("max_pool.{case}.{name}"));
        let ((shape, x), params) = (get("x"), get("params").1);
        let [batch, channels, length] = [shape[0], shape[1], shape[2]];
        let window = Window { kernel: params[0] as usize, stride: params[1] as usize, padding: params[2] as usize };
        let x = Var::input(&device, turned(&x, channels, length), (batch, length, channels)).unwrap();
        let y = max_pool(&mut Trace::off(), &x, window).unwrap();
        let m = window.output_length(length);
        assert_close(case, &turned(&y.to_vec(), m, channels), &get("y").1, 1e-6);
        let gy = Buffer::from(turned(&get("gy").1, channels, m));
        let mut gx = Gradient { values: Buffer::stale(batch * length * channels), fresh: true };
        device.max_pool_gradient(window, x.view(), &gy, &mut gx).unwrap();
        assert_close(case, &turned(&gx.values, length, channels), &get("gx").1, 1e-6);
    }
}

#[test]
fn concat_pool_equals_pytorch() {
    let reference = reference("ops");
    let get = |name: &str| values(&reference, &format!("concat_pool.{name}"));
    let (shape, x) = get("x");
    let [batch, channels, length] = [shape[0], shape[1], shape[2]];
    let x = Var::input(&Cpu::default(), turned(&x, channels, length), (batch, length, channels)).unwrap();
    let y = concat_pool(&mut Trace::off(), &x).unwrap();
    assert_close("y", &y.to_vec(), &get("y").1, 1e-6);
}

/// On every instruction set, with ties, of channels that fill no vector.
#[test]
fn maxima_are_where_they_are_first() {
    let (length, channels) = (50, 37);
    let x: Vec<f32> = (0..length * channels).map(|i| (i * i % 11) as f32 - 20.0).collect();
    for isa in Isa::available() {
        let (mut y, mut places) = (vec![0.0; 2 * channels], vec![0; channels]);
        let (x, to, of): (&[f32], &mut [f32], &mut [u32]) = (&x, &mut y, &mut places);
        let none = None;
        dispatch!(isa => concat_record(none: Option<Reading<'_>>, x: &[f32], to: &mut [f32], of: &mut [u32]));
        for c in 0..channels {
            let column: Vec<f32> = x.iter().skip(c).step_by(channels).copied().collect();
            let top = column.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let place = column.iter().position(|x| *x == top).unwrap();
            let mean = column.iter().sum::<f32>() / length as f32;
            assert_eq!((y[c], places[c]), (top, place as u32), "{isa:?}");
            assert!((y[channels + c] - mean).abs() < 1e-4, "{isa:?}");
        }
    }
}

#[test]
fn maxima_at_the_edges_ignore_the_padding() {
    let x = Var::input(&Cpu::default(), vec![-3.0, -1.0, -2.0, -5.0], (1, 4, 1)).unwrap();
    let y = max_pool(&mut Trace::off(), &x, Window { kernel: 3, stride: 1, padding: 1 }).unwrap();
    assert_eq!(y.to_vec(), [-1.0, -1.0, -1.0, -2.0]);
}
