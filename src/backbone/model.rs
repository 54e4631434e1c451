//! What an ONNX file holds, as far as it must be known before ONNX Runtime sees it.

use std::collections::{BTreeMap, HashSet};

use prost::Message;

/// The largest file that the format can hold.
pub const LARGEST: u64 = 2 << 30;
/// The oldest operators that ONNX Runtime still promises to run.
const OLDEST_OPSET: i64 = 7;
/// Domains of operators that every ONNX Runtime has.
const DOMAINS: [&str; 3] = ["", "ai.onnx", "ai.onnx.ml"];

/// What a model says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Version of the operators.
    pub opset: i64,
    /// Its metadata.
    pub metadata: BTreeMap<String, String>,
}

/// Reads what a model says of itself. Nothing but the file may take part in a run, so a model is refused that keeps data in other files, or that calls operators
/// which are neither ONNX's own nor defined in the file.
///
/// # Errors
/// A sentence that names the tensor or operator, for such models and for bytes that are no model.
pub fn examine(bytes: &[u8]) -> Result<Model, String> {
    if bytes.len() as u64 >= LARGEST {
        return Err(format!("{} bytes; expected a model of less than 2 GiB", bytes.len()));
    }
    let file = File::decode(bytes).map_err(|error| format!("no ONNX model: {error}"))?;
    let graph = file.graph.as_ref().ok_or("no ONNX model: there is no graph in it; expected one")?;
    let opset = file.opsets.iter().find(|opset| DOMAINS[..2].contains(&opset.domain.as_str())).map(|opset| opset.version);
    let opset = opset.ok_or("the model does not say which opset its operators are of; expected 7 or newer")?;
    if opset < OLDEST_OPSET {
        return Err(format!("its operators are of opset {opset}; expected {OLDEST_OPSET} or newer"));
    }
    let defined = file.functions.iter().map(|function| (function.domain.as_str(), function.name.as_str())).collect();
    let guard = Guard { defined };
    guard.graph(graph)?;
    file.functions.iter().try_for_each(|function| guard.nodes(&function.nodes))?;
    let graphs = file.training.iter().flat_map(|training| [&training.initialization, &training.algorithm]);
    graphs.flatten().try_for_each(|graph| guard.graph(graph))?;
    Ok(Model { opset, metadata: file.metadata.into_iter().map(|pair| (pair.key, pair.value)).collect() })
}

/// Looks for what reaches out of the file.
struct Guard<'a> {
    /// Domain and name of functions that the file defines.
    defined: HashSet<(&'a str, &'a str)>,
}

impl Guard<'_> {
    fn graph(&self, graph: &Graph) -> Result<(), String> {
        graph.initializers.iter().try_for_each(tensor)?;
        graph.sparse_initializers.iter().try_for_each(sparse)?;
        self.nodes(&graph.nodes)
    }

    fn nodes(&self, nodes: &[Node]) -> Result<(), String> {
        for node in nodes {
            let (domain, name) = (node.domain.as_str(), node.operator.as_str());
            if !DOMAINS.contains(&domain) && !self.defined.contains(&(domain, name)) {
                return Err(format!("the operator {domain}.{name} is a custom one; expected ONNX's own alone"));
            }
            for attribute in &node.attributes {
                attribute.tensor.as_deref().into_iter().chain(&attribute.tensors).try_for_each(tensor)?;
                attribute.sparse.as_deref().into_iter().chain(&attribute.sparses).try_for_each(sparse)?;
                attribute.graph.as_deref().into_iter().chain(&attribute.graphs).try_for_each(|graph| self.graph(graph))?;
            }
        }
        Ok(())
    }
}

fn sparse(found: &Sparse) -> Result<(), String> {
    found.values.as_deref().into_iter().chain(found.indices.as_deref()).try_for_each(tensor)
}

fn tensor(found: &Tensor) -> Result<(), String> {
    if found.location == 0 && found.external.is_empty() {
        return Ok(());
    }
    let file = found.external.iter().find(|pair| pair.key == "location").map_or("", |pair| pair.value.as_str());
    let place = std::path::Path::new(file);
    let leaves = place.is_absolute() || place.components().any(|part| part == std::path::Component::ParentDir);
    let outside = if leaves { ", outside the model's folder" } else { "" };
    Err(format!("the values of {:?} are kept in another file ({file:?}{outside}); expected all in this one", found.name))
}

// Parts of the messages of onnx.proto, with its numbers; what is not named here is passed over.

