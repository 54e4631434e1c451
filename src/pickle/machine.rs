//! The steps of a pickle, protocols 2 to 5 (Python's `pickletools` describes each). Nothing is called: see [`Node::Made`].

use std::collections::HashMap;

use super::globals::{self, Global};
use super::heap::{Heap, Node};
use super::input::Input;

/// Runs all steps; gives the values and the one that the pickle is.
pub(super) fn run(bytes: &[u8]) -> Result<(Heap<'_>, u32), String> {
    let mut machine =
        Machine { input: Input::new(bytes), heap: Heap::default(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
    loop {
        let at = machine.input.at();
        match machine.step() {
            Ok(None) => {}
            Ok(Some(_)) if machine.input.left() > 0 => {
                return Err(format!("byte {}: the pickle has ended; expected no more bytes", machine.input.at()));
            }
            Ok(Some(root)) => return Ok((machine.heap, root)),
            Err(problem) => return Err(format!("byte {at}: {problem}")),
        }
    }
}

struct Machine<'a> {
    input: Input<'a>,
    heap: Heap<'a>,
    stack: Vec<u32>,
    /// Heights of the stack where marks stand.
    marks: Vec<usize>,
    memo: HashMap<u32, u32>,
}

impl<'a> Machine<'a> {
    fn push(&mut self, node: Node<'a>) -> Result<(), String> {
        let id = self.heap.add(node)?;
        self.stack.push(id);
        Ok(())
    }

    /// How many values stand above the last mark.
    fn above(&self) -> usize {
        self.stack.len() - self.marks.last().copied().unwrap_or(0)
    }

    /// The last `N` values.
    fn pop<const N: usize>(&mut self) -> Result<[u32; N], String> {
        if self.above() < N {
            return Err(format!("takes {N} values; the stack has {}", self.above()));
        }
        let mut values = [0; N];
        for value in values.iter_mut().rev() {
            *value = self.stack.pop().unwrap_or_default();
        }
        Ok(values)
    }

    /// The last value, left where it is.
    fn top(&self) -> Result<u32, String> {
        self.stack.last().copied().filter(|_| self.above() > 0).ok_or_else(|| "takes a value; the stack has none".into())
    }

    /// What stands above the last mark, without the mark.
    fn pop_mark(&mut self) -> Result<Vec<u32>, String> {
        let mark = self.marks.pop().ok_or("goes back to a mark; there is none")?;
        Ok(self.stack.drain(mark..).collect())
    }

    fn pairs(values: &[u32]) -> Result<Vec<[u32; 2]>, String> {
        let (pairs, rest) = values.as_chunks::<2>();
        if rest.is_empty() { Ok(pairs.to_vec()) } else { Err("a key without a value; expected pairs".into()) }
    }

    fn append(&mut self, values: &[u32]) -> Result<(), String> {
        let list = self.top()?;
        match self.heap.node_mut(list) {
            Some(Node::List(items)) => items.extend(values),
            _ => return Err(format!("appends to {}; expected a list", self.heap.describe(list))),
        }
        Ok(())
    }

    fn set(&mut self, values: &[u32]) -> Result<(), String> {
        let (dict, pairs) = (self.top()?, Self::pairs(values)?);
        match self.heap.node_mut(dict) {
            Some(Node::Dict(items)) => items.extend(pairs),
            _ => return Err(format!("sets items of {}; expected a dictionary", self.heap.describe(dict))),
        }
        Ok(())
    }

    fn memoize(&mut self, number: u32) -> Result<(), String> {
        let top = self.top()?;
        self.memo.insert(number, top);
        Ok(())
    }

    fn recall(&mut self, number: u32) -> Result<(), String> {
        let known = self.memo.get(&number).ok_or_else(|| format!("recalls value {number}, which was never kept"))?;
        self.stack.push(*known);
        Ok(())
    }

    fn call(&mut self, callable: u32, arguments: u32) -> Result<(), String> {
        // what a partial function makes is what its function makes
        let callable = match *self.heap.node(callable) {
            Node::Made { of: Global::Partial, arguments, state: Some(_) } => self.heap.tuple::<1>(arguments)?[0],
            _ => callable,
        };
        match (self.heap.node(callable), self.heap.node(arguments)) {
            (&Node::Global(of), Node::Tuple(_)) => self.push(Node::Made { of, arguments, state: None }),
            _ => {
                let [callable, arguments] = [callable, arguments].map(|id| self.heap.describe(id));
                Err(format!("calls {callable} with {arguments}; expected a known name and a tuple"))
            }
        }
    }

    fn build(&mut self, state: u32) -> Result<(), String> {
        let object = self.top()?;
        match self.heap.node_mut(object) {
            Some(Node::Made { state: place @ None, .. }) => *place = Some(state),
            _ => return Err(format!("gives a state to {}; expected something just made", self.heap.describe(object))),
        }
        Ok(())
    }

    fn global(&mut self, module: &str, name: &str) -> Result<(), String> {
        let global = globals::find(module, name)?;
        self.push(Node::Global(global))
    }

    /// One step; the root after the last.
    fn step(&mut self) -> Result<Option<u32>, String> {
        match self.input.take(1)?[0] {
            // protocol
            0x80 => match self.input.number::<1>()? {
                2..=5 => {}
                other => return Err(format!("protocol {other}; expected 2 to 5")),
            },
            // frame: a hint for buffering
            0x95 => {
                let (length, left) = (self.input.number::<8>()?, self.input.left());
                if length > left {
                    return Err(format!("a frame of {length} bytes; the file has {left} left"));
                }
            }
            b'.' => {
                let [root] = self.pop()?;
                return Ok(Some(root));
            }
            b'(' => self.marks.push(self.stack.len()),
            b'0' => {
                self.pop::<1>()?;
            }
            b'1' => {
                self.pop_mark()?;
            }
            b'2' => self.stack.push(self.top()?),
            b'N' => self.push(Node::None)?,
            0x88 => self.push(Node::Boolean(true))?,
            0x89 => self.push(Node::Boolean(false))?,
            b'K' => {
                let value = self.input.number::<1>()?;
                self.push(Node::Integer(value as i64))?;
            }
            b'M' => {
                let value = self.input.number::<2>()?;
                self.push(Node::Integer(value as i64))?;
            }
            b'J' => {
                let value = self.input.integer(4)?;
                self.push(value)?;
            }
            long @ (0x8a | 0x8b) => {
                let count = if long == 0x8a { self.input.number::<1>()? } else { self.input.number::<4>()? };
                let value = self.input.integer(count)?;
                self.push(value)?;
            }
            b'G' => {
                let bytes = self.input.take(8)?.iter().fold(0, |bits, &byte| bits << 8 | u64::from(byte));
                self.push(Node::Float(f64::from_bits(bytes)))?;
            }
            b'X' => {
                let text = self.input.counted_text::<4>()?;
                self.push(text)?;
            }
            0x8c => {
                let text = self.input.counted_text::<1>()?;
                self.push(text)?;
            }
            0x8d => {
                let text = self.input.counted_text::<8>()?;
                self.push(text)?;
            }
            b'U' | b'C' => {
                let bytes = self.input.counted::<1>()?;
                self.push(Node::Bytes(bytes))?;
            }
            b'T' | b'B' => {
                let bytes = self.input.counted::<4>()?;
                self.push(Node::Bytes(bytes))?;
            }
            0x8e | 0x96 => {
                let bytes = self.input.counted::<8>()?;
                self.push(Node::Bytes(bytes))?;
            }
            b')' => self.push(Node::Tuple(Vec::new()))?,
            0x85 => {
                let items = self.pop::<1>()?;
                self.push(Node::Tuple(items.into()))?;
            }
            0x86 => {
                let items = self.pop::<2>()?;
                self.push(Node::Tuple(items.into()))?;
            }
            0x87 => {
                let items = self.pop::<3>()?;
                self.push(Node::Tuple(items.into()))?;
            }
            b't' => {
                let items = self.pop_mark()?;
                self.push(Node::Tuple(items))?;
            }
            b']' => self.push(Node::List(Vec::new()))?,
            b'l' => {
                let items = self.pop_mark()?;
                self.push(Node::List(items))?;
            }
            b'}' => self.push(Node::Dict(Vec::new()))?,
            b'd' => {
                let items = self.pop_mark()?;
                self.push(Node::Dict(Self::pairs(&items)?))?;
            }
            b'a' => {
                let item = self.pop::<1>()?;
                self.append(&item)?;
            }
            b'e' => {
                let items = self.pop_mark()?;
                self.append(&items)?;
            }
            b's' => {
                let pair = self.pop::<2>()?;
                self.set(&pair)?;
            }
            b'u' => {
                let pairs = self.pop_mark()?;
                self.set(&pairs)?;
            }
            b'q' => {
                let number = self.input.number::<1>()?;
                self.memoize(number as u32)?;
            }
            b'r' => {
                let number = self.input.number::<4>()?;
                self.memoize(number as u32)?;
            }
            0x94 => self.memoize(self.memo.len() as u32)?,
            b'h' => {
                let number = self.input.number::<1>()?;
                self.recall(number as u32)?;
            }
            b'j' => {
                let number = self.input.number::<4>()?;
                self.recall(number as u32)?;
            }
            b'c' => {
                let (module, name) = (self.input.line()?, self.input.line()?);
                self.global(module, name)?;
            }
            0x93 => {
                let [module, name] = self.pop()?;
                match (self.heap.text(module), self.heap.text(name)) {
                    (Some(module), Some(name)) => self.global(module, name)?,
                    _ => return Err("a name that is not text; expected a module and a name".into()),
                }
            }
            // make (REDUCE, NEWOBJ): the same to us
            b'R' | 0x81 => {
                let [callable, arguments] = self.pop()?;
                self.call(callable, arguments)?;
            }
            b'b' => {
                let [state] = self.pop()?;
                self.build(state)?;
            }
            b'i' => {
                let (module, name) = (self.input.line()?, self.input.line()?);
                globals::find(module, name)?;
                return Err("a step of protocol 0; expected protocol 2 to 5".into());
            }
            _ if self.input.at() == 1 => return Err("not a pickle; expected one of protocol 2 to 5".into()),
            other => return Err(format!("step 0x{other:02x}, which no table needs; expected a table or a list of tuples")),
        }
        Ok(None)
    }
}
