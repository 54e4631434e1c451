//! A network in ONNX Runtime.

use ort::session::Session;
use ort::value::{Outlet, ValueType};
use rayon::prelude::*;

use super::device::Device;
use super::engine::Engine;
use super::files::Files;
use super::layout::Reading;
use super::provider::Provider;
use super::runtime::runtime;
use super::spec::Spec;
use super::tensor::{self, Element, pooled, row_shape};
use super::{neighbours, reference, version};
use crate::error::few;
use crate::store::ModalityHeader;
use crate::{Error, Result};

/// Bytes of a batch of inputs where nobody says how many rows it has: on a core a clip alone is as quick as several and takes least memory; a GPU wants work.
const CPU_BATCH: usize = 1 << 20;
const CUDA_BATCH: usize = 256 << 20;
/// Most rows of such a batch.
const MOST_ROWS: usize = 64;

/// How a network is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Who computes where.
    pub engine: Engine,
    /// Threads of one run.
    pub threads: usize,
    /// Rows of a batch; `None` is what the model wants, else a power of two that follows from the size of a row and the device alone.
    pub batch: Option<usize>,
}

/// A network for each run at once, and another that ONNX Runtime's own kernels compute, where those are not what was asked for.
pub struct Loaded {
    /// As many as asked for.
    pub backbones: Vec<Backbone>,
    /// What they were compared with.
    pub reference: Option<Backbone>,
}

/// A loaded network.
pub struct Backbone {
    session: Session,
    spec: Spec,
    element: Element,
    reading: Reading,
    batch: usize,
    shapes: Vec<Vec<u64>>,
}

impl Backbone {
    /// Loads a model for `rows`, as often as there are to be `runs` at once (at least once). Everything that cannot fit is found here, before
    /// work, and so is a model that gives a row other values in other company. `name` stands for it in messages.
    ///
    /// # Errors
    /// [`Error::Input`] with both sides, where versions, names, types or shapes do not fit; [`Error::Environment`] without a runtime, or without the device.
    pub fn load(files: &Files, spec: Spec, rows: &ModalityHeader, place: Place, runs: usize, name: &str) -> Result<Loaded> {
        version::check(runtime(place.engine.provider)?, &files.said).map_err(|problem| Error::input(name, problem))?;
        let sessions = (0..runs.max(1)).into_par_iter().map(|_| open(files, place, name)).collect::<Result<Vec<_>>>()?;
        let mut sessions = sessions.into_iter();
        let Some(session) = sessions.next() else { return Ok(Loaded { backbones: Vec::new(), reference: None }) };
        let bad = |problem: String| Error::input(name, problem);
        let mut first = Self::fitting(session, spec, rows, place, files.said.quantizes).map_err(bad)?;
        neighbours::check(&mut first, files.said.quantizes).map_err(bad)?;
        let again = |session| Self {
            session,
            spec: first.spec.clone(),
            element: first.element,
            reading: first.reading.clone(),
            batch: first.batch,
            shapes: first.shapes.clone(),
        };
        let others: Vec<Self> = sessions.map(again).collect();
        let mut reference = None;
        if place.engine.provider == Provider::OpenVino {
            let compute = place.engine.compute;
            let place = Place { engine: Engine::default(), batch: Some(first.batch), ..place };
            let mut own =
                Self::fitting(open(files, place, name)?, first.spec.clone(), rows, place, files.said.quantizes).map_err(bad)?;
            reference::check(&mut first, &mut own, compute).map_err(bad)?;
            reference = Some(own);
        }
        Ok(Loaded { backbones: [first].into_iter().chain(others).collect(), reference })
    }

