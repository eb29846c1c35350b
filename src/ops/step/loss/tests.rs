use super::*;
use crate::ops::gradient_check::{assert_close, reference, values};

const FORMS: [Form; 6] =
    [Form::Plain, Form::Smoothed(0.1), Form::Smoothed(1.0), Form::Focal(0.0), Form::Focal(0.5), Form::Focal(2.0)];

fn softmax(classes: Vec<usize>, form: Form) -> Loss {
    Loss::CrossEntropy { classes, weights: vec![0.5, 1.0, 2.0], form }
}

fn sigmoids(labels: Vec<bool>, form: Form) -> Loss {
    Loss::BinaryCrossEntropy { labels, weights: vec![1.0, 2.0, 0.5], form }
}

#[test]
fn gradients_match_finite_differences() {
    let outputs = [0.3f32, -1.2, 2.0, 0.1, 0.9, -0.4];
    let truth = vec![0.1f32, 0.4, -2.0, 0.3, 0.7, 1.9];
    let mut losses = vec![Loss::Mae(truth.clone()), Loss::Mse(truth.clone())];
    losses.extend([0.5, 1.0, 3.0].map(|delta| Loss::Huber { truth: truth.clone(), delta }));
    losses.extend([0.3, 1.0].map(|temperature| Loss::NtXent { views: 2, temperature }));
    for form in FORMS {
        losses.push(softmax(vec![2, 0], form));
        losses.push(sigmoids(vec![true, false, true, false, false, true], form));
    }
    for loss in losses {
        let (_, gradient) = loss.evaluate(&outputs);
        for i in 0..outputs.len() {
            let at = |step: f32| {
                let mut moved = outputs;
                moved[i] += step;
                loss.evaluate(&moved).0
            };
            let difference = (at(1e-2) - at(-1e-2)) / f64::from(outputs[i] + 1e-2 - (outputs[i] - 1e-2));
            assert!(
                (difference - f64::from(gradient[i])).abs() < 1e-4,
                "{loss:?} {i}: {difference} and {}",
                gradient[i]
            );
        }
    }
}

#[test]
fn values_and_gradients_equal_pytorch() {
    let reference = reference("training");
    let tensor = |name: &str| values(&reference, &format!("loss.{name}")).1;
    let (weights, truth) = (tensor("weights"), tensor("truth"));
    let classes: Vec<usize> = tensor("classes").iter().map(|&class| class as usize).collect();
    let labels: Vec<bool> = tensor("labels").iter().map(|&label| label == 1.0).collect();
    let softmax = |form| Loss::CrossEntropy { classes: classes.clone(), weights: weights.clone(), form };
    let sigmoids = |form| Loss::BinaryCrossEntropy { labels: labels.clone(), weights: weights.clone(), form };
    let huber = |delta| Loss::Huber { truth: truth.clone(), delta };
    for (name, outputs, loss) in [
        ("mae", "numbers", Loss::Mae(truth.clone())),
        ("mse", "numbers", Loss::Mse(truth.clone())),
        ("huber", "numbers", huber(1.0)),
        ("huber_narrow", "numbers", huber(0.3)),
        ("softmax", "outputs", softmax(Form::Plain)),
        ("softmax_smoothed", "outputs", softmax(Form::Smoothed(0.1))),
        ("softmax_focal", "outputs", softmax(Form::Focal(2.0))),
        ("softmax_focal_half", "outputs", softmax(Form::Focal(0.5))),
        ("sigmoid", "outputs", sigmoids(Form::Plain)),
        ("sigmoid_smoothed", "outputs", sigmoids(Form::Smoothed(0.1))),
        ("sigmoid_focal", "outputs", sigmoids(Form::Focal(2.0))),
        ("sigmoid_focal_half", "outputs", sigmoids(Form::Focal(0.5))),
    ] {
        let (value, gradient) = loss.evaluate(&tensor(outputs));
        assert_close(name, &[value as f32], &tensor(&format!("{name}.value")), 1e-6);
        assert_close(name, &gradient, &tensor(&format!("{name}.gradient")), 1e-6);
    }
}

