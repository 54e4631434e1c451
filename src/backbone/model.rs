//! What an ONNX file holds, as far as it must be known before ONNX Runtime sees it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Component, Path};

use prost::Message;

use super::proto::{File, Graph, Node, Sparse, Tensor};

/// The largest file that the format can hold.
pub const LARGEST: u64 = 2 << 30;
/// The oldest operators that ONNX Runtime still promises to run.
const OLDEST_OPSET: i64 = 7;
/// Domains of operators that every ONNX Runtime has: ONNX's own, and those that its own tools write.
const DOMAINS: [&str; 10] = [
    "",
    "ai.onnx",
    "ai.onnx.ml",
    "ai.onnx.preview",
    "ai.onnx.preview.training",
    "ai.onnx.training",
    "com.microsoft",
    "com.microsoft.experimental",
    "com.microsoft.nchwc",
    "com.ms.internal.nhwc",
];

/// What a model says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Version of the file's own format.
    pub ir_version: i64,
    /// Version of the operators.
    pub opset: i64,
    /// Its metadata; what is not UTF-8 in it is replaced.
    pub metadata: BTreeMap<String, String>,
    /// Files beside the model that hold values of it, by their paths from the model's folder on.
    pub beside: BTreeSet<String>,
    /// Whether rows of a batch share the range that they are quantized in.
    pub quantizes: bool,
}

/// Reads what a model says of itself. Nothing but the file and what lies in its folder may take part in a run, so a model is refused that keeps data elsewhere, or
/// that calls operators which are neither ONNX Runtime's own nor defined in the file.
///
/// # Errors
/// A sentence that names the tensor or operator, for such models and for bytes that are no model.
pub fn examine(bytes: &[u8]) -> Result<Model, String> {
    if bytes.len() as u64 >= LARGEST {
        return Err(format!("{} bytes; expected a model of less than 2 GiB", bytes.len()));
    }
    let file = File::decode(bytes).map_err(|error| format!("no ONNX model: {error}"))?;
    let graph = file.graph.as_ref().ok_or("no ONNX model: there is no graph in it; expected one")?;
    let own = |domain: &[u8]| DOMAINS[..2].iter().any(|known| known.as_bytes() == domain);
    let opset = file.opsets.iter().find(|opset| own(&opset.domain)).map(|opset| opset.version);
    let opset = opset.ok_or("the model does not say which opset its operators are of; expected 7 or newer")?;
    if opset < OLDEST_OPSET {
        return Err(format!("its operators are of opset {opset}; expected {OLDEST_OPSET} or newer"));
    }
    let defined = file.functions.iter().map(|function| (&function.domain[..], &function.name[..])).collect();
    let mut guard = Guard { defined, beside: BTreeSet::new(), quantizes: false };
    guard.graph(graph)?;
    file.functions.iter().try_for_each(|function| guard.nodes(&function.nodes))?;
    let graphs = file.training.iter().flat_map(|training| [&training.initialization, &training.algorithm]);
    graphs.flatten().try_for_each(|graph| guard.graph(graph))?;
    let Guard { beside, quantizes, .. } = guard;
    let metadata = file.metadata.iter().map(|pair| (text(&pair.key).into_owned(), text(&pair.value).into_owned())).collect();
    Ok(Model { ir_version: file.ir_version, opset, metadata, beside, quantizes })
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Looks for what reaches out of the file.
struct Guard<'a> {
    /// Domain and name of functions that the file defines.
    defined: HashSet<(&'a [u8], &'a [u8])>,
    beside: BTreeSet<String>,
    quantizes: bool,
}

