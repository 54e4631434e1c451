//! A network in ONNX Runtime.

use ort::session::Session;
use ort::value::{Shape, TensorElementType, TensorRef, ValueType};
use rayon::prelude::*;

use super::device::Device;
use super::runtime::runtime;
use super::spec::{Spec, input_shape};
use crate::{Error, Result};

/// Bytes of a batch of inputs where nobody says how many rows it has: on a core a clip alone is as quick as several and takes least memory; a GPU wants work.
const CPU_BATCH: usize = 1 << 20;
const CUDA_BATCH: usize = 256 << 20;
/// Most rows of such a batch.
const MOST_ROWS: usize = 64;

/// How a network is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Where.
    pub device: Device,
    /// Threads of one run.
    pub threads: usize,
    /// Rows of a batch; `None` is what the model wants, else a power of two that follows from the size of a row and the device alone.
    pub batch: Option<usize>,
}

/// A loaded network.
pub struct Backbone {
    session: Session,
    spec: Spec,
    /// Input shape without the batch.
    row: Vec<i64>,
    batch: usize,
    shapes: Vec<Vec<u64>>,
}

impl Backbone {
    /// Loads `model` for rows of shape `row`, as often as there are to be `runs` at once (at least once). Everything that cannot fit is found
    /// here, before work. `name` stands for it in messages.
    ///
    /// # Errors
    /// [`Error::Input`] with both sides, where names, types or shapes do not fit; [`Error::Environment`] without a runtime, or without the device.
    pub fn load(model: &[u8], spec: Spec, row: &[u64], place: Place, runs: usize, name: &str) -> Result<Vec<Self>> {
        let sessions = (0..runs.max(1)).into_par_iter().map(|_| open(model, place, name)).collect::<Result<Vec<_>>>()?;
        let mut sessions = sessions.into_iter();
        let Some(session) = sessions.next() else { return Ok(Vec::new()) };
        let first = Self::fitting(session, spec, row, place, name)?;
        let (spec, row, batch, shapes) = (first.spec.clone(), first.row.clone(), first.batch, first.shapes.clone());
        let again = |session| Self { session, spec: spec.clone(), row: row.clone(), batch, shapes: shapes.clone() };
        Ok([first].into_iter().chain(sessions.map(again)).collect())
    }

    fn fitting(session: Session, spec: Spec, row: &[u64], place: Place, name: &str) -> Result<Self> {
        let bad = |problem: String| Error::input(name, problem);
        let inputs: Vec<&str> = session.inputs().iter().map(|input| input.name()).collect();
        let input = session
            .inputs()
            .iter()
            .find(|input| input.name() == spec.input)
            .ok_or_else(|| bad(format!("the model has no input {:?}; expected one of {inputs:?}", spec.input)))?;
        if inputs.len() != 1 {
            return Err(bad(format!("the model has the inputs {inputs:?}; expected {:?} alone", spec.input)));
        }
        let wanted = tensor_shape(input.dtype())
            .ok_or_else(|| bad(format!("input {:?} is {:?}; expected a tensor of f32", spec.input, input.dtype())))?;
        let row: Vec<i64> = input_shape(row).into_iter().map(|n| n as i64).collect();
        let elements = row.iter().product::<i64>() as usize;
        let own = wanted.first().copied().unwrap_or(-1);
        let batch = place.batch.unwrap_or_else(|| if own > 0 { own as usize } else { usual_batch(place.device, elements) });
        let shape: Vec<i64> = [batch as i64].into_iter().chain(row.iter().copied()).collect();
        let fits =
            wanted.len() == shape.len() && wanted.iter().zip(&shape).all(|(&wanted, &given)| wanted < 0 || wanted == given);
        if !fits {
            return Err(bad(format!(
                "input {:?} wants {wanted:?} (-1: any), but batches of these rows are {shape:?}",
                spec.input
            )));
        }
        let outputs: Vec<&str> = session.outputs().iter().map(|output| output.name()).collect();
        for name in &spec.outputs {
            let output = session.outputs().iter().find(|output| output.name() == name);
            let output = output.ok_or_else(|| bad(format!("the model has no output {name:?}; expected one of {outputs:?}")))?;
            if tensor_shape(output.dtype()).is_none() {
                return Err(bad(format!("output {name:?} is {:?}; expected a tensor of f32", output.dtype())));
            }
        }
        let mut backbone = Self { session, spec, row, batch, shapes: Vec::new() };
        backbone.shapes = match backbone.stated() {
            Some(shapes) => shapes,
            None => {
                // rows of zeros tell what the graph leaves open
                let rows = if own > 0 { batch } else { batch.min(2) };
                let mut shapes = Vec::new();
                backbone.run(&vec![0.0; rows * elements], |_, shape, _| shapes.push(shape)).map_err(bad)?;
                shapes
            }
        };
        Ok(backbone)
    }

