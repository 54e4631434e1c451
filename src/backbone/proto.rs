//! Parts of the messages of onnx.proto, with its numbers; what is not named here is passed over. Text is bytes: ONNX's own readers take any.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct File {
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    #[prost(message, optional, boxed, tag = "7")]
    pub graph: Option<Box<Graph>>,
    #[prost(message, repeated, tag = "8")]
    pub opsets: Vec<Opset>,
    #[prost(message, repeated, tag = "14")]
    pub metadata: Vec<Pair>,
    #[prost(message, repeated, tag = "20")]
    pub training: Vec<Training>,
    #[prost(message, repeated, tag = "25")]
    pub functions: Vec<Function>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Opset {
    #[prost(bytes = "vec", tag = "1")]
    pub domain: Vec<u8>,
    #[prost(int64, tag = "2")]
    pub version: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Pair {
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Training {
    #[prost(message, optional, boxed, tag = "1")]
    pub initialization: Option<Box<Graph>>,
    #[prost(message, optional, boxed, tag = "2")]
    pub algorithm: Option<Box<Graph>>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Function {
    #[prost(bytes = "vec", tag = "1")]
    pub name: Vec<u8>,
    #[prost(message, repeated, tag = "7")]
    pub nodes: Vec<Node>,
    #[prost(bytes = "vec", tag = "10")]
    pub domain: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub nodes: Vec<Node>,
    #[prost(message, repeated, tag = "5")]
    pub initializers: Vec<Tensor>,
    #[prost(message, repeated, tag = "15")]
    pub sparse_initializers: Vec<Sparse>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Node {
    #[prost(bytes = "vec", tag = "4")]
    pub operator: Vec<u8>,
    #[prost(message, repeated, tag = "5")]
    pub attributes: Vec<Attribute>,
    #[prost(bytes = "vec", tag = "7")]
    pub domain: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Attribute {
    #[prost(message, optional, boxed, tag = "5")]
    pub tensor: Option<Box<Tensor>>,
    #[prost(message, optional, boxed, tag = "6")]
    pub graph: Option<Box<Graph>>,
    #[prost(message, repeated, tag = "10")]
    pub tensors: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    pub graphs: Vec<Graph>,
    #[prost(message, optional, boxed, tag = "22")]
    pub sparse: Option<Box<Sparse>>,
    #[prost(message, repeated, tag = "23")]
    pub sparses: Vec<Sparse>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Tensor {
    #[prost(bytes = "vec", tag = "8")]
    pub name: Vec<u8>,
    #[prost(message, repeated, tag = "13")]
    pub external: Vec<Pair>,
    #[prost(int32, tag = "14")]
    pub location: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Sparse {
    #[prost(message, optional, boxed, tag = "1")]
    pub values: Option<Box<Tensor>>,
    #[prost(message, optional, boxed, tag = "2")]
    pub indices: Option<Box<Tensor>>,
}
