//! Inner products of objectives' gradients in a linear layer, without the gradients.
//!
//! With inputs X [B, in] and output gradients Δ_s, Δ_t [B, out], ⟨g_s, g_t⟩ = ⟨Δ_s, (X Xᵀ + 1) Δ_t⟩, where the 1 is the
//! bias; and one weight gradient Xᵀ(Σ_t w_t Δ_t) does for all objectives.

use tch::Tensor;

use super::products::Products;

/// What one linear layer knows after the backward pass of T objectives.
#[derive(Debug)]
pub struct LayerGradients {
    input: Tensor,
    delta: Tensor,
    explicit: Option<[Tensor; 2]>,
    /// Gradients of the norm that follows, [R, T, W], by entry.
    affine: Vec<(usize, Tensor)>,
    products: Products,
}

impl LayerGradients {
    /// Input X [R, B, in] and output gradients Δ [R, T, B, out].
    pub fn new(input: Tensor, delta: Tensor, products: Products) -> Self {
        Self { input, delta, explicit: None, affine: Vec::new(), products }
    }

    /// With the gradients of the norm that follows the layer, [R, T, W], by entry of the layout.
    pub fn with(self, affine: Vec<(usize, Tensor)>) -> Self {
        Self { affine, ..self }
    }

    /// A layer's gradients over several passes, at whatever weights each was: the rows of all passes side by side. Sums over rows
    /// then are sums over passes too, so that combinations and inner products, those between two passes among them, are exact.
    pub fn joined(mut passes: Vec<Self>) -> Option<Self> {
        if passes.len() < 2 {
            return passes.pop();
        }
        let side_by_side = |of: fn(&Self) -> &Tensor, dim| Tensor::cat(&passes.iter().map(of).collect::<Vec<_>>(), dim);
        let (input, delta) = (side_by_side(|pass| &pass.input, 1), side_by_side(|pass| &pass.delta, 2));
        let places = passes[0].affine.iter().map(|(place, _)| *place);
        let sum = |i: usize| passes.iter().map(|pass| &pass.affine[i].1).sum::<Tensor>();
        let affine = places.enumerate().map(|(i, place)| (place, sum(i))).collect();
        Some(Self::new(input, delta, passes[0].products).with(affine))
    }

    /// Whether the Gramian from X Xᵀ takes fewer operations than that from T weight gradients.
    fn factored_is_cheaper(&self) -> bool {
        let (shape, inputs) = (self.delta.size(), self.input.size()[2]);
        let (objectives, rows, outputs) = (shape[1], shape[2], shape[3]);
        // on the left what X Xᵀ and its products cost, on the right the T − 1 weight gradients that it spares: one is made either way
        rows * (inputs + objectives * outputs) < (objectives - 1) * inputs * outputs
    }

    /// ⟨g_s, g_t⟩ over weight, bias and the norm that follows, [R, T, T].
    pub fn gramian(&mut self) -> Tensor {
        let gramian = if self.factored_is_cheaper() { self.factored() } else { self.explicit() };
        self.affine.iter().fold(gramian, |gramian, (_, own)| gramian + own.bmm(&own.transpose(1, 2)))
    }

    /// Σ_t w_t g_t of the norm that follows, [R, W], by entry.
    pub fn affine(&self, weights: Option<&Tensor>) -> impl Iterator<Item = (usize, Tensor)> {
        let weights = weights.map(Tensor::shallow_clone);
        self.affine.iter().map(move |(place, own)| (*place, combined(own, weights.as_ref())))
    }

    fn factored(&self) -> Tensor {
        let shape = self.delta.size();
        let (objectives, rows) = (shape[1], shape[2]);
        // X Xᵀ once for all pairs: objectives differ in Δ alone, and the bias is one more input that is always 1
        let inputs = (self.products.product(&self.input, &self.input.transpose(1, 2)) + 1.0)
            .unsqueeze(1)
            .expand([-1, objectives, -1, -1], false);
        let seen = self.products.product(&inputs.reshape([-1, rows, rows]), &self.delta.flatten(0, 1));
        self.delta.flatten(2, 3).bmm(&seen.view([shape[0], objectives, -1]).transpose(1, 2))
    }

    fn explicit(&mut self) -> Tensor {
        let objectives = self.delta.size()[1];
        let input = self.input.transpose(1, 2);
        let weights: Vec<Tensor> = (0..objectives).map(|t| self.products.product(&input, &self.delta.select(1, t))).collect();
        let weight = Tensor::stack(&weights, 1);
        let bias = self.delta.sum_dim_intlist(2, false, None);
        let flat = weight.flatten(2, 3);
        let gramian = flat.bmm(&flat.transpose(1, 2)) + bias.bmm(&bias.transpose(1, 2));
        // `combine` takes them from here in place of one more product
        self.explicit = Some([weight, bias]);
        gramian
    }

