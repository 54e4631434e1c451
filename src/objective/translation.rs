use std::ops::Range;

use tch::{Kind, Tensor};

use super::length::{length, nothing, unit};
use super::{Batch, Dropout, Layout, Linear, Objective, Outcome, Shape, Streams, View, mean};

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

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let apart = |(place, pair): (usize, &Pair)| {
            let Pair { from, to, layers, dropout } = pair;
            let hidden = layers[0].forward(params, &self.source(place, pair, batch)).relu();
            let hidden = dropout.forward(layers[1].forward(params, &hidden).relu(), batch.masks);
            let translated = layers[2].forward(params, &hidden);
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
