//! Where a run stands between two epochs, on disk: everything that it carries from step to step. Its random numbers and the
//! order of its rows follow from seed, epoch and step, so the epoch stands for them. A file is one run's, so that runs go on in
//! whatever cohort they come to be in.

use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::cohort::Course;
use crate::{Error, Result, fs};

/// What a checkpoint says beside its tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
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

/// The tensor that holds the [`Standing`], as TOML.
const STANDING: &str = "standing";

/// The file in a run's folder.
pub fn path(folder: &Path) -> PathBuf {
    folder.join("checkpoint.safetensors")
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
    whole(folder).filter(|standing| wanted(&standing.config)).map(|standing| standing.epochs)
}

/// The configuration of the checkpoint in `folder`, where there is one.
pub fn config(folder: &Path) -> Option<String> {
    whole(folder).map(|standing| standing.config)
}

fn whole(folder: &Path) -> Option<Standing> {
    let file = std::fs::File::open(path(folder)).ok()?;
    // SAFETY: the file is ours, and replaced whole when it changes
    let bytes = unsafe { memmap2::Mmap::map(&file) }.ok()?;
    standing(SafeTensors::deserialize(&bytes).ok()?.tensor(STANDING).ok()?.data())
}

fn standing(bytes: &[u8]) -> Option<Standing> {
    toml::from_str(std::str::from_utf8(bytes).ok()?).ok()
}

/// Writes one.
///
/// # Errors
/// [`Error::Io`].
pub fn write(folder: &Path, standing: &Standing, state: Vec<(String, Tensor)>) -> Result<()> {
    let text = toml::to_string(standing).map_err(|error| Error::input("checkpoint", error.to_string()))?;
    let mut tensors = state;
    tensors.push((STANDING.into(), Tensor::from_slice(text.as_bytes())));
    write_tensors(&path(folder), &tensors)
}

/// Reads one; none where it is not there or not whole.
pub fn read(folder: &Path) -> Option<(Standing, Vec<(String, Tensor)>)> {
    let mut tensors = Tensor::read_safetensors(path(folder)).ok()?;
    let place = tensors.iter().position(|(name, _)| name == STANDING)?;
    let text = tensors.swap_remove(place).1;
    let mut bytes = vec![0u8; text.numel()];
    (text.kind() == Kind::Uint8).then(|| text.copy_data(&mut bytes, text.numel()))?;
    Some((standing(&bytes)?, tensors))
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
        .map_err(|error| Error::io("write", path)(std::io::Error::other(error.to_string())))?;
    fs::RowFile::open(&part)?.sync()?;
    fs::publish(path)
}
