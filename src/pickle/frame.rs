//! The `DataFrame` of pandas: two indexes, and blocks that each hold the columns of one type.

use std::collections::HashMap;

use super::array::Array;
use super::globals::Global;
use super::heap::{Heap, Node};
use super::{Budget, Cell, MAX_CELLS, PickledTable};

/// The most columns; annotations have about fifteen.
const MAX_COLUMNS: usize = 4096;

/// The table that `root` is.
pub(super) fn table(heap: &Heap<'_>, root: u32) -> Result<PickledTable, String> {
    let &Node::Made { of: Global::DataFrame, state: Some(state), .. } = heap.node(root) else {
        return Err(format!("expected a pandas DataFrame; found {}", heap.describe(root)));
    };
    let manager = match heap.get(state, "_mgr")? {
        Some(manager) => manager,
        None => heap.get(state, "_data")?.ok_or("a DataFrame without blocks; expected _mgr or _data")?,
    };
    let (axes, blocks) = blocks(heap, manager)?;
    let [names, index] = heap.tuple(axes)?;
    let (names, index) = (Labels::of(heap, names)?, Labels::of(heap, index)?);
    if !(1..=MAX_COLUMNS).contains(&names.len()) {
        return Err(format!("{} columns; expected 1 to {MAX_COLUMNS}", names.len()));
    }
    let mut budget = Budget::default();
    let names: Vec<String> = names.cells(heap, &mut budget)?.iter().map(Cell::to_string).collect();
    let mut columns: Vec<Option<Vec<Cell>>> = vec![None; names.len()];
    for block in blocks {
        block.fill(heap, &names, index.len(), &mut budget, &mut columns)?;
    }
    let filled = |(name, cells): (&String, Option<_>)| {
        cells.ok_or_else(|| format!("column {name:?} has no values; expected them in a block"))
    };
    let mut table = PickledTable { cells: names.iter().zip(columns).map(filled).collect::<Result<_, _>>()?, columns: names };
    // only now: an index that counts may claim any number of rows, columns hold theirs
    if let Some(name) = index.name(heap, &mut budget)? {
        table.cells.insert(0, index.cells(heap, &mut budget)?);
        table.columns.insert(0, name);
    }
    Ok(table)
}

/// Values of some columns of one type.
struct Block {
    /// An array: columns, rows.
    values: u32,
    place: Place,
}

/// Which columns a block holds.
enum Place {
    /// By number: a slice or an array.
    Numbers(u32),
    /// By an index of names, before pandas 0.14.
    Names(u32),
}

/// The axes and the blocks of a `BlockManager`.
fn blocks(heap: &Heap<'_>, manager: u32) -> Result<(u32, Vec<Block>), String> {
    let &Node::Made { of: Global::BlockManager, arguments, state } = heap.node(manager) else {
        return Err(format!("expected a BlockManager of pandas; found {}", heap.describe(manager)));
    };
    // since pandas 1.3: (blocks, axes)
    let Some(state) = state else {
        let [blocks, axes] = heap.tuple(arguments)?;
        let block = |&id: &u32| {
            let &Node::Made { of: Global::Block, arguments, .. } = heap.node(id) else {
                return Err(format!("expected a block of pandas; found {}", heap.describe(id)));
            };
            match *heap.items(arguments)? {
                [values, place] | [values, place, _] => Ok(Block { values, place: Place::Numbers(place) }),
                _ => Err(format!("expected a block of (values, placement); found {}", heap.describe(arguments))),
            }
        };
        return Ok((axes, heap.items(blocks)?.iter().map(block).collect::<Result<_, _>>()?));
    };
    // before: (axes, values, names), since 0.14 with a dictionary of the same by number
    let [axes, values, names, newer @ ..] = heap.items(state)? else {
        return Err(format!("expected the state of a BlockManager; found {}", heap.describe(state)));
    };
    let newer = match newer.first() {
        Some(&newer) => heap.get(newer, "0.14.1")?,
        None => None,
    };
    let Some(newer) = newer else {
        let (values, names) = (heap.items(*values)?, heap.items(*names)?);
        if values.len() != names.len() {
            return Err(format!("{} blocks with {} indexes; expected one each", values.len(), names.len()));
        }
        let block = |(&values, &names): (&u32, &u32)| Block { values, place: Place::Names(names) };
        return Ok((*axes, values.iter().zip(names).map(block).collect()));
    };
    let part = |dict: u32, key: &str| heap.get(dict, key)?.ok_or_else(|| format!("a BlockManager without {key:?}; expected it"));
    let block = |&dict: &u32| Ok(Block { values: part(dict, "values")?, place: Place::Numbers(part(dict, "mgr_locs")?) });
    let blocks = heap.items(part(newer, "blocks")?)?.iter().map(block).collect::<Result<_, String>>()?;
    Ok((part(newer, "axes")?, blocks))
}

