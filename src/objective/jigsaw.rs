use std::ops::Range;

use tch::{Kind, Tensor};

use super::{Layout, Linear, Objective, Outcome, Shape, View, mean};
use crate::rng::Stream;
use crate::task::log_probability;

/// How many orders are told apart.
const ORDERS: usize = 128;

/// A multimodal jigsaw (MOOSA, Dong et al., ECCV 2024): each embedding is cut into parts, all parts are put in each of 128 fixed random orders, and
/// Linear → ReLU → Linear tells which order it is. The loss is the mean cross-entropy over rows and orders.
///
/// Where all parts are of one width, the first layer is taken of each part at each place, once, and the orders are sums of that: (M P)² small products
/// instead of 128 large ones.
#[derive(Debug)]
pub struct Jigsaw {
    entries: Range<usize>,
    layers: [Linear; 2],
    weight: Tensor,
    /// Where each part starts and how wide it is.
    parts: Vec<(i64, i64)>,
    /// The parts of each order, place by place.
    orders: Vec<Vec<usize>>,
}

impl Jigsaw {
    /// Claims `jigsaw.*`, four parts a modality, or two where there are three or more; `weight` \[R\] is on the loss.
    pub fn declare(weight: Tensor, shape: &Shape, layout: &mut Layout) -> Self {
        let (start, each) = (layout.entries().len(), if shape.len() > 2 { 2 } else { 4 });
        let (mut parts, mut offset) = (Vec::new(), 0);
        for &width in &shape.widths {
            let edge = |i: i64| offset + width * i / each;
            parts.extend((0..each).map(|i| (edge(i), edge(i + 1) - edge(i))));
            offset += width;
        }
        let order = |i: usize| Stream::new(0).with("jigsaw").at(i as u32).permutation(parts.len());
        let orders = (0..ORDERS).map(order).collect();
        let layers = [
            Linear::declare(layout, "jigsaw.0", shape.fused(), shape.hidden, true, None),
            Linear::declare(layout, "jigsaw.1", shape.hidden, ORDERS as i64, true, None),
        ];
        Self { entries: start..layout.entries().len(), layers, weight, parts, orders }
    }

    /// What the first layer makes of every order, [R, B, orders, hidden], before its bias.
    fn ordered(&self, z: &Tensor, weight: &Tensor) -> Tensor {
        let [runs, rows, all] = [z.size()[0], z.size()[1], z.size()[2]];
        let (count, hidden) = (self.parts.len() as i64, weight.size()[2]);
        let on = |values: &[i64]| Tensor::from_slice(values).to_device(z.device());
        if self.parts.iter().all(|(_, width)| *width == self.parts[0].1) {
            let width = self.parts[0].1;
            // part k at place s, [R, B · K, S · H]
            let places = weight.view([runs, count, width, hidden]).transpose(1, 2).reshape([runs, width, -1]);
            let table = z.reshape([runs, rows * count, width]).bmm(&places).view([runs * rows, count * count, hidden]);
            let place = |(s, part): (usize, &usize)| *part as i64 * count + s as i64;
            let chosen: Vec<i64> = self.orders.iter().flat_map(|order| order.iter().enumerate().map(place)).collect();
            let sums = Tensor::zeros([ORDERS as i64, count * count], (z.kind(), z.device()));
            let sums = sums.scatter_value(1, &on(&chosen).view([ORDERS as i64, -1]), 1.0);
            let sums = sums.unsqueeze(0).expand([runs * rows, -1, -1], false);
            return sums.bmm(&table).view([runs, rows, ORDERS as i64, hidden]);
        }
        let columns = |&part: &usize| self.parts[part].0..self.parts[part].0 + self.parts[part].1;
        let index: Vec<i64> = self.orders.iter().flatten().flat_map(columns).collect();
        let given = z.index_select(2, &on(&index)).view([runs, -1, all]);
        given.bmm(weight).view([runs, rows, ORDERS as i64, hidden])
    }
}

impl Objective for Jigsaw {
    fn entries(&self) -> Range<usize> {
        self.entries.clone()
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let z = batch.embeddings;
        let [runs, rows] = [z.size()[0], z.size()[1]];
        let [first, second] = &self.layers;
        let hidden = self.ordered(z, params.get(first.weight));
        let hidden = match first.bias {
            Some(bias) => hidden + params.get(bias).view([runs, 1, 1, -1]),
            None => hidden,
        };
        let scores = second.forward(params, &hidden.relu().view([runs, rows * ORDERS as i64, -1]));
        let truth = Tensor::arange(ORDERS as i64, (Kind::Int64, z.device())).repeat([runs, rows]);
        let log = log_probability(&scores, &truth).view([runs, rows, -1]).mean_dim(-1, false, None);
        Outcome::loss(-mean(&log, batch.share) * &self.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::Heads;
    use crate::task::Classification;
    use tch::Device;

    #[test]
    fn sums_of_parts_are_what_the_layer_makes_of_them_in_order() {
        let shape = Shape {
            modalities: vec!["a".into(), "v".into()],
            widths: vec![8, 8],
            task: Classification::task(2),
            domains: 2,
            hidden: 3,
            heads: Heads::default(),
        };
        let options = (Kind::Double, Device::Cpu);
        let jigsaw = Jigsaw::declare(Tensor::ones([2], options), &shape, &mut Layout::default());
        let [z, weight] = [[2i64, 5, 16], [2, 16, 3]].map(|size| {
            let count: i64 = size.iter().product();
            (Tensor::arange(count, options) * 0.37).sin().view(size)
        });
        let found = jigsaw.ordered(&z, &weight);
        for (i, order) in jigsaw.orders.iter().enumerate() {
            let parts: Vec<Tensor> = order.iter().map(|&part| z.narrow(2, jigsaw.parts[part].0, jigsaw.parts[part].1)).collect();
            let wanted = Tensor::cat(&parts, 2).bmm(&weight);
            assert!((found.select(2, i as i64) - wanted).abs().max().double_value(&[]) < 1e-12);
        }
    }
}
