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
    orders: Orders,
    /// Width between the layers.
    hidden: i64,
}

/// How the first layer is taken of every order.
#[derive(Debug)]
enum Orders {
    /// Of K parts of one width: which of the K² sums of a part at a place each order is made of, [orders, K²].
    Sums(i64, Tensor),
    /// Of parts of several widths: the elements of each order one after the other, [orders · Σ E_m].
    Elements(Tensor),
}

impl Orders {
    /// Of parts with their starts and widths, for weights like this.
    fn new(parts: &[(i64, i64)], like: &Tensor) -> Self {
        let on = |values: &[i64]| Tensor::from_slice(values).to_device(like.device());
        let (count, orders) = (parts.len() as i64, orders(parts.len()));
        if parts.iter().any(|(_, width)| *width != parts[0].1) {
            let elements = |&part: &usize| parts[part].0..parts[part].0 + parts[part].1;
            return Self::Elements(on(&orders.iter().flatten().flat_map(elements).collect::<Vec<_>>()));
        }
        let place = |(s, part): (usize, &usize)| *part as i64 * count + s as i64;
        let chosen: Vec<i64> = orders.iter().flat_map(|order| order.iter().enumerate().map(place)).collect();
        let sums = Tensor::zeros([ORDERS as i64, count * count], (like.kind(), like.device()));
        Self::Sums(count, sums.scatter_value(1, &on(&chosen).view([ORDERS as i64, -1]), 1.0))
    }

    /// What a layer makes of every order of embeddings [R, B, Σ E_m], [R, B, orders, hidden], before its bias.
    fn of(&self, z: &Tensor, weight: &Tensor) -> Tensor {
        let [runs, rows, hidden] = [z.size()[0], z.size()[1], weight.size()[2]];
        match self {
            Self::Sums(count, sums) => {
                let width = z.size()[2] / count;
                // part k at place s, [R, B · K, S · H]
                let places = weight.view([runs, *count, width, hidden]).transpose(1, 2).reshape([runs, width, -1]);
                let table = z.reshape([runs, rows * count, width]).bmm(&places).view([runs * rows, count * count, hidden]);
                let sums = sums.unsqueeze(0).expand([runs * rows, -1, -1], false);
                sums.bmm(&table).view([runs, rows, ORDERS as i64, hidden])
            }
            Self::Elements(elements) => {
                let given = z.index_select(2, elements).view([runs, rows * ORDERS as i64, -1]);
                given.bmm(weight).view([runs, rows, ORDERS as i64, hidden])
            }
        }
    }
}

/// The places of so many parts in each order, the same for every run.
fn orders(parts: usize) -> Vec<Vec<usize>> {
    (0..ORDERS).map(|i| Stream::new(0).with("jigsaw").at(i as u32).permutation(parts)).collect()
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
        let orders = Orders::new(&parts, &weight);
        let layers = [
            Linear::declare(layout, "jigsaw.0", shape.fused(), shape.hidden, true, None),
            Linear::declare(layout, "jigsaw.1", shape.hidden, ORDERS as i64, true, None),
        ];
        Self { entries: start..layout.entries().len(), layers, weight, orders, hidden: shape.hidden }
    }
}

impl Objective for Jigsaw {
    fn entries(&self) -> Range<usize> {
        self.entries.clone()
    }

    fn kept(&self) -> i64 {
        ORDERS as i64 * (4 * self.hidden + 3 * ORDERS as i64)
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let z = batch.embeddings;
        let [runs, rows] = [z.size()[0], z.size()[1]];
        let [first, second] = &self.layers;
        let hidden = self.orders.of(z, params.get(first.weight));
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
    use tch::Device;

    #[test]
    fn sums_of_parts_are_what_the_layer_makes_of_them_in_order() {
        let options = (Kind::Double, Device::Cpu);
        for widths in [[2, 2, 2, 2], [2, 3, 1, 2]] {
            let parts: Vec<(i64, i64)> = (0..4).map(|i| (widths[..i].iter().sum(), widths[i])).collect();
            let numbers = |size: [i64; 3]| (Tensor::arange(size.iter().product::<i64>(), options) * 0.37).sin().view(size);
            let (z, weight) = (numbers([2, 5, 8]), numbers([2, 8, 3]));
            let found = Orders::new(&parts, &weight).of(&z, &weight);
            for (i, order) in orders(4).iter().enumerate() {
                let own: Vec<Tensor> = order.iter().map(|&part| z.narrow(2, parts[part].0, parts[part].1)).collect();
                let wanted = Tensor::cat(&own, 2).bmm(&weight);
                assert!((found.select(2, i as i64) - wanted).abs().max().double_value(&[]) < 1e-12);
            }
        }
    }
}
