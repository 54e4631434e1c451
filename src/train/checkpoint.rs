//! Where a run stands between two epochs, on disk: everything that it carries from step to step. Its random numbers and the
//! order of its rows follow from seed, epoch and step, so the epoch stands for them. A file is one run's, so that runs go on in
//! whatever cohort they come to be in.

use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::cohort::Course;
use crate::error::Action;
use crate::report::record::{self, Fault};
use crate::{Error, Result, fs};

/// What a checkpoint says beside its tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckpointState {
    /// The run's configuration, as its `config.toml` has it.
    pub config: String,
    /// Epochs done.
    pub epochs: usize,
    /// Steps of the optimizer.
    pub steps: i32,
    /// Steps that its average goes over.
    #[serde(default)]
    pub averaged: u32,
    /// What came of those epochs.
    pub course: Course,
}

/// The tensor that holds the [`CheckpointState`], as TOML.
const STATE: &str = "state_of_run";
/// The tensor that holds the hash of all others.
const DIGEST: &str = "digest";

/// The file in a run's folder.
const FILE: &str = "checkpoint.safetensors";

/// Where it is.
pub fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// Removes what there is of one, whole or not: a finished run has none.
///
/// # Errors
/// [`Error::Io`].
pub fn remove(folder: &Path) -> Result<()> {
    fs::remove(&path(folder))?;
    fs::remove(&fs::part(&path(folder)))
}

/// Epochs that are done by the checkpoint in `folder`; none where there is none of a configuration that is `wanted`.
pub fn epochs(folder: &Path, wanted: impl FnOnce(&str) -> bool) -> Option<usize> {
    whole(folder).filter(|state_of_run| wanted(&state_of_run.config)).map(|state_of_run| state_of_run.epochs)
}

/// The configuration of the checkpoint in `folder`, where there is one.
pub fn config(folder: &Path) -> Option<String> {
    whole(folder).map(|state_of_run| state_of_run.config)
}

fn whole(folder: &Path) -> Option<CheckpointState> {
    let file = std::fs::File::open(path(folder)).ok()?;
    // SAFETY: the file is ours, and replaced whole when it changes
    let bytes = unsafe { memmap2::Mmap::map(&file) }.ok()?;
    let file = SafeTensors::deserialize(&bytes).ok()?;
    let tensors = file.tensors();
    let all = tensors.iter().map(|(name, view)| (name.as_str(), format!("{} {:?}", view.dtype(), view.shape()), view.data()));
    let own = file.tensor(DIGEST).ok()?;
    (digest(all.collect()) == own.data()).then_some(())?;
    state_of_run(file.tensor(STATE).ok()?.data())
}

fn state_of_run(bytes: &[u8]) -> Option<CheckpointState> {
    toml::from_str(std::str::from_utf8(bytes).ok()?).ok()
}

/// What is wrong with the runs in and below `folder`, finished or not: training makes those that it is asked for anew.
///
/// # Errors
/// [`Error::Io`].
pub fn damaged(out: &Path) -> Result<Vec<Fault>> {
    let mut found = record::verify(out)?.faults;
    for folder in record::folders(out, &|names| names.contains(FILE))? {
        if whole(&folder).is_none() {
            found.push(Fault { file: path(&folder), problem: "it is not what was written".into() });
        }
    }
    Ok(found)
}

/// The hash of named tensors, but for that of the hash itself: of their types, shapes and bytes in the order of names.
fn digest(mut tensors: Vec<(&str, String, &[u8])>) -> [u8; 32] {
    tensors.sort_by_key(|(name, ..)| *name);
    let mut hasher = blake3::Hasher::new();
    for (name, form, bytes) in tensors.into_iter().filter(|(name, ..)| *name != DIGEST) {
        hasher.update(format!("{name} {form}\n").as_bytes());
        hasher.update(bytes);
    }
    *hasher.finalize().as_bytes()
}

/// Writes one.
///
/// # Errors
/// [`Error::Io`].
pub fn write(folder: &Path, state_of_run: &CheckpointState, state: Vec<(String, Tensor)>) -> Result<()> {
    let text = toml::to_string(state_of_run).map_err(|error| Error::input("checkpoint", error.to_string()))?;
    let mut tensors = state;
    tensors.push((STATE.into(), Tensor::from_slice(text.as_bytes())));
    let held = tensors.iter().map(|(name, tensor)| Ok((name.as_str(), form(tensor)?, bytes(tensor))));
    let held: Vec<(&str, String, Vec<u8>)> = held.collect::<Result<_>>()?;
    let hash = digest(held.iter().map(|(name, form, bytes)| (*name, form.clone(), bytes.as_slice())).collect());
    tensors.push((DIGEST.into(), Tensor::from_slice(&hash)));
    write_tensors(&path(folder), &tensors)
}

/// Type and shape, as a file says them.
fn form(tensor: &Tensor) -> Result<String> {
    let kind = match tensor.kind() {
        Kind::Float => Dtype::F32,
        Kind::Double => Dtype::F64,
        Kind::Int64 => Dtype::I64,
        Kind::Uint8 => Dtype::U8,
        Kind::Bool => Dtype::BOOL,
        other => return Err(Error::input("checkpoint", format!("a tensor of type {other:?}"))),
    };
    let shape: Vec<usize> = tensor.size().into_iter().map(|size| size as usize).collect();
    Ok(format!("{kind} {shape:?}"))
}

fn bytes(tensor: &Tensor) -> Vec<u8> {
    let tensor = tensor.to_device(Device::Cpu).contiguous();
    let mut bytes = vec![0; tensor.numel() * tensor.kind().elt_size_in_bytes()];
    tensor.copy_data_u8(&mut bytes, tensor.numel());
    bytes
}

/// Reads one; none where it is not there or not whole.
pub fn read(folder: &Path) -> Option<(CheckpointState, Vec<(String, Tensor)>)> {
    whole(folder)?;
    let mut tensors = Tensor::read_safetensors(path(folder)).ok()?;
    let place = tensors.iter().position(|(name, _)| name == STATE)?;
    let text = tensors.swap_remove(place).1;
    let mut bytes = vec![0u8; text.numel()];
    tensors.retain(|(name, _)| name != DIGEST);
    (text.kind() == Kind::Uint8).then(|| text.copy_data(&mut bytes, text.numel()))?;
    Some((state_of_run(&bytes)?, tensors))
}

/// A file of named tensors, whole or not at all.
///
/// # Errors
/// [`Error::Io`].
pub fn write_tensors(path: &Path, tensors: &[(String, Tensor)]) -> Result<()> {
    let part = fs::part(path);
    let tensors: Vec<(&str, Tensor)> =
        tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.to_device(Device::Cpu).contiguous())).collect();
    Tensor::write_safetensors(&tensors, &part)
        .map_err(|error| Error::io(Action::Write, path)(std::io::Error::other(error.to_string())))?;
    fs::RowFile::open(&part)?.sync()?;
    fs::publish(path)
}