#[derive(Clone, PartialEq, Message)]
struct File {
    #[prost(message, optional, boxed, tag = "7")]
    graph: Option<Box<Graph>>,
    #[prost(message, repeated, tag = "8")]
    opsets: Vec<Opset>,
    #[prost(message, repeated, tag = "14")]
    metadata: Vec<Pair>,
    #[prost(message, repeated, tag = "20")]
    training: Vec<Training>,
    #[prost(message, repeated, tag = "25")]
    functions: Vec<Function>,
}

#[derive(Clone, PartialEq, Message)]
struct Opset {
    #[prost(string, tag = "1")]
    domain: String,
    #[prost(int64, tag = "2")]
    version: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Pair {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Training {
    #[prost(message, optional, boxed, tag = "1")]
    initialization: Option<Box<Graph>>,
    #[prost(message, optional, boxed, tag = "2")]
    algorithm: Option<Box<Graph>>,
}

#[derive(Clone, PartialEq, Message)]
struct Function {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "7")]
    nodes: Vec<Node>,
    #[prost(string, tag = "10")]
    domain: String,
}

#[derive(Clone, PartialEq, Message)]
struct Graph {
    #[prost(message, repeated, tag = "1")]
    nodes: Vec<Node>,
    #[prost(message, repeated, tag = "5")]
    initializers: Vec<Tensor>,
    #[prost(message, repeated, tag = "15")]
    sparse_initializers: Vec<Sparse>,
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(string, tag = "4")]
    operator: String,
    #[prost(message, repeated, tag = "5")]
    attributes: Vec<Attribute>,
    #[prost(string, tag = "7")]
    domain: String,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(message, optional, boxed, tag = "5")]
    tensor: Option<Box<Tensor>>,
    #[prost(message, optional, boxed, tag = "6")]
    graph: Option<Box<Graph>>,
    #[prost(message, repeated, tag = "10")]
    tensors: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    graphs: Vec<Graph>,
    #[prost(message, optional, boxed, tag = "22")]
    sparse: Option<Box<Sparse>>,
    #[prost(message, repeated, tag = "23")]
    sparses: Vec<Sparse>,
}

#[derive(Clone, PartialEq, Message)]
struct Tensor {
    #[prost(string, tag = "8")]
    name: String,
    #[prost(message, repeated, tag = "13")]
    external: Vec<Pair>,
    #[prost(int32, tag = "14")]
    location: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Sparse {
    #[prost(message, optional, boxed, tag = "1")]
    values: Option<Box<Tensor>>,
    #[prost(message, optional, boxed, tag = "2")]
    indices: Option<Box<Tensor>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::BACKBONES;

    fn file(nodes: Vec<Node>, initializers: Vec<Tensor>) -> File {
        let graph = Graph { nodes, initializers, sparse_initializers: Vec::new() };
        let opsets = vec![Opset { domain: String::new(), version: 17 }];
        File { graph: Some(Box::new(graph)), opsets, ..File::default() }
    }

    fn node(domain: &str, operator: &str) -> Node {
        Node { operator: operator.into(), attributes: Vec::new(), domain: domain.into() }
    }

    fn refused(file: &File) -> String {
        examine(&file.encode_to_vec()).unwrap_err()
    }

    #[test]
    fn plain_models_are_taken() {
        for entry in BACKBONES.iter().filter_map(|entry| entry.model) {
            assert_eq!(examine(entry).unwrap(), Model { opset: 17, metadata: BTreeMap::new() });
        }
        let mut own = file(vec![node("mine", "Twice")], Vec::new());
        own.functions.push(Function { name: "Twice".into(), nodes: vec![node("", "Add")], domain: "mine".into() });
        own.metadata.push(Pair { key: "mmdg.preset".into(), value: "uniform".into() });
        assert_eq!(examine(&own.encode_to_vec()).unwrap().metadata["mmdg.preset"], "uniform");
    }

    #[test]
    fn what_reaches_out_of_the_file_is_refused_by_name() {
        let outside = |place: &str| Tensor {
            name: "w".into(),
            external: vec![Pair { key: "location".into(), value: place.into() }],
            location: 1,
        };
        assert!(
            refused(&file(Vec::new(), vec![outside("x.bin")]))
                .starts_with("the values of \"w\" are kept in another file (\"x.bin\")")
        );
        assert!(refused(&file(Vec::new(), vec![outside("../x.bin")])).contains("outside the model's folder"));
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
