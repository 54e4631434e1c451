//! A network in ONNX Runtime.

use ort::session::Session;
use ort::value::{Shape, TensorRef, ValueType};

use super::runtime::runtime;
use super::spec::{Spec, input_shape};
use crate::{Error, Result};

/// A loaded network.
pub struct Backbone {
    session: Session,
    spec: Spec,
    /// Input shape, batch first.
    shape: Vec<i64>,
    width: usize,
}

impl Backbone {
    /// Loads `model` for rows of shape `row` in batches of `batch`. Everything that cannot fit is found here, before work.
    /// `place` names it in messages.
    ///
    /// # Errors
    /// [`Error::Input`] with both sides, where names, types or shapes do not fit; [`Error::Environment`] without a runtime.
    pub fn load(model: &[u8], spec: Spec, row: &[u64], batch: usize, threads: usize, place: &str) -> Result<Self> {
        let runtime = runtime()?;
        let bad = |problem: String| Error::input(place, problem);
        let refuse = |error: &dyn std::fmt::Display| bad(format!("ONNX Runtime refuses the model: {error}"));
        let session = Session::builder(runtime.environment())
            .map_err(|error| refuse(&error))?
            .with_intra_threads(threads)
            .map_err(|error| refuse(&error))?
            .with_inter_threads(1)
            .map_err(|error| refuse(&error))?
            .commit_from_memory(model)
            .map_err(|error| refuse(&error))?;
        let inputs: Vec<&str> = session.inputs().iter().map(|input| input.name()).collect();
        let input = session
            .inputs()
            .iter()
            .find(|input| input.name() == spec.input)
            .ok_or_else(|| bad(format!("the model has no input {:?}; expected one of {inputs:?}", spec.input)))?;
        if inputs.len() != 1 {
            return Err(bad(format!("the model has the inputs {inputs:?}; expected {:?} alone", spec.input)));
        }
        let shape: Vec<i64> = [batch as u64].into_iter().chain(input_shape(row)).map(|n| n as i64).collect();
        let wanted = tensor_shape(input.dtype())
            .ok_or_else(|| bad(format!("input {:?} is {:?}; expected a tensor of f32", spec.input, input.dtype())))?;
        let fits =
            wanted.len() == shape.len() && wanted.iter().zip(&shape).all(|(&wanted, &given)| wanted < 0 || wanted == given);
        if !fits {
            return Err(bad(format!(
                "input {:?} wants {wanted:?} (-1: any), but batches of these rows are {shape:?}",
                spec.input
            )));
        }
        let outputs: Vec<&str> = session.outputs().iter().map(|output| output.name()).collect();
        if !outputs.contains(&spec.output.as_str()) {
            return Err(bad(format!("the model has no output {:?}; expected one of {outputs:?}", spec.output)));
        }
        let mut backbone = Self { session, spec, shape, width: 0 };
        // a batch of zeros tells the width, and whether the graph runs at all
        let zeros = vec![0.0; backbone.batch_elements()];
        backbone.width = backbone.features(&zeros).map_err(bad)?.len() / batch;
        Ok(backbone)
    }

    /// Features of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Elements of an input batch.
    pub fn batch_elements(&self) -> usize {
        self.shape.iter().product::<i64>() as usize
    }

    fn features(&mut self, batch: &[f32]) -> Result<Vec<f32>, String> {
        let input = TensorRef::from_array_view((self.shape.clone(), batch)).map_err(|error| error.to_string())?;
        let outputs = self.session.run(ort::inputs![self.spec.input.as_str() => input]).map_err(|error| error.to_string())?;
        let output = outputs.get(self.spec.output.as_str()).ok_or_else(|| format!("no output {:?}", self.spec.output))?;
        let (shape, values) = output.try_extract_tensor::<f32>().map_err(|error| error.to_string())?;
        let pooled = shape.len() >= 2 && shape[0] == self.shape[0] && shape[2..].iter().all(|&n| n == 1);
        if !pooled {
            return Err(format!("output {:?} is {shape:?}; expected [{}, D]", self.spec.output, self.shape[0]));
        }
        Ok(values.to_vec())
    }

    /// Runs a batch: `[N, …]` as the input has it, to `[N · D]`.
    ///
    /// # Errors
    /// What ONNX Runtime says.
    pub fn run(&mut self, batch: &[f32]) -> Result<Vec<f32>, String> {
        let features = self.features(batch)?;
        let expected = self.width * self.shape[0] as usize;
        if features.len() == expected { Ok(features) } else { Err(format!("{} values; expected {expected}", features.len())) }
    }
}

fn tensor_shape(dtype: &ValueType) -> Option<&Shape> {
    match dtype {
        ValueType::Tensor { ty: ort::value::TensorElementType::Float32, shape, .. } => Some(shape),
        _ => None,
    }
}