    /// Fills weight [R, in, out] and bias [R, out], which hold zeros, with Σ_t w_t g_t; `weights` is [R, T], none for a plain
    /// sum. A product added to zeros costs less than one that clears its place first.
    pub fn combine(&self, weights: Option<&Tensor>, weight: &Tensor, bias: Option<&Tensor>) {
        let sum = |of: &Tensor, out: &Tensor| drop(of.sum_intlist_out(out, 1, false, None));
        if let (Some([explicit, biases]), Some(weights)) = (&self.explicit, weights) {
            weight.shallow_clone().copy_(&combined(explicit, Some(weights)));
            if let Some(bias) = bias {
                bias.shallow_clone().copy_(&combined(biases, Some(weights)));
            }
            return;
        }
        let delta = combined(&self.delta, weights);
        self.products.add(weight, &self.input.transpose(1, 2), &delta);
        if let Some(bias) = bias {
            sum(&delta, bias);
        }
    }
}

/// Σ_t w_t Δ_t: [R, T, …] to [R, …].
pub fn combined(delta: &Tensor, weights: Option<&Tensor>) -> Tensor {
    match weights {
        Some(weights) => {
            let shape = delta.size();
            weights.unsqueeze(1).bmm(&delta.flatten(2, -1)).view([&shape[..1], &shape[2..]].concat().as_slice())
        }
        None if delta.size()[1] == 1 => delta.squeeze_dim(1),
        None => delta.sum_dim_intlist(1, false, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn a_run_alone_and_among_others_are_bit_equal() {
        tch::set_num_threads(1);
        let options = (Kind::Float, Device::Cpu);
        let both = [Products::Libtorch, Products::Matrixmultiply];
        for ((inputs, outputs), products) in
            [(600, 128), (512, 512), (96, 64), (7, 5)].into_iter().flat_map(|sizes| both.map(|products| (sizes, products)))
        {
            let size = inputs * outputs;
            let of = |x: &Tensor, delta: &Tensor| {
                // no row starts where another does, modulo the width of a vector
                let flat = Tensor::zeros([x.size()[0], size + 3], options);
                let weight = flat.narrow(1, 1, size).view([-1, inputs, outputs]);
                LayerGradients::new(x.shallow_clone(), delta.shallow_clone(), products).combine(None, &weight, None);
                flat
            };
            let (x, delta) = (Tensor::randn([5, 64, inputs], options), Tensor::randn([5, 1, 64, outputs], options));
            let all = of(&x, &delta);
            for r in 0..5 {
                let alone = of(&x.narrow(0, r, 1).copy(), &delta.narrow(0, r, 1).copy());
                assert_eq!(alone.get(0), all.get(r), "{inputs} {outputs}");
            }
        }
    }

    /// Per-objective gradients by automatic differentiation of a nonlinear loss of X·W + b for each of T objectives.
    #[test]
    fn gramian_and_combination_equal_those_of_explicit_gradients() {
        tch::manual_seed(1);
        let options = (Kind::Double, Device::Cpu);
        for (runs, rows, inputs, outputs, objectives) in [(2, 3, 40, 30, 3), (3, 16, 4, 5, 2), (1, 1, 2, 2, 1)] {
            let x = Tensor::randn([runs, rows, inputs], options);
            let weight = Tensor::randn([runs, inputs, outputs], options).set_requires_grad(true);
            let bias = Tensor::randn([runs, 1, outputs], options).set_requires_grad(true);
            let (mut deltas, mut gradients) = (Vec::new(), Vec::new());
            for t in 0..objectives {
                let y = x.bmm(&weight) + &bias;
                let target = Tensor::randn([runs, rows, outputs], options);
                let loss = ((&y - target).square() * f64::from(t as i32 + 1)).tanh().sum(None);
                let found = Tensor::run_backward(&[loss], &[&y, &weight, &bias], false, false);
                gradients.push(Tensor::cat(&[found[1].flatten(1, 2), found[2].flatten(1, 2)], 1));
                deltas.push(found[0].shallow_clone());
            }
            let gradients = Tensor::stack(&gradients, 1);
            let wanted = gradients.bmm(&gradients.transpose(1, 2));
            let weights = Tensor::randn([runs, objectives], options);
            let update = (&gradients * weights.unsqueeze(2)).sum_dim_intlist(1, false, None);
            let close = |a: &Tensor, b: &Tensor| (a - b).norm().double_value(&[]) <= 1e-10 * b.norm().double_value(&[]);

            let mut layer = LayerGradients::new(x, Tensor::stack(&deltas, 1), Products::Libtorch);
            assert!(close(&layer.factored(), &wanted));
            let combined = |layer: &LayerGradients| {
                // views of one buffer, as in training
                let flat = Tensor::zeros([runs, inputs * outputs + outputs], options);
                let weight = flat.narrow(1, 0, inputs * outputs).view([runs, inputs, outputs]);
                let bias = flat.narrow(1, inputs * outputs, outputs);
                layer.combine(Some(&weights), &weight, Some(&bias));
                Tensor::cat(&[weight.flatten(1, 2), bias], 1)
            };
            assert!(close(&combined(&layer), &update));
            assert!(close(&layer.explicit(), &wanted));
            assert!(close(&combined(&layer), &update));
        }
    }
}
