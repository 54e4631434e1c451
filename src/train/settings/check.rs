//! What the numbers of `[train]` may be.

use super::super::recipe::Averaging;
use super::super::widths::{Embedding, Widths};
use super::{Encoder, TrainSettings};
use crate::objective::Fusion;
use crate::{Error, Result};

impl TrainSettings {
    /// Checks the numbers, before anything is read or written.
    ///
    /// # Errors
    /// [`Error::Input`] that names the key, the value and what was expected.
    pub fn check(&self) -> Result<()> {
        let wrong = |key: &str, value: String, expected: &str| {
            Err(Error::input(format!("[train] {key}"), format!("{value}; expected {expected}")))
        };
        let list = |widths: &[usize]| format!("[{}]", widths.iter().map(usize::to_string).collect::<Vec<_>>().join(", "));
        let widths = [
            ("epochs", self.epochs),
            ("step-epochs", self.step_epochs),
            ("batch-size", self.batch_size),
            ("head-hidden", self.head_hidden),
        ];
        for (key, value) in widths {
            if !(1..=1 << 20).contains(&value) {
                return wrong(key, value.to_string(), "a whole number from 1 to 1048576");
            }
        }
        if let Some((name, width)) = self.embedding.each().find(|(_, width)| !(1..=1 << 20).contains(width)) {
            let key = if name.is_empty() { "embedding".to_owned() } else { format!("embedding.{name}") };
            return wrong(&key, width.to_string(), "a whole number from 1 to 1048576");
        }
        if self.fusion == Fusion::Sum && matches!(self.embedding, Embedding::ByModality(_)) {
            return wrong("fusion", "\"sum\"".into(), "one embedding width for all modalities, or another fusion");
        }
        if let Some(Widths(widths)) = &self.hidden {
            if self.encoder == Encoder::Linear && !widths.is_empty() {
                return wrong("hidden", list(widths), "none with encoder = \"linear\"");
            }
            if widths.len() > 16 || widths.iter().any(|width| !(1..=1 << 20).contains(width)) {
                return wrong("hidden", list(widths), "up to 16 whole numbers from 1 to 1048576, or 0 alone");
            }
        }
        if self.layer_norm && self.widths().0.is_empty() {
            return wrong("layer-norm", "true".into(), "false with linear encoders, which have no hidden layer");
        }
        for (key, value) in [("learning-rate", self.learning_rate), ("step-factor", self.step_factor)] {
            if !(value.is_finite() && value > 0.0) {
                return wrong(key, value.to_string(), "a number above 0");
            }
        }
        for (key, value) in [("weight-decay", self.weight_decay), ("clip", self.clip), ("unimodal-weight", self.unimodal_weight)]
        {
            if !(value.is_finite() && value >= 0.0) {
                return wrong(key, value.to_string(), "a number of at least 0");
            }
        }
        let shares = [
            ("dropout", self.dropout),
            ("label-smoothing", self.label_smoothing),
            ("momentum", self.momentum),
            ("average-decay", self.average_decay),
        ];
        for (key, value) in shares {
            if !(0.0..1.0).contains(&value) {
                return wrong(key, value.to_string(), "a share of at least 0 and below 1");
            }
        }
        if self.average != Averaging::None && self.average_from >= self.epochs {
            let expected = format!("an epoch below epochs = {}", self.epochs);
            return wrong("average-from", self.average_from.to_string(), &expected);
        }
        self.protocol.check()
    }
}