    /// Shapes of the outputs' rows, where the graph states every one.
    fn stated(&self) -> Option<Vec<Vec<u64>>> {
        let shape = |name: &String| {
            let output = self.session.outputs().iter().find(|output| output.name() == name)?;
            let shape = tensor_shape(output.dtype())?;
            let whole = shape.len() >= 2 && shape[1..].iter().all(|&n| n > 0);
            whole.then(|| row_shape(shape))
        };
        self.spec.outputs.iter().map(shape).collect()
    }

    /// Names of the outputs, in the order asked for.
    pub fn outputs(&self) -> &[String] {
        &self.spec.outputs
    }

    /// Shape of each output's row: `[D]` for pooled features, `[C, …]` for a map.
    pub fn shapes(&self) -> &[Vec<u64>] {
        &self.shapes
    }

    /// Rows of a batch.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Elements of a row of the input.
    pub fn row_elements(&self) -> usize {
        self.row.iter().product::<i64>() as usize
    }

    /// Runs `rows` rows of input, `[rows · elements]`, and gives the values of each output, `[rows · …]`.
    ///
    /// # Errors
    /// What ONNX Runtime says.
    pub fn rows(&mut self, input: &[f32], rows: usize, mut give: impl FnMut(usize, &[f32])) -> Result<(), String> {
        let shapes = self.shapes.clone();
        let mut problem = None;
        self.run(input, |output, shape, values| {
            if shape == shapes[output] && values.len() as u64 == rows as u64 * shape.iter().product::<u64>() {
                return give(output, values);
            }
            problem = Some(format!("output {output} has rows of {shape:?}; expected {rows} of {:?}", shapes[output]));
        })?;
        problem.map_or(Ok(()), Err)
    }

    fn run(&mut self, input: &[f32], mut give: impl FnMut(usize, Vec<u64>, &[f32])) -> Result<(), String> {
        let rows = (input.len() / self.row_elements()) as i64;
        let shape: Vec<i64> = [rows].into_iter().chain(self.row.iter().copied()).collect();
        let input = TensorRef::from_array_view((shape, input)).map_err(|error| error.to_string())?;
        let outputs = self.session.run(ort::inputs![self.spec.input.as_str() => input]).map_err(|error| error.to_string())?;
        for (place, name) in self.spec.outputs.iter().enumerate() {
            let output = outputs.get(name.as_str()).ok_or_else(|| format!("no output {name:?}"))?;
            let (shape, values) = output.try_extract_tensor::<f32>().map_err(|error| error.to_string())?;
            if shape.len() < 2 || shape[0] != rows || shape.contains(&0) {
                return Err(format!("output {name:?} is {shape:?}; expected [{rows}, D] or [{rows}, C, …]"));
            }
            give(place, row_shape(shape), values);
        }
        Ok(())
    }
}

fn open(model: &[u8], place: Place, name: &str) -> Result<Session> {
    let runtime = runtime()?;
    let refuse = |error: &dyn std::fmt::Display| Error::input(name, format!("ONNX Runtime refuses the model: {error}"));
    let builder = Session::builder(runtime.environment()).map_err(|error| refuse(&error))?;
    let builder = builder.with_intra_threads(place.threads).map_err(|error| refuse(&error))?;
    let builder = builder.with_inter_threads(1).map_err(|error| refuse(&error))?;
    // threads that wait actively would take the cores from those that decode
    let builder = builder.with_intra_op_spinning(false).map_err(|error| refuse(&error))?;
    let mut builder = builder.with_execution_providers(place.device.asked()).map_err(|error| place.device.missing(&error))?;
    builder.commit_from_memory(model).map_err(|error| refuse(&error))
}

fn usual_batch(device: Device, elements: usize) -> usize {
    let bytes = if device == Device::Cpu { CPU_BATCH } else { CUDA_BATCH };
    1 << (bytes / (4 * elements.max(1))).clamp(1, MOST_ROWS).ilog2()
}

/// A row's shape, without the ones at its end: [batch, 512, 1, 1, 1] has rows of \[512\].
fn row_shape(shape: &Shape) -> Vec<u64> {
    let flat = shape.iter().rposition(|&n| n != 1).unwrap_or(0).max(1);
    shape[1..=flat].iter().map(|&n| n as u64).collect()
}

fn tensor_shape(dtype: &ValueType) -> Option<&Shape> {
    match dtype {
        ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } => Some(shape),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_follows_from_the_row_and_the_device() {
        for (device, row, batch) in [
            (Device::Cpu, &[32, 224, 224, 3][..], 1),
            (Device::Cpu, &[16, 112, 112, 3], 1),
            (Device::Cpu, &[201, 64], 16),
            (Device::Cpu, &[8, 8], 64),
            (Device::Cuda(0), &[32, 224, 224, 3], 8),
            (Device::Cuda(0), &[16, 112, 112, 3], 64),
        ] {
            assert_eq!(usual_batch(device, row.iter().product::<u64>() as usize), batch, "{device} {row:?}");
        }
    }
}
