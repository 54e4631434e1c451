//! The values of a pickle: a flat list of nodes that refer to one another by place, so that shared and cyclic ones cost nothing extra
//! and no depth of nesting is ever walked.

use std::borrow::Cow;

use super::globals::{self, Global};

/// The most values that a pickle may hold; EPIC-100's largest has under two million.
pub const MAX_NODES: usize = 1 << 23;

/// A value. Text and bytes are slices of the input.
#[derive(Debug)]
pub(super) enum Node<'a> {
    None,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Tuple(Vec<u32>),
    List(Vec<u32>),
    Dict(Vec<[u32; 2]>),
    Global(Global),
    /// What Python would get by calling `of` with the tuple `arguments`, and then giving it `state`.
    Made {
        of: Global,
        arguments: u32,
        state: Option<u32>,
    },
}

#[derive(Debug, Default)]
pub(super) struct Heap<'a> {
    nodes: Vec<Node<'a>>,
}

/// Dictionaries of state are small; looking things up in larger ones again and again would be slow.
const FEW: usize = 64;

impl<'a> Heap<'a> {
    pub(super) fn add(&mut self, node: Node<'a>) -> Result<u32, String> {
        if self.nodes.len() >= MAX_NODES {
            return Err(format!("more than {} values; expected fewer", MAX_NODES));
        }
        self.nodes.push(node);
        Ok((self.nodes.len() - 1) as u32)
    }

    pub(super) fn node(&self, id: u32) -> &Node<'a> {
        self.nodes.get(id as usize).unwrap_or(&Node::None)
    }

    pub(super) fn node_mut(&mut self, id: u32) -> Option<&mut Node<'a>> {
        self.nodes.get_mut(id as usize)
    }

    /// What a node is, for messages.
    pub(super) fn describe(&self, id: u32) -> String {
        match self.node(id) {
            Node::None => "None".into(),
            Node::Boolean(_) => "a boolean".into(),
            Node::Integer(value) => format!("the integer {value}"),
            Node::Float(value) => format!("the number {value}"),
            Node::Text(text) => format!("the text {:?}", text.chars().take(40).collect::<String>()),
            Node::Bytes(bytes) => format!("{} bytes", bytes.len()),
            Node::Tuple(items) => format!("a tuple of {}", items.len()),
            Node::List(items) => format!("a list of {}", items.len()),
            Node::Dict(items) => format!("a dictionary of {}", items.len()),
            Node::Global(global) => globals::name(*global),
            Node::Made { of, .. } => format!("what {} makes", globals::name(*of)),
        }
    }

    /// Text, also where Python 2 wrote it as bytes.
    pub(super) fn text(&self, id: u32) -> Option<&'a str> {
        match self.node(id) {
            Node::Text(text) => Some(text),
            Node::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// Whether a node is this text. Unlike comparing [`Self::text`], never slower for longer bytes.
    pub(super) fn is(&self, id: u32, text: &str) -> bool {
        match self.node(id) {
            Node::Text(found) => *found == text,
            Node::Bytes(found) => *found == text.as_bytes(),
            _ => false,
        }
    }

    pub(super) fn integer(&self, id: u32) -> Option<i64> {
        if let Node::Integer(value) = self.node(id) { Some(*value) } else { None }
    }

    pub(super) fn length(&self, id: u32) -> Option<usize> {
        self.integer(id).and_then(|value| usize::try_from(value).ok())
    }

    /// The `expected` bytes that a node holds or, in protocol 2, encodes as text of one character a byte.
    pub(super) fn bytes(&self, id: u32, expected: usize) -> Result<Cow<'a, [u8]>, String> {
        let wrong = |found: usize| format!("{found} bytes of data; expected {expected}");
        let found = match self.node(id) {
            Node::Bytes(bytes) => Cow::Borrowed(*bytes),
            Node::Made { of: Global::Bytes, arguments, state: None } if matches!(self.node(*arguments), Node::Tuple(none) if none.is_empty()) => {
                Cow::Borrowed(&[][..])
            }
            Node::Made { of: Global::Encode, arguments, state: None } => {
                let [text, encoding] = self.tuple(*arguments)?;
                let (Node::Text(text), true) = (self.node(text), self.is(encoding, "latin1")) else {
                    return Err("expected encode(text, \"latin1\")".into());
                };
                // before decoding: each character is one or two bytes of UTF-8
                if text.len().div_ceil(2) > expected {
                    return Err(wrong(text.chars().count()));
                }
                let byte = |c: char| u8::try_from(c).map_err(|_| format!("{c:?} among encoded bytes; expected U+0000 to U+00FF"));
                Cow::Owned(text.chars().map(byte).collect::<Result<_, _>>()?)
            }
            _ => return Err(format!("expected {expected} bytes; found {}", self.describe(id))),
        };
        if found.len() == expected { Ok(found) } else { Err(wrong(found.len())) }
    }

    /// A tuple or list.
    pub(super) fn items(&self, id: u32) -> Result<&[u32], String> {
        match self.node(id) {
            Node::Tuple(items) | Node::List(items) => Ok(items),
            _ => Err(format!("expected a tuple; found {}", self.describe(id))),
        }
    }

    /// A tuple of `N`.
    pub(super) fn tuple<const N: usize>(&self, id: u32) -> Result<[u32; N], String> {
        self.items(id)?.try_into().map_err(|_| format!("expected a tuple of {N}; found {}", self.describe(id)))
    }

    /// The value under a key of a small dictionary; the last one if there are several.
    pub(super) fn get(&self, dict: u32, key: &str) -> Result<Option<u32>, String> {
        match self.node(dict) {
            Node::Dict(items) if items.len() <= FEW => {
                Ok(items.iter().rev().find(|item| self.is(item[0], key)).map(|item| item[1]))
            }
            _ => Err(format!("expected a dictionary of at most {FEW} with {key:?}; found {}", self.describe(dict))),
        }
    }
}