    fn fitting(session: Session, spec: Spec, rows: &ModalityHeader, place: Place, quantizes: bool) -> Result<Self, String> {
        let input = only_input(&session, &spec.input)?;
        let typed = |found: &ValueType| match found {
            ValueType::Tensor { ty, shape, .. } => Some((*ty, shape.to_vec())),
            _ => None,
        };
        let named = |name: &str, found: &ValueType| format!("{name:?} is {found}");
        let tensor = typed(input.dtype()).and_then(|(found, shape)| Some((Element::of_input(found)?, shape)));
        let (element, wanted) = tensor.ok_or_else(|| {
            format!("input {}; expected a tensor of floats, or of integers of 8 or 16 bits", named(&spec.input, input.dtype()))
        })?;
        let (own, inner) = wanted.split_first().map_or((-1, None), |(own, inner)| (*own, Some(inner)));
        // a model that states no rank takes what comes
        let fits = |shape: &[u64]| {
            inner.is_none_or(|inner| {
                inner.len() == shape.len()
                    && inner.iter().zip(shape).all(|(&wanted, &given)| wanted < 0 || wanted as u64 == given)
            })
        };
        let reading = match &spec.layout {
            Some(layout) => Ok(layout.of(&rows.shape, rows.kind)?),
            None => Reading::fitting(&rows.shape, rows.kind, fits),
        };
        let usual = || match place.engine.device {
            _ if quantizes => 1,
            device => usual_batch(device, rows.row_elements() as usize),
        };
        let batch = place.batch.unwrap_or_else(|| if own > 0 { own as usize } else { usual() });
        let refused = |shape: &[u64], hint: String| {
            let shape: Vec<i64> = [batch as i64].into_iter().chain(shape.iter().map(|&n| n as i64)).collect();
            format!("input {:?} wants {wanted:?} (-1: any), but batches of these rows are {shape:?}{hint}", spec.input)
        };
        let reading = reading.map_err(|layouts| match layouts.as_slice() {
            [] => refused(Reading::usual(&rows.shape, rows.kind).shape(), String::new()),
            _ => refused(&rows.shape, format!("; expected layout = one of {}", layouts.join(", "))),
        })?;
        if !fits(reading.shape()) || own > 0 && own != batch as i64 {
            return Err(refused(reading.shape(), String::new()));
        }
        spec.norm.check(reading.channels())?;
        element.check(rows.dtype, &reading, &spec.norm).map_err(|problem| format!("input {:?}: {problem}", spec.input))?;
        let outputs: Vec<&str> = session.outputs().iter().map(|output| output.name()).collect();
        for name in &spec.outputs {
            let output = session.outputs().iter().find(|output| output.name() == name);
            let output = output.ok_or_else(|| format!("the model has no output {name:?}; expected one of {}", few(&outputs)))?;
            if !typed(output.dtype()).is_some_and(|(found, _)| Element::is_output(found)) {
                return Err(format!("output {}; expected a tensor of floats", named(name, output.dtype())));
            }
        }
        let mut backbone = Self { session, spec, element, reading, batch, shapes: Vec::new() };
        // a batch of noise tells what the graph leaves open, and that it runs at all
        let mut shapes = Vec::new();
        let noise = neighbours::noise(&backbone, 0..batch);
        backbone.run(&noise, |_, shape, _| shapes.push(shape)).map_err(|problem| match (batch, own > 0) {
            (1, _) | (_, true) => format!("it does not run: {problem}"),
            _ => format!("it does not run with {batch} rows at once: {problem}; expected batch-size = 1, or a model exported with a free batch"),
        })?;
        backbone.shapes = shapes;
        Ok(backbone)
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

    /// How rows are read.
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Type of the input's elements.
    pub(super) fn element(&self) -> Element {
        self.element
    }

    /// Whether the graph states how many rows a batch has.
    pub(super) fn batch_is_fixed(&self) -> bool {
        let input = self.session.inputs().iter().find(|input| input.name() == self.spec.input);
        input.is_some_and(
            |input| matches!(input.dtype(), ValueType::Tensor { shape, .. } if shape.first().is_some_and(|&rows| rows > 0)),
        )
    }

    /// Elements of a row of the input.
    pub fn row_elements(&self) -> usize {
        self.reading.shape().iter().product::<u64>() as usize
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
        let shape: Vec<i64> = [rows].into_iter().chain(self.reading.shape().iter().map(|&n| n as i64)).collect();
        let input = self.element.tensor(shape, input).map_err(|error| error.to_string())?;
        let outputs = self.session.run(ort::inputs![self.spec.input.as_str() => input]);
        let outputs = outputs.map_err(|error| error.to_string().trim_end().to_owned())?;
        for (place, name) in self.spec.outputs.iter().enumerate() {
            let output = outputs.get(name.as_str()).ok_or_else(|| format!("no output {name:?}"))?;
            let (shape, values) = tensor::values(output).map_err(|error| error.to_string())?;
            if shape.len() < 2 || shape[0] != rows || shape.contains(&0) {
                return Err(format!("output {name:?} is {shape:?}; expected [{rows}, D] or [{rows}, C, …]"));
            }
            let row = row_shape(&shape, self.spec.pool).map_err(|problem| format!("output {name:?} {problem}"))?;
            give(place, row, &pooled(&shape, values, self.spec.pool));
        }
        Ok(())
    }
}

/// The input of that name, which has to be the only one.
fn only_input<'s>(session: &'s Session, name: &str) -> Result<&'s Outlet, String> {
    let inputs: Vec<&str> = session.inputs().iter().map(|input| input.name()).collect();
    let input = session.inputs().iter().find(|input| input.name() == name);
    let input = input.ok_or_else(|| format!("the model has no input {name:?}; expected one of {}", few(&inputs)))?;
    match inputs.len() {
        1 => Ok(input),
        _ => Err(format!("the model has the inputs {}; expected {name:?} alone", few(&inputs))),
    }
}

fn open(files: &Files, place: Place, name: &str) -> Result<Session> {
    let runtime = runtime(place.engine.provider)?;
    let refuse = |error: &dyn std::fmt::Display| Error::input(name, format!("ONNX Runtime refuses the model: {error}"));
    let builder = Session::builder(runtime.environment()).map_err(|error| refuse(&error))?;
    let builder = builder.with_intra_threads(place.threads).map_err(|error| refuse(&error))?;
    let builder = builder.with_inter_threads(1).map_err(|error| refuse(&error))?;
    // threads that wait actively would take the cores from those that decode
    let mut builder = builder.with_intra_op_spinning(false).map_err(|error| refuse(&error))?;
    for (path, bytes) in &files.beside {
        builder = builder.with_external_initializer_file_in_memory(path, bytes.clone()).map_err(|error| refuse(&error))?;
    }
    if place.engine.provider == Provider::OpenVino {
        // what it leaves would be computed by ONNX Runtime's own kernels, in silence
        builder = builder.with_config_entry("session.disable_cpu_ep_fallback", "1").map_err(|error| refuse(&error))?;
    }
    let asked = place.engine.asked(place.threads)?;
    let mut builder = builder.with_execution_providers(asked).map_err(|error| place.engine.missing(&error))?;
    builder.commit_from_memory(&files.model).map_err(|error| match place.engine.provider {
        Provider::OpenVino if error.to_string().contains("fallback to CPU EP") => {
            refuse(&"OpenVINO lacks operators of the model; expected one that it computes whole, or provider = \"cpu\"")
        }
        _ => refuse(&error),
    })
}

fn usual_batch(device: Device, elements: usize) -> usize {
    let bytes = if device == Device::Cpu { CPU_BATCH } else { CUDA_BATCH };
    1 << (bytes / (4 * elements.max(1))).clamp(1, MOST_ROWS).ilog2()
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
