//! Signals for tests.

#[cfg(test)]
pub(super) use made::{close, settings, signals, weights};

#[cfg(test)]
mod made {
    use tch::{Device, Kind, Tensor};

    use super::super::{BalancerEntry, EACH, Groups, Hyperparameters, Signals, Update};
    use crate::objective::Role;
    use crate::task::{Classification, Reading};

    /// One row whose truth has this probability, by modality, seen by one run with one objective.
    pub fn signals(p: &[f64], epoch: usize) -> Signals {
        let scores: Vec<f64> = p.iter().flat_map(|p| [p.ln(), (1.0 - p).ln()]).collect();
        let one = Tensor::ones([1, 1], (Kind::Double, Device::Cpu));
        let label = one.zeros_like().to_kind(Kind::Int64);
        Signals {
            groups: Groups::new(EACH, &[Role::Task]),
            class: Some(Reading::new(&Classification::of(2), &Tensor::from_slice(&scores).view([1, -1, 1, 2]), &label, &one)),
            loss: one.shallow_clone(),
            domain: None,
            gramian: None,
            active: Tensor::from_slice(&[1.0]),
            states: Tensor::zeros([1, 2], (Kind::Int, Device::Cpu)),
            epoch,
            done: None,
        }
    }

    /// Settings of a balancer from TOML.
    pub fn settings(entry: &BalancerEntry, text: &str) -> [Hyperparameters; 1] {
        [Hyperparameters::new(entry.takes, &toml::from_str(text).unwrap()).unwrap()]
    }

    /// The weights of the one run and objective, by modality.
    pub fn weights(update: Option<Update>) -> Vec<f64> {
        Vec::try_from(update.unwrap().weights.flatten(0, -1).contiguous()).unwrap()
    }

    /// Whether two lists agree to rounding.
    pub fn close(found: &[f64], wanted: &[f64]) -> bool {
        found.len() == wanted.len() && found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-12 * (1.0 + b.abs()))
    }
}