impl Block {
    /// Puts the block's values into the columns that it holds.
    fn fill(
        &self,
        heap: &Heap<'_>,
        names: &[String],
        rows: usize,
        budget: &mut Budget,
        columns: &mut [Option<Vec<Cell>>],
    ) -> Result<(), String> {
        let numbers = match self.place {
            Place::Numbers(id) => numbers(heap, id, names.len(), budget)?,
            Place::Names(id) => {
                let by_name: HashMap<&str, usize> = names.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
                let held = Labels::of(heap, id)?;
                if held.len() > names.len() {
                    return Err(format!("a block of {} columns; expected at most {}", held.len(), names.len()));
                }
                let number = |name: &Cell| by_name.get(name.to_string().as_str()).copied();
                held.cells(heap, budget)?
                    .iter()
                    .map(number)
                    .collect::<Option<_>>()
                    .ok_or("a block of unknown columns; expected known")?
            }
        };
        if numbers.is_empty() {
            return Err("a block without columns; expected some".into());
        }
        let array = Array::of(heap, self.values, numbers.len().saturating_mul(rows))?;
        if !(array.shape == [numbers.len(), rows] || numbers.len() == 1 && array.shape == [rows]) {
            return Err(format!("a block of shape {:?}; expected {:?}", array.shape, [numbers.len(), rows]));
        }
        for (held, number) in numbers.into_iter().enumerate() {
            let (Some(name), Some(column @ None)) = (names.get(number), columns.get_mut(number)) else {
                return Err(format!("a block for column {number}; expected each of {} once", names.len()));
            };
            let cell = |row| {
                let cell = array.cell(heap, budget, array.place(held, row));
                cell.map_err(|problem| format!("column {name:?}, row {row}: {problem}"))
            };
            *column = Some((0..rows).map(cell).collect::<Result<_, _>>()?);
        }
        Ok(())
    }
}

/// The columns that a slice or an array of numbers means, of `count` that there are.
fn numbers(heap: &Heap<'_>, id: u32, count: usize, budget: &mut Budget) -> Result<Vec<usize>, String> {
    let outside = || format!("a block with columns other than 0 to {count}; expected these");
    if let &Node::Made { of: Global::Slice, arguments, .. } = heap.node(id) {
        let [start, stop, step] = heap.tuple(arguments)?;
        let number = |id: u32, absent: i64| if matches!(heap.node(id), Node::None) { Some(absent) } else { heap.integer(id) };
        let step = number(step, 1).filter(|step| *step != 0).ok_or_else(outside)?;
        let mut at = number(start, 0).ok_or_else(outside)?;
        let stop = number(stop, -1).ok_or_else(outside)?;
        let mut numbers = Vec::new();
        while if step > 0 { at < stop } else { at > stop } {
            numbers.push(usize::try_from(at).ok().filter(|number| *number < count).ok_or_else(outside)?);
            at = at.saturating_add(step);
        }
        return Ok(numbers);
    }
    let array = Array::of(heap, id, count)?;
    let number = |place| match array.cell(heap, budget, place)? {
        Cell::Integer(number) => usize::try_from(number).map_err(|_| outside()),
        _ => Err(outside()),
    };
    (0..array.shape.iter().product()).map(number).collect()
}

/// The index of an axis.
struct Labels<'a, 'h> {
    name: Option<u32>,
    values: Values<'a, 'h>,
}

enum Values<'a, 'h> {
    Count { start: i64, step: i64, length: usize },
    Array(Array<'a, 'h>),
}

impl<'a, 'h> Labels<'a, 'h> {
    fn of(heap: &'h Heap<'a>, id: u32) -> Result<Self, String> {
        let &Node::Made { of: Global::NewIndex, arguments, .. } = heap.node(id) else {
            return Err(format!("expected an index of pandas; found {}", heap.describe(id)));
        };
        let [class, dict] = heap.tuple(arguments)?;
        let name = heap.get(dict, "name")?.filter(|&name| !matches!(heap.node(name), Node::None));
        let values = match heap.node(class) {
            Node::Global(Global::RangeIndex) => {
                let part = |key: &str| {
                    let id = heap.get(dict, key)?.ok_or_else(|| format!("a RangeIndex without {key:?}; expected it"))?;
                    heap.integer(id)
                        .ok_or_else(|| format!("a RangeIndex with {key:?} {}; expected an integer", heap.describe(id)))
                };
                let (start, stop, step) = (part("start")?, part("stop")?, part("step")?);
                if step == 0 {
                    return Err("a RangeIndex with step 0; expected another".into());
                }
                let (distance, wide) = (i128::from(stop) - i128::from(start), i128::from(step));
                let length = if (distance > 0) == (wide > 0) { (distance.abs() + wide.abs() - 1) / wide.abs() } else { 0 };
                let length = usize::try_from(length).map_err(|_| "a RangeIndex longer than memory; expected a shorter one")?;
                Values::Count { start, step, length }
            }
            Node::Global(Global::Index) => {
                let data = heap.get(dict, "data")?.ok_or("an index without data; expected it")?;
                Values::Array(Array::of(heap, data, MAX_CELLS)?)
            }
            _ => return Err(format!("an index of {}; expected Index or RangeIndex", heap.describe(class))),
        };
        match &values {
            Values::Array(array) if array.shape.len() != 1 => Err("an index of two dimensions; expected one".into()),
            _ => Ok(Self { name, values }),
        }
    }

    fn len(&self) -> usize {
        match &self.values {
            Values::Count { length, .. } => *length,
            Values::Array(array) => array.shape.iter().product(),
        }
    }

    /// What the column of this index is called; none where it only counts and has no name.
    fn name(&self, heap: &Heap<'_>, budget: &mut Budget) -> Result<Option<String>, String> {
        match (self.name, &self.values) {
            (Some(name), _) => Ok(Some(budget.cell(heap, name)?.to_string())),
            (None, Values::Array(_)) => Ok(Some("index".into())),
            (None, Values::Count { .. }) => Ok(None),
        }
    }

    fn cells(&self, heap: &Heap<'_>, budget: &mut Budget) -> Result<Vec<Cell>, String> {
        let cell = |place: usize| match &self.values {
            Values::Array(array) => array.cell(heap, budget, place),
            Values::Count { start, step, .. } => {
                budget.take(1)?;
                Ok(Cell::Integer(start.wrapping_add(step.wrapping_mul(place as i64))))
            }
        };
        (0..self.len()).map(cell).collect()
    }
}
