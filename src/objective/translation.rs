use std::ops::Range;

use tch::{Kind, Tensor};

use super::length::{length, nothing, unit};
use super::{Batch, Dropout, Layout, Linear, Objective, Outcome, Params, Shape, Streams, View, mean};

/// One head for each ordered pair of modalities that makes the one's embedding of the other's, Linear → ReLU → Linear → ReLU → Dropout → Linear with hidden
/// layers four times as wide as a fused head's (SimMMDG, Dong et al., NeurIPS 2023: 2048). The loss is the mean over pairs of
/// E ‖ T(z_a) / ‖T(z_a)‖ − z_b / ‖z_b‖ ‖, over rows that have both; both sides learn.
#[derive(Debug)]
pub struct Translation {
    entries: Range<usize>,
    pairs: Vec<Pair>,
    weight: Tensor,
    /// Share of the elements of what is translated that are put to 0, \[R\]; none where it stays as it is.
    masked: Option<Tensor>,
    shape: Shape,
}

#[derive(Debug)]
struct Pair {
    from: usize,
    to: usize,
    layers: [Linear; 3],
    dropout: Dropout,
}

impl Pair {
    /// Of the embedding [R, B, E_from], [R, B, E_to].
    fn forward(&self, params: &Params, embedding: &Tensor, masks: Option<&Tensor>) -> Tensor {
        let hidden = self.layers[0].forward(params, embedding).relu();
        let hidden = self.dropout.forward(self.layers[1].forward(params, &hidden).relu(), masks);
        self.layers[2].forward(params, &hidden)
    }
}

impl Translation {
    /// Claims `translation.<from>-<to>.*`; `weight` \[R\] is on the loss.
    pub fn declare(weight: Tensor, shape: &Shape, layout: &mut Layout) -> Self {
        let (start, hidden, count) = (layout.entries().len(), 4 * shape.hidden, shape.modalities.len());
        let mut pairs = Vec::new();
        for (from, to) in (0..count).flat_map(|from| (0..count).map(move |to| (from, to))).filter(|(from, to)| from != to) {
            let name = format!("translation.{}-{}", shape.modalities[from], shape.modalities[to]);
            let mut layer = |i, inputs, outputs| Linear::declare(layout, &format!("{name}.{i}"), inputs, outputs, true, None);
            let layers = [layer(0, shape.widths[from], hidden), layer(1, hidden, hidden), layer(2, hidden, shape.widths[to])];
            pairs.push(Pair { from, to, layers, dropout: layout.dropout(hidden) });
        }
        Self { entries: start..layout.entries().len(), pairs, weight, masked: None, shape: shape.clone() }
    }

    /// The same of embeddings of which this share of elements, \[R\], is put to 0 (MOOSA, Dong et al., ECCV 2024).
    #[must_use]
    pub fn masking(self, share: Tensor) -> Self {
        Self { masked: Some(share), ..self }
    }

    /// Each pair's translated embedding with random elements at 0.
    fn source(&self, place: usize, pair: &Pair, batch: &Batch) -> Tensor {
        let embedding = batch.embedding(pair.from, &self.shape);
        let (Some(share), Some(states)) = (&self.masked, batch.states) else { return embedding };
        let widest = self.shape.widths.iter().copied().max().unwrap_or_default();
        let [rows, width] = [embedding.size()[1], embedding.size()[2]];
        let integers = |n: i64| Tensor::arange(n, (Kind::Int, embedding.device()));
        let row = integers(rows).view([1, -1, 1]) + place as i64 * rows;
        let drawn = Streams::new(states).with("translation masks").uniform(&(row * widest + integers(width)));
        let drawn = drawn.to_kind(embedding.kind()) * f64::from(2.0f32.powi(-24));
        embedding * drawn.ge_tensor(&share.view([-1, 1, 1])).to_kind(share.kind())
    }
}

impl Objective for Translation {
    fn entries(&self) -> Range<usize> {
        self.entries.clone()
    }

