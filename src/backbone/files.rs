//! A model's file, and those beside it that hold values of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::model::{Model, examine};
use crate::fs;

/// All bytes of a model, in memory: what is hashed is what is run.
#[derive(Debug, Clone)]
pub struct Files {
    /// The ONNX file.
    pub model: Vec<u8>,
    /// What it says of itself.
    pub said: Model,
    /// Files of values, by their paths from the model's folder on.
    pub beside: BTreeMap<String, Arc<[u8]>>,
}

impl Files {
    /// Looks at a model, and reads what it keeps in its `folder`; one without a folder may keep nothing there.
    ///
    /// # Errors
    /// A sentence, as [`examine`], and for a file that cannot be read.
    pub fn of(model: Vec<u8>, folder: Option<&Path>) -> Result<Self, String> {
        let said = examine(&model)?;
        let read = |name: &String| {
            let path = folder.ok_or_else(|| format!("values are kept in {name:?}; expected all in the model"))?.join(name);
            let bytes = fs::read(&path).map_err(|error| {
                format!("values are kept in {name:?} beside the model: {error}; expected both files in one folder, under the names that they were exported with")
            })?;
            Ok((name.clone(), Arc::from(bytes)))
        };
        let beside = said.beside.iter().map(read).collect::<Result<_, String>>()?;
        Ok(Self { model, said, beside })
    }

    /// Hash of the model, and of each file beside it by name.
    pub fn hashes(&self) -> (String, BTreeMap<&str, String>) {
        let hash = |bytes: &[u8]| blake3::hash(bytes).to_hex().to_string();
        (hash(&self.model), self.beside.iter().map(|(name, bytes)| (name.as_str(), hash(bytes))).collect())
    }
}