#[test]
fn a_form_that_changes_nothing_changes_no_bit() {
    let outputs = [0.3f32, -1.2, 2.0, 0.1, 0.9, -0.4];
    let labels = vec![true, false, true, false, false, true];
    assert_eq!(
        softmax(vec![2, 0], Form::Plain).evaluate(&outputs),
        softmax(vec![2, 0], Form::Smoothed(0.0)).evaluate(&outputs)
    );
    assert_eq!(
        sigmoids(labels.clone(), Form::Plain).evaluate(&outputs),
        sigmoids(labels, Form::Smoothed(0.0)).evaluate(&outputs)
    );
}

#[test]
fn what_is_not_known_counts_for_nothing() {
    let known = Loss::Mse(vec![1.0, -2.0]).evaluate(&[0.5, 0.25]);
    let (value, gradient) = Loss::Mse(vec![f32::NAN, 1.0, -2.0, f32::NAN]).evaluate(&[9.0, 0.5, 0.25, -7.0]);
    assert_eq!((value, gradient), (known.0, vec![0.0, known.1[0], known.1[1], 0.0]));
    assert_eq!(Loss::Mae(vec![f32::NAN]).evaluate(&[3.0]), (0.0, vec![0.0]));
}

#[test]
fn large_outputs_do_not_overflow() {
    for form in FORMS {
        let (value, gradient) = sigmoids(vec![true, false, false], form).evaluate(&[-500.0, 500.0, -500.0]);
        assert!(value.is_finite() && gradient.iter().all(|g| g.is_finite()), "{form:?}");
        // Once wholly wrong, once wholly right.
        let (value, gradient) = softmax(vec![1, 0], form).evaluate(&[1000.0, 0.0, 0.0, 1000.0, 0.0, 0.0]);
        assert!(value.is_finite() && gradient.iter().all(|g| g.is_finite()), "{form:?}");
    }
    let (value, _) = sigmoids(vec![true, false, false], Form::Plain).evaluate(&[-500.0, 500.0, -500.0]);
    assert!((value - 1000.0 / 3.0).abs() < 1e-9);
    let (value, _) = softmax(vec![1], Form::Plain).evaluate(&[1000.0, 0.0, 0.0]);
    assert!((value - 1000.0).abs() < 1e-9);
}

#[test]
fn nt_xent_equals_pytorch() {
    let reference = reference("nt_xent");
    let tensor = |name: &str| values(&reference, name).1;
    for (name, temperature) in [("warm", 0.5), ("cold", 0.1)] {
        let (outputs, views) = (tensor("outputs"), 8);
        let (value, gradient) = Loss::NtXent { views, temperature }.evaluate(&outputs);
        assert_close(name, &[value as f32], &tensor(&format!("{name}.value")), 1e-6);
        assert_close(name, &gradient, &tensor(&format!("{name}.gradient")), 1e-6);
        let found = found(&outputs, views, temperature);
        let mean = found.iter().map(|view| view.loss).sum::<f64>() / views as f64;
        assert!((mean - value).abs() < 1e-12);
        let nearest: Vec<f32> = found.iter().map(|view| if view.is_nearest { 1.0 } else { 0.0 }).collect();
        assert_eq!(nearest, tensor("nearest"));
    }
}

#[test]
fn gradients_of_nt_xent_match_finite_differences() {
    let outputs: Vec<f32> = (0..18).map(|i| ((i * 7 % 11) as f32 - 5.0) / 4.0).collect();
    let loss = Loss::NtXent { views: 6, temperature: 0.4 };
    let (_, gradient) = loss.evaluate(&outputs);
    for i in 0..outputs.len() {
        let at = |step: f32| {
            let mut moved = outputs.clone();
            moved[i] += step;
            loss.evaluate(&moved).0
        };
        let difference = (at(1e-3) - at(-1e-3)) / f64::from(outputs[i] + 1e-3 - (outputs[i] - 1e-3));
        assert!((difference - f64::from(gradient[i])).abs() < 1e-4, "{i}: {difference} and {}", gradient[i]);
    }
}

#[test]
fn an_only_pair_and_outputs_of_no_length_are_no_trouble() {
    let (value, gradient) = Loss::NtXent { views: 2, temperature: 0.1 }.evaluate(&[1.0, 2.0, -3.0, 0.5]);
    assert!(value.abs() < 1e-12 && gradient.iter().all(|g| g.abs() < 1e-6), "{value} {gradient:?}");
    let (value, gradient) =
        Loss::NtXent { views: 4, temperature: 0.1 }.evaluate(&[0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
    assert!(value.is_finite() && gradient.iter().all(|g| g.is_finite()), "{value} {gradient:?}");
}