    fn kept(&self) -> i64 {
        self.pairs.len() as i64 * 16 * self.shape.hidden
    }

    fn translates(&self) -> bool {
        !self.pairs.is_empty()
    }

    fn translated(&self, &View { params, batch }: &View<'_>) -> Option<Tensor> {
        let (Some(present), [_, ..]) = (batch.present, &self.pairs[..]) else { return None };
        let made = |m: usize| {
            let own = batch.embedding(m, &self.shape);
            let there = |m: usize| present.narrow(2, m as i64, 1);
            let sources: Vec<&Pair> = self.pairs.iter().filter(|pair| pair.to == m).collect();
            let sum: Tensor = sources
                .iter()
                .map(|pair| pair.forward(params, &batch.embedding(pair.from, &self.shape), None) * there(pair.from))
                .sum();
            let count: Tensor = sources.iter().map(|pair| there(pair.from)).sum();
            // nothing is made of nothing
            let keep = there(m).gt(0.0).logical_or(&count.le(0.0));
            own.where_self(&keep, &(sum / count.clamp_min(1.0)))
        };
        Some(Tensor::cat(&(0..self.shape.modalities.len()).map(made).collect::<Vec<_>>(), 2))
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let apart = |(place, pair): (usize, &Pair)| {
            let Pair { from, to, .. } = pair;
            let translated = pair.forward(params, &self.source(place, pair, batch), batch.masks);
            let apart = length(&(unit(&translated) - unit(&batch.embedding(*to, &self.shape)))).squeeze_dim(2);
            mean(&apart, &batch.share_of_all(&[*from as i64, *to as i64]))
        };
        let loss = match self.pairs.len() {
            0 => nothing(batch.embeddings),
            count => self.pairs.iter().enumerate().map(apart).sum::<Tensor>() / count as f64,
        };
        Outcome::loss(loss * &self.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::Heads;
    use crate::task::Classification;
    use tch::Device;

    #[test]
    fn what_a_row_lacks_is_the_mean_of_what_the_others_give() {
        let options = (Kind::Double, Device::Cpu);
        let shape = Shape {
            modalities: ["a", "f", "v"].map(String::from).into(),
            widths: vec![2, 3, 2],
            task: Classification::task(2),
            domains: 2,
            hidden: 2,
            heads: Heads::default(),
        };
        let mut layout = Layout::default();
        let translation = Translation::declare(Tensor::ones([1], options), &shape, &mut layout);
        let params = Params::views(&layout, &(Tensor::arange(layout.len(), options) * 0.7).sin().view([1, -1]));
        let z = Tensor::arange(28, options).cos().view([1, 4, 7]);
        let present = Tensor::from_slice(&[1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]).view([1, 4, 3]);
        let (zero, share) = (Tensor::zeros([1, 4], (Kind::Int64, Device::Cpu)), Tensor::full([1, 4], 0.25, options));
        let batch = Batch {
            embeddings: &z,
            label: &zero,
            domain: &zero,
            share: &share,
            present: Some(&present),
            weight: None,
            mixed: None,
            states: None,
            masks: None,
        };
        let found = translation.translated(&View { params: &params, batch: &batch }).unwrap();
        let of = |from: usize, to: usize| {
            let pair = translation.pairs.iter().find(|pair| (pair.from, pair.to) == (from, to)).unwrap();
            pair.forward(&params, &batch.embedding(from, &shape), None)
        };
        let wanted = z.copy();
        let set = |row: i64, at: i64, value: Tensor| {
            let value = value.select(1, row);
            wanted.select(1, row).narrow(1, at, value.size()[1]).copy_(&value);
        };
        set(1, 2, (of(0, 1) + of(2, 1)) / 2.0);
        set(2, 0, of(2, 0));
        set(2, 2, of(2, 1));
        assert!((found - wanted).abs().max().double_value(&[]) < 1e-12);
    }
}