impl Guard<'_> {
    fn graph(&mut self, graph: &Graph) -> Result<(), String> {
        graph.initializers.iter().try_for_each(|found| self.tensor(found))?;
        graph.sparse_initializers.iter().try_for_each(|found| self.sparse(found))?;
        self.nodes(&graph.nodes)
    }

    fn nodes(&mut self, nodes: &[Node]) -> Result<(), String> {
        for node in nodes {
            let (domain, name) = (&node.domain[..], &node.operator[..]);
            if !DOMAINS.iter().any(|known| known.as_bytes() == domain) && !self.defined.contains(&(domain, name)) {
                let (domain, name) = (text(domain), text(name));
                return Err(format!(
                    "the operator {domain}.{name} is a custom one, which needs a library of its own; expected operators of ONNX or ONNX Runtime, or a function in \
                    the file (export it without {domain})"
                ));
            }
            self.quantizes |= name.starts_with(b"DynamicQuantize");
            for attribute in &node.attributes {
                attribute.tensor.as_deref().into_iter().chain(&attribute.tensors).try_for_each(|found| self.tensor(found))?;
                attribute.sparse.as_deref().into_iter().chain(&attribute.sparses).try_for_each(|found| self.sparse(found))?;
                attribute.graph.as_deref().into_iter().chain(&attribute.graphs).try_for_each(|graph| self.graph(graph))?;
            }
        }
        Ok(())
    }

    fn sparse(&mut self, found: &Sparse) -> Result<(), String> {
        found.values.as_deref().into_iter().chain(found.indices.as_deref()).try_for_each(|found| self.tensor(found))
    }

    fn tensor(&mut self, found: &Tensor) -> Result<(), String> {
        if found.location == 0 && found.external.is_empty() {
            return Ok(());
        }
        let file = found.external.iter().find(|pair| pair.key == b"location").map_or(&[][..], |pair| &pair.value[..]);
        let within = |file: &&str| {
            let mut parts = Path::new(file).components();
            !file.is_empty() && parts.all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        };
        match std::str::from_utf8(file).ok().filter(within) {
            Some(file) => {
                self.beside.insert(file.to_owned());
                Ok(())
            }
            None => Err(format!(
                "the values of {:?} are kept in the file {:?}; expected one in the model's own folder, or all in the model (`onnx.save(onnx.load(\"model.onnx\"), \
                \"whole.onnx\")`)",
                text(&found.name),
                text(file)
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::proto::{Attribute, Function, Opset, Pair};
    use super::*;
    use crate::backbone::BACKBONES;

    fn file(nodes: Vec<Node>, initializers: Vec<Tensor>) -> File {
        let graph = Graph { nodes, initializers, sparse_initializers: Vec::new() };
        let opsets = vec![Opset { domain: Vec::new(), version: 17 }];
        File { ir_version: 8, graph: Some(Box::new(graph)), opsets, ..File::default() }
    }

    fn node(domain: &str, operator: &str) -> Node {
        Node { operator: operator.into(), attributes: Vec::new(), domain: domain.into() }
    }

    fn refused(file: &File) -> String {
        examine(&file.encode_to_vec()).unwrap_err()
    }

    #[test]
    fn plain_models_are_taken() {
        let plain = Model { ir_version: 8, opset: 17, metadata: BTreeMap::new(), beside: BTreeSet::new(), quantizes: false };
        for entry in BACKBONES.iter().filter_map(|entry| entry.model) {
            assert_eq!(examine(entry).unwrap(), plain);
        }
        let mut own = file(vec![node("mine", "Twice"), node("com.microsoft", "Gelu")], Vec::new());
        own.functions.push(Function { name: "Twice".into(), nodes: vec![node("", "Add")], domain: "mine".into() });
        own.metadata.push(Pair { key: "mmdg.preset".into(), value: "uniform".into() });
        own.metadata.push(Pair { key: vec![0xff], value: vec![b'a', 0xfe] });
        let found = examine(&own.encode_to_vec()).unwrap();
        assert_eq!((found.metadata["mmdg.preset"].as_str(), found.metadata["\u{fffd}"].as_str()), ("uniform", "a\u{fffd}"));
        assert!(examine(&file(vec![node("", "DynamicQuantizeLinear")], Vec::new()).encode_to_vec()).unwrap().quantizes);
    }

    #[test]
    fn what_reaches_out_of_the_files_folder_is_refused_by_name() {
        let outside = |place: &str| Tensor {
            name: "w".into(),
            external: vec![Pair { key: "location".into(), value: place.into() }],
            location: 1,
        };
        let beside = examine(&file(Vec::new(), vec![outside("x.bin"), outside("./data/y.bin")]).encode_to_vec()).unwrap().beside;
        assert!(beside.iter().eq(["./data/y.bin", "x.bin"]));
        for place in ["../x.bin", "/etc/x", "", "a/../../b"] {
            let problem = refused(&file(Vec::new(), vec![outside(place)]));
            assert!(problem.starts_with(&format!("the values of \"w\" are kept in the file {place:?}; expected")), "{problem}");
        }
        assert!(refused(&file(vec![node("evil", "Run")], Vec::new())).contains("evil.Run"));
        // however deep
        let mut deep = file(vec![node("evil", "Run")], Vec::new());
        for _ in 0..5 {
            let mut outer = node("", "If");
            outer.attributes.push(Attribute { graph: deep.graph.take(), ..Attribute::default() });
            deep = file(vec![outer], Vec::new());
        }
        assert!(refused(&deep).contains("evil.Run"));
        let mut constant = node("", "Constant");
        constant.attributes.push(Attribute { tensor: Some(Box::new(outside("/etc/x"))), ..Attribute::default() });
        assert!(refused(&file(vec![constant], Vec::new())).contains("/etc/x"));
        let mut own = file(vec![node("mine", "Twice")], Vec::new());
        own.functions.push(Function { name: "Twice".into(), nodes: vec![node("evil", "Run")], domain: "mine".into() });
        assert!(refused(&own).contains("evil.Run"));
    }

    #[test]
    fn what_is_no_model_is_refused() {
        for bytes in [&b""[..], b"[data]\ndataset = 1\n", &[0x3a, 0x7f], &[0xff; 40]] {
            assert!(examine(bytes).unwrap_err().starts_with("no ONNX model: "), "{bytes:?}");
        }
        let mut old = file(Vec::new(), Vec::new());
        old.opsets[0].version = 6;
        assert_eq!(refused(&old), "its operators are of opset 6; expected 7 or newer");
        old.opsets.clear();
        assert!(refused(&old).contains("opset"));
    }
}
