//! One flat buffer of parameters a cohort, and views of it.

use tch::Tensor;

use crate::rng::Stream;

/// How a parameter starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// Uniform in ± this bound.
    Uniform(f64),
    /// One value.
    Constant(f64),
}

/// What a parameter is to its layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerPart {
    /// A matrix [in, out].
    Weight,
    /// What is added after a matrix.
    Bias,
    /// Factor or offset of a norm.
    Norm,
}

/// One named tensor of the flat buffer.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Such as `classifier.0.weight`.
    pub name: String,
    /// Shape of one run; a weight is [in, out].
    pub shape: Vec<i64>,
    /// Place of its first element in a run's row.
    pub offset: i64,
    /// What it is to its layer.
    pub part: LayerPart,
    /// The modality whose encoder it is balanced with, for a uni-modal head.
    pub owner: Option<usize>,
    init: Init,
}

impl Parameter {
    /// Number of elements.
    pub fn len(&self) -> i64 {
        self.shape.iter().product()
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A place in the step's dropout factors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropout {
    start: i64,
    width: i64,
}

impl Dropout {
    /// `x` [R, B, width] with dropped elements, or as it is where there are no masks.
    pub fn forward(self, x: Tensor, masks: Option<&Tensor>) -> Tensor {
        match masks {
            Some(masks) => x * masks.narrow(2, self.start, self.width),
            None => x,
        }
    }
}

/// Who has which part of the flat buffer and of the dropout factors.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    entries: Vec<Parameter>,
    len: i64,
    dropout: i64,
}

impl Layout {
    /// The named tensors, in the order of the buffer.
    pub fn entries(&self) -> &[Parameter] {
        &self.entries
    }

    /// Parameters P of one run.
    pub fn len(&self) -> i64 {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Width W of the dropout factors of one row.
    pub fn dropout_width(&self) -> i64 {
        self.dropout
    }

    /// Claims one tensor; gives its place in [`entries`](Self::entries).
    pub fn tensor(&mut self, name: String, shape: Vec<i64>, init: Init, part: LayerPart, owner: Option<usize>) -> usize {
        let entry = Parameter { name, shape, offset: self.len, part, owner, init };
        self.len += entry.len();
        self.entries.push(entry);
        self.entries.len() - 1
    }

    /// Claims dropout factors for `width` elements of each row.
    pub fn dropout(&mut self, width: i64) -> Dropout {
        self.dropout += width;
        Dropout { start: self.dropout - width, width }
    }

    /// A run's initial row: each number depends on the seed, the tensor's name and its place in it, on nothing else.
    pub fn initial(&self, seed: u64) -> Vec<f64> {
        let mut row = Vec::with_capacity(self.len as usize);
        for entry in &self.entries {
            let stream = Stream::new(seed).with("init").with(&entry.name);
            row.extend((0..entry.len() as u32).map(|i| match entry.init {
                Init::Uniform(bound) => bound * (2.0 * f64::from(stream.uniform(i)) - 1.0),
                Init::Constant(value) => value,
            }));
        }
        row
    }
}

/// Views of a flat buffer [R, P], by entry.
#[derive(Debug)]
pub struct Params(Vec<Tensor>);

impl Params {
    /// Views [R, …] that share the buffer's memory.
    pub fn views(layout: &Layout, flat: &Tensor) -> Self {
        let runs = flat.size()[0];
        let view = |entry: &Parameter| {
            let shape: Vec<i64> = std::iter::once(runs).chain(entry.shape.iter().copied()).collect();
            flat.narrow(1, entry.offset, entry.len()).view(&shape[..])
        };
        Self(layout.entries.iter().map(view).collect())
    }

    /// The view of one entry added to.
    pub fn add(&self, entry: usize, value: &Tensor) {
        let _sum = self.0[entry].shallow_clone().g_add_(value);
    }

    /// The same memory as leaves of automatic differentiation.
    pub fn leaves(&self) -> Self {
        Self(self.0.iter().map(|view| view.detach().set_requires_grad(true)).collect())
    }

    /// The view of one entry, [R, …].
    pub fn get(&self, entry: usize) -> &Tensor {
        &self.0[entry]
    }

    /// The views as `<when>.<parameter>`; weights become [R, out, in].
    pub fn named(&self, when: &str, layout: &Layout) -> Vec<(String, Tensor)> {
        let of_entry = |(entry, view): (&Parameter, &Tensor)| {
            let view = if entry.part == LayerPart::Weight { view.transpose(1, 2) } else { view.shallow_clone() };
            (format!("{when}.{}", entry.name), view)
        };
        layout.entries.iter().zip(&self.0).map(of_entry).collect()
    }

    /// Overwrites one entry with a value of its shape.
    pub fn set(&self, entry: usize, value: &Tensor) {
        self.0[entry].shallow_clone().copy_(value);
    }

    /// Copies of one run's tensors, by entry.
    pub fn of_run(&self, run: i64) -> Vec<Tensor> {
        self.0.iter().map(|view| view.get(run).copy()).collect()
    }

    /// The views of some entries.
    pub fn range(&self, range: std::ops::Range<usize>) -> &[Tensor] {
        &self.0[range]
    }
}

/// A linear layer, x·W + b.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Linear {
    /// Entry of W, [in, out].
    pub weight: usize,
    /// Entry of b, \[out\].
    pub bias: Option<usize>,
}

impl Linear {
    /// Claims a layer that starts uniform in ± 1/√in, as PyTorch's does.
    pub fn declare(layout: &mut Layout, name: &str, inputs: i64, outputs: i64, bias: bool, owner: Option<usize>) -> Self {
        let init = Init::Uniform(1.0 / (inputs as f64).sqrt());
        let weight = layout.tensor(format!("{name}.weight"), vec![inputs, outputs], init, LayerPart::Weight, owner);
        let bias = bias.then(|| layout.tensor(format!("{name}.bias"), vec![outputs], init, LayerPart::Bias, owner));
        Self { weight, bias }
    }

    /// [R, B, in] to [R, B, out].
    pub fn forward(&self, params: &Params, x: &Tensor) -> Tensor {
        let weight = params.get(self.weight);
        match self.bias {
            Some(bias) => params.get(bias).unsqueeze(1).baddbmm(x, weight, 1.0, 1.0),
            None => x.bmm(weight),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initial_numbers_do_not_depend_on_neighbours() {
        let (mut a, mut b) = (Layout::default(), Layout::default());
        Linear::declare(&mut a, "x", 4, 3, true, None);
        Linear::declare(&mut b, "w", 5, 2, false, None);
        Linear::declare(&mut b, "x", 4, 3, true, None);
        assert_eq!(a.initial(1)[..], b.initial(1)[10..]);
        assert!(a.initial(1).iter().all(|x| x.abs() <= 0.5));
        assert_ne!(a.initial(1), a.initial(2));
    }
}
