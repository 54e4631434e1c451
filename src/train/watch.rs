//! What a balancer sees of a step and decides, kept for whoever asks.

use tch::Tensor;

use crate::balance::{Signals, Update};
use crate::objective::{Layout, Params};

/// One step's signals and decisions by name, [R, …] each.
#[derive(Debug, Default)]
pub struct Watch(pub(super) Vec<(String, Tensor)>);

impl Watch {
    /// Keeps what the balancer was shown and what it decided.
    pub fn decision(&mut self, signals: &Signals, update: Option<&Update>) {
        self.signals(signals);
        update.into_iter().for_each(|update| self.update(update));
    }

    /// Keeps a copy of what the optimizer is to follow; weights become [out, in].
    pub fn gradient(&mut self, layout: &Layout, gradient: &Params) {
        self.0.extend(gradient.named("gradient", layout).into_iter().map(|(name, own)| (name, own.copy())));
    }

    /// Keeps one tensor.
    pub fn keep(&mut self, name: impl Into<String>, tensor: &Tensor) {
        self.0.push((name.into(), tensor.shallow_clone()));
    }

    fn signals(&mut self, signals: &Signals) {
        self.keep("loss", &signals.loss);
        for (what, reading) in [("class", &signals.class), ("domain", &signals.domain)] {
            let Some(reading) = reading else { continue };
            self.keep(format!("{what}.confidence"), &reading.confidence());
            self.keep(format!("{what}.loss"), &reading.loss());
            self.keep(format!("{what}.certainty"), &reading.certainty());
            self.keep(format!("{what}.accuracy"), &reading.accuracy());
        }
        if let Some(gramian) = &signals.gramian {
            self.keep("gramian", gramian);
        }
    }

    fn update(&mut self, update: &Update) {
        self.keep("weights", &update.weights);
        for (name, tensor) in [("heads", &update.heads), ("owned", &update.owned), ("noise", &update.noise)] {
            if let Some(tensor) = tensor {
                self.keep(name, tensor);
            }
        }
        for (name, figure) in update.record.figures() {
            self.keep(format!("record.{name}"), figure);
        }
    }
}
