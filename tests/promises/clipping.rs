//! Clipping: one norm for encoders and task heads, one of its own for whatever only reads or opposes.

use mmdg::train::Optimizer;
use mmdg::train::cohort::Cohort;
use mmdg::train::model::Model;
use tch::{Device, Kind};

use crate::train::{a_run, design, hyperparameters, small, task};

#[test]
fn a_balancer_that_changes_nothing_is_none_bit_for_bit_with_and_without_clipping() {
    tch::set_num_threads(1);
    let table = small();
    let changes_nothing =
        [("ogm", "alpha = 0"), ("adversarial", "lambda = 0"), ("adversarial", "lambda = 0\ndiscriminator = 'modality'")];
    for optimizer in [Optimizer::Adam, Optimizer::Adamw, Optimizer::Sgd] {
        for (clip, kind) in [(0.0, Kind::Float), (0.05, Kind::Float), (0.05, Kind::Double)] {
            let of = |name: &str, words: &str| {
                let mut one = a_run(task(&table, 1), 3, hyperparameters(name, words, &[]));
                one.numbers.clip = clip;
                let mut cohort = Cohort::new(&table, &design(&table, name, 0.4), optimizer, 8, vec![one], kind, Device::Cpu);
                (0..3).for_each(|epoch| drop(cohort.epoch(epoch)));
                let len = cohort.model().layout.entries()[..cohort.model().needed].iter().map(|entry| entry.len()).sum();
                cohort.parameters().get(0).narrow(0, 0, len).copy()
            };
            let none = of("none", "");
            for (name, words) in changes_nothing {
                assert_eq!(of(name, words), none, "{name} {words:?} {optimizer:?} {clip} {kind:?}");
            }
        }
    }
}

#[test]
fn what_only_reads_or_opposes_is_clipped_by_itself() {
    let table = small();
    let parts = |name: &str, words: &str| {
        let design = design(&table, name, 0.0);
        let model = Model::new(&design, &[hyperparameters(name, words, &[])], Kind::Float, Device::Cpu);
        let first =
            |start: usize| model.layout.entries().iter().find(|entry| entry.offset as usize == start).unwrap().name.clone();
        let parts = model.parts();
        assert_eq!(parts.iter().map(|part| part.len).sum::<usize>() as i64, model.layout.len(), "{name}");
        parts.into_iter().map(|part| (first(part.start), part.group)).collect::<Vec<_>>()
    };
    let encoders = || ("encoder.video.0.weight".to_owned(), 0);
    let after = |rest: &[(&str, usize)]| -> Vec<(String, usize)> {
        std::iter::once(encoders()).chain(rest.iter().map(|(name, group)| ((*name).to_owned(), *group))).collect()
    };
    assert_eq!(parts("none", ""), after(&[]));
    assert_eq!(parts("ogm", ""), after(&[("probe.class.video.weight", 1)]));
    assert_eq!(parts("adversarial", ""), after(&[("discriminator.0.weight", 1)]));
    assert_eq!(parts("cggm", ""), after(&[("guide.video.0.weight", 1)]));
    let paper = [("discriminator.0.weight", 1), ("probe.class.video.weight", 2), ("probe.domain.video.weight", 3)];
    assert_eq!(parts("gmp", ""), after(&paper));
    // its uni-modal heads are heads of the task
    assert_eq!(parts("gmp", "variant = 'bench'"), after(&[("projection.video.weight", 1)]));
    assert_eq!(parts("gradient-blending", ""), after(&[]));
}
